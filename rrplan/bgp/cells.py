"""Cells: blocks of nodes that are alike up to a renaming of cluster IDs and BGPPeers, of which a few stand for all.

Each group of a topology with groups has a cluster ID and BGPPeers of its own. These names matter where they are equal
to others and nowhere else, so two groups that are joined alike are one picture with the names exchanged: whatever holds
between the first and the second holds between any two.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

Pair = tuple[int, int]
Token = Hashable
"""A cluster ID, or a BGPPeer (by what it says) of the state before or after."""

FIXED = -1
SPARE = 3
"""How many cells of a kind a question is about at most: that of the origin, the sender, and the receiver.

A way between them may lead through as many others as a cell has blocks: a route that has come to a block of one cell
gains nothing where it comes to the same block of another one, unless a changed session marks it in between. From there
on it may come to each block once more, which counts where there are two states.
"""


@dataclass(frozen=True, slots=True)
class Cells:
    """Which blocks stand for which.

    `cell` has the cell of each block, or FIXED for a block that only stands for itself. `role` are the blocks of the
    first cell of the same kind, block by block. `kept` are the blocks that are asked about, in order, and `places`
    their positions there.
    """

    cell: tuple[int, ...]
    role: tuple[int, ...]
    kept: tuple[int, ...]
    places: Mapping[int, int]
    by_role: tuple[tuple[int, ...], ...]
    """The blocks of each role."""
    within: tuple[tuple[int, ...], ...] = ()
    """The blocks of each cell."""
    _kinds: tuple[int, ...] = ()
    _positions: tuple[int, ...] = ()
    _members: Mapping[int, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    """The kept cells of each kind, with the places of their blocks."""

    def stand_in(self, *blocks: int) -> tuple[int, ...]:
        """The places of kept blocks that are to one another what these (of three cells at most) are."""
        places = []
        used: dict[int, list[int]] = {}
        for block in blocks:
            cell = self.cell[block]
            if cell == FIXED:
                places.append(self.places[block])
                continue
            kind = self._kinds[cell]
            before = used.setdefault(kind, [])
            if cell not in before:
                before.append(cell)
            places.append(self._members[kind][before.index(cell)][self._positions[block]])
        return tuple(places)

    def likeness(self, one: int, other: int, third: int) -> Hashable:
        """The same for all blocks that are to one another what these are."""
        role, cell = self.role, self.cell
        here, there, beyond = cell[one], cell[other], cell[third]
        return role[one], role[other], role[third], here == there, here == beyond, there == beyond


def apart(count: int) -> Cells:
    """Every block stands for itself alone."""
    every = tuple(range(count))
    return Cells((FIXED,) * count, every, every, {block: block for block in every}, tuple((block,) for block in every))


class Meaning(NamedTuple):
    """A BGPPeer by number: the same for all that differ in whom they are configured on alone.

    `says` is the same also for those that differ in which nodes they select as peers.
    """

    number: int
    says: int


class Names(NamedTuple):
    """The names that join a speaker to others: its cluster ID, and BGPPeers that are configured on it or mean it."""

    cluster_id: str
    configured: tuple[Meaning, ...]
    meant: frozenset[Meaning]


class Standing(NamedTuple):
    """Everything of a speaker that decides about its sessions to other nodes.

    `alone` is the name of a node that is like no other one ("" where its name does not count), `traits` the rest.
    """

    alone: str
    names: Names
    traits: Hashable = None


class Facet(NamedTuple):
    """What a block is in one state; `space` tells BGPPeers of two states apart."""

    space: int
    standing: Standing


class Block(NamedTuple):
    """A block of so many nodes as it is in one state or in two.

    `joined` says that it is joined to something else too, such as a speaker outside: then it stands for itself.
    """

    size: int
    facets: Sequence[Facet]
    joined: bool = False


def cells_of(blocks: Sequence[Block]) -> Cells:
    """What stands for what."""
    return _Search(blocks).cells()


class _Search:
    """Cells of one state, or of one step."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self.alone = [block.joined or any(facet.standing.alone for facet in block.facets) for block in blocks]
        touched: dict[Token, list[int]] = {}
        clusters: dict[Token, set[str]] = {}
        for block, (_, by_state, _) in enumerate(blocks):
            own = {facet.standing.names.cluster_id for facet in by_state if facet.standing.names.cluster_id}
            for token in _tokens(by_state):
                touched.setdefault(token, []).append(block)
                clusters.setdefault(token, set()).update(own)
        # A name that several clusters share, or one with a fixed block, is not exchanged.
        self.private = {
            token
            for token, members in touched.items()
            if len(clusters[token]) < 2 and not any(self.alone[block] for block in members)
        }
        self.touched = touched

    def cells(self) -> Cells:
        """The cells, of kinds that have more than one."""
        kinds: dict[Hashable, list[tuple[int, ...]]] = {}
        numbers: dict[Hashable, int] = {}
        for members in self._joined():
            local = sorted((numbers.setdefault(self._own(block), len(numbers)), block) for block in members)
            ordered = tuple(block for _, block in local)
            kinds.setdefault((tuple(number for number, _ in local), self._names(ordered)), []).append(ordered)
        count = len(self.blocks)
        cell, role, positions = [FIXED] * count, list(range(count)), [0] * count
        several = [alike for alike in kinds.values() if len(alike) > 1]
        moved = {block for alike in several for members in alike for block in members}
        kept = [block for block in range(count) if block not in moved]
        kind_of: list[int] = []
        for kind, alike in enumerate(several):
            for ordered in alike:
                for position, block in enumerate(ordered):
                    cell[block], role[block], positions[block] = len(kind_of), alike[0][position], position
                kind_of.append(kind)
            enough = SPARE + len(alike[0]) * len(self.blocks[alike[0][0]].facets)
            kept += [block for members in alike[:enough] for block in members]
        kept.sort()
        places = {block: place for place, block in enumerate(kept)}
        stand = {
            kind: tuple(tuple(places[block] for block in members) for members in alike[:SPARE])
            for kind, alike in enumerate(several)
        }
        by_role: dict[int, list[int]] = {}
        for block, first in enumerate(role):
            by_role.setdefault(first, []).append(block)
        roles = tuple(map(tuple, by_role.values()))
        within = tuple(members for alike in several for members in alike)
        return Cells(
            tuple(cell), tuple(role), tuple(kept), places, roles, within, tuple(kind_of), tuple(positions), stand
        )

    def _joined(self) -> list[list[int]]:
        """The blocks that names of their own join, each in order."""
        root = list(range(len(self.blocks)))

        def find(block: int) -> int:
            while root[block] != block:
                root[block] = block = root[root[block]]
            return block

        for token in self.private:
            first, *others = self.touched[token]
            for block in others:
                here, there = sorted((find(first), find(block)))
                root[there] = here
        joined: dict[int, list[int]] = {}
        for block in range(len(root)):
            if not self.alone[block]:
                joined.setdefault(find(block), []).append(block)
        return list(joined.values())

    def _own(self, block: int) -> Hashable:
        """What a block is without names of its own."""
        parts: list[Hashable] = [self.blocks[block].size]
        for facet in self.blocks[block].facets:
            names = facet.standing.names
            cluster = names.cluster_id
            configured = tuple(
                (False, peer.says) if (facet.space, peer.number) in self.private else (True, peer.number)
                for peer in names.configured
            )
            meant = frozenset(peer.number for peer in names.meant if (facet.space, peer.number) not in self.private)
            parts.append((facet.standing.traits, cluster in self.private or cluster, configured, meant))
        return tuple(parts)

    def _names(self, members: Sequence[int]) -> Hashable:
        """How names of their own join the blocks of a cell: numbered in the order in which they come."""
        numbers: dict[Token, int] = {}
        says: list[int] = []

        def number(token: Token, what: int) -> int:
            if token not in numbers:
                numbers[token] = len(numbers)
                says.append(what)
            return numbers[token]

        parts: list[Hashable] = []
        for block in members:
            for facet in self.blocks[block].facets:
                cluster, configured, meant = facet.standing.names
                parts.append(number(cluster, -1) if cluster in self.private else None)
                for peers in (configured, tuple(sorted(meant))):
                    own = [peer for peer in peers if (facet.space, peer.number) in self.private]
                    numbered = [number((facet.space, peer.number), peer.says) for peer in own]
                    # What is configured has an order, what is meant has none.
                    parts.append(tuple(numbered if peers is configured else sorted(numbered)))
        return tuple(parts), tuple(says)


