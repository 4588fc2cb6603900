"""Which class of nodes holds the routes of which other class: in one state, and while one state becomes another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rrplan.bgp.adjacency import NONE, Adjacency, Ends, Link, adjacency
from rrplan.bgp.announced import Announced, Layer, Passes
from rrplan.bgp.outside import Outside, Uplink, uplinks
from rrplan.bgp.peering import Rules, protocols
from rrplan.bgp.reflection import ORIGIN, Doubt, Group, LinkGraph, Links, Propagation, spread
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
        found: set[Pair] = set()
        for layer in self.layers:
            for origin in layer.speaking:
                for holder in layer.speaking:
                    size = self.graph.groups[holder].count - (holder == origin)
                    if size > 0 and not layer.holds(holder, origin):
                        found.add((holder, origin))
        return frozenset(found)

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


def converged(
    rules: Rules,
    classes: Sequence[NodeClass],
    family: Family,
    *,
    without: frozenset[tuple[int, Outside]] = frozenset(),
) -> Converged:
    """Who holds what once the sessions of the state `after` are all up; `without` are uplinks not to count on."""
    found = adjacencies(classes, family, lambda one, other: met(rules, one.after, other.after, family))
    up = {
        index: {
            outside: uplink
            for outside, uplink in uplinks(rules, node_class.members[0].after, family).items()
            if (index, outside) not in without
        }
        for index, node_class in enumerate(classes)
        if node_class.members[0].after.address(family)
    }
    certain = propagated(classes, family, found, up, Doubt.AGAINST, rules.announced)
    # What a speaker outside hears is in doubt by itself: the best path may be one that is not handed on.
    doubtful = any(up.values()) or any(one.in_doubt or len(one.links) > 1 or _filtered(one) for one in found.values())
    return Converged(
        certain, propagated(classes, family, found, up, Doubt.FOR, rules.announced) if doubtful else certain
    )


def _filtered(one: Adjacency) -> bool:
    return any(link.own_filters or link.other_filters for link in one.links)


def ends_of(rules: Rules, one: Speaker, other: Speaker, family: Family) -> Ends:
    """What the two nodes of a pair render towards each other."""
    return protocols(rules, one, other, family), protocols(rules, other, one, family)


def met(rules: Rules, one: Speaker, other: Speaker, family: Family) -> Adjacency:
    """What comes of the protocols of a pair."""
    here, there = ends_of(rules, one, other, family)
    found = adjacency(one, here, other, there)
    if (
        found.certain
        and found.links
        and any(end.address(family) in rules.shared or may_be_refused(rules, end, family) for end in (one, other))
    ):
        # A node whose BIRD refuses its file keeps the sessions that it had: which these are is not known.
        return replace(found, certain=False)
    return found


def pairs_of(classes: Sequence[NodeClass], family: Family) -> list[tuple[Pair, tuple[Member, Member]]]:
    """Two different nodes for each two node classes, and for each class of more than one node."""
    present = _present(classes, family)
    found = []
    for position, here in enumerate(present):
        for there in present[position:]:
            one, other = classes[here], classes[there]
            if here != there:
                found.append(((here, there), (one.members[0], other.members[0])))
            elif len(one.members) > 1:
                found.append(((here, there), (one.members[0], one.members[1])))
    return found


def _present(classes: Sequence[NodeClass], family: Family) -> tuple[int, ...]:
    return tuple(index for index, node_class in enumerate(classes) if node_class.members[0].after.address(family))


def adjacencies(
    classes: Sequence[NodeClass], family: Family, ask: Callable[[Member, Member], Adjacency]
) -> dict[Pair, Adjacency]:
    """What comes of the protocols of every pair that renders any."""
    found = {}
    for pair, members in pairs_of(classes, family):
        one = ask(*members)
        if one is not NONE:
            found[pair] = one
    return found


def propagated(
    classes: Sequence[NodeClass],
    family: Family,
    found: Mapping[Pair, Adjacency],
    up: Mapping[int, Mapping[Outside, Uplink]],
    doubt: Doubt,
    announced: Announced,
    speakers_outside: Sequence[Outside] | None = None,
    marks: Touched | None = None,
) -> Holdings:
    """Propagate over what counts, for each layer of pools; with `marks`, as things stand before a change."""
    layers = announced.layers[family]
    filtered = any(one.own_filters or one.other_filters for told in found.values() for one in told.links) or any(
        link.own_filters for told in up.values() for uplink in told.values() for link in uplink.links
    )
    ways = [_carries(layer, doubt) for layer in layers] if filtered and layers else [None]
    first, *others = (
        replace(_layer(classes, family, found, up, doubt, way, speakers_outside, marks), owed=bool(layers))
        for way in ways
    )
    # Without filters every pool is treated alike.
    others += [first] * (len(layers) - len(ways))
    named = [replace(one, pools=layer.pools) for one, layer in zip([first, *others], layers, strict=False)] or [first]
    heard = [_heard(first, layer, doubt if filtered else None) for layer in announced.incoming[family]]
    return replace(named[0], others=(*named[1:], *heard))


def _heard(plain: Holdings, layer: Layer, doubt: Doubt | None) -> Holdings:
    """Who holds what speakers outside announce, if it is of these pools; without `doubt` filters have no say."""
    origins = plain.outside.values()
    if doubt is None:
        propagations = {index: plain.propagations[index] for index in origins}
        return replace(plain, propagations=propagations, owed=False, pools=layer.pools)
    graph = replace(plain.graph, carries=_carries(layer, doubt))
    neighbours = graph.neighbours()
    propagations = {index: spread(graph, index, neighbours) for index in origins}
    return replace(plain, graph=graph, propagations=propagations, owed=False, pools=layer.pools)


def _carries(layer: Layer, doubt: Doubt) -> Callable[[Link, bool], bool]:
    enough = (Passes.YES,) if doubt is Doubt.AGAINST else (Passes.YES, Passes.UNKNOWN)
    known: dict[tuple[Link, bool], bool] = {}

    def carries(link: Link, learned: bool) -> bool:
        if (link, learned) not in known:
            known[link, learned] = layer.passes(link.own_filters, link.other_filters, learned=learned) in enough
        return known[link, learned]

    return carries


def _layer(
    classes: Sequence[NodeClass],
    family: Family,
    found: Mapping[Pair, Adjacency],
    up: Mapping[int, Mapping[Outside, Uplink]],
    doubt: Doubt,
    carries: Callable[[Link, bool], bool] | None,
    speakers_outside: Sequence[Outside] | None,
    marks: Touched | None,
) -> Holdings:
    speakers = [node_class.members[0].before if marks else node_class.members[0].after for node_class in classes]
    links: dict[Pair, Links] = {}
    for (here, there), one in found.items():
        if one.links and (one.certain or doubt is Doubt.FOR):
            links[here, there] = one.links
            links[there, here] = one.reversed().links
    groups = [
        Group(node_class.count, speaker.as_number, speaker.cluster_id, speaker.down)
        for node_class, speaker in zip(classes, speakers, strict=True)
    ]
    if speakers_outside is None:
        speakers_outside = sorted({speaker for told in up.values() for speaker in told})
    outside = {speaker: len(classes) + place for place, speaker in enumerate(speakers_outside)}
    groups += [Group(1, speaker.as_number, "", leaf=True, outside=True) for speaker in speakers_outside]
    marked = set(marks.sessions) if marks else set()
    for index, told in up.items():
        for speaker, uplink in told.items():
            if not uplink.certain and doubt is Doubt.AGAINST:
                continue
            place = outside[speaker]
            links[index, place] = uplink.links
            links[place, index] = tuple(link.reversed() for link in uplink.links)
            if marks and (index, speaker) in marks.uplinks:
                marked |= {(index, place), (place, index)}
    graph = LinkGraph(tuple(groups), links, doubt, frozenset(marked), carries)
    # What a speaker outside announces may be of no pool, and then no filter may have a say; of a pool: see `_heard`.
    plain = replace(graph, carries=None)
    neighbours = graph.neighbours()
    present = tuple(index for index, speaker in enumerate(speakers) if speaker.address(family))
    mute = frozenset(index for index in present if speakers[index].standalone)
    propagations = {index: spread(graph, index, neighbours) for index in present}
    propagations |= {index: spread(plain, index, neighbours) for index in outside.values()}
    return Holdings(family, graph, present, propagations, mute, outside)
