"""Random clusters on real BIRD beside the model: `unshare -Urn python -m tests.bird.cases KIND SEED COUNT AT_ONCE`.

KIND `states`: BIRDs without graceful-restart recovery, which would wait for sessions that never come, are started
together, and what they have in the end is compared. KIND `roles`: the same, with speakers outside that reflect or are
transit. KIND `options`: the same, with pools, BGPFilters and options of sessions. KIND `steps`: from there the cluster
turns into another, every node at its own moment, and no pair that the proof calls safe may be without its route.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rrplan.adapters.nodes.bird_output import protocols
from rrplan.bgp.adjacency import Established
from rrplan.bgp.outside import Outside
from rrplan.bgp.profile import Versions
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName
from rrplan.planning.promise import Pair, exposed_pairs, held_pairs
from rrplan.rehearsal.judging import MICRO_SECONDS
from rrplan.rehearsal.laboratory import Laboratory
from rrplan.rehearsal.recorder import Recorder, Recording
from rrplan.resources import ClusterState
from tests.bird.drawing import Case, options, roles, states, steps

LEAST, MOST = 12.0, 60.0
"""Seconds: nothing more comes after the first; nobody waits longer than the second."""
CALM_SECONDS = 6.0
JUDGED = ("more", "less", "wrong", "broken")
SPREADS = (0.0, 0.5, 5.0)
"""Seconds within which nodes hear of a change: at once, as confd does, and a cluster under load."""


class Watched:
    """A laboratory and what the model says of the state that it is in."""

    def __init__(self, case: Case, folder: Path) -> None:
        self._versions, self._roles = case.versions, case.roles
        self.laboratory = Laboratory([case.state, case.after], case.versions, folder, recover=False, roles=case.roles)

    def settled(self, state: ClusterState, least: float) -> dict[str, object]:
        """Wait until sessions and routes are as the model says; what BIRD has more or less, and what is wrong.

        Where the model leaves it open which session comes up, BIRD may have what it has with either.
        """
        routes, possible = (
            held_pairs(state, self._versions, doubt, self._roles) for doubt in (Doubt.AGAINST, Doubt.FOR)
        )
        # What a speaker with a role holds is no obligation: routes between nodes show what it passes on.
        playing = {name for name in self.laboratory.outside if self._plays(name)}
        routes, possible = (
            frozenset(pair for pair in pairs if playing.isdisjoint((pair.at, pair.origin)))
            for pairs in (routes, possible)
        )
        sure, unsure = self._sessions(state)
        began = time.monotonic()
        while True:
            time.sleep(1)
            found = {
                Pair(family, at, origin)
                for family in FAMILIES
                for at, origin in self.laboratory.held(self.laboratory.speaking(family), family)
                if playing.isdisjoint((at, origin))
            }
            up = {
                (name, family, one.name)
                for family in FAMILIES
                for name in self._with(state, family)
                for one in protocols(self.laboratory.ask(name, family, "show protocols all"))
                if one.proto == "BGP" and one.established
            }
            more = found - possible
            wrong = {key for key, told in sure.items() if (key in up) is not told}
            took = time.monotonic() - began
            if (not more and not routes - found and not wrong and took > least) or took > MOST:
                break
        return {
            "pairs": len(routes),
            "outside": len({pair for pair in routes if {pair.at, pair.origin} & self.laboratory.outside.keys()}),
            "played": len(routes - held_pairs(state, self._versions)) if self._roles else 0,
            "doubtful": len(possible - routes),
            "sessions": len(sure),
            "open": unsure,
            "more": sorted(more),
            "less": sorted(routes - found),
            "wrong": sorted(wrong),
            "took": round(took, 1),
        }

    def _plays(self, name: NodeName) -> bool:
        return any(
            Outside(family, role.address(family), role.as_number).name == name
            for role in self._roles
            for family in FAMILIES
            if role.address(family)
        )

    def _with(self, state: ClusterState, family: Family) -> list[NodeName]:
        return [name for name, node in state.nodes.items() if (node.ipv4 if family is Family.IPV4 else node.ipv6)]

    def _sessions(self, state: ClusterState) -> tuple[dict[tuple[NodeName, Family, str], bool], int]:
        """Which sessions come up and which do not, by node, family and name; how many the model leaves open."""
        sure, unsure = {}, 0
        speakers = Speakers.of(state, self._versions)
        for name in state.nodes:
            for session in speakers.sessions(name):
                told = session.verdict.established
                if session.protocol.peer_node is None:
                    told = self._outside(session.protocol, [one.protocol for one in speakers.sessions(name)])
                if told is Established.UNKNOWN:
                    unsure += session.protocol.peer_node is not None
                else:
                    sure[name, session.protocol.family, session.protocol.name] = told is Established.YES
        return sure, unsure

    def _outside(self, protocol: Protocol, every: Sequence[Protocol]) -> Established:
        """A peer outside takes every session of its own AS number and port; two to one address share the lock."""
        shared = sum(one.peer_address == protocol.peer_address for one in every) > 1
        return Established.UNKNOWN if protocol.disputed or shared else Established.YES


def compared(case: Case) -> dict[str, object]:
    """One cluster, in the state of rest."""
    with tempfile.TemporaryDirectory(prefix="rrplan-lab-") as folder:
        watched = Watched(case, Path(folder))
        try:
            watched.laboratory.run(case.state)
            return watched.settled(case.state, LEAST)
        finally:
            watched.laboratory.close()


@dataclass(frozen=True)
class Crossing:
    """One cluster on its way to another: what was there before, what went away, whose prefixes are whose."""

    before: dict[str, object]
    recording: Recording
    origins: Mapping[str, NodeName]

    def away(self) -> set[tuple[Pair, float | None]]:
        """The routes that went away for longer than BIRD takes to change one, and for how long."""
        return {
            (Pair("ipv6" if ":" in gap.prefix else "ipv4", gap.at, self.origins[gap.prefix]), gap.seconds)
            for gap in self.recording.gaps
            if gap.prefix in self.origins
            and (gap.seconds is None or gap.seconds > max(MICRO_SECONDS, self.recording.lateness))
        }


def cross(case: Case, spread: float) -> Crossing:
    """Let the nodes of a settled cluster hear of the next state, each within `spread` seconds, and watch."""
    with tempfile.TemporaryDirectory(prefix="rrplan-lab-") as folder:
        watched = Watched(case, Path(folder))
        laboratory = watched.laboratory
        recorder = None
        try:
            laboratory.run(case.state)
            before = watched.settled(case.state, LEAST)
            time.sleep(CALM_SECONDS)
            recorder = Recorder(laboratory.watched, {}, [], 1.0)
            _turn(laboratory, case.after, spread)
            time.sleep(LEAST)
            recording = recorder.end()
        finally:
            if recorder:
                recorder.stop()
            laboratory.close()
    return Crossing(before, recording, laboratory.origins())


def crossed(case: Case) -> dict[str, object]:
    """One cluster on its way to another: the safe pairs that were without their route, and for how long."""
    crossing = cross(case, random.Random(str(case)).choice(SPREADS))
    pairs = held_pairs(case.state, case.versions, Doubt.FOR)
    safe = pairs - exposed_pairs(case.state, case.after, case.versions)
    away, recording = crossing.away(), crossing.recording
    names = {*case.state.nodes}
    return {
        **crossing.before,
        "safe_outside": sum(not {pair.at, pair.origin} <= names for pair in safe),
        "safe": len(safe),
        "exposed": len(pairs - safe),
        "away": len({pair for pair, _ in away} & pairs),
        "changed": recording.changes,
        "broken": sorted((*pair, seconds) for pair, seconds in away if pair in safe),
        "late": round(recording.lateness, 3),
    }


def _turn(laboratory: Laboratory, state: ClusterState, spread: float) -> None:
    """Every node hears of the new state at its own random moment."""
    fresh = laboratory.configurations(state)
    moments = sorted((random.uniform(0, spread), name) for name in fresh)
    began = time.monotonic()
    for moment, name in moments:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        laboratory.apply(name, fresh[name])


def held_in_turn(before: ClusterState, after: ClusterState, versions: Versions, pairs: set[Pair]) -> list[set[Pair]]:
    """Which of the pairs hold in the one state, once all do, and in the other, once none does."""
    found: list[set[Pair]] = []
    with tempfile.TemporaryDirectory(prefix="rrplan-lab-") as folder:
        laboratory = Laboratory([before, after], versions, Path(folder), recover=False)
        try:
            for state, wanted in ((before, pairs), (after, set[Pair]())):
                laboratory.run(state)
                began = time.monotonic()
                held = _held(laboratory, pairs)
                while held != wanted and time.monotonic() - began < MOST:
                    time.sleep(1)
                    held = _held(laboratory, pairs)
                # Long enough for every session that could still come up.
                time.sleep(LEAST)
                found.append(_held(laboratory, pairs))
        finally:
            laboratory.close()
    return found


def _held(laboratory: Laboratory, pairs: set[Pair]) -> set[Pair]:
    return pairs & {Pair("ipv4", *pair) for pair in laboratory.held(laboratory.speaking("ipv4"), "ipv4")}


def say(line: str) -> None:
    """At once: whoever watches sees how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _bad(result: Mapping[str, object]) -> bool:
    return any(result.get(word) for word in JUDGED)


def main() -> int:
    """Prints one JSON line for each cluster."""
    kind = sys.argv[1]
    number, count, at_once = (int(word) for word in sys.argv[2:5])
    work: Callable[[Case], dict[str, object]] = {
        "states": compared,
        "roles": compared,
        "options": compared,
        "steps": crossed,
    }[kind]
    draw = {"states": states, "roles": roles, "options": options, "steps": steps}[kind]
    cases = [draw(random.Random(f"{number} {index}")) for index in range(count)]
    wrong = 0
    with ProcessPoolExecutor(at_once) as pool:
        for index, result in enumerate(pool.map(work, cases)):
            wrong += _bad(result)
            about = {
                "case": index,
                "version": str(cases[index].versions.default),
                "nodes": len(cases[index].state.nodes),
            }
            say(json.dumps({**about, **result}))
            if _bad(result):
                say(str(cases[index]))
    say(f"{len(cases) - wrong} of {len(cases)} agree")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
