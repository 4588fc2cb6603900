"""What Calico v3.30 renders on each node, and which sessions that may come to.

Said again from `confd/pkg/backends/calico/client.go` (updatePeersV1) and the bird.cfg templates, for clusters
without listen ports: keys by address, three passes, the first pass that writes a key wins, writers of one pass that
disagree leave open which block is rendered.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from tests.walker.reading import Cluster, Member, Peering, family_of, selects


class Block(NamedTuple):
    """One protocol block as BIRD compares it: any difference restarts the session, but for filters."""

    section: str
    address: str
    remote_as: int
    local_as: int
    client: bool
    cluster_id: str
    passive: bool
    own_source: bool
    options: tuple[tuple[str, str], ...]
    filters: tuple[str, ...] = ()
    allowed: int = 0
    """How often the own AS number may stand in a path."""
    reaches: bool = True
    """Whether BIRD gets to the address: without `multihop` an eBGP session gets to those of its own network alone."""

    @property
    def internal(self) -> bool:
        """Whether it is iBGP."""
        return self.remote_as == self.local_as


Protocol = frozenset[Block]
"""All blocks that may stand there: more than one where BGPPeers disagree."""
Rendering = tuple[Protocol, ...]
"""The protocols of one node to one address: more than one share the lock."""


@dataclass(frozen=True)
class End:
    """One writer's wish for a key."""

    address: str
    remote_as: int
    cluster_id: str
    known: bool
    peering: Peering
    by_address: bool = False


def rendered(cluster: Cluster, own: Member, family: str) -> Mapping[str, Rendering]:
    """What a node has towards each address in one family."""
    local = own.addresses.get(family)
    if local is None:
        return {}
    found: dict[str, list[Protocol]] = {}
    if cluster.mesh and not own.cluster_id:
        for other in cluster.members.values():
            address = other.addresses.get(family)
            if address is not None and address != local and not other.cluster_id:
                # "10.0.0.10" < "10.0.0.9": templates compare text.
                passive = address > local
                block = Block(
                    "Mesh", address, other.as_number, own.as_number, False, "", passive, True, cluster.mesh_options
                )
                # The mesh of v3.26 to v3.32 has no `multihop`.
                block = block._replace(reaches=block.internal or own.near(address, family))
                found.setdefault(address, []).append(frozenset([block]))
    passes: tuple[dict[str, list[End]], ...] = ({}, {}, {})
    for peering in cluster.peerings:
        if peering.at(own):
            for end in _targets(cluster, peering, family):
                passes[0 if peering.everywhere else 1].setdefault(end.address, []).append(end)
        for end in _reversed(cluster, peering, own, family):
            passes[2].setdefault(end.address, []).append(end)
    taken: set[str] = set()
    for section, written in zip(("Global", "Node", "Node"), passes, strict=True):
        for address, ends in written.items():
            if address not in taken and address != local:
                blocks = frozenset(_block(section, own, local, end) for end in ends)
                found.setdefault(address, []).append(blocks)
        taken |= written.keys()
    if any(ipaddress.ip_address(address).is_link_local for address in found):
        # BIRD refuses a file with such a neighbor and no interface: every session of the family is missing.
        return {}
    return {address: tuple(protocols) for address, protocols in found.items()}


def _targets(cluster: Cluster, peering: Peering, family: str) -> Iterator[End]:
    if peering.peer_selector:
        for node in cluster.members.values():
            if selects(peering.peer_selector, node) and family in node.addresses:
                yield _node_end(peering, node, family)
    elif peering.address and family_of(peering.address) == family:
        # Nodes are looked up by the text, which need not be how their address is written; BIRD dials the address.
        known = cluster.owner(peering.address) is not None
        yield End(str(ipaddress.ip_address(peering.address)), peering.as_number, "", known, peering, by_address=True)


def _node_end(peering: Peering, node: Member, family: str) -> End:
    return End(node.addresses[family], node.as_number, node.cluster_id, False, peering)


