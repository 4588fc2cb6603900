"""Node classes that sessions between nodes cannot tell apart: what is asked about nodes is asked of one block of them.

A class of nodes says more than that: its nodes may have sessions to the outside, a zone, or BGPPeers of their own.
Between nodes it counts only which BGPPeers are configured on a node and which mean it, and there two BGPPeers that
differ in whom they are configured on alone are one.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from rrplan.bgp.cells import Block, Cells, Facet, Meaning, Names, Standing, apart, cells_of
from rrplan.bgp.cluster_ids import as_bird_reads
from rrplan.bgp.endpoint import endpoint_of
from rrplan.bgp.peering import Rules
from rrplan.bgp.refusals import may_be_refused
from rrplan.bgp.speaker import Family, Speaker
from rrplan.resources import BGPPeer


class Member(NamedTuple):
    """One node as it is before and after a step (twice the same where only one state is asked about)."""

    before: Speaker
    after: Speaker


ENOUGH = 3
"""No rule involves more than three nodes of one class, so counts above that change nothing."""


@dataclass(frozen=True, slots=True)
class NodeClass:
    """Nodes that are alike before and alike after: two of them (or the only one) to ask, and how many, up to ENOUGH."""

    members: tuple[Member, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Node classes put together: `of` has the block of each class, `within` the classes of each block in order.

    `counts` are the nodes of each class, `classes` the blocks as classes of their own, `cells` tell which of them are
    asked about, and stand for which others.
    """

    of: tuple[int, ...]
    within: tuple[tuple[int, ...], ...]
    counts: tuple[int, ...]
    classes: tuple[NodeClass, ...]
    cells: Cells

    @property
    def kept(self) -> list[NodeClass]:
        """The blocks that are asked about."""
        return [self.classes[block] for block in self.cells.kept]


def merged(classes: Sequence[NodeClass], keys: Sequence[Hashable]) -> Blocks:
    """One block for all classes with the same key."""
    within: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        within.setdefault(key, []).append(index)
    of = [0] * len(classes)
    blocks = []
    for block, indices in enumerate(within.values()):
        for index in indices:
            of[index] = block
        members = [member for index in indices[:ENOUGH] for member in classes[index].members]
        count = min(sum(classes[index].count for index in indices), ENOUGH)
        blocks.append(NodeClass(tuple(members[:ENOUGH]), count))
    counts = tuple(node_class.count for node_class in classes)
    return Blocks(tuple(of), tuple(map(tuple, within.values())), counts, tuple(blocks), apart(len(blocks)))


def with_cells(blocks: Blocks, family: Family, facets: Sequence[Sequence[Facet]], joined: Collection[int]) -> Blocks:
    """The same, with what stands for what; `facets` are of node classes, `joined` are those with outside sessions."""
    if not any(node_class.members[0].after.address(family) for node_class in blocks.classes):
        return blocks
    apart = [
        Block(blocks.classes[block].count, facets[classes[0]], any(index in joined for index in classes))
        for block, classes in enumerate(blocks.within)
    ]
    return replace(blocks, cells=cells_of(apart))


def standing(rules: Rules, own: Speaker, family: Family) -> Standing:
    """Everything of a speaker that decides about its sessions to other nodes, in one family, equal where that is.

    A node is alone where its name or address itself counts: an address that a BGPPeer names or that several nodes have,
    a container, and a Calico that compares addresses of two families or dials 179 whatever the other end listens on.
    """
    remembered = rules.index.remembered
    key = ("standing", id(own), family)
    if key not in remembered:
        rules.index.masks(own)
        remembered[key] = _standing(rules, own, family)
    return cast(Standing, remembered[key])


def _standing(rules: Rules, own: Speaker, family: Family) -> Standing:
    profile = own.profile
    addresses = [address for address in (own.ipv4, own.ipv6) if address]
    shared = any(address in rules.shared for address in addresses)
    if (
        own.standalone
        or own.role
        or profile.passive_by_ipv4
        or not profile.ports
        or shared
        or rules.index.addressed(own)
    ):
        return Standing(own.name, _names(rules, own))
    traits = (
        own.own_as,
        own.as_number,
        own.own_port,
        own.port,
        profile,
        own.calico,
        own.contested,
        own.down,
        bool(own.address(family)),
        rules.settings.router_id or bool(own.router_id),
        may_be_refused(rules, own, family),
        _order(rules, own, family),
        own.links if rules.by_link else (),
        own.ignored_id,
        # For confd another spelling is another cluster ID.
        "" if own.cluster_id == as_bird_reads(own.cluster_id) else own.cluster_id,
    )
    return Standing("", _names(rules, own), traits)


def _names(rules: Rules, own: Speaker) -> Names:
    local, remote = rules.index.masks(own)
    # `dict` keeps the order: which block comes first in BIRD's file depends on the order of BGPPeers.
    configured = tuple(dict.fromkeys(_meaning(rules, peer) for peer in rules.index.of(local & _between_nodes(rules))))
    meant = frozenset(_meaning(rules, peer) for peer in rules.index.of(remote))
    return Names(as_bird_reads(own.cluster_id), configured, meant)


def _between_nodes(rules: Rules) -> int:
    """The BGPPeers that can bring a node together with another one, or with a speaker outside that passes routes on."""
    remembered = rules.index.remembered
    if "between nodes" not in remembered:
        mask = 0
        for place, peer in enumerate(rules.peers):
            endpoint = endpoint_of(peer.peer_ip)
            at_nodes = endpoint and {endpoint.address, endpoint.host} & rules.addresses.keys()
            if peer.peer_selector or at_nodes or (endpoint and rules.passes_on(endpoint.address)):
                mask |= 1 << place
        remembered["between nodes"] = mask
    return cast(int, remembered["between nodes"])


def _meaning(rules: Rules, peer: BGPPeer) -> Meaning:
    """The BGPPeer as one with all that differ in whom they are configured on alone."""
    remembered = rules.index.remembered
    key = ("meaning of", id(peer))
    if key not in remembered:
        spec = {name: value for name, value in peer.spec.items() if name not in ("node", "nodeSelector")}
        same = replace(
            peer,
            name="",
            node="" if rules.is_global(peer) else "some",
            node_selector="",
            labels={},
            annotations={},
            spec=spec,
        )
        spec = {name: value for name, value in spec.items() if name != "peerSelector"}
        of_any = replace(same, peer_selector="some" if peer.peer_selector else "", spec=spec)
        numbers = (remembered.setdefault(("meaning", one), len(remembered)) for one in (same, of_any))
        remembered[key] = Meaning(*cast(Iterator[int], numbers))
    return cast(Meaning, remembered[key])


def _order(rules: Rules, own: Speaker, family: Family) -> tuple[bool, ...]:
    """How its address compares, as text, with those of nodes that BGPPeers of all nodes name: one end is passive."""
    remembered = rules.index.remembered
    key = ("named by all", family)
    if key not in remembered:
        endpoints = [endpoint_of(peer.peer_ip) for peer in rules.peers if rules.is_global(peer)]
        named = {end.address for end in endpoints if end and end.family is family and end.address in rules.addresses}
        remembered[key] = tuple(sorted(named))
    return tuple(address > own.address(family) for address in cast(tuple[str, ...], remembered[key]))
