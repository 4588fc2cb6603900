"""Which class of nodes holds the routes of which other class: in one state, and while one state becomes another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

from rrplan.bgp.adjacency import NONE, Adjacency, Ends, Link, adjacency
from rrplan.bgp.announced import Announced, Layer, Passes
from rrplan.bgp.outside import Outside, Uplink, uplinks
from rrplan.bgp.peering import Rules, protocols
from rrplan.bgp.reflection import ORIGIN, Carries, Doubt, LinkGraph, Links, Propagation, SpeakerGroup, spread
from rrplan.bgp.refusals import may_be_refused
from rrplan.bgp.speaker import Family, Speaker


class Member(NamedTuple):
    """One node as it is before and after a step (twice the same where only one state is asked about)."""

    before: Speaker
    after: Speaker


ENOUGH = 3
"""No rule involves more than three nodes of one class, so counts above that change nothing."""

Pair = tuple[int, int]


class Touched(NamedTuple):
    """Sessions that a change does not leave alone: between pairs of node classes, and from classes to outside."""

    sessions: frozenset[Pair]
    uplinks: frozenset[tuple[int, Outside]]


@dataclass(frozen=True, slots=True)
class NodeClass:
    """Nodes that are alike before and alike after: two of them (or the only one) to ask, and how many, up to ENOUGH."""

    members: tuple[Member, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """The answer for one family, over indices of node classes, and of the speakers outside behind them.

    `present` are the classes that have the family at all, `mute` those without routes of their own or pods that need
    any: standalone reflectors. `outside` has the index of each speaker outside. Where BGPFilters treat pools
    differently, `others` are the answers for the other pools, and `pools` names those of this one; `owed` says whether
    nodes announce anything of them. The last of `others` tell where routes of a pool go that speakers outside announce.
    """

    family: Family
    graph: LinkGraph = field(hash=False)
    present: tuple[int, ...]
    propagations: Mapping[int, Propagation] = field(hash=False)
    mute: frozenset[int] = frozenset()
    outside: Mapping[Outside, int] = field(default_factory=dict, hash=False)
    others: tuple[Holdings, ...] = ()
    owed: bool = True
    pools: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[Holdings, ...]:
        """The answers of all layers, also where nothing is owed: sessions, and what speakers outside announce."""
        return self, *self.others

    @property
    def layers(self) -> tuple[Holdings, ...]:
        """The answers for all pools that are treated differently; none where nothing is owed."""
        return tuple(table for table in (self, *self.others) if table.owed)

    def holds(self, holder: int, origin: int) -> bool:
        """Whether every node of `holder` holds the routes of every (other) node of `origin`."""
        return origin in self.propagations and self.propagations[origin].reaches(holder)

    @property
    def joined(self) -> list[Pair]:
        """The pairs of node classes between whose nodes there are sessions, each both ways round."""
        beyond = set(self.outside.values())
        return [pair for pair in self.graph.links if beyond.isdisjoint(pair)]

    @property
    def speaking(self) -> list[int]:
        """The node classes that have routes of their own."""
        return [index for index in self.present if index not in self.mute]

    @property
    def missing(self) -> frozenset[Pair]:
        """Ordered pairs (holder, origin) of nodes without a route of some pool; (c, c): two different nodes of c."""
        pairs: set[Pair] = set()
        for layer in self.layers:
            for origin in layer.speaking:
                for holder in layer.speaking:
                    size = self.graph.groups[holder].count - (holder == origin)
                    if size > 0 and not layer.holds(holder, origin):
                        pairs.add((holder, origin))
        return frozenset(pairs)

    def delivered(self, sender: int, receiver: int, sizes: Sequence[int]) -> int:
        """How many nodes' routes one node of `sender` hands to one node of `receiver`, with these sizes of classes.

        Where pools are treated differently, as many as it hands on of each.
        """
        return min((layer._delivered(sender, receiver, sizes) for layer in self.layers), default=0)

    def _delivered(self, sender: int, receiver: int, sizes: Sequence[int]) -> int:
        total = 0
        for origin in self.speaking:
            given = self.propagations[origin].given
            if origin == sender:
                total += (ORIGIN, receiver) in given
            if (sender, receiver) in given:
                total += max(0, sizes[origin] - (origin == sender) - (origin == receiver))
        return total

    def withheld(self, sender: int, receiver: int) -> tuple[frozenset[int], bool]:
        """Whose routes a node of `sender` does not hand to one of `receiver`: whole classes, and whether also its own.

        Of its own class, those of the other members.
        """
        kept = {
            origin
            for layer in self.layers
            for origin in self.present
            if (sender, receiver) not in layer.propagations[origin].given
        }
        own = any((ORIGIN, receiver) not in layer.propagations[sender].given for layer in self.layers)
        return frozenset(kept if self.owed else self.present) | self.mute, own or sender in self.mute or not self.owed


@dataclass(frozen=True, slots=True)
class Converged:
    """Who holds what once the sessions of a state are up: for certain, and with doubt counted for a session."""

    certain: Holdings
    possible: Holdings


@dataclass(frozen=True, slots=True)
class Connections:
    """Everything that routes of one family may go over: what joins node classes, and what joins them to the outside.

    `outside` are the speakers outside to give an index to; None for those that `uplinks` name. With `touched` things
    are as they stand before a change, and every copy of a route that comes over a touched session is marked.
    """

    classes: Sequence[NodeClass]
    family: Family
    adjacencies: Mapping[Pair, Adjacency]
    uplinks: Mapping[int, Mapping[Outside, Uplink]]
    announced: Announced
    outside: Sequence[Outside] | None = None
    touched: Touched | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether it may matter how doubt counts."""
        # What a speaker outside hears is in doubt by itself: the best path may be one that is not handed on.
        doubtful = any(joined.in_doubt or len(joined.links) > 1 for joined in self.adjacencies.values())
        return doubtful or any(self.uplinks.values()) or self.filtered

    @property
    def filtered(self) -> bool:
        """Whether any session has BGPFilters."""
        uplinks = (uplink.links for by_speaker in self.uplinks.values() for uplink in by_speaker.values())
        sessions = chain((joined.links for joined in self.adjacencies.values()), uplinks)
        return any(link.own_filters or link.other_filters for links in sessions for link in links)

    def speakers(self) -> list[Speaker]:
        """One node of each class."""
        members = (node_class.members[0] for node_class in self.classes)
        return [member.before if self.touched else member.after for member in members]

    def places(self) -> dict[Outside, int]:
        """The index of each speaker outside, behind the node classes."""
        outside = self.outside
        if outside is None:
            outside = sorted({speaker for by_speaker in self.uplinks.values() for speaker in by_speaker})
        return {speaker: place for place, speaker in enumerate(outside, len(self.classes))}

    def graph(self, doubt: Doubt) -> LinkGraph:
        """What counts, with doubt counted so; every link carries everything."""
        places = self.places()
        groups = [
            SpeakerGroup(node_class.count, speaker.as_number, speaker.cluster_id, speaker.down)
            for node_class, speaker in zip(self.classes, self.speakers(), strict=True)
        ]
        groups += [SpeakerGroup(1, speaker.as_number, "", leaf=True, outside=True) for speaker in places]
        links: dict[Pair, Links] = {}
        for (here, there), joined in self.adjacencies.items():
            if joined.links and (joined.certain or doubt is Doubt.FOR):
                links[here, there] = joined.links
                links[there, here] = joined.reversed().links
        marked = set(self.touched.sessions) if self.touched else set()
        for index, by_speaker in self.uplinks.items():
            for speaker, uplink in by_speaker.items():
                if not uplink.certain and doubt is Doubt.AGAINST:
                    continue
                place = places[speaker]
                links[index, place] = uplink.links
                links[place, index] = tuple(link.reversed() for link in uplink.links)
                if self.touched and (index, speaker) in self.touched.uplinks:
                    marked |= {(index, place), (place, index)}
        return LinkGraph(tuple(groups), links, doubt, frozenset(marked))


