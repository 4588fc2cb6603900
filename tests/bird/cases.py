"""Random clusters on real BIRD beside the model: `unshare -Urn python -m tests.bird.cases SEED COUNT AT_ONCE`.

Each case is a laboratory of its own: BIRDs without graceful-restart recovery, which would wait for sessions that never
come, are started together, and what they have in the end is compared.
"""

import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from rrplan.adapters.bird_output import protocols
from rrplan.bgp.adjacency import Established
from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.rehearsal.laboratory import Laboratory
from rrplan.resources import CalicoVersion, ClusterState
from tests.properties.test_speaker import clusters

VERSIONS = tuple(CalicoVersion(3, minor) for minor in (30, 24, 21, 15, 8))
LEAST, MOST = 12.0, 60.0
"""Seconds: nothing more comes after the first; nobody waits longer than the second."""


def drawn(number: int, count: int) -> list[ClusterState]:
    """Clusters, the same for the same number."""
    found: list[ClusterState] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=False,
    )
    @given(clusters())
    def collect(state: ClusterState) -> None:
        found.append(state)

    collect()
    return found


def expected(state: ClusterState, versions: Versions) -> set[tuple[NodeName, NodeName]]:
    """(holder, origin) by the model."""
    model = Model(state, versions)
    view = model.view()
    where = {name: view.index(model.population.signature_of[name]) for name in state.nodes}
    missing = view.holdings[Family.IPV4].missing
    return {
        (one, other)
        for one in state.nodes
        for other in state.nodes
        if one != other and (where[one], where[other]) not in missing
    }


def judged(state: ClusterState, versions: Versions) -> dict[tuple[NodeName, str], Established]:
    """What the model says of each protocol of each node."""
    speakers = Speakers.of(state, versions)
    return {
        (name, session.protocol.name): session.verdict.established
        for name in state.nodes
        for session in speakers.sessions(name)
    }


def compared(case: tuple[ClusterState, CalicoVersion]) -> dict[str, object]:
    """One cluster: what BIRD has and the model does not say, and the reverse, in routes and in sessions.

    Where the model leaves it open which session comes up, BIRD may have more.
    """
    state, version = case
    versions = Versions(version, "test")
    wanted, verdicts = expected(state, versions), judged(state, versions)
    sure = {key: told for key, told in verdicts.items() if told is not Established.UNKNOWN}
    with tempfile.TemporaryDirectory(prefix="rrplan-lab-") as folder:
        laboratory = Laboratory([state], versions, Path(folder), recover=False)
        try:
            laboratory.run(state)
            began = time.monotonic()
            while True:
                time.sleep(1)
                found = laboratory.held(state.nodes, Family.IPV4)
                up = {
                    (name, one.name)
                    for name in state.nodes
                    for one in protocols(laboratory.ask(name, Family.IPV4, "show protocols all"))
                    if one.proto == "BGP" and one.established
                }
                more = found - wanted if len(sure) == len(verdicts) else set()
                wrong = {key for key, told in sure.items() if (key in up) is not (told is Established.YES)}
                took = time.monotonic() - began
                if (not more and not wanted - found and not wrong and took > LEAST) or took > MOST:
                    break
        finally:
            laboratory.close()
    return {
        "version": str(version),
        "nodes": len(state.nodes),
        "pairs": len(wanted),
        "sessions": len(sure),
        "open": len(verdicts) - len(sure),
        "more": sorted(more),
        "less": sorted(wanted - found),
        "wrong": sorted(wrong),
        "took": round(took, 1),
    }


def say(line: str) -> None:
    """At once: whoever watches sees how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Prints one JSON line for each cluster."""
    number, count, at_once = (int(word) for word in sys.argv[1:4])
    states = [(state, VERSIONS[index % len(VERSIONS)]) for index, state in enumerate(drawn(number, count))]
    wrong = 0
    with ProcessPoolExecutor(at_once) as pool:
        for index, result in enumerate(pool.map(compared, states)):
            bad = bool(result["more"] or result["less"] or result["wrong"])
            wrong += bad
            say(json.dumps({"case": index, **result}))
            if bad:
                say(str(states[index]))
    say(f"{len(states) - wrong} of {len(states)} agree")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
