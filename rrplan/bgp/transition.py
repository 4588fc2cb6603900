"""What one step costs, as data: pairs without a route, sessions to the outside, by kinds of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rrplan.bgp.alike import NodeClass
from rrplan.bgp.cells import Pair, alike_pairs
from rrplan.bgp.holdings import Holdings
from rrplan.bgp.outside import Fate, Outside
from rrplan.bgp.passage import Passage
from rrplan.bgp.population import Signature
from rrplan.bgp.speaker import Family
from rrplan.bgp.spreads import NOTHING, Heard
from rrplan.ids import NodeName


@dataclass(frozen=True, slots=True)
class Loss:
    """Ordered pairs of speakers without a route, of two kinds of speakers at a time.

    `pairs` counts them all; (`at`, `origin`) is one of them. `marked` says that all of them end at a marked node,
    `down` that all of them end at a node that is down, `outside` that one end is a speaker outside the cluster.
    """

    family: Family
    at: NodeName
    origin: NodeName
    pairs: int
    marked: bool
    holders: int
    origins: int
    down: bool = False
    outside: bool = False


@dataclass(frozen=True, slots=True)
class OutsideSession:
    """What a step does to the sessions of `nodes` nodes, such as `node`, to one speaker outside."""

    node: NodeName
    nodes: int
    outside: Outside
    fate: Fate
    marked: bool
    down: bool


@dataclass(frozen=True, slots=True)
class Transition:
    """What one step costs: pairs that lose their route for good, and pairs that have none while it takes effect.

    `outside` are the sessions to the outside that are not left alone. `begins` and `ends` say whether some session
    comes up, and whether one goes down.
    """

    lost: tuple[Loss, ...]
    exposed: tuple[Loss, ...]
    outside: tuple[OutsideSession, ...] = ()
    begins: bool = False
    ends: bool = False
    idle: bool = False
    """Every session that comes up or goes down has an end at a node that is down."""


@dataclass(frozen=True, slots=True)
class ClassTransition:
    """A class of nodes across a step."""

    old: Signature
    new: Signature
    size: int
    node_class: NodeClass

    @property
    def down(self) -> bool:
        """Whether its nodes are down."""
        return self.new.down


@dataclass(frozen=True, slots=True)
class Ends:
    """What pairs join: kinds of nodes, by index, and behind them speakers outside."""

    kinds: Sequence[ClassTransition]
    speakers: Sequence[Outside]

    def holds(self, pair: Pair, places: Sequence[int], holdings: Holdings) -> bool:
        """Whether the first of a pair holds the routes of the second, of one layer of pools.

        `places` has the index of each kind in `holdings`.
        """
        return self._heard(pair, places, holdings).held

    def touched(self, pair: Pair, places: Sequence[int], holdings: Holdings) -> bool:
        """Whether it does over a session that is marked."""
        return self._heard(pair, places, holdings).marked

    def _heard(self, pair: Pair, places: Sequence[int], holdings: Holdings) -> Heard:
        holder, origin = (self._place(end, places, holdings) for end in pair)
        kinds = len(self.kinds)
        needed = holdings.owed or (holdings.outgoing and pair[0] >= kinds)
        if holder is None or origin is None or (pair[1] < kinds and not needed):
            return NOTHING
        return holdings.heard(holder, origin)

    def _place(self, end: int, places: Sequence[int], holdings: Holdings) -> int | None:
        """The index of an end in `holdings`; None where it is not there, or has no routes and needs none."""
        if end >= len(self.kinds):
            return holdings.outside.get(self.speakers[end - len(self.kinds)])
        return places[end] if holdings.speaks(places[end]) else None

    def lost(self, before: Sequence[int], was: Holdings, after: Sequence[int], becomes: Holdings) -> Iterator[Pair]:
        """The pairs (holder, origin) whose routes are held in `was`, and not in `becomes`.

        Kinds that neither of the two tells apart are asked about once.
        """
        alike: dict[Pair, list[int]] = {}
        for kind, (here, there) in enumerate(zip(before, after, strict=True)):
            if was.speaks(here):
                alike.setdefault((was.blocks.of[here], becomes.blocks.of[there]), []).append(kind)
        groups = list(alike.values())
        cells = was.blocks.cells, becomes.blocks.cells
        marks = [
            (
                tuple(states.role[block] for states, block in zip(cells, blocks, strict=True)),
                tuple(states.cell[block] for states, block in zip(cells, blocks, strict=True)),
            )
            for blocks in alike
        ]

        def loses(holder: int, origin: int) -> bool:
            pair = holder, origin
            return self.holds(pair, before, was) and not self.holds(pair, after, becomes)

        for (home, place), every in alike_pairs(marks):
            if loses(groups[place][0], groups[home][0]):
                yield from (
                    (holder, origin)
                    for origins, holders in every()
                    for origin in groups[origins]
                    for holder in groups[holders]
                    if holder != origin or self.kinds[holder].size > 1
                )
        if not self.speakers:
            return
        kinds_before, kinds_after = _kinds_at(before), _kinds_at(after)
        for outside, speaker in enumerate(self.speakers, len(self.kinds)):
            attached = {*_attached(speaker, kinds_before, was), *_attached(speaker, kinds_after, becomes)}
            for group in groups:
                # Those without a session of their own to the speaker outside are alike.
                first = next((kind for kind in group if kind not in attached), None)
                if first is not None and loses(first, outside):
                    yield from ((kind, outside) for kind in group if kind not in attached)
                if first is not None and loses(outside, first):
                    yield from ((outside, kind) for kind in group if kind not in attached)
            for kind in attached:
                if loses(kind, outside):
                    yield kind, outside
                if loses(outside, kind):
                    yield outside, kind

    def restarted(self, through: Passage) -> set[Pair]:
        """The pairs of nodes and speakers outside whose own session restarts: what it brings comes another way only
        where the filters of the cluster let it."""
        position = {speaker: index for index, speaker in enumerate(self.speakers, len(self.kinds))}
        return {
            (kind, position[speaker])
            for kind, by_outside in through.fates.items()
            for speaker, fate in by_outside.items()
            if fate is Fate.RESTARTED and speaker in position
        }

    def loss(self, pair: Pair, family: Family) -> Loss:
        """A pair as data, told by one of its members."""
        holder, origin = pair
        here, there = self._kind(holder), self._kind(origin)
        return Loss(
            family=family,
            at=self._name(holder),
            origin=self._name(origin, 1 if holder == origin else 0),
            pairs=self._size(holder) * (self._size(origin) - (holder == origin)),
            marked=any(kind is not None and kind.new.marked for kind in (here, there)),
            holders=self._size(holder),
            origins=self._size(origin),
            down=any(kind is not None and kind.down for kind in (here, there)),
            outside=here is None or there is None,
        )

    def _kind(self, index: int) -> ClassTransition | None:
        return self.kinds[index] if index < len(self.kinds) else None

    def _size(self, index: int) -> int:
        kind = self._kind(index)
        return kind.size if kind else 1

    def _name(self, index: int, member: int = 0) -> NodeName:
        kind = self._kind(index)
        return kind.node_class.members[member].after.name if kind else self.speakers[index - len(self.kinds)].name


def _kinds_at(places: Sequence[int]) -> dict[int, list[int]]:
    """The kinds by their index in an answer."""
    kinds: dict[int, list[int]] = {}
    for kind, place in enumerate(places):
        kinds.setdefault(place, []).append(kind)
    return kinds


def _attached(speaker: Outside, kinds: Mapping[int, Sequence[int]], holdings: Holdings) -> Iterator[int]:
    """The kinds that have a session of their own to a speaker outside."""
    place = holdings.outside.get(speaker)
    if place is not None:
        for index in holdings.beyond[place - len(holdings.blocks.of)].attached:
            yield from kinds.get(index, ())