def converged(
    rules: Rules,
    classes: Sequence[NodeClass],
    family: Family,
    *,
    without: frozenset[tuple[int, Outside]] = frozenset(),
) -> Converged:
    """Who holds what once the sessions of the state `after` are all up; `without` are uplinks not to count on."""
    up = {
        index: {
            outside: uplink
            for outside, uplink in uplinks(rules, node_class.members[0].after, family).items()
            if (index, outside) not in without
        }
        for index, node_class in enumerate(classes)
        if node_class.members[0].after.address(family)
    }
    joined = adjacencies(classes, family, lambda near, far: met(rules, near.after, far.after, family))
    connections = Connections(classes, family, joined, up, rules.announced)
    certain = propagated(connections, Doubt.AGAINST)
    return Converged(certain, propagated(connections, Doubt.FOR) if connections.in_doubt else certain)


def ends_of(rules: Rules, near: Speaker, far: Speaker, family: Family) -> Ends:
    """What the two nodes of a pair render towards each other."""
    return protocols(rules, near, far, family), protocols(rules, far, near, family)


def met(rules: Rules, near: Speaker, far: Speaker, family: Family) -> Adjacency:
    """What comes of the protocols of a pair."""
    here, there = ends_of(rules, near, far, family)
    joined = adjacency(near, here, far, there)
    if (
        joined.certain
        and joined.links
        and any(end.address(family) in rules.shared or may_be_refused(rules, end, family) for end in (near, far))
    ):
        # A node whose BIRD refuses its file keeps the sessions that it had: which these are is not known.
        return replace(joined, certain=False)
    return joined


