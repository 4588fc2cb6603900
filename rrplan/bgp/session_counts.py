"""How many sessions there are, from pairs of nodes that cannot be told apart and not from every pair of nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from rrplan.bgp.adjacency import Established, verdict
from rrplan.bgp.alike import standing
from rrplan.bgp.peering import external_protocols, protocols
from rrplan.bgp.protocol import Protocol, ProtocolKind
from rrplan.bgp.refusals import not_told_apart
from rrplan.bgp.sessions import Session, Speakers, outside_verdict
from rrplan.bgp.speaker import FAMILIES, Family, Speaker
from rrplan.ids import NodeName


@dataclass(slots=True)
class SessionCounts:
    """Protocols by kind, by family and by whether they come up, and the nodes that have any."""

    nodes: set[NodeName] = field(default_factory=set)
    kinds: Counter[ProtocolKind] = field(default_factory=Counter)
    families: Counter[Family] = field(default_factory=Counter)
    established: Counter[Established] = field(default_factory=Counter)

    def add(self, nodes: Iterable[NodeName], protocol: Protocol, answer: Established, times: int = 1) -> None:
        """Count a protocol that these nodes have, so many times in all."""
        self.nodes.update(nodes)
        self.kinds[protocol.kind] += times
        self.families[protocol.family] += times
        self.established[answer] += times


def counted(sessions: Iterable[Session]) -> SessionCounts:
    """Count the rows of a session table."""
    counts = SessionCounts()
    for session in sessions:
        counts.add([session.protocol.node], session.protocol, session.verdict.established)
    return counts


@dataclass(frozen=True, slots=True)
class _Alike:
    """Nodes with the same sessions to other nodes; `refused` is what comes of BIRD refusing their files."""

    speakers: list[Speaker]
    refused: Established | None


def count_sessions(speakers: Speakers) -> SessionCounts:
    """Count the whole session table without making it."""
    counts = SessionCounts()
    for family in FAMILIES:
        alike = [*_alike(speakers, family)]
        for near in alike:
            for far in alike:
                _count_between(speakers, near, far, family, counts)
            for own in near.speakers:
                for protocol in external_protocols(speakers.rules, own, family):
                    counts.add([own.name], protocol, near.refused or outside_verdict(protocol).established)
    return counts


def _alike(speakers: Speakers, family: Family) -> Iterator[_Alike]:
    groups: dict[tuple[Hashable, Established | None], list[Speaker]] = {}
    refusals: dict[Hashable, Established | None] = {}
    for name in sorted(speakers.by_name):
        own = speakers.by_name[name]
        if own.address(family):
            # What is configured on a node towards the outside decides whether BIRD takes its file.
            same = standing(speakers.rules, own, family), speakers.rules.index.masks(own)[0]
            if same not in refusals:
                answer = speakers.refusal(name, family)
                refusals[same] = answer.established if answer else None
            groups.setdefault((same[0], refusals[same]), []).append(own)
    for (_, established), members in groups.items():
        yield _Alike(members, established)


def _count_between(speakers: Speakers, near: _Alike, far: _Alike, family: Family, counts: SessionCounts) -> None:
    own = near.speakers[0]
    other = next((speaker for speaker in far.speakers if speaker is not own), None)
    if other is None:
        return
    here = protocols(speakers.rules, own, other, family)
    there = protocols(speakers.rules, other, own, family) if here else ()
    pairs = len(near.speakers) * (len(far.speakers) - (near is far))
    beyond = not_told_apart(speakers.rules, own, other, family) if here else None
    for protocol in here:
        answer = near.refused or far.refused or (beyond or verdict(protocol, own, here, other, there)).established
        counts.add((speaker.name for speaker in near.speakers), protocol, answer, pairs)