def _tokens(by_state: Sequence[Facet]) -> Iterator[Token]:
    seen: set[Token] = set()
    for facet in by_state:
        cluster, configured, meant = facet.standing.names
        seen.update((facet.space, peer.number) for peer in (*configured, *meant))
        if cluster:
            seen.add(cluster)
    yield from seen


Mark = tuple[Hashable, tuple[int, ...]]
"""The role of a thing in every state that is asked about, and its cell in each."""


def alike_pairs(marks: Sequence[Mark]) -> Iterator[tuple[Pair, Callable[[], Iterator[Pair]]]]:
    """All ordered pairs of things in sets whose members have one answer: one pair of each set, and how to get them all.

    Two things of one cell are to each other what no others are; for all others their roles say everything.
    """
    by_role: dict[Hashable, list[int]] = {}
    by_cell: dict[tuple[int, int], list[int]] = {}
    for index, (role, cells) in enumerate(marks):
        by_role.setdefault(role, []).append(index)
        for state, cell in enumerate(cells):
            if cell != FIXED:
                by_cell.setdefault((state, cell), []).append(index)
    near: dict[Hashable, list[Pair]] = {}
    close: set[Pair] = set()
    for (_, _), members in by_cell.items():
        close.update(product(members, members))
    close_of: dict[tuple[Hashable, Hashable], int] = {}
    for here, there in sorted(close):
        (role, cells), (other, others) = marks[here], marks[there]
        same = tuple(a == b != FIXED for a, b in zip(cells, others, strict=True))
        near.setdefault((role, other, same), []).append((here, there))
        close_of[role, other] = close_of.get((role, other), 0) + 1
    for pairs in near.values():
        yield pairs[0], pairs.__iter__
    for (role, here_all), (other, there_all) in product(by_role.items(), by_role.items()):
        if close_of.get((role, other), 0) == len(here_all) * len(there_all):
            continue

        def far(here_all: list[int] = here_all, there_all: list[int] = there_all) -> Iterator[Pair]:
            return (pair for pair in product(here_all, there_all) if pair not in close)

        yield next(far()), far
