"""`rrplan rehearse` where it was wrong once, and of each kind of cluster; `tests.bird.rehearsals` has all scenarios."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from rrplan.exit_codes import ExitCode
from tests.bird.laboratory import lacking
from tests.bird.rehearsals import begin
from tests.conftest import lacks
from tests.support.scenarios import FOLDER

pytestmark = [pytest.mark.bird, pytest.mark.slow]

BACK = "{apiVersion: rrplan.io/v1, kind: BGPTopology, metadata: {name: back}, spec: {topology: full-mesh"
BRIEF = f"{BACK}, drain: true, policy: {{exposure: {{brief: 30s}}}}}}}}\n"
ONE_FAMILY = """apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: one-family}
spec: {topology: route-reflectors, clusterID: 224.0.0.1, drain: true, groups: [{name: main, nodes: {names: [r1, r2]}}]}
"""
SWITCH = "outside 10.0.9.1 (AS 65100)"


def _one_family() -> str:
    """Five nodes with IPv4 alone, and a switch that all of them have a session to."""
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": {"projectcalico.org/IPv4Address": f"10.0.0.{number}/24"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
        for number, name in enumerate(("r1", "r2", "a", "b", "c"), 1)
    ]
    calico = {"apiVersion": "projectcalico.org/v3"}
    information = {"calicoVersion": "v3.30.4", "clusterType": "k8s,bgp,kdd"}
    documents += [
        {**calico, "kind": "ClusterInformation", "metadata": {"name": "default"}, "spec": information},
        {
            **calico,
            "kind": "BGPPeer",
            "metadata": {"name": "switch"},
            "spec": {"peerIP": "10.0.9.1", "asNumber": 65100},
        },
    ]
    return "\n---\n".join(map(json.dumps, documents))


def _scenario(name: str) -> tuple[str, str]:
    return (FOLDER / name / "cluster.yaml").read_text(), (FOLDER / name / "spec.yaml").read_text()


def _brief(cluster: str, spec: str) -> tuple[str, str]:
    """With gates that hold for a few seconds: sessions that flap do so within one second of coming up."""
    document = yaml.safe_load(spec)
    return cluster, yaml.safe_dump({**document, "spec": {**document["spec"], "gates": {"stable": "4s"}}})


KINDS = (
    "reflectors-outside",
    "rack-and-tor-with-a-default-route",
    "filters-by-spec",
    "mesh-password-set",
    "one-pool-of-two-is-owed",
    "ipv6-only-node-in-dual-stack",
    "ucp-third-reflector",
    "way-back-with-a-tor-peer",
)
"""Scenarios: reflectors outside, switches of a fabric, BGPFilters, passwords, pools, families, containers."""
CASES = {
    "one-family": (_one_family(), ONE_FAMILY),
    "second-peer": (_scenario("second-peer-for-the-same-sessions")[0], BRIEF),
    "dead-reflector": _scenario("replace-a-dead-reflector"),
    "two-levels": _scenario("mesh-to-two-levels"),
    **{name: _brief(*_scenario(name)) for name in KINDS},
}


WORDS = ("rehearse", "spec.yaml", "-f", "cluster.yaml", "-o", "json")
TRIES = 3


@dataclass
class Trial:
    """A rehearsal in a directory, which is under way."""

    place: Path
    process: subprocess.Popen[str]

    def again(self) -> None:
        """Begin it once more."""
        self.process = begin(self.place, *WORDS)


@pytest.fixture(scope="module")
def rehearsals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Trial]]:
    """A rehearsal of each case, all at once: they wait for BIRD's timers, not for the processor."""
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    running = {}
    try:
        for name, (cluster, spec) in CASES.items():
            place = tmp_path_factory.mktemp(name)
            (place / "cluster.yaml").write_text(cluster)
            (place / "spec.yaml").write_text(spec)
            running[name] = Trial(place, begin(place, *WORDS))
        yield running
    finally:
        for trial in running.values():
            # They end with everything that they started.
            trial.process.terminate()
            trial.process.communicate()


def measured(trial: Trial) -> dict[str, Any]:
    """What a rehearsal measured that went there and back as the plan says.

    Where nothing follows, because the machine did other work, it is done again; a contradiction is one at once.
    """
    out, err = trial.process.communicate(timeout=400)
    for _ in range(TRIES - 1):
        if trial.process.returncode == ExitCode.PARTIAL:
            trial.again()
            out, err = trial.process.communicate(timeout=400)
    assert trial.process.returncode == 0, out + err
    found: dict[str, Any] = json.loads(out)
    assert (found["there"], found["back"]) == ("done", "undone")
    assert found["owed"]["sent"] > 1_000
    assert found["owed"]["routes"] == 0
    assert found["verdict"] == "matches the plan"
    return found


