"""Who holds whose routes: BGP propagation between classes of equal speakers.

RFC 4456 reflection as BIRD 1.6 does it (`proto/bgp/attrs.c` bgp_import_control and bgp_cluster_list_loopy,
calico/bird v0.3.3; the rule was fitted to 20 laboratory topologies and held in 12 more), with `add paths`, so
every path counts and not only the best one. Speakers that are alike form one class with a count; by symmetry
every node of a class holds the same copies, so the work grows with classes and not with nodes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from rrplan.bgp.adjacency import Link

NOTHING: frozenset[str] = frozenset()
NO_AS: frozenset[int] = frozenset()
OCCURRENCE = 1 << 32
"""Beyond all AS numbers: what is added to one for each time that it stands in a path already."""


def crossed(systems: frozenset[int], as_number: int) -> frozenset[int]:
    """A path with one more AS number; each time that it occurs is a number of its own, so that paths are sets."""
    while as_number in systems:
        as_number += OCCURRENCE
    return systems | {as_number}


def looped(systems: frozenset[int], as_number: int, allowed: int) -> bool:
    """Whether a speaker refuses a path: its AS number stands there more often than it allows.

    BIRD 1.6 `proto/bgp/attrs.c` bgp_as_path_loopy, with `allow local as N`.
    """
    return as_number + allowed * OCCURRENCE in systems


@dataclass(frozen=True, slots=True)
class SpeakerGroup:
    """`count` speakers with the same AS number, cluster ID ("" for none) and links.

    A `leaf` passes nothing on: a node that is down, or a speaker outside the cluster.
    """

    count: int
    as_number: int
    cluster_id: str
    leaf: bool = False


class Doubt(StrEnum):
    """How sessions count of which it is not known whether, or as which of several, they are up."""

    FOR = "for"
    """As up: whatever may be held."""
    AGAINST = "against"
    """A session counts if it is up for certain, and passes on what it would pass on whichever it is."""


Carries = Callable[[Link, bool], bool]
"""Whether a link lets routes through: the own ones of the sender, or (True) those that it learned."""

Links = tuple[Link, ...]
"""What the one session between two speakers may be."""


@dataclass(frozen=True, slots=True)
class LinkGraph:
    """Groups and the links between them; `links[a, b]` is seen from a, `links[a, a]` joins members of one group.

    `marked` links leave a mark on every copy of a route that comes over them. Without `carries` every link lets
    everything through.
    """

    groups: tuple[SpeakerGroup, ...]
    links: Mapping[tuple[int, int], Links] = field(hash=False)
    doubt: Doubt = Doubt.AGAINST
    marked: frozenset[tuple[int, int]] = frozenset()
    carries: Carries | None = field(default=None, hash=False, compare=False)

    def neighbours(self) -> Neighbours:
        """For every group, whom it has links to."""
        table = Neighbours([[] for _ in self.groups], [[] for _ in self.groups], [[] for _ in self.groups])
        for (here, there), links in self.links.items():
            table.linked[here].append((there, links))
            external = not all(link.internal for link in links)
            if external:
                table.external[here].append((there, links))
            if external or any(link.own_client for link in links):
                table.served[here].append((there, links))
        return table


Linked = list[list[tuple[int, Links]]]
"""For every group the groups that it has links to, and these."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Whom every group has links to: all of them, those over an AS border, and those or clients."""

    linked: Linked
    external: Linked
    served: Linked

    def hearing(self, group: SpeakerGroup, holder: int, learned: Learned) -> list[tuple[int, Links]]:
        """Those that a route may be passed on to: what came from an iBGP peer goes to clients or over a border alone.

        A speaker without cluster ID has no clients (RFC 4456 section 6).
        """
        if learned is Learned.EXTERNAL:
            return self.linked[holder]
        if not group.cluster_id:
            return self.external[holder]
        return self.linked[holder] if learned is Learned.CLIENT else self.served[holder]


class Learned(StrEnum):
    """How a speaker came to a route (RFC 4456 section 6)."""

    CLIENT = "client"
    PEER = "peer"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Copy:
    """A route of the origin as one group holds it: from whom, how, and what it went through.

    `sender` is a group index, or ORIGIN. `systems` is a path as `crossed` makes it. `before` is the copy that the
    sender held (None at the first hop).
    """

    sender: int
    learned: Learned
    clusters: frozenset[str]
    systems: frozenset[int]
    before: Copy | None = field(compare=False)
    marked: bool = False


ORIGIN = -1


