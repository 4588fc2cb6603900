"""Who holds whose routes: BGP propagation between classes of equal speakers.

RFC 4456 reflection as BIRD 1.6 does it (`proto/bgp/attrs.c` bgp_import_control and bgp_cluster_list_loopy,
calico/bird v0.3.3; the rule was fitted to 20 laboratory topologies and held in 12 more), with `add paths`, so
every path counts and not only the best one. Speakers that are alike form one class with a count; by symmetry
every node of a class holds the same copies, so the work grows with classes and not with nodes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rrplan.bgp.adjacency import Link

NOTHING: frozenset[str] = frozenset()
NO_AS: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SpeakerGroup:
    """`count` speakers with the same AS number, cluster ID ("" for none) and links.

    A `leaf` passes nothing on: a node that is down, or a speaker outside the cluster. One that is `outside` may not
    negotiate `add paths`, and then hears the best path alone.
    """

    count: int
    as_number: int
    cluster_id: str
    leaf: bool = False
    outside: bool = False


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

    def neighbours(self) -> list[list[tuple[int, Links]]]:
        """For every group, whom it has links to."""
        table: list[list[tuple[int, Links]]] = [[] for _ in self.groups]
        for (here, there), links in self.links.items():
            table[here].append((there, links))
        return table


class Learned(StrEnum):
    """How a speaker came to a route (RFC 4456 section 6)."""

    CLIENT = "client"
    PEER = "peer"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Copy:
    """A route of the origin as one group holds it: from whom, how, and what it went through.

    `sender` is a group index, or ORIGIN. `before` is the copy that the sender held (None at the first hop).
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
class Propagation:
    """Where the routes of one node of group `origin` end up.

    `copies[g]` are those that the (other) members of g hold. `given` are the (sender, receiver) pairs over
    which something was passed on, `stops` the pairs over which nothing was, with the first reason.
    """

    origin: int
    copies: Mapping[int, tuple[Copy, ...]]
    given: frozenset[tuple[int, int]]
    stops: Mapping[tuple[int, int], Stop]

    def reaches(self, group: int) -> bool:
        """Whether the members of that group hold the route."""
        return bool(self.copies.get(group))


def spread(
    graph: LinkGraph, origin: int, neighbours: Sequence[Sequence[tuple[int, Links]]] | None = None
) -> Propagation:
    """Propagate the routes of one node of group `origin` until nothing changes."""
    table = graph.neighbours() if neighbours is None else neighbours
    rest = [group.count - (index == origin) for index, group in enumerate(graph.groups)]
    copies: dict[int, list[Copy]] = {}
    given: set[tuple[int, int]] = set()
    stops: dict[tuple[int, int], Stop] = {}
    queue: deque[tuple[int, Copy]] = deque()

    def deliver(sender: int, receiver: int, copy: Copy) -> None:
        given.add((sender, receiver))
        held = copies.setdefault(receiver, [])
        if not any(_dominates(other, copy) for other in held):
            held[:] = [other for other in held if not _dominates(copy, other)]
            held.append(copy)
            queue.append((receiver, copy))

    for receiver, links in table[origin]:
        if rest[receiver] > 0:
            for copy in _copies(graph, [_first(graph, origin, receiver, link) for link in links], (origin, receiver)):
                if isinstance(copy, Copy):
                    deliver(ORIGIN, receiver, copy)
                else:
                    stops.setdefault((origin, receiver), copy)
    while queue:
        holder, copy = queue.popleft()
        if graph.groups[holder].leaf or copy not in copies[holder]:
            continue
        for receiver, links in table[holder]:
            # Holder, the one it learned from, and the receiver are three different nodes.
            needed = 1 + (receiver == holder) + (receiver == copy.sender)
            if rest[receiver] < needed:
                continue
            passed = [_pass(graph, holder, receiver, link, copy) for link in links]
            for outcome in _copies(graph, passed, (holder, receiver), copy):
                if isinstance(outcome, Stop):
                    stops.setdefault((holder, receiver), outcome)
                else:
                    deliver(holder, receiver, outcome)
    if graph.doubt is Doubt.AGAINST:
        _keep_the_best(graph, table, copies, given)
    return Propagation(origin, {group: tuple(held) for group, held in copies.items() if held}, frozenset(given), stops)


