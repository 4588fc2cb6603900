"""Which class of nodes holds the routes of which other class: in one state, and while one state becomes another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from rrplan.bgp.adjacency import Link, link, survives
from rrplan.bgp.peering import Rules, protocols
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.reflection import ORIGIN, Group, Spread, Web, spread
from rrplan.bgp.speaker import Family, Speaker


class Member(NamedTuple):
    """One node as it is before and after a step (twice the same where only one state is asked about)."""

    before: Speaker
    after: Speaker


ENOUGH = 3
"""No rule involves more than three nodes of one class, so counts above that change nothing."""


@dataclass(frozen=True, slots=True)
class Kin:
    """Nodes that are alike before and alike after: two of them (or the only one) to ask, and how many, up to ENOUGH."""

    members: tuple[Member, ...]
    count: int


Ask: TypeAlias = Callable[[Member, Member], Link | None]


@dataclass(frozen=True, slots=True)
class Holdings:
    """The answer for one family, over indices of Kin.

    `present` are the indices that have the family at all, `mute` those without routes of their own or pods that need
    any: standalone reflectors.
    """

    family: Family
    web: Web = field(hash=False)
    present: tuple[int, ...]
    spreads: Mapping[int, Spread] = field(hash=False)
    mute: frozenset[int] = frozenset()

    @property
    def missing(self) -> frozenset[tuple[int, int]]:
        """Ordered pairs (holder, origin) without a route; (c, c) speaks of two different nodes of c."""
        found: set[tuple[int, int]] = set()
        speaking = [index for index in self.present if index not in self.mute]
        for origin in speaking:
            reached = self.spreads[origin]
            for holder in speaking:
                size = self.web.groups[holder].count - (holder == origin)
                if size > 0 and not reached.reaches(holder):
                    found.add((holder, origin))
        return frozenset(found)

    def delivered(self, sender: int, receiver: int, sizes: Sequence[int]) -> int:
        """How many nodes' routes one node of `sender` hands to one node of `receiver`, with these sizes of Kin."""
        total = 0
        for origin in self.present:
            if origin in self.mute:
                continue
            given = self.spreads[origin].given
            if origin == sender:
                total += (ORIGIN, receiver) in given
            if (sender, receiver) in given:
                total += sizes[origin] - (origin == sender) - (origin == receiver)
        return total

    def withheld(self, sender: int, receiver: int) -> tuple[frozenset[int], bool]:
        """Whose routes a node of `sender` does not hand to one of `receiver`: whole Kin, and whether also its own.

        Of its own Kin, those of the other members.
        """
        kept = {origin for origin in self.present if (sender, receiver) not in self.spreads[origin].given}
        own = (ORIGIN, receiver) not in self.spreads[sender].given or sender in self.mute
        return frozenset(kept) | self.mute, own


def converged(rules: Rules, kins: Sequence[Kin], family: Family) -> Holdings:
    """Who holds what once the sessions of the state `after` are all up."""

    def ask(one: Member, other: Member) -> Link | None:
        here, there = _ends(rules, one.after, other.after, family)
        return link(one.after, here, other.after, there)

    return _holdings(kins, family, ask)


def surviving(old: Rules, new: Rules, kins: Sequence[Kin], family: Family) -> Holdings:
    """Who holds what over those sessions alone that are certainly left alone while the state changes."""

    def ask(one: Member, other: Member) -> Link | None:
        before = _ends(old, one.before, other.before, family)
        if not survives(before, _ends(new, one.after, other.after, family)):
            return None
        return link(one.before, before[0], other.before, before[1])

    return _holdings(kins, family, ask)


def _ends(
    rules: Rules, one: Speaker, other: Speaker, family: Family
) -> tuple[tuple[Protocol, ...], tuple[Protocol, ...]]:
    return protocols(rules, one, other, family), protocols(rules, other, one, family)


def _holdings(kins: Sequence[Kin], family: Family, ask: Ask) -> Holdings:
    present = tuple(index for index, kin in enumerate(kins) if kin.members[0].after.address(family))
    links: dict[tuple[int, int], Link] = {}
    for position, here in enumerate(present):
        for there in present[position:]:
            pair = _pair(kins[here], kins[there])
            found = ask(*pair) if pair else None
            if found is not None:
                links[here, there] = found
                links[there, here] = found.reversed()
    groups = tuple(Group(kin.count, kin.members[0].after.as_number, kin.members[0].after.cluster_id) for kin in kins)
    web = Web(groups, links)
    neighbours = web.neighbours()
    mute = frozenset(index for index in present if kins[index].members[0].after.standalone)
    return Holdings(family, web, present, {index: spread(web, index, neighbours) for index in present}, mute)


def _pair(one: Kin, other: Kin) -> tuple[Member, Member] | None:
    """Two different nodes of the two Kin; None where one Kin of a single node is asked about itself."""
    if one is not other:
        return one.members[0], other.members[0]
    return (one.members[0], one.members[1]) if len(one.members) > 1 else None