class Stop(StrEnum):
    """Why a speaker does not pass a route on."""

    NOT_REFLECTED = "not-reflected"
    """Plain iBGP: a route from one iBGP peer is passed to another only by a reflector, from or to a client."""
    CLUSTER_LOOP = "cluster-loop"
    """The route already went through this cluster ID."""
    AS_LOOP = "as-loop"
    """The route already went through this AS."""
    FILTERED = "filtered"
    """A BGPFilter of the session rejects the route, or may."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Where the routes of one node end up, for people: the first copies are those that took the shortest ways.

    `copies[g]` are those that the (other) members of g hold, without those that nobody needs. `stops` are the (sender,
    receiver) pairs over which some copy is not passed on, with the first reason.
    """

    copies: Mapping[int, tuple[Copy, ...]]
    stops: Mapping[tuple[int, int], Stop]


class Part(NamedTuple):
    """`size` members of a group that differ from the others in one respect alone: how they hear of the origin."""

    group: int
    size: int


class Entry(NamedTuple):
    """What one part gets from the origin: over `links`, seen from there, which leave a mark or do not."""

    part: int
    links: Links
    marked: bool


def trace(graph: LinkGraph, origin: int) -> Trace:
    """Propagate the routes of one node of group `origin` until nothing changes."""
    return _Spreading(graph, origin).run()


class _Spreading:
    """Copies on their way from one origin, in the order in which they arrive; for people, who also ask for reasons."""

    def __init__(self, graph: LinkGraph, origin: int) -> None:
        self.graph = graph
        self.origin = origin
        self.rest = [group.count - (index == origin) for index, group in enumerate(graph.groups)]
        self.copies: dict[int, list[Copy]] = {}
        self.reasons: dict[tuple[int, int], Stop] = {}
        self.queue: deque[tuple[int, Copy]] = deque()

    def run(self) -> Trace:
        """Hand the routes of the origin to its neighbours, and on from there until nothing changes."""
        graph, groups, rest, linked = self.graph, self.graph.groups, self.rest, self.graph.neighbours().linked
        for receiver, links in linked[self.origin]:
            if rest[receiver] > 0:
                passed = [first_copy(graph, groups[self.origin], groups[receiver], link) for link in links]
                marked = (self.origin, receiver) in graph.marked
                self._take(self.origin, receiver, copies_over(graph, passed, marked=marked))
        while self.queue:
            holder, copy = self.queue.popleft()
            if groups[holder].leaf or not any(copy is held for held in self.copies[holder]):
                continue
            for receiver, links in linked[holder]:
                # Holder, the one it learned from, and the receiver are three different nodes.
                if rest[receiver] < 1 + (receiver == holder) + (receiver == copy.sender):
                    continue
                passed = [passes(graph, groups[holder], groups[receiver], holder, link, copy) for link in links]
                marked = copy.marked or (holder, receiver) in graph.marked
                self._take(holder, receiver, copies_over(graph, passed, marked=marked))
        return Trace({group: tuple(copies) for group, copies in self.copies.items() if copies}, self.reasons)

    def _take(self, sender: int, receiver: int, outcomes: Iterable[Copy | Stop]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Stop):
                self.reasons.setdefault((sender, receiver), outcome)
                continue
            held = self.copies.setdefault(receiver, [])
            if not _unneeded(outcome, held, self.rest, receiver):
                held[:] = [other for other in held if not _dominates(outcome, other)]
                held.append(outcome)
                self.queue.append((receiver, outcome))


def handed_out(
    graph: LinkGraph, holder: int, copies: Sequence[Copy], ways: Links, outside: SpeakerGroup, *, marked: bool
) -> tuple[bool, bool]:
    """Whether a speaker outside hears of the origin from one that holds these copies, and whether with a mark.

    It may not negotiate `add paths`, and then hears the best path alone: in doubt that one must be handed on.
    """
    own = graph.groups[holder]
    if own.leaf:
        return False, False
    outcomes = [
        outcome
        for copy in copies
        for outcome in copies_over(
            graph,
            [passes(graph, own, outside, holder, way, copy) for way in ways],
            marked=marked or copy.marked,
        )
        if isinstance(outcome, Copy)
    ]
    if graph.doubt is Doubt.AGAINST:
        first = min(map(_preference, copies), default=None)
        best = [copy for copy in copies if _preference(copy) == first]
        if not all(isinstance(passes(graph, own, outside, holder, way, copy), Copy) for way in ways for copy in best):
            return False, False
    return bool(outcomes), any(outcome.marked for outcome in outcomes)


def announced_to(graph: LinkGraph, home: int, ways: Links, outside: SpeakerGroup, *, marked: bool) -> tuple[bool, bool]:
    """Whether a speaker outside hears of a node from that node itself, and whether with a mark."""
    passed = [first_copy(graph, graph.groups[home], outside, way) for way in ways]
    outcomes = [outcome for outcome in copies_over(graph, passed, marked=marked) if isinstance(outcome, Copy)]
    return bool(outcomes), any(outcome.marked for outcome in outcomes)