def _keep_the_best(
    graph: LinkGraph,
    table: Sequence[Sequence[tuple[int, Links]]],
    copies: Mapping[int, list[Copy]],
    given: set[tuple[int, int]],
) -> None:
    """Take back what an outside speaker does not hear for certain, because the best path may not be handed on."""
    for receiver, group in enumerate(graph.groups):
        if not group.outside:
            continue
        for holder, links in table[receiver]:
            ways = [link.reversed() for link in links]
            held = copies.get(holder, [])
            first = min(map(_preference, held), default=None)
            held = [copy for copy in held if _preference(copy) == first]
            if all(isinstance(_pass(graph, holder, receiver, way, copy), Copy) for way in ways for copy in held):
                continue
            given.discard((holder, receiver))
            kept = copies.get(receiver)
            if kept:
                kept[:] = [copy for copy in kept if copy.sender != holder]


def _preference(copy: Copy) -> tuple[int, bool, int]:
    """What decides first about the best path, the least being the best (BIRD 1.6, `bgp_rte_better`).

    A shorter AS path, eBGP before iBGP, then the router ID of the originator, which is the same for all copies of a
    route of the own AS, and a shorter cluster list. Among copies that are equal here, any may be the best one.
    """
    inside = not copy.systems
    return len(copy.systems), copy.learned is not Learned.EXTERNAL, len(copy.clusters) if inside else 0


def _copies(
    graph: LinkGraph, passed: Sequence[Copy | Stop], way: tuple[int, int], before: Copy | None = None
) -> Sequence[Copy | Stop]:
    """What comes over a link that may be one of several: all of it, or only what comes over each of them."""
    if len(passed) == 1 and not graph.marked:
        return passed
    marked = way in graph.marked or (before is not None and before.marked)
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


def _first(graph: LinkGraph, origin: int, receiver: int, link: Link) -> Copy | Stop:
    """What a neighbour of the origin gets."""
    home = graph.groups[origin]
    if graph.carries and not graph.carries(link, False):
        return Stop.FILTERED
    if link.internal:
        return Copy(ORIGIN, _learned(link), NOTHING, NO_AS, None)
    if home.as_number == graph.groups[receiver].as_number:
        return Stop.AS_LOOP
    return Copy(ORIGIN, Learned.EXTERNAL, NOTHING, frozenset([home.as_number]), None)


def _learned(link: Link) -> Learned:
    """How the far end of `link` files what comes over it."""
    if not link.internal:
        return Learned.EXTERNAL
    return Learned.CLIENT if link.other_client else Learned.PEER


def _pass(graph: LinkGraph, holder: int, receiver: int, link: Link, copy: Copy) -> Copy | Stop:
    own, other = graph.groups[holder], graph.groups[receiver]
    if graph.carries and not graph.carries(link, True):
        return Stop.FILTERED
    if not link.internal:
        systems = copy.systems | {own.as_number}
        if other.as_number in systems:
            return Stop.AS_LOOP
        # ORIGINATOR_ID and CLUSTER_LIST are non-transitive: they end at the AS border (RFC 4456 section 8).
        return Copy(holder, Learned.EXTERNAL, NOTHING, systems, copy)
    if other.as_number in copy.systems:
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


def _dominates(copy: Copy, other: Copy) -> bool:
    """Whether `copy` can go everywhere that `other` can: same sender and kind, through less, with its mark."""
    return (
        copy.sender == other.sender
        and copy.learned is other.learned
        and copy.clusters <= other.clusters
        and copy.systems <= other.systems
        and (copy.marked or not other.marked)
    )
