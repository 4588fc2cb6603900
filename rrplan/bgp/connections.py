"""Everything that routes may go over: what joins node classes, and what joins them to speakers outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple, cast

from rrplan.bgp.adjacency import NONE, Adjacency, Ends, Link, adjacency, by_address, side_by_side
from rrplan.bgp.alike import Blocks, Member, NodeClass, merged, standing, with_cells
from rrplan.bgp.announced import Announced, Layer, Passes
from rrplan.bgp.cells import Facet, Pair
from rrplan.bgp.cluster_ids import as_bird_reads
from rrplan.bgp.holdings import Holdings
from rrplan.bgp.outside import Outside, Uplink, owed_uplinks
from rrplan.bgp.peering import Rules, protocols
from rrplan.bgp.reflection import Carries, Doubt, LinkGraph, Links, SpeakerGroup
from rrplan.bgp.refusals import may_be_refused
from rrplan.bgp.speaker import Family, Speaker
from rrplan.bgp.spreads import Attachment, Beyond, Spreads
from rrplan.ids import NodeName


class Touched(NamedTuple):
    """Sessions that a change does not leave alone: between pairs of blocks of nodes, and from classes to outside."""

    sessions: frozenset[Pair]
    uplinks: frozenset[tuple[int, Outside]]


@dataclass(frozen=True, slots=True)
class Converged:
    """Who holds what once the sessions of a state are up: for certain, and with doubt counted for a session.

    `doubtless` says that there is no doubt about any session, so that the two differ at most in what is heard outside.
    """

    certain: Holdings
    possible: Holdings
    doubtless: bool = False


@dataclass(frozen=True, slots=True)
class Connections:
    """Everything that routes of one family may go over: what joins node classes, and what joins them to the outside.

    `adjacencies` join blocks that are asked about (by place), `uplinks` are those of single classes. `outside` are the
    speakers outside to give an index to; None for those that `uplinks` name. With `touched` things are as they stand
    before a change, and every copy of a route that comes over a touched session is marked.
    """

    blocks: Blocks
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
        return self.doubtful or any(self.uplinks.values()) or self.filtered

    @property
    def doubtful(self) -> bool:
        """Whether it may matter so between nodes."""
        return any(joined.in_doubt or len(joined.links) > 1 for joined in self.adjacencies.values())

    @property
    def filtered(self) -> bool:
        """Whether any session has BGPFilters."""
        uplinks = (uplink.links for by_speaker in self.uplinks.values() for uplink in by_speaker.values())
        sessions = chain((joined.links for joined in self.adjacencies.values()), uplinks)
        return any(link.own_filters or link.other_filters for links in sessions for link in links)

    def speakers(self, blocks: Sequence[NodeClass]) -> list[Speaker]:
        """One node of each of these blocks."""
        members = (node_class.members[0] for node_class in blocks)
        return [member.before if self.touched else member.after for member in members]

    def places(self) -> dict[Outside, int]:
        """The index of each speaker outside, behind the node classes."""
        outside = self.outside
        if outside is None:
            outside = sorted({speaker for by_speaker in self.uplinks.values() for speaker in by_speaker})
        return {speaker: place for place, speaker in enumerate(outside, len(self.blocks.of))}

    def graph(self, doubt: Doubt) -> LinkGraph:
        """What counts between nodes, with doubt counted so; every link carries everything."""
        groups = [
            SpeakerGroup(node_class.count, speaker.as_number, as_bird_reads(speaker.cluster_id), speaker.down)
            for node_class, speaker in zip(self.blocks.kept, self.speakers(self.blocks.kept), strict=True)
        ]
        links: dict[Pair, Links] = {}
        for (here, there), joined in self.adjacencies.items():
            if joined.links and (joined.certain or doubt is Doubt.FOR):
                links[here, there] = joined.links
                links[there, here] = joined.reversed().links
        return LinkGraph(tuple(groups), links, doubt, self.touched.sessions if self.touched else frozenset())

    def _into_fabric(self) -> Iterator[tuple[Outside, int]]:
        """The index of what joins each speaker outside to its fabric: what it announces, and hears, goes through."""
        roles = [
            (self.blocks.within[block][0], speaker.role)
            for block, speaker in enumerate(self.speakers(self.blocks.classes))
            if speaker.role is not None and speaker.role.fabric
        ]
        inner = {role.fabric: index for index, role in roles if role.inner}
        for speaker in self.places():
            for index, role in roles:
                if speaker.as_number == role.as_number and speaker.address in role.addresses:
                    # One of several that are known as one router is joined to it, too.
                    joined = (index if role.others else None, inner.get(role.fabric))
                    yield from ((speaker, place) for place in joined if place is not None)

    def beyond(self, doubt: Doubt) -> tuple[Beyond, ...]:
        """The sessions of each speaker outside that count, with doubt counted so."""
        attached: dict[Outside, dict[int, Attachment]] = {speaker: {} for speaker in self.places()}
        for index, by_speaker in self.uplinks.items():
            for speaker, uplink in by_speaker.items():
                if uplink.certain or doubt is Doubt.FOR:
                    marked = self.touched is not None and (index, speaker) in self.touched.uplinks
                    attached[speaker][index] = Attachment(uplink.links, marked)
        for speaker, index in self._into_fabric():
            into = Link(internal=True, own_client=True, other_client=False, own_outside=True, other_outside=True)
            attached[speaker][index] = Attachment((into,))
        return tuple(Beyond.of(speaker.as_number, classes, self.blocks) for speaker, classes in attached.items())


def converged(
    rules: Rules,
    classes: Sequence[NodeClass],
    family: Family,
    *,
    without: frozenset[tuple[int, Outside]] = frozenset(),
) -> Converged:
    """Who holds what once the sessions of the state `after` are all up; `without` are uplinks not to count on."""
    unsure = _unsure(rules, without)
    up = {
        index: {
            outside: uplink
            for outside, uplink in owed_uplinks(rules, node_class.members[0].after, family).items()
            if (index, outside) not in without
        }
        for index, node_class in enumerate(classes)
        if node_class.members[0].after.address(family)
    }
    standings = [standing(rules, node_class.members[0].after, family) for node_class in classes]
    outwards = {index for index, by_speaker in up.items() if by_speaker} | unsure.keys()
    keys = [(same, unsure.get(index)) for index, same in enumerate(standings)]
    blocks = with_cells(merged(classes, keys), family, [(Facet(0, same),) for same in standings], outwards)
    left_out = {(classes[index].members[0].after.name, name) for index, names in unsure.items() for name in names}

    def ask(near: Member, far: Member) -> Adjacency:
        ends = near.after.name, far.after.name
        if left_out and (ends in left_out or ends[::-1] in left_out):
            return NONE
        return met(rules, near.after, far.after, family)

    joined = adjacencies(blocks.kept, family, ask)
    connections = Connections(blocks, family, joined, up, rules.announced)
    certain = propagated(connections, Doubt.AGAINST)
    if not connections.in_doubt:
        return Converged(certain, certain, doubtless=True)
    # Where doubt is about the outside alone, nodes exchange the same whichever way it counts.
    shared = None if connections.doubtful or connections.filtered else certain.of_nodes
    doubtless = shared is not None and all(
        uplink.certain for by_speaker in up.values() for uplink in by_speaker.values()
    )
    return Converged(certain, propagated(connections, Doubt.FOR, shared), doubtless)


def _unsure(rules: Rules, without: frozenset[tuple[int, Outside]]) -> dict[int, frozenset[NodeName]]:
    """By node class, the speakers outside that pass routes on and whose sessions are not to be counted on."""
    names: dict[int, frozenset[NodeName]] = {}
    for index, outside in without:
        role = rules.role_at(outside.address, outside.as_number)
        if role is not None and role.passes_on:
            names[index] = names.get(index, frozenset()) | {role.known_as}
    return names


def ends_of(rules: Rules, near: Speaker, far: Speaker, family: Family) -> Ends:
    """What the two nodes of a pair render towards each other; remembered, because most steps leave most pairs alone."""
    remembered = rules.index.remembered
    key = ("ends", id(near), id(far), family)
    if key not in remembered:
        rules.index.masks(near)
        rules.index.masks(far)
        remembered[key] = protocols(rules, near, far, family), protocols(rules, far, near, family)
    return cast(Ends, remembered[key])


def met(rules: Rules, near: Speaker, far: Speaker, family: Family) -> Adjacency:
    """What comes of the protocols of a pair."""
    ends = ends_of(rules, near, far, family)
    apart = by_address(near, far, ends) if any(ends) else [[ends]]
    joined = side_by_side([adjacency(near, here, far, there) for ((here, there),) in apart])
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


def propagated(connections: Connections, doubt: Doubt, known: Spreads | None = None) -> Holdings:
    """Who holds what over what counts, for each layer of pools; `known` are answers over the same sessions."""
    family, layers = connections.family, connections.announced.layers[connections.family]
    blocks = connections.blocks
    speakers = connections.speakers(blocks.classes)
    graph = connections.graph(doubt)
    by_block = [(classes, speakers[block]) for block, classes in enumerate(blocks.within)]
    present = frozenset(index for classes, one in by_block if one.address(family) for index in classes)
    mutes = (classes for classes, one in by_block if one.standalone or one.role)
    mute = frozenset(index for classes in mutes for index in classes) & present

    def over(carries: Carries | None) -> Spreads:
        return Spreads(replace(graph, carries=carries), blocks)

    everything = known or over(None)
    if connections.filtered and layers:
        of_nodes = [over(_carries(layer, doubt)) for layer in layers]
    else:
        # Without filters every pool is treated alike.
        of_nodes = [everything] * max(1, len(layers))
    of_pools = [everything if carries is None else over(carries) for carries in _incoming(connections, doubt)]
    # What a speaker outside announces may be of no pool, and then no filter may have a say.
    whole = Holdings(
        family, blocks, None, None, present, mute, connections.places(), connections.beyond(doubt), doubt=doubt
    )
    first, *others = (
        replace(
            whole,
            of_nodes=spreads,
            pools=layer.pools if layer else (),
            owed=layer is not None,
        )
        for spreads, layer in zip(of_nodes, layers or [None], strict=True)
    )
    told = connections.announced.outgoing.get(family, ())
    outgoing = (
        replace(
            whole,
            of_nodes=over(_carries(layer, doubt)) if connections.filtered else everything,
            pools=layer.pools,
            owed=False,
            outgoing=True,
        )
        for layer in told
    )
    incoming = (replace(whole, of_outside=spreads, owed=False) for spreads in of_pools)
    return replace(first, of_outside=everything, others=(*others, *outgoing, *incoming))


def _incoming(connections: Connections, doubt: Doubt) -> list[Carries | None]:
    """How sessions carry what speakers outside announce of pools, for each layer of it; None: all of it."""
    layers = connections.announced.incoming[connections.family]
    return [_carries(layer, doubt) if connections.filtered or layer.beyond is not None else None for layer in layers]


def _carries(layer: Layer, doubt: Doubt) -> Carries:
    enough = (Passes.YES,) if doubt is Doubt.AGAINST else (Passes.YES, Passes.UNKNOWN)
    known: dict[tuple[Link, bool], bool] = {}

    def carries(link: Link, learned: bool) -> bool:
        if (link, learned) not in known:
            by_node = learned and not link.own_outside
            known[link, learned] = layer.passes(link.own_filters, link.other_filters, learned=by_node) in enough
        return known[link, learned]

    return carries
