"""What one step costs, as data: pairs without a route, sessions to the outside, by kinds of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rrplan.bgp.holdings import Holdings, NodeClass, Pair
from rrplan.bgp.outside import Fate, Outside
from rrplan.bgp.passage import Passage
from rrplan.bgp.population import Signature
from rrplan.bgp.speaker import Family
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

    def held(self, places: Sequence[int], holdings: Holdings) -> set[Pair]:
        """The pairs (holder, origin) whose routes are held; `places` has the index of each kind in `holdings`.

        Of one layer of pools.
        """
        speaking = set(holdings.speaking)
        kinds = [index for index, place in enumerate(places) if place in speaking]
        pairs = {
            (holder, origin)
            for origin in (kinds if holdings.owed else ())
            for holder in kinds
            if (holder != origin or self.kinds[holder].size > 1) and holdings.holds(places[holder], places[origin])
        }
        for position, speaker in enumerate(self.speakers, len(self.kinds)):
            place = holdings.outside.get(speaker)
            if place is not None:
                pairs |= {(index, position) for index in kinds if holdings.holds(places[index], place)}
                if holdings.owed:
                    pairs |= {(position, index) for index in kinds if holdings.holds(place, places[index])}
        return pairs

    def restarted(self, through: Passage) -> set[Pair]:
        """The pairs of nodes and speakers outside whose own session restarts: what it brings comes another way only
        where the filters of the cluster let it."""
        position = {speaker: index for index, speaker in enumerate(self.speakers, len(self.kinds))}
        return {
            (kind, position[speaker])
            for kind, by_outside in through.fates.items()
            for speaker, fate in by_outside.items()
            if fate is Fate.RESTARTED
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
