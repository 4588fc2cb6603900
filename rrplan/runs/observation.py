"""The sessions that a plan counts on, as a few nodes report them now: before it is reviewed, and before step 1."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from rrplan.bgp.adjacency import Established
from rrplan.bgp.profile import Versions
from rrplan.bgp.sessions import Session, Speakers
from rrplan.ids import NodeName
from rrplan.plans.plan import Observed, Plan, SessionDown
from rrplan.ports import Clock, NodeSessions, Probe
from rrplan.reports.observation import Unready
from rrplan.resources import ClusterState
from rrplan.specs.model import ZONE_LABEL

MESH_NODES = 10
"""Nodes of a mesh that are asked where nobody reflects."""
COME_UP_SECONDS = 60.0
"""BIRD tries again after 2 to 5 s; a busy machine may need several tries."""
LOOK_SECONDS = 1.0


def observe(state: ClusterState, versions: Versions, probe: Probe) -> Observed:
    """Compare the sessions that the model is certain of with what nodes report; raises DatastoreError.

    The reflectors are asked or, where there is none that can be asked, MESH_NODES nodes of different zones.
    """
    speakers = Speakers.of(state, versions)
    asked = whom(state, speakers)
    readings = {reading.node: reading for reading in probe.sessions(asked)}
    down: list[SessionDown] = []
    count = 0
    for name in asked:
        reading = readings.get(name)
        for family, address, peer in _counted_on(speakers, name):
            count += reading is not None
            why = _why(reading, family, address) if reading is not None else None
            if why is not None:
                down.append(SessionDown(name, peer, family, why))
    return Observed(tuple(asked), tuple(name for name in asked if name not in readings), count, tuple(down))


def await_sessions(state: ClusterState, versions: Versions, probe: Probe, clock: Clock) -> bool:
    """Wait up to COME_UP_SECONDS until no session that the model is certain of is down, and say whether that came.

    For speakers that were started just now: routes may be there while a second session is not. Raises DatastoreError.
    """
    until = clock.now() + COME_UP_SECONDS
    while True:
        seen = observe(state, versions, probe)
        if not seen.down and not seen.silent:
            return True
        if clock.now() >= until:
            return False
        clock.sleep(LOOK_SECONDS)


def whom(state: ClusterState, speakers: Speakers) -> list[NodeName]:
    """Who is asked: every reflector, else some nodes, one zone after the other."""
    named = [speaker for _, speaker in sorted(speakers.by_name.items())]
    alive = [speaker for speaker in named if not speaker.down and (speaker.ipv4 or speaker.ipv6)]
    reflectors = [speaker.name for speaker in alive if speaker.cluster_id and not speaker.standalone]
    if reflectors:
        return reflectors
    zones: dict[str, list[NodeName]] = defaultdict(list)
    for speaker in alive:
        if not speaker.standalone:
            zones[state.nodes[speaker.name].effective_labels.get(ZONE_LABEL, "")].append(speaker.name)
    chosen: list[NodeName] = []
    while len(chosen) < MESH_NODES and any(zones.values()):
        for names in zones.values():
            if names and len(chosen) < MESH_NODES:
                # From both ends of the list in turn, so that neighbours by name are not all there is.
                chosen.append(names.pop(0 if len(chosen) % 2 else -1))
    return sorted(chosen)


def _counted_on(speakers: Speakers, name: NodeName) -> Iterator[tuple[str, str, str]]:
    """The family, address and name of every peer that a node has a session with for certain, or to the outside."""
    rows: dict[tuple[str, str], list[Session]] = defaultdict(list)
    for row in speakers.sessions(name):
        rows[str(row.protocol.family), row.protocol.peer_address].append(row)
    for (family, address), alike in rows.items():
        peer = alike[0].protocol.peer_node
        if peer is None:
            if any(row.verdict.established is not Established.NO for row in alike):
                yield family, address, address
        elif not speakers.by_name[peer].down and _certain(alike):
            yield family, address, peer


def _certain(alike: Collection[Session]) -> bool:
    """Whether one of the protocols that share a lock is up for certain."""
    verdicts = {row.verdict.established for row in alike}
    return Established.YES in verdicts or (len(alike) > 1 and Established.NO not in verdicts)


def _why(reading: NodeSessions, family: str, address: str) -> str | None:
    """Why a session is not there, as its node says it; None where it is established."""
    sessions = reading.families.get(family)
    if sessions is None:
        return f"no BIRD answers for {family}"
    if address not in sessions:
        return "BIRD has no such session"
    # A probe says "" of a session that is established.
    return sessions[address] or None


def unready(plan: Plan, seen: Observed, down: Iterable[NodeName], accepted: frozenset[str]) -> Unready:
    """What stands against beginning a plan: nodes, and sessions that it counts on, that are down and not accepted."""
    return Unready(
        tuple(NodeName(name) for name in sorted(set(down) - set(plan.down) - accepted)),
        tuple(name for name in seen.silent if name not in accepted),
        tuple(session for session in seen.down if not {str(session.node), session.peer} & accepted),
    )
