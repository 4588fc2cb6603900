"""Propagations over one graph of blocks of nodes, each worked out when somebody asks, and what is heard outside.

What nodes exchange among themselves does not depend on who is outside, because nothing outside passes routes on here.
So speakers outside are no part of the graph: each is asked about by itself, by which nodes it has sessions to.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias, cast

from rrplan.bgp.alike import ENOUGH, Blocks
from rrplan.bgp.bulk import Bulk, Spread
from rrplan.bgp.cells import FIXED, Pair
from rrplan.bgp.reflection import (
    ORIGIN,
    Doubt,
    Entry,
    LinkGraph,
    Links,
    Neighbours,
    Part,
    SpeakerGroup,
    announced_to,
    handed_out,
)


class Attachment(NamedTuple):
    """The session of the nodes of one class to a speaker outside, seen from them; `marked`: a change touches it."""

    links: Links
    marked: bool = False


Way: TypeAlias = tuple[int, Attachment | None]
"""A block, and the session of some of its nodes to the speaker outside that is asked about."""


class Heard(NamedTuple):
    """Whether a route is held, and whether one of its copies came over a touched session."""

    held: bool
    marked: bool


NOTHING = Heard(held=False, marked=False)


@dataclass(frozen=True, slots=True)
class Beyond:
    """A speaker outside and the node classes that have a session to it."""

    as_number: int
    attached: Mapping[int, Attachment]
    ways: Mapping[tuple[int, Attachment], tuple[int, ...]]
    """The same classes by their block and their session."""

    @classmethod
    def of(cls, as_number: int, attached: Mapping[int, Attachment], blocks: Blocks) -> Beyond:
        """Put the classes together that are attached alike."""
        ways: dict[tuple[int, Attachment], list[int]] = {}
        for index, attachment in attached.items():
            ways.setdefault((blocks.of[index], attachment), []).append(index)
        return cls(as_number, attached, {way: tuple(classes) for way, classes in ways.items()})


class Spreads:
    """The answers over one graph."""

    def __init__(self, graph: LinkGraph, blocks: Blocks) -> None:
        self.graph = graph
        self._blocks = blocks
        self._systems = {group.as_number for group in graph.groups}
        self._table: Neighbours | None = None
        self._bulk: Bulk | None = None
        self._from_block: dict[int, Spread] = {}
        self._inwards: dict[Hashable, Mapping[Way, Heard]] = {}
        self._inwards_of: dict[int, tuple[Beyond, Mapping[Way, Heard]]] = {}
        self._outwards: dict[Hashable, Heard] = {}
        self._gave: dict[Hashable, bool] = {}

    @property
    def table(self) -> Neighbours:
        """Whom every block has links to."""
        if self._table is None:
            self._table = self.graph.neighbours()
        return self._table

    @property
    def bulk(self) -> Bulk:
        """The graph, prepared for many origins."""
        if self._bulk is None:
            self._bulk = Bulk(self.graph, self.table)
        return self._bulk

    def of(self, place: int) -> Spread:
        """Where the routes of a node of the block at that place end up."""
        if place not in self._from_block:
            self._from_block[place] = self.bulk.from_group(place)
        return self._from_block[place]

    def gave(self, origin: int, sender: int, receiver: int) -> bool:
        """Whether one block passes something on to another one that it got from a third."""
        home, here, there = self._blocks.cells.stand_in(origin, sender, receiver)
        return self.of(home).gave(here, there)

    def kept_from(self, sender: int, receiver: int) -> list[int]:
        """The blocks of whose routes one block hands nothing on to another one."""
        cells = self._blocks.cells
        near = {cells.cell[sender], cells.cell[receiver]} - {FIXED}
        close = {block for cell in near for block in cells.within[cell]}
        kept = [block for block in close if not self._gave_alike(block, sender, receiver)]
        for blocks in cells.by_role:
            # All others of one role are to these two what the first one is.
            first = next((block for block in blocks if block not in close), None)
            if first is not None and not self._gave_alike(first, sender, receiver):
                kept += [block for block in blocks if block not in close]
        return kept

    def _gave_alike(self, origin: int, sender: int, receiver: int) -> bool:
        key = self._blocks.cells.likeness(origin, sender, receiver)
        if key not in self._gave:
            self._gave[key] = self.gave(origin, sender, receiver)
        return self._gave[key]

    def told(self, origin: int, receiver: int) -> bool:
        """Whether the nodes of a block tell those of another one of themselves."""
        home, there = self._blocks.cells.stand_in(origin, receiver)
        return self.of(home).gave(ORIGIN, there)

    def links(self, here: int, there: int) -> Links | None:
        """What joins nodes of two blocks, seen from the first."""
        return self.graph.links.get(cast(Pair, self._blocks.cells.stand_in(here, there)))

    def between(self, holder: int, origin: int) -> Heard:
        """What nodes of one block hold of the (other) nodes of another one."""
        home, place = self._blocks.cells.stand_in(origin, holder)
        spread = self.of(home)
        if not self.graph.marked:
            return Heard(spread.reaches(place), marked=False)
        copies = spread.copies(place)
        return Heard(bool(copies), any(copy.marked for copy in copies))

    def inwards(self, beyond: Beyond, holder: int) -> Heard:
        """What the nodes of a class hold of a speaker outside."""
        attachment = beyond.attached.get(holder)
        (place,) = self._blocks.cells.stand_in(self._blocks.of[holder])
        answers = self._heard_inside(beyond)
        return answers.get((place, attachment), NOTHING)

    def _heard_inside(self, beyond: Beyond) -> Mapping[Way, Heard]:
        """The same by block and session; None for those that have none."""
        known = self._inwards_of.get(id(beyond))
        if known is None:
            known = self._inwards_of[id(beyond)] = beyond, self._inwards_by_shape(beyond)
        return known[1]

    def _inwards_by_shape(self, beyond: Beyond) -> Mapping[Way, Heard]:
        attached: dict[int, int] = {}
        counts: dict[tuple[int, Attachment], int] = {}
        places = self._blocks.cells.places
        for (block, attachment), classes in beyond.ways.items():
            # What has sessions to the outside stands for itself.
            way = places[block], attachment
            counts[way] = min(sum(self._blocks.counts[index] for index in classes), ENOUGH)
            attached[block] = attached.get(block, 0) + len(classes)
        left = {places[block]: self._left(block, beyond) for block in attached}
        as_number = self._known(beyond.as_number)
        shape = (as_number, tuple(counts.items()), tuple(left.items()))
        if shape not in self._inwards:
            parts = [Part(block, left.get(block, group.count)) for block, group in enumerate(self.graph.groups)]
            names: list[Way] = [(block, None) for block in range(len(parts))]
            entries = []
            for (block, attachment), count in counts.items():
                links = tuple(link.reversed() for link in attachment.links)
                entries.append(Entry(len(parts), links, attachment.marked))
                parts.append(Part(block, count))
                names.append((block, attachment))
            spread = self.bulk.from_outside(_outside(as_number), parts, entries)
            self._inwards[shape] = {
                name: Heard(held=True, marked=any(copy.marked for copy in spread.copies(part)))
                for part, name in enumerate(names)
                if spread.reaches(part)
            }
        return self._inwards[shape]

    def _left(self, block: int, beyond: Beyond) -> int:
        """How many nodes of a block have no session to a speaker outside, up to ENOUGH."""
        count = 0
        for index in self._blocks.within[block]:
            if index not in beyond.attached:
                count += self._blocks.counts[index]
                if count >= ENOUGH:
                    return ENOUGH
        return count

    def outwards(self, beyond: Beyond, origin: int, doubt: Doubt) -> Heard:
        """What a speaker outside holds of the nodes of a class: each tells it of itself, and others of it."""
        (home,) = self._blocks.cells.stand_in(self._blocks.of[origin])
        as_number = self._known(beyond.as_number)
        held = marked = False
        own = beyond.attached.get(origin)
        if own is not None:
            held, marked = announced_to(self._graph(doubt), home, own.links, _outside(as_number), marked=own.marked)
        for (block, attachment), classes in beyond.ways.items():
            if classes == (origin,) and self._blocks.counts[origin] == 1:
                continue
            heard = self._handed_out(home, self._blocks.cells.places[block], attachment, as_number, doubt)
            held, marked = held or heard.held, marked or heard.marked
        return Heard(held, marked)

    def _handed_out(self, home: int, block: int, attachment: Attachment, as_number: int, doubt: Doubt) -> Heard:
        key = home, block, attachment, as_number, doubt
        if key not in self._outwards:
            copies = self.of(home).copies(block)
            answer = handed_out(
                self._graph(doubt), block, copies, attachment.links, _outside(as_number), marked=attachment.marked
            )
            self._outwards[key] = Heard(*answer)
        return self._outwards[key]

    def _graph(self, doubt: Doubt) -> LinkGraph:
        return self.graph if self.graph.doubt is doubt else replace(self.graph, doubt=doubt)

    def _known(self, as_number: int) -> int:
        """An AS number of the outside that no node has may be any: those are alike."""
        return as_number if as_number in self._systems else -1


def _outside(as_number: int) -> SpeakerGroup:
    return SpeakerGroup(1, as_number, "", leaf=True)
