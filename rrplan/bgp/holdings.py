"""Which class of nodes holds the routes of which other class, at one state or while one becomes another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rrplan.bgp.alike import Blocks
from rrplan.bgp.cells import Pair, alike_pairs
from rrplan.bgp.outside import Outside
from rrplan.bgp.reflection import Doubt, LinkGraph, Links, SpeakerGroup
from rrplan.bgp.speaker import Family
from rrplan.bgp.spreads import NOTHING, Beyond, Heard, Spreads


@dataclass(frozen=True, slots=True)
class Holdings:
    """The answer for one family, over indices of node classes, and of the speakers outside behind them.

    What nodes exchange is worked out for `blocks` of classes. `present` are the classes that have the family at all,
    `mute` those without routes of their own or pods that need any: standalone reflectors. `outside` has the index of
    each speaker outside, `beyond` their sessions in that order. Where BGPFilters treat pools differently, `others` are
    the answers for the other pools, and `pools` names those of this one; `owed` says whether nodes need anything of
    them, `outgoing` that speakers outside alone do, because Felix programs these routes on nodes. The last of `others`
    tell where routes of a pool go that speakers outside announce: there `of_nodes` is None.
    """

    family: Family
    blocks: Blocks
    of_nodes: Spreads | None = field(hash=False)
    of_outside: Spreads | None = field(hash=False)
    present: frozenset[int]
    mute: frozenset[int] = frozenset()
    outside: Mapping[Outside, int] = field(default_factory=dict, hash=False)
    beyond: tuple[Beyond, ...] = field(default=(), hash=False)
    others: tuple[Holdings, ...] = ()
    owed: bool = True
    outgoing: bool = False
    pools: tuple[str, ...] = ()
    doubt: Doubt = Doubt.AGAINST

    @property
    def tables(self) -> tuple[Holdings, ...]:
        """The answers of all layers, also where nothing is owed: sessions, and what speakers outside announce."""
        return self, *self.others

    @property
    def layers(self) -> tuple[Holdings, ...]:
        """The answers for all pools that are treated differently; none where nothing is owed."""
        return tuple(table for table in (self, *self.others) if table.owed)

    @property
    def counted(self) -> tuple[Holdings, ...]:
        """The answers for all pools whose routes somebody needs of BGP: nodes, or speakers outside that are there."""
        return tuple(table for table in self.tables if table.owed or (table.outgoing and self.outside))

    def holds(self, holder: int, origin: int) -> bool:
        """Whether every node of `holder` holds the routes of every (other) node of `origin`."""
        return self.heard(holder, origin).held

    def heard(self, holder: int, origin: int) -> Heard:
        """The same, and whether over a touched session."""
        nodes = len(self.blocks.of)
        if origin >= nodes:
            return self.of_outside.inwards(self.beyond[origin - nodes], holder) if self.of_outside else NOTHING
        if self.of_nodes is None:
            return NOTHING
        if holder >= nodes:
            return self.of_nodes.outwards(self.beyond[holder - nodes], origin, self.doubt)
        return self.of_nodes.between(self.blocks.of[holder], self.blocks.of[origin])

    @property
    def graph(self) -> LinkGraph:
        """The sessions between blocks that are asked about."""
        return self._spreads.graph

    def links(self, here: int, there: int) -> Links | None:
        """The session between nodes of two blocks, seen from the first."""
        return self._spreads.links(here, there)

    def group(self, block: int) -> SpeakerGroup:
        """What one node of a block is to the others, but for the name of its cluster."""
        return self.graph.groups[self.blocks.cells.stand_in(block)[0]]

    @property
    def _spreads(self) -> Spreads:
        spreads = self.of_nodes or self.of_outside
        assert spreads is not None, "a table has routes of nodes, or of speakers outside, or both"
        return spreads

    def joins(self, here: int, there: int) -> bool:
        """Whether there are sessions between the (different) nodes of two classes."""
        of = self.blocks.of
        return self.links(of[here], of[there]) is not None and (here != there or self.blocks.counts[here] > 1)

    def linked(self, here: int) -> Iterator[int]:
        """The node classes to whose nodes those of a class have sessions."""
        own = self.blocks.of[here]
        for block, classes in enumerate(self.blocks.within):
            if self.links(own, block) is None:
                continue
            for there in classes:
                if here != there or self.blocks.counts[here] > 1:
                    yield there

    @property
    def joined(self) -> list[Pair]:
        """The pairs of node classes between whose nodes there are sessions, each both ways round."""
        return [(here, there) for here in range(len(self.blocks.of)) for there in self.linked(here)]

    @property
    def speaking(self) -> list[int]:
        """The node classes that have routes of their own."""
        return sorted(self.present - self.mute)

    def speaks(self, index: int) -> bool:
        """Whether a node class has routes of its own, and needs those of others."""
        return index in self.present and index not in self.mute

    @property
    def missing(self) -> frozenset[Pair]:
        """Ordered pairs (holder, origin) of nodes without a route of some pool; (c, c): two different nodes of c."""
        pairs: set[Pair] = set()
        blocks = self.blocks
        for layer in self.layers:
            speaking = set(layer.speaking)
            # All classes of a block have the family, or none of them; and all of them speak, or none.
            asked = [block for block, classes in enumerate(blocks.within) if classes[0] in speaking]
            cells = blocks.cells
            marks = [(cells.role[block], (cells.cell[block],)) for block in asked]
            for (first, second), every in alike_pairs(marks):
                if layer.holds(blocks.within[asked[second]][0], blocks.within[asked[first]][0]):
                    continue
                pairs |= {
                    (there, here)
                    for origin, holder in every()
                    for here in blocks.within[asked[origin]]
                    for there in blocks.within[asked[holder]]
                    if here != there or blocks.counts[here] > 1
                }
        return frozenset(pairs)

    def delivered(self, sender: int, receiver: int, sizes: Sequence[int]) -> int:
        """How many nodes' routes one node of `sender` hands to one node of `receiver`, with these sizes of classes.

        Where pools are treated differently, as many as it hands on of each.
        """
        return min((layer._delivered(sender, receiver, sizes) for layer in self.counted), default=0)

    def _delivered(self, sender: int, receiver: int, sizes: Sequence[int]) -> int:
        if self.of_nodes is None:
            return 0
        of = self.blocks.of
        total = sum(sizes) - sum(sizes[index] for index in self.mute)
        kept = self._kept(self.of_nodes, sender, receiver)
        total -= sum(sizes[index] for index in kept)
        # Neither end is told of itself.
        ends = {sender: 1, receiver: 1} if sender != receiver else {sender: 2}
        total -= sum(min(sizes[index], times) for index, times in ends.items() if index not in kept | self.mute)
        return total + int(sender not in self.mute and self.of_nodes.told(of[sender], of[receiver]))

    def _kept(self, spreads: Spreads, sender: int, receiver: int) -> frozenset[int]:
        """The node classes with routes of their own that one of `sender` does not hand on to one of `receiver`."""
        here, there = self.blocks.of[sender], self.blocks.of[receiver]
        return frozenset(
            index
            for origin in spreads.kept_from(here, there)
            for index in self.blocks.within[origin]
            if index not in self.mute
        )

    def withheld(self, sender: int, receiver: int) -> tuple[frozenset[int], bool]:
        """Whose routes a node of `sender` does not hand to one of `receiver`: whole classes, and whether also its own.

        Of its own class, those of the other members.
        """
        of = self.blocks.of
        counted = self.counted
        spreads = [layer.of_nodes for layer in counted if layer.of_nodes is not None]
        kept = frozenset[int]().union(*(self._kept(spread, sender, receiver) for spread in spreads)) & self.present
        own = not all(spread.told(of[sender], of[receiver]) for spread in spreads)
        return (kept if counted else self.present) | self.mute, own or sender in self.mute or not counted