def _reversed(cluster: Cluster, peering: Peering, own: Member, family: str) -> Iterator[End]:
    if peering.manual:
        return
    if peering.peer_selector:
        named = selects(peering.peer_selector, own)
    else:
        wanted = peering.as_number or cluster.global_as
        named = peering.address in own.addresses.values() and own.as_number == wanted
        named = named and family_of(peering.address) == family
    if named:
        for node in cluster.members.values():
            if peering.at(node) and family in node.addresses:
                yield _node_end(peering, node, family)


def _block(section: str, own: Member, local: str, end: End) -> Block:
    client = end.remote_as == own.as_number and own.cluster_id != "" and end.cluster_id != own.cluster_id
    internal = end.remote_as == own.as_number
    return Block(
        section,
        end.address,
        end.remote_as,
        own.as_number,
        client,
        own.cluster_id if client else "",
        section == "Global" and end.known and end.address > local,
        not end.peering.kernel_source,
        tuple(one for one in end.peering.options if not (internal and one[0] == "keepOriginalNextHop")),
        end.peering.filters,
        # Calico reads it of a BGPPeer by address, for the end that dials the address.
        end.peering.allowed if end.by_address else 0,
    )


Live = tuple[Block, Block]
"""The two blocks whose protocols have the session, in the order of the node names."""


def outcomes(here: Rendering, there: Rendering) -> frozenset[Live | None]:
    """All that the session between two nodes may be: which blocks hold it, or None for no session."""
    if not here or not there:
        return frozenset([None])
    found: set[Live | None] = set()
    for one, other in product(_all(here), _all(there)):
        if not _meet(one, other):
            found.add(None)
            continue
        found.add((one, other))
        if not any(end.own_source for end in (one, other) if not end.passive):
            # The kernel chooses the source address of all that dials: whether the other side knows it, nobody can tell.
            found.add(None)
    return frozenset(found)


def _all(rendering: Rendering) -> list[Block]:
    return sorted(block for protocol in rendering for block in protocol)


def _meet(one: Block, other: Block) -> bool:
    if one.remote_as != other.local_as or other.remote_as != one.local_as:
        return False
    first, second = dict(one.options), dict(other.options)
    if any(first.get(name) != second.get(name) for name in ("password", "ttlSecurity")):
        return False
    return one.reaches and other.reaches and not (one.passive and other.passive)


def stays(block: Block, before: Rendering, after: Rendering) -> bool:
    """Whether a reload leaves the live protocol with this block alone.

    A block that BGPPeers disagree about may come out another way with every computation. A filter alone is put in
    place without a restart.
    """
    plain = block._replace(filters=())
    were, become = ([{one._replace(filters=()) for one in protocol} for protocol in told] for told in (before, after))
    disputed = any(len(protocol) > 1 and plain in protocol for protocol in (*were, *become))
    return not disputed and any(plain in protocol for protocol in become)


def identity(block: Block) -> tuple[object, ...]:
    """What a speaker outside must have configured to accept this session."""
    options = dict(block.options)
    return block.address, block.remote_as, block.local_as, options.get("password"), options.get("ttlSecurity")


@dataclass(frozen=True)
class Table:
    """Everything that one state renders in one family: by node and address."""

    family: str
    renderings: Mapping[str, Mapping[str, Rendering]]
    address_of: Mapping[str, str]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Two nodes each, in order, where either has a protocol to the other."""
        names = sorted(self.address_of)
        for position, one in enumerate(names):
            for other in names[position + 1 :]:
                if self.towards(one, other) or self.towards(other, one):
                    yield one, other

    def towards(self, one: str, other: str) -> Rendering:
        """What `one` has towards the node `other`."""
        return self.renderings[one].get(self.address_of[other], ())

    def uplinks(self) -> Iterator[tuple[str, str, Protocol]]:
        """Each node's protocols to addresses of no node."""
        owned = set(self.address_of.values())
        for name, towards in self.renderings.items():
            for address, protocols in towards.items():
                if address not in owned:
                    assert len(protocols) == 1
                    yield name, address, protocols[0]


def table(cluster: Cluster, family: str) -> Table:
    """Render the whole cluster."""
    addresses = {name: one.addresses[family] for name, one in cluster.members.items() if family in one.addresses}
    return Table(family, {name: rendered(cluster, cluster.members[name], family) for name in addresses}, addresses)
