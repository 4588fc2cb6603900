"""What one v1 peering key is rendered as: the block of a BGPPeer, or the blocks that several may give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rrplan.bgp.options import next_hop, rendered
from rrplan.bgp.protocol import Protocol, ProtocolKind
from rrplan.bgp.speaker import BGP_PORT, Family, Speaker
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer

ELSEWHERE = frozenset({"sourceAddress", "localASNumber", "keepOriginalNextHop", "nextHopMode"})
"""Fields that are no text of their own in the block: addresses, AS numbers, next hops."""


@dataclass(frozen=True, slots=True)
class Emission:
    """One v1 peering key's value (client.go `bgpPeer`): what a BGPPeer asks for at one end."""

    address: str
    port: int | None
    as_number: int
    cluster_id: str
    calico_node: bool
    peer: BGPPeer
    by_address: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """Port 0 and 179 are the same key (libcalico-go model/bgppeer.go combineIPAndPort)."""
        return self.address, self.port or BGP_PORT


def render(
    own: Speaker, kind: ProtocolKind, family: Family, emissions: list[Emission], peer_node: NodeName | None
) -> Protocol:
    """The block of one key; where several BGPPeers write it, whether they agree is judged by what is rendered."""
    distinct: dict[tuple[object, ...], Protocol] = {}
    askers: dict[tuple[object, ...], set[str]] = {}
    for emission in emissions:
        block = _block(own, kind, family, emission, peer_node)
        same = (block.block, block.filters)
        distinct.setdefault(same, block)
        askers.setdefault(same, set()).add(emission.peer.name)
    first, *others = (replace(block, peers=tuple(sorted(askers[same]))) for same, block in distinct.items())
    return replace(first, alternatives=tuple(others))


def _block(
    own: Speaker, kind: ProtocolKind, family: Family, emission: Emission, peer_node: NodeName | None
) -> Protocol:
    local = own.address(family)
    # Only what a `peerIP` asks for in its own direction carries the local AS (client.go, v3.31).
    given_as = emission.peer.local_as_number if own.profile.local_as and emission.by_address else None
    local_as = given_as or own.as_number
    # `rr client` iff iBGP, an own cluster ID, and another one (or none) at the peer (v3.4+, string comparison).
    inside = emission.as_number == local_as or own.profile.client_of_any_as
    client = bool(own.cluster_id) and inside and emission.cluster_id != own.cluster_id
    known = emission.calico_node
    return Protocol(
        node=own.name,
        family=family,
        kind=kind,
        local_address=local,
        local_as=local_as,
        peer_address=emission.address,
        port=emission.port,
        peer_as=emission.as_number,
        peer_node=peer_node,
        passive=kind is ProtocolKind.GLOBAL and own.profile.passive_global and known and emission.address > local,
        source_address=None if _kernel_chooses(emission.peer, own) else local,
        reflector_client=client,
        cluster_id=own.cluster_id if client else None,
        options=_options(emission.peer.spec, own, kind, internal=emission.as_number == local_as),
        filters=filters_of(emission.peer.spec) if own.profile.filters else (),
        allowed_local_as=_allowed_local_as(own, emission),
    )


def _allowed_local_as(own: Speaker, emission: Emission) -> int:
    """What confd takes from `peerIP` alone, in its own direction (client.go updatePeersV1, v3.24 and v3.25)."""
    known = emission.by_address and "numAllowedLocalASNumbers" in own.profile.options
    number = emission.peer.spec.get("numAllowedLocalASNumbers") if known else None
    return number if isinstance(number, int) and number > 0 else 0


def filters_of(spec: Mapping[str, object]) -> tuple[str, ...]:
    """The names of the BGPFilters of a BGPPeer, in their order."""
    filters = spec.get("filters")
    return tuple(str(name) for name in filters) if isinstance(filters, list | tuple) else ()


def _kernel_chooses(peer: BGPPeer, own: Speaker) -> bool:
    return peer.source_address == "None" and "sourceAddress" in own.profile.options


def _options(
    spec: Mapping[str, object], own: Speaker, kind: ProtocolKind, *, internal: bool
) -> tuple[tuple[str, str], ...]:
    """The fields of a BGPPeer that end up in the protocol block and that this node's Calico knows, as rendered."""
    known = own.profile.options
    if kind is ProtocolKind.GLOBAL and not own.profile.keep_next_hop_globally:
        known -= {"keepOriginalNextHop"}
    options = {name: rendered(name, spec.get(name)) for name in known - ELSEWHERE}
    options |= next_hop(spec, known, internal=internal)
    return tuple(sorted((name, text) for name, text in options.items() if text))
