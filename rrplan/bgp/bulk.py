"""The same propagation as in `reflection`, for all receivers that one copy goes to at once.

Speakers that get the same copy are bits of one number. The same copies come of it; only the
order in which they arrive is another one, so ways that are shown to people are taken from `reflection`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from rrplan.bgp.reflection import (
    OCCURRENCE,
    ORIGIN,
    Copy,
    Entry,
    Learned,
    LinkGraph,
    Links,
    Neighbours,
    Part,
    SpeakerGroup,
    Stop,
    copies_over,
    crossed,
    first_copy,
    goes_further,
    passes,
)

K = TypeVar("K")


def bits(mask: int) -> Iterator[int]:
    """The places of the bits that are set, the lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


@dataclass(slots=True)
class Batch:
    """A copy and the parts that hold it."""

    copy: Copy
    holders: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Who holds copies of the routes of one origin, and who gave them to whom; ORIGIN is a giver too."""

    batches: tuple[Batch, ...]
    reached: int
    receivers: Mapping[int, int] = field(default_factory=dict)

    def reaches(self, part: int) -> bool:
        """Whether the members of that part hold the route."""
        return bool(self.reached >> part & 1)

    def copies(self, part: int) -> list[Copy]:
        """The copies that they hold."""
        return [batch.copy for batch in self.batches if batch.holders >> part & 1]

    def gave(self, sender: int, receiver: int) -> bool:
        """Whether something was passed on from one to the other."""
        return bool(self.receivers.get(sender, 0) >> receiver & 1)


@dataclass(frozen=True, slots=True)
class Outlet:
    """Links that are alike from one group to others, as bits."""

    links: Links
    marked: bool
    receivers: int


class Bulk:
    """A graph prepared for many origins."""

    def __init__(self, graph: LinkGraph, table: Neighbours) -> None:
        self.graph = graph
        self.outlets = {
            kind: [self._outlets(graph, table, here, kind) for here in range(len(graph.groups))] for kind in Learned
        }
        self.entries = [self._outlets(graph, table, here, Learned.EXTERNAL) for here in range(len(graph.groups))]
        self.passing = {
            kind: sum(1 << here for here, outlets in enumerate(by_group) if outlets and not graph.groups[here].leaf)
            for kind, by_group in self.outlets.items()
        }
        self.of_system: dict[int, int] = {}
        self.of_cluster: dict[str, int] = {}
        for index, group in enumerate(graph.groups):
            self.of_system[group.as_number] = self.of_system.get(group.as_number, 0) | 1 << index
            self.of_cluster[group.cluster_id] = self.of_cluster.get(group.cluster_id, 0) | 1 << index

    @staticmethod
    def _outlets(graph: LinkGraph, table: Neighbours, here: int, kind: Learned) -> list[Outlet]:
        masks: dict[tuple[Links, bool], int] = {}
        for there, links in table.hearing(graph.groups[here], here, kind):
            key = links, (here, there) in graph.marked
            masks[key] = masks.get(key, 0) | 1 << there
        return [Outlet(links, marked, mask) for (links, marked), mask in masks.items()]

    def from_group(self, origin: int) -> Spread:
        """Propagate the routes of one node of a group."""
        graph = self.graph
        rest = [group.count - (index == origin) for index, group in enumerate(graph.groups)]
        spreading = _Spreading(self, rest, ())
        home = graph.groups[origin]
        for outlet in self.entries[origin]:
            spreading.enter(home, outlet.links, outlet.receivers, marked=outlet.marked)
        return spreading.run()

    def from_outside(self, outside: SpeakerGroup, parts: Sequence[Part], entries: Iterable[Entry]) -> Spread:
        """Propagate what a speaker outside announces; the first parts are the groups, the others taken from these."""
        groups = len(self.graph.groups)
        spreading = _Spreading(self, [part.size for part in parts], [part.group for part in parts[groups:]])
        for entry in entries:
            spreading.enter(outside, entry.links, 1 << entry.part, marked=entry.marked)
        return spreading.run()


class _Spreading:
    """Copies on their way from one origin."""

    def __init__(self, bulk: Bulk, rest: Sequence[int], taken: Sequence[int]) -> None:
        self.bulk = bulk
        self.groups = len(bulk.graph.groups)
        self.rest = rest
        self.taken = taken
        self.alive = sum(1 << part for part, count in enumerate(rest) if count > 0)
        self.by_kind: dict[Learned, list[Batch]] = {kind: [] for kind in Learned}
        self.receivers: dict[int, int] = {}
        self.queue: deque[Batch] = deque()
        self.batches: list[Batch] = []

    def group(self, part: int) -> int:
        return part if part < self.groups else self.taken[part - self.groups]

    def spreading_over(self, groups: int) -> int:
        """The parts of groups, as bits."""
        for place, group in enumerate(self.taken, self.groups):
            if groups >> group & 1:
                groups |= 1 << place
        return groups

    def enter(self, home: SpeakerGroup, links: Links, receivers: int, *, marked: bool) -> None:
        """Hand the routes of the origin to its neighbours."""
        graph = self.bulk.graph
        # What the origin tells depends on whether the receiver is in its AS, and on nothing else of the receiver.
        inside = self.spreading_over(self.bulk.of_system.get(home.as_number, 0))
        for mask in (receivers & self.alive & inside, receivers & self.alive & ~inside):
            if not mask:
                continue
            receiver = graph.groups[self.group((mask & -mask).bit_length() - 1)]
            passed = [first_copy(graph, home, receiver, link) for link in links]
            for outcome in copies_over(graph, passed, marked=marked):
                if not isinstance(outcome, Stop):
                    self.deliver(ORIGIN, outcome, mask)

    def run(self) -> Spread:
        """Pass copies on until nothing changes."""
        bulk = self.bulk
        passing = {kind: self.spreading_over(mask) for kind, mask in bulk.passing.items()}
        while self.queue:
            batch = self.queue.popleft()
            copy = batch.copy
            for holder in bits(batch.holders & passing[copy.learned]):
                here = self.group(holder)
                for outlet in bulk.outlets[copy.learned][here]:
                    receivers = outlet.receivers if not self.taken else self.spreading_over(outlet.receivers)
                    receivers &= self.alive
                    # Holder, the one it learned from, and the receiver are three different nodes.
                    if self.rest[holder] < 2 + (copy.sender == holder):
                        receivers &= ~(1 << holder)
                    if copy.sender not in (ORIGIN, holder) and self.rest[copy.sender] < 2:
                        receivers &= ~(1 << copy.sender)
                    if receivers:
                        self.pass_on(holder, here, copy, outlet, receivers)
        reached = 0
        for batch in self.batches:
            reached |= batch.holders
        return Spread(tuple(self.batches), reached, self.receivers)

    def pass_on(self, holder: int, here: int, copy: Copy, outlet: Outlet, receivers: int) -> None:
        """Give a copy to all who may have it; those in the same AS and cluster get the same."""
        graph = self.bulk.graph
        own = graph.groups[here]
        marked = outlet.marked or copy.marked
        if len(outlet.links) == 1:
            link = outlet.links[0]
            # What a receiver refuses is told by its AS number and cluster ID: the others are all alike.
            systems = copy.systems if link.internal else crossed(copy.systems, own.as_number)
            spared = link.other_allowed * OCCURRENCE
            barred = self._of(self.bulk.of_system, (number - spared for number in systems))
            if link.internal and link.other_client and copy.learned is not Learned.EXTERNAL:
                barred |= self._of(self.bulk.of_cluster, copy.clusters) | self.bulk.of_cluster[own.cluster_id]
            receivers &= ~(self.spreading_over(barred) if self.taken else barred)
            alike = [receivers] if receivers else []
        else:
            alike = [1 << receiver for receiver in bits(receivers)]
        for mask in alike:
            other = graph.groups[self.group((mask & -mask).bit_length() - 1)]
            passed = [passes(graph, own, other, holder, link, copy) for link in outlet.links]
            for outcome in copies_over(graph, passed, marked=marked):
                if not isinstance(outcome, Stop):
                    self.deliver(holder, outcome, mask)

    @staticmethod
    def _of(masks: Mapping[K, int], keys: Iterable[K]) -> int:
        mask = 0
        for key in keys:
            mask |= masks.get(key, 0)
        return mask

    def deliver(self, sender: int, copy: Copy, receivers: int) -> None:
        """Keep a copy where it can go anywhere that those that are there cannot."""
        self.receivers[sender] = self.receivers.get(sender, 0) | receivers
        batches = self.by_kind[copy.learned]
        seen: dict[int, int] = {}
        for batch in batches:
            overlap = batch.holders & receivers
            if not overlap or not goes_further(batch.copy, copy):
                continue
            other = batch.copy.sender
            if other in (sender, ORIGIN) or self.rest[other] >= 3:
                receivers &= ~overlap
            else:
                if self.rest[other] == 2:
                    # Not the only one of its kind, but for its own kind.
                    receivers &= ~(overlap & ~(1 << other))
                    overlap &= 1 << other
                for before, mask in seen.items():
                    if before != other:
                        receivers &= ~(overlap & mask)
                seen[other] = seen.get(other, 0) | overlap
            if not receivers:
                return
        for batch in batches:
            if batch.copy.sender == sender and batch.holders & receivers and goes_further(copy, batch.copy):
                batch.holders &= ~receivers
        batch = Batch(copy, receivers)
        batches.append(batch)
        self.batches.append(batch)
        self.queue.append(batch)
