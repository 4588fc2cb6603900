"""Which class of nodes holds the routes of which other class: in one state, and while one state becomes another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rrplan.bgp.adjacency import NONE, Adjacency, Ends, adjacency, same, survives
from rrplan.bgp.outside import Fate, Outside, Uplink, fates, uplinks
from rrplan.bgp.peering import Rules, protocols
from rrplan.bgp.reflection import ORIGIN, Doubt, Group, Links, Spread, Web, spread
from rrplan.bgp.speaker import Family, Speaker


class Member(NamedTuple):
    """One node as it is before and after a step (twice the same where only one state is asked about)."""

    before: Speaker
    after: Speaker


ENOUGH = 3
"""No rule involves more than three nodes of one class, so counts above that change nothing."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Kin:
    """Nodes that are alike before and alike after: two of them (or the only one) to ask, and how many, up to ENOUGH."""

    members: tuple[Member, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """The answer for one family, over indices of Kin, and of the speakers outside behind them.

    `present` are the Kin that have the family at all, `mute` those without routes of their own or pods that need
    any: standalone reflectors. `outside` has the index of each speaker outside.
    """

    family: Family
    web: Web = field(hash=False)
    present: tuple[int, ...]
    spreads: Mapping[int, Spread] = field(hash=False)
    mute: frozenset[int] = frozenset()
    outside: Mapping[Outside, int] = field(default_factory=dict, hash=False)

    def holds(self, holder: int, origin: int) -> bool:
        """Whether every node of `holder` holds the routes of every (other) node of `origin`."""
        return origin in self.spreads and self.spreads[origin].reaches(holder)

    @property
    def joined(self) -> list[Pair]:
        """The pairs of Kin between whose nodes there are sessions, each both ways round."""
        beyond = set(self.outside.values())
        return [pair for pair in self.web.links if beyond.isdisjoint(pair)]

    @property
    def speaking(self) -> list[int]:
        """The Kin that have routes of their own."""
        return [index for index in self.present if index not in self.mute]

    @property
    def missing(self) -> frozenset[Pair]:
        """Ordered pairs (holder, origin) of nodes without a route; (c, c) speaks of two different nodes of c."""
        found: set[Pair] = set()
        for origin in self.speaking:
            for holder in self.speaking:
                size = self.web.groups[holder].count - (holder == origin)
                if size > 0 and not self.holds(holder, origin):
                    found.add((holder, origin))
        return frozenset(found)

    def delivered(self, sender: int, receiver: int, sizes: Sequence[int]) -> int:
        """How many nodes' routes one node of `sender` hands to one node of `receiver`, with these sizes of Kin."""
        total = 0
        for origin in self.speaking:
            given = self.spreads[origin].given
            if origin == sender:
                total += (ORIGIN, receiver) in given
            if (sender, receiver) in given:
                total += max(0, sizes[origin] - (origin == sender) - (origin == receiver))
        return total

    def withheld(self, sender: int, receiver: int) -> tuple[frozenset[int], bool]:
        """Whose routes a node of `sender` does not hand to one of `receiver`: whole Kin, and whether also its own.

        Of its own Kin, those of the other members.
        """
        kept = {origin for origin in self.present if (sender, receiver) not in self.spreads[origin].given}
        own = (ORIGIN, receiver) not in self.spreads[sender].given or sender in self.mute
        return frozenset(kept) | self.mute, own


@dataclass(frozen=True, slots=True)
class Converged:
    """Who holds what once the sessions of a state are up: for certain, and with doubt counted for a session."""

    certain: Holdings
    possible: Holdings


class Touched(NamedTuple):
    """Sessions that a change does not leave alone: between pairs of Kin, and of Kin to speakers outside."""

    sessions: frozenset[Pair]
    uplinks: frozenset[tuple[int, Outside]]


@dataclass(frozen=True, slots=True)
class Passage:
    """One family while a state becomes another, over indices of Kin and of speakers outside.

    `surviving` is who holds what over those sessions alone that are certainly left alone. `changed_pairs` are those
    between which some session may be another one than before, `shaken_pairs` those and all between which a session may
    restart because BGPPeers disagree about its block. `begins` and `ends` say whether a session comes up,
    and whether one goes down, `idle` whether all of these have an end at a node that is down. `fates` are the uplinks
    of one node of each Kin that are not left alone, `speakers` all speakers outside, before and after.
    """

    speakers: tuple[Outside, ...]
    surviving: Holdings
    changed_pairs: frozenset[Pair]
    shaken_pairs: frozenset[Pair]
    begins: bool
    ends: bool
    idle: bool
    fates: Mapping[int, Mapping[Outside, Fate]] = field(hash=False)
    redrawn: frozenset[tuple[int, Outside]] = frozenset()
    """Uplinks that restart only because BGPPeers disagree about them: the doubt is the same before and after."""

    @property
    def changed(self) -> Touched:
        """The sessions that may be others than before."""
        return Touched(self.changed_pairs, self._fated - self.redrawn)

    @property
    def shaken(self) -> Touched:
        """These, and all that may restart because BGPPeers disagree about their block."""
        return Touched(self.shaken_pairs, self._fated)

    @property
    def _fated(self) -> frozenset[tuple[int, Outside]]:
        return frozenset((kin, outside) for kin, told in self.fates.items() for outside in told)

    @property
    def gained(self) -> frozenset[tuple[int, Outside]]:
        """New uplinks: whether the other side accepts them is not known."""
        return frozenset(
            (kin, outside) for kin, told in self.fates.items() for outside, fate in told.items() if fate is Fate.GAINED
        )


def converged(
    rules: Rules, kins: Sequence[Kin], family: Family, *, without: frozenset[tuple[int, Outside]] = frozenset()
) -> Converged:
    """Who holds what once the sessions of the state `after` are all up; `without` are uplinks not to count on."""
    found = _adjacencies(kins, family, lambda one, other: _met(rules, one.after, other.after, family))
    up = {
        index: {
            outside: uplink
            for outside, uplink in uplinks(rules, kin.members[0].after, family).items()
            if (index, outside) not in without
        }
        for index, kin in enumerate(kins)
        if kin.members[0].after.address(family)
    }
    certain = _holdings(kins, family, found, up, Doubt.AGAINST)
    doubtful = any(one.in_doubt or len(one.links) > 1 for one in found.values()) or any(
        not uplink.certain for told in up.values() for uplink in told.values()
    )
    return Converged(certain, _holdings(kins, family, found, up, Doubt.FOR) if doubtful else certain)


def passage(old: Rules, new: Rules, kins: Sequence[Kin], family: Family) -> Passage:
    """What is left alone while the state changes, and what is not."""
    changed: set[Pair] = set()
    shaken: set[Pair] = set()
    begins = ends = False
    idle = True
    found: dict[Pair, Adjacency] = {}
    for (here, there), (one, other) in _pairs(kins, family):
        before = _ends(old, one.before, other.before, family)
        after = _ends(new, one.after, other.after, family)
        if not any((*before, *after)):
            continue
        roles = any(_role(member.before) != _role(member.after) for member in (one, other))
        if roles or not same(before, after):
            changed |= {(here, there), (there, here)}
        if any(protocol.disputed for protocols_ in (*before, *after) for protocol in protocols_):
            shaken |= {(here, there), (there, here)}
        if not same(before, after):
            ends = ends or all(before)
            begins = begins or all(after)
            idle = idle and (one.after.down or other.after.down)
        if survives(before, after):
            found[here, there] = adjacency(one.before, before[0], other.before, before[1])
    told: dict[int, dict[Outside, Fate]] = {}
    kept: dict[int, dict[Outside, Uplink]] = {}
    redrawn: set[tuple[int, Outside]] = set()
    speakers: set[Outside] = set()
    for index, kin in enumerate(kins):
        member = kin.members[0]
        if not (member.before.address(family) and member.after.address(family)):
            continue
        was, becomes = uplinks(old, member.before, family), uplinks(new, member.after, family)
        speakers |= was.keys() | becomes.keys()
        told[index] = fates(was, becomes)
        redrawn |= {(index, one) for one in was.keys() & becomes.keys() if was[one].blocks == becomes[one].blocks}
        kept[index] = {
            outside: uplink
            for outside, uplink in was.items()
            if outside not in told[index] and uplink.certain and len(uplink.blocks) == 1
        }
    fated = {fate for one in told.values() for fate in one.values()}
    begins = begins or bool(fated & {Fate.GAINED, Fate.RESTARTED})
    ends = ends or bool(fated & {Fate.LOST, Fate.RESTARTED})
    known = tuple(sorted(speakers))
    return Passage(
        known,
        _holdings(kins, family, found, kept, Doubt.AGAINST, known),
        frozenset(changed),
        frozenset(changed | shaken),
        begins,
        ends,
        idle and all(kins[index].members[0].after.down for index, one in told.items() if one),
        {index: one for index, one in told.items() if one},
        frozenset(redrawn),
    )


def over(
    rules: Rules, kins: Sequence[Kin], family: Family, speakers: Sequence[Outside], touched: Touched
) -> frozenset[Pair]:
    """The pairs (holder, origin) that may hold a route before a change over a session that it touches.

    All other pairs hold over sessions alone that nothing happens to: whether they are up is not known, but it is the
    same before and after.
    """
    found = _adjacencies(kins, family, lambda one, other: _met(rules, one.before, other.before, family))
    up = {
        index: uplinks(rules, kin.members[0].before, family)
        for index, kin in enumerate(kins)
        if kin.members[0].before.address(family)
    }
    before = _holdings(kins, family, found, up, Doubt.FOR, speakers, touched)
    return frozenset(
        (holder, origin)
        for origin, reached in before.spreads.items()
        for holder, copies in reached.copies.items()
        if any(copy.marked for copy in copies)
    )


def _role(speaker: Speaker) -> tuple[int, str]:
    return speaker.as_number, speaker.cluster_id


def _ends(rules: Rules, one: Speaker, other: Speaker, family: Family) -> Ends:
    return protocols(rules, one, other, family), protocols(rules, other, one, family)


def _met(rules: Rules, one: Speaker, other: Speaker, family: Family) -> Adjacency:
    here, there = _ends(rules, one, other, family)
    return adjacency(one, here, other, there)


def _pairs(kins: Sequence[Kin], family: Family) -> list[tuple[Pair, tuple[Member, Member]]]:
    """Two different nodes for each two Kin, and for each Kin of more than one node."""
    present = _present(kins, family)
    found = []
    for position, here in enumerate(present):
        for there in present[position:]:
            one, other = kins[here], kins[there]
            if here != there:
                found.append(((here, there), (one.members[0], other.members[0])))
            elif len(one.members) > 1:
                found.append(((here, there), (one.members[0], one.members[1])))
    return found


def _present(kins: Sequence[Kin], family: Family) -> tuple[int, ...]:
    return tuple(index for index, kin in enumerate(kins) if kin.members[0].after.address(family))


def _adjacencies(
    kins: Sequence[Kin], family: Family, ask: Callable[[Member, Member], Adjacency]
) -> dict[Pair, Adjacency]:
    found = {}
    for pair, members in _pairs(kins, family):
        one = ask(*members)
        if one is not NONE:
            found[pair] = one
    return found


def _holdings(
    kins: Sequence[Kin],
    family: Family,
    found: Mapping[Pair, Adjacency],
    up: Mapping[int, Mapping[Outside, Uplink]],
    doubt: Doubt,
    speakers_outside: Sequence[Outside] | None = None,
    marks: Touched | None = None,
) -> Holdings:
    """Propagate over what counts; with `marks`, as things stand before a change, over sessions that are marked."""
    speakers = [kin.members[0].before if marks else kin.members[0].after for kin in kins]
    links: dict[Pair, Links] = {}
    for (here, there), one in found.items():
        if one.links and (one.certain or doubt is Doubt.FOR):
            links[here, there] = one.links
            links[there, here] = one.reversed().links
    groups = [
        Group(kin.count, speaker.as_number, speaker.cluster_id, speaker.down)
        for kin, speaker in zip(kins, speakers, strict=True)
    ]
    if speakers_outside is None:
        speakers_outside = sorted({speaker for told in up.values() for speaker in told})
    outside = {speaker: len(kins) + place for place, speaker in enumerate(speakers_outside)}
    groups += [Group(1, speaker.as_number, "", leaf=True, outside=True) for speaker in speakers_outside]
    marked = set(marks.sessions) if marks else set()
    for index, told in up.items():
        for speaker, uplink in told.items():
            if not uplink.certain and doubt is Doubt.AGAINST:
                continue
            place = outside[speaker]
            links[index, place] = (uplink.link,)
            links[place, index] = (uplink.link.reversed(),)
            if marks and (index, speaker) in marks.uplinks:
                marked |= {(index, place), (place, index)}
    web = Web(tuple(groups), links, doubt, frozenset(marked))
    neighbours = web.neighbours()
    present = tuple(index for index, speaker in enumerate(speakers) if speaker.address(family))
    mute = frozenset(index for index in present if speakers[index].standalone)
    origins = (*present, *outside.values())
    return Holdings(family, web, present, {index: spread(web, index, neighbours) for index in origins}, mute, outside)