def _preference(copy: Copy) -> tuple[int, bool, int]:
    """What decides first about the best path, the least being the best (BIRD 1.6, `bgp_rte_better`).

    A shorter AS path, eBGP before iBGP, then the router ID of the originator, which is the same for all copies of a
    route of the own AS, and a shorter cluster list. Among copies that are equal here, any may be the best one.
    """
    inside = not copy.systems
    return len(copy.systems), copy.learned is not Learned.EXTERNAL, len(copy.clusters) if inside else 0


def copies_over(graph: LinkGraph, passed: Sequence[Copy | Stop], *, marked: bool) -> Sequence[Copy | Stop]:
    """What comes over a link that may be one of several: all of it, or only what comes over each of them."""
    if len(passed) == 1 and not marked:
        return passed
    outcomes = [
        replace(outcome, marked=True) if marked and isinstance(outcome, Copy) else outcome for outcome in passed
    ]
    if len(outcomes) == 1 or graph.doubt is Doubt.FOR:
        return outcomes
    stop = next((outcome for outcome in outcomes if isinstance(outcome, Stop)), None)
    if stop is not None:
        return [stop]
    copies = [outcome for outcome in outcomes if isinstance(outcome, Copy)]
    kinds = {copy.learned for copy in copies}
    # What was learned from a plain iBGP peer is passed on least.
    learned = kinds.pop() if len(kinds) == 1 else Learned.PEER
    clusters = frozenset[str]().union(*(copy.clusters for copy in copies))
    systems = frozenset[int]().union(*(copy.systems for copy in copies))
    return [replace(copies[0], learned=learned, clusters=clusters, systems=systems)]


def first_copy(graph: LinkGraph, home: SpeakerGroup, receiver: SpeakerGroup, link: Link) -> Copy | Stop:
    """What a neighbour of the origin gets."""
    if graph.carries and not graph.carries(link, False):
        return Stop.FILTERED
    if link.internal:
        return Copy(ORIGIN, _learned(link), NOTHING, NO_AS, None)
    systems = crossed(NO_AS, home.as_number)
    if looped(systems, receiver.as_number, link.other_allowed):
        return Stop.AS_LOOP
    return Copy(ORIGIN, Learned.EXTERNAL, NOTHING, systems, None)


def _learned(link: Link) -> Learned:
    """How the far end of `link` files what comes over it."""
    if not link.internal:
        return Learned.EXTERNAL
    return Learned.CLIENT if link.other_client else Learned.PEER


def passes(
    graph: LinkGraph, own: SpeakerGroup, other: SpeakerGroup, holder: int, link: Link, copy: Copy
) -> Copy | Stop:
    """What `other` gets of a copy that `own` holds, over a link seen from `own`."""
    if graph.carries and not graph.carries(link, True):
        return Stop.FILTERED
    if not link.internal:
        systems = crossed(copy.systems, own.as_number)
        if looped(systems, other.as_number, link.other_allowed):
            return Stop.AS_LOOP
        # ORIGINATOR_ID and CLUSTER_LIST are non-transitive: they end at the AS border (RFC 4456 section 8).
        return Copy(holder, Learned.EXTERNAL, NOTHING, systems, copy)
    if looped(copy.systems, other.as_number, link.other_allowed):
        return Stop.AS_LOOP
    if copy.learned is Learned.EXTERNAL:
        return Copy(holder, _learned(link), NOTHING, copy.systems, copy)
    if not own.cluster_id or not (copy.learned is Learned.CLIENT or link.own_client):
        return Stop.NOT_REFLECTED
    # BIRD looks for its own ID only on sessions with `rr client`: before sending, and on receiving.
    if link.own_client and own.cluster_id in copy.clusters:
        return Stop.CLUSTER_LOOP
    clusters = copy.clusters | {own.cluster_id}
    if link.other_client and other.cluster_id in clusters:
        return Stop.CLUSTER_LOOP
    return Copy(holder, _learned(link), clusters, copy.systems, copy)


def _unneeded(copy: Copy, held: Sequence[Copy], rest: Sequence[int], holder: int) -> bool:
    """Whether what is held can go everywhere that `copy` can.

    A copy is not sent back to where it came from: so one from the same sender is as good, one from a sender that is
    not the only one of its kind, or two from two others: one of these two is not from whoever is to get it.
    """
    another: int | None = None
    for other in held:
        if not goes_further(other, copy):
            continue
        sender = other.sender
        if sender in (copy.sender, ORIGIN) or rest[sender] >= 2 + (sender == holder):
            return True
        if another not in (None, sender):
            return True
        another = sender
    return False


def _dominates(copy: Copy, other: Copy) -> bool:
    """Whether `copy` can go everywhere that `other` can: same sender and kind, through less, with its mark."""
    return copy.sender == other.sender and goes_further(copy, other)


def goes_further(copy: Copy, other: Copy) -> bool:
    """Whether `copy` can be passed on wherever `other` can, but for who sent it."""
    return (
        copy.learned is other.learned
        and copy.clusters <= other.clusters
        and copy.systems <= other.systems
        and (copy.marked or not other.marked)
    )