def kinds(found: Mapping[str, Any]) -> Mapping[str, Mapping[str, int]]:
    """Probes and routes by kind of pair, over all steps."""
    total: dict[str, dict[str, int]] = {}
    for step in found["steps"]:
        for row in step["traffic"]:
            counts = total.setdefault(row["kind"], {"pairs": 0, "sent": 0, "lost": 0, "routes": 0})
            for word in ("sent", "lost", "routes"):
                counts[word] += row[word]
            counts["pairs"] = row["pairs"]
    return total


def test_one_family(rehearsals: Mapping[str, Trial]) -> None:
    """A cluster without IPv6 is rehearsed; the switch keeps every route of clients, and they keep its."""
    found = measured(rehearsals["one-family"])
    assert found["exposed"]["routes"] > 10
    rows = kinds(found)
    # Of the switch each node has a route in the pool, and one beyond all pools.
    assert rows["client to outside"]["pairs"] + rows["reflector to outside"]["pairs"] == 2 * 5
    assert rows["outside to client"]["pairs"] + rows["outside to reflector"]["pairs"] == 5
    for kind in ("client to outside", "outside to client", "reflector to outside", "outside to reflector"):
        assert rows[kind]["sent"] > 1_000
        assert rows[kind]["routes"] == 0


def test_second_peer_is_refused(tmp_path: Path) -> None:
    """As it is, the plan is refused: its exposure is counted although BGPPeers disagree about the sessions."""
    (tmp_path / "cluster.yaml").write_text(CASES["second-peer"][0])
    (tmp_path / "spec.yaml").write_text(f"{BACK}}}}}\n")
    process = begin(tmp_path, "plan", "spec.yaml", "-f", "cluster.yaml")
    _, err = process.communicate()
    assert process.returncode == 7
    assert "\nstep `demote/r1`:\n" in err
    assert "  - a loses its route to r1 for up to 22 s (same for 2 more pairs)\n" in err


def test_second_peer(rehearsals: Mapping[str, Trial]) -> None:
    """Where its exposure is accepted, routes go away, and only those that the plan says are exposed."""
    found = measured(rehearsals["second-peer"])
    assert found["exposed"]["routes"] > 10
    away = {step["step"] for step in found["steps"] for row in step["traffic"] if row["routes"]}
    assert away == {"demote/r1", "demote/r2"}


def test_dead_reflector(rehearsals: Mapping[str, Trial]) -> None:
    """A reflector that is down is replaced: no BIRD runs there, nothing waits for it, nobody misses it."""
    found = measured(rehearsals["dead-reflector"])
    assert found["nodes"] == 6
    assert {step["step"] for step in found["steps"] if step["seconds"] > 60} == set()
    # Five of six nodes have routes.
    assert sum(row["pairs"] for row in found["steps"][0]["traffic"]) == 5 * 4


def test_two_levels(rehearsals: Mapping[str, Trial]) -> None:
    """Reflectors of zones that are clients of core reflectors carry every route on real BIRD, there and back."""
    found = measured(rehearsals["two-levels"])
    assert found["nodes"] == 10
    away = {step["step"] for step in found["steps"] for row in step["traffic"] if row["routes"]}
    assert away <= {f"promote/{name}" for name in ("core-1", "core-2", "za-1", "za-2", "zb-1", "zb-2")}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_clusters(rehearsals: Mapping[str, Trial], name: str) -> None:
    """Each goes there and back as its plan says, with all that a laboratory plays of it."""
    found = measured(rehearsals[name])
    assert any("outside" in kind for kind in kinds(found)) is (name in WITH_OUTSIDE)
    assert [words for words in UNLIKE.get(name, ()) if not any(words in text for text in found["left_out"])] == []


WITH_OUTSIDE = ("rack-and-tor-with-a-default-route", "way-back-with-a-tor-peer")
"""With speakers outside that have routes of their own: a mere reflector has none, and nobody owes it any."""
UNLIKE = {
    "mesh-password-set": ("for each key a password of our own stands",),
    "ipv6-only-node-in-dual-stack": ("the router ID of six is not known",),
}
"""What is told of a scenario as not as it is in the cluster."""