def pairs_of(classes: Sequence[NodeClass], family: Family) -> list[tuple[Pair, tuple[Member, Member]]]:
    """Two different nodes for each two node classes, and for each class of more than one node."""
    present = [index for index, node_class in enumerate(classes) if node_class.members[0].after.address(family)]
    pairs = []
    for position, here in enumerate(present):
        for there in present[position:]:
            near, far = classes[here].members, classes[there].members
            if here != there:
                pairs.append(((here, there), (near[0], far[0])))
            elif len(near) > 1:
                pairs.append(((here, there), (near[0], near[1])))
    return pairs


def adjacencies(
    classes: Sequence[NodeClass], family: Family, ask: Callable[[Member, Member], Adjacency]
) -> dict[Pair, Adjacency]:
    """What comes of the protocols of every pair that renders any."""
    asked = ((pair, ask(*members)) for pair, members in pairs_of(classes, family))
    return {pair: joined for pair, joined in asked if joined is not NONE}


def propagated(connections: Connections, doubt: Doubt) -> Holdings:
    """Who holds what over what counts, for each layer of pools."""
    family, layers = connections.family, connections.announced.layers[connections.family]
    speakers, outside = connections.speakers(), connections.places()
    graph = connections.graph(doubt)
    neighbours = graph.neighbours()
    present = tuple(index for index, speaker in enumerate(speakers) if speaker.address(family))
    mute = frozenset(index for index in present if speakers[index].standalone)

    def spread_from(origins: Iterable[int], carries: Carries | None) -> Holdings:
        over = replace(graph, carries=carries)
        return Holdings(
            family, over, present, {origin: spread(over, origin, neighbours) for origin in origins}, mute, outside
        )

    if connections.filtered and layers:
        of_nodes = [spread_from(present, _carries(layer, doubt)) for layer in layers]
    else:
        # Without filters every pool is treated alike.
        of_nodes = [spread_from(present, None)] * max(1, len(layers))
    # What a speaker outside announces may be of no pool, and then no filter may have a say.
    of_outside = spread_from(outside.values(), None)
    of_pools = [
        of_outside if carries is None else spread_from(outside.values(), carries)
        for carries in _incoming(connections, doubt)
    ]
    first, *others = (
        replace(table, pools=layer.pools if layer else (), owed=layer is not None)
        for table, layer in zip(of_nodes, layers or [None], strict=True)
    )
    propagations = {**first.propagations, **of_outside.propagations}
    return replace(
        first, propagations=propagations, others=(*others, *(replace(table, owed=False) for table in of_pools))
    )


def _incoming(connections: Connections, doubt: Doubt) -> list[Carries | None]:
    """How sessions carry what speakers outside announce of pools, for each layer of it; None: all of it."""
    layers = connections.announced.incoming[connections.family]
    return [_carries(layer, doubt) if connections.filtered or layer.beyond is not None else None for layer in layers]


def _carries(layer: Layer, doubt: Doubt) -> Carries:
    enough = (Passes.YES,) if doubt is Doubt.AGAINST else (Passes.YES, Passes.UNKNOWN)
    known: dict[tuple[Link, bool], bool] = {}

    def carries(link: Link, learned: bool) -> bool:
        if (link, learned) not in known:
            known[link, learned] = layer.passes(link.own_filters, link.other_filters, learned=learned) in enough
        return known[link, learned]

    return carries
