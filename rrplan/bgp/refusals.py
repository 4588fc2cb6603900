"""What `bird -p` refuses of what confd can render: then the node keeps its old configuration, whatever is changed.

Found by rendering odd values with confd of v3.12 to v3.32 and by BIRD 1.6.8 (`nest/config.Y`, `proto/bgp/config.Y`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from rrplan.bgp.adjacency import Established, SessionVerdict
from rrplan.bgp.cluster_ids import bird_reads
from rrplan.bgp.endpoint import Endpoint, dialled, endpoint_of, unreachable
from rrplan.bgp.peering import Rules, external_protocols, protocols
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.speaker import BGP_PORT, HASH, Family, Settings, Speaker, effective_cluster_id, is_zero
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer

SHOWN = 3


def unusable(endpoint: Endpoint) -> str:
    """Why BIRD cannot dial an address, in words; "" where it can. Tried with `bird -p` of BIRD 1.6.8."""
    address = ipaddress.ip_address(endpoint.address)
    if address.is_unspecified:
        return "the unspecified address"
    if address.version == 6 and address.is_link_local:
        return "a link-local address without an interface"
    return ""


def without_router_id(own: Speaker) -> bool:
    """Whether `router id ;` is rendered unless calico-node has CALICO_ROUTER_ID: an IPv6-only node."""
    return bool(own.ipv6) and not own.ipv4


def refusal(rules: Rules, speakers: Mapping[NodeName, Speaker], own: Speaker, family: Family) -> SessionVerdict | None:
    """Why BIRD refuses the file of a node in a family, or may; None where it takes it."""
    if not own.address(family) or own.standalone or own.role is not None:
        return None
    dialled_nodes = {rules.addresses[endpoint.address] for _, endpoint in _without_as(rules, own, family)}
    dialled_nodes |= rules.numberless - {own.name}
    blocks = [
        block
        for name in sorted(dialled_nodes)
        if name in speakers
        for block in protocols(rules, own, speakers[name], family)
    ]
    worst = refusal_of_router_id(rules.settings, own, family)
    worst = _worst(worst, refusal_of_blocks(rules, own, family, blocks))
    if worst is not None or not _unreadable_id(own):
        return worst
    clients = any(
        protocol.reflector_client for other in speakers.values() for protocol in protocols(rules, own, other, family)
    )
    return _of_cluster_id(own) if clients else None


def not_told_apart(rules: Rules, own: Speaker, other: Speaker, family: Family) -> SessionVerdict | None:
    """That one of the two has an address that another node has too; None where neither has."""
    for address in (other.address(family), own.address(family)):
        names = ", ".join(node.name for node in rules.shared.get(address, ())[:SHOWN])
        if names:
            text = f"{address} is the address of {names}, and which of them answers is not known"
            return SessionVerdict(Established.UNKNOWN, text)
    return None


def may_be_refused(rules: Rules, own: Speaker, family: Family) -> bool:
    """The same without a look at other nodes, where doubt is enough; that a router ID is not known is no doubt here."""
    if not own.address(family) or own.standalone or own.role is not None:
        return False
    answer = refusal_of_router_id(rules.settings, own, family)
    if answer is not None and answer.established is Established.NO:
        return True
    if rules.numberless or refusal_of_blocks(rules, own, family) is not None:
        return True
    if any(True for _ in _without_as(rules, own, family)):
        return True
    # `rr cluster id` is rendered with the first client, and clients come from BGPPeers.
    local, remote = rules.index.masks(own)
    return _unreadable_id(own) and (
        local > 0 or any(rules.selects_remote(peer, own) for peer in rules.index.of(remote))
    )


def rendered_on(rules: Rules, speakers: Mapping[NodeName, Speaker], peer: BGPPeer) -> NodeName | None:
    """The first node whose file may have a block for the `peerIP` of a BGPPeer; None where no node has one.

    Another BGPPeer may have the key, the address may be the node's own, or its Calico may not read it.
    """
    for name in sorted(speakers):
        own = speakers[name]
        endpoint = dialled(peer, own.profile)
        if endpoint is None or own.standalone or not rules.selects_local(peer, own):
            continue
        other = speakers.get(rules.addresses.get(endpoint.address, NodeName("")))
        blocks = (
            protocols(rules, own, other, endpoint.family) if other else external_protocols(rules, own, endpoint.family)
        )
        if any(
            peer.name in variant.peers and variant.peer_as == (peer.as_number or 0)
            for block in blocks
            if block.peer_address == endpoint.address
            for variant in block.variants
        ):
            return name
    return None


def _without_as(rules: Rules, own: Speaker, family: Family) -> Iterator[tuple[BGPPeer, Endpoint]]:
    """The BGPPeers without AS number that may give a node a block towards another node.

    A BGPPeer of some nodes gives way to one of all nodes with the same address and port (client.go updatePeersV1).
    """
    for peer in rules.index.on(own):
        endpoint = dialled(peer, own.profile) if not peer.as_number else None
        if endpoint is None or endpoint.family is not family or endpoint.address == own.address(family):
            continue
        dials = endpoint.address in rules.addresses and not unreachable(peer, endpoint, own.profile)
        if dials and not _gives_way(rules, peer, endpoint, own):
            yield peer, endpoint


def _gives_way(rules: Rules, peer: BGPPeer, endpoint: Endpoint, own: Speaker) -> bool:
    if rules.is_global(peer) or not own.profile.selectors:
        return False
    key = (endpoint.address, endpoint.port or BGP_PORT)
    for rival in rules.peers:
        aimed = dialled(rival, own.profile) if rival.as_number and rules.is_global(rival) else None
        same = aimed is not None and (aimed.address, aimed.port or BGP_PORT) == key
        if aimed is not None and same and not unreachable(rival, aimed, own.profile):
            return True
    return False


def _worst(*verdicts: SessionVerdict | None) -> SessionVerdict | None:
    """The first that is certain, else the first."""
    given = [answer for answer in verdicts if answer is not None]
    return next((answer for answer in given if answer.established is Established.NO), given[0] if given else None)


def refusal_of_router_id(settings: Settings, own: Speaker, family: Family) -> SessionVerdict | None:
    """The same, as far as it is for `router id`."""
    router_id = settings.router_id
    if settings.router_id_elsewhere:
        text = f"CALICO_ROUTER_ID of calico-node on {own.name} comes from elsewhere (`valueFrom`), and was not given"
        return SessionVerdict(Established.UNKNOWN, text)
    if router_id == HASH:
        return None
    if router_id and not bird_reads(router_id):
        return _no(own, f"CALICO_ROUTER_ID `{router_id}` is neither `hash` nor an IPv4 address nor a number")
    if router_id and is_zero(router_id) and family is Family.IPV6:
        return _no(own, f"CALICO_ROUTER_ID `{router_id}` is no router ID for IPv6")
    if router_id or not without_router_id(own):
        return None
    if router_id is None:
        text = f"{own.name} has no IPv4 address, and whether calico-node has CALICO_ROUTER_ID was not given"
        return SessionVerdict(Established.UNKNOWN, text)
    return _no(own, "`router id` is empty: it has no IPv4 address, and calico-node no CALICO_ROUTER_ID")


def refusal_of_blocks(
    rules: Rules, own: Speaker, family: Family, towards_nodes: Iterable[Protocol] = ()
) -> SessionVerdict | None:
    """The same, as far as it is for single blocks and does not depend on who is a client of the node."""
    if own.name in rules.numberless:
        return _no(own, "its AS number is 0")
    outside = external_protocols(rules, own, family)
    worst = _worst(*(_of_block(rules, own, block) for block in (*outside, *towards_nodes)))
    if worst is not None:
        return worst
    if own.cluster_id and (own.profile.client_of_any_as or _unreadable_id(own)):
        for protocol in outside:
            if protocol.reflector_client and not protocol.internal:
                return _no(own, f"{protocol.name} has `rr client` towards another AS (Calico v3.3.0 and v3.3.1)")
            if protocol.reflector_client and _unreadable_id(own):
                return _of_cluster_id(own)
    return _meshed_twice(rules, own, family)


def _of_block(rules: Rules, own: Speaker, protocol: Protocol) -> SessionVerdict | None:
    """Blocks that `bird -p` refuses for what stands in them; where BGPPeers disagree, one of them may be rendered."""
    bad = [(variant, why) for variant in protocol.variants if (why := _wrong(variant))]
    if not bad:
        return None
    variant, why = bad[0]
    text = f"BGPPeer {' or '.join(variant.peers)} {why}"
    if not variant.peer_as and variant.peer_node in rules.numberless:
        text = f"the AS number of {variant.peer_node} is 0"
    if len(bad) == len(protocol.variants):
        return _no(own, text)
    lead = f"{protocol.dispute}; with one of them "
    return SessionVerdict(Established.UNKNOWN, f"{lead}{_no(own, text).reason}")


def _wrong(variant: Protocol) -> str:
    if not variant.peer_as:
        return "gives no AS number for the peer"
    endpoint = endpoint_of(variant.peer_address)
    why = unusable(endpoint) if endpoint else ""
    return f"names {why}" if why else ""


def _unreadable_id(own: Speaker) -> bool:
    return bool(own.cluster_id) and not bird_reads(own.cluster_id)


def _of_cluster_id(own: Speaker) -> SessionVerdict:
    return _no(own, f"`rr cluster id {own.cluster_id}` is neither an IPv4 address nor a number")


def _meshed_twice(rules: Rules, own: Speaker, family: Family) -> SessionVerdict | None:
    """Two nodes with one address: the mesh has a block for each of them, and both blocks have one name.

    BGPPeers to both are one block: their keys are addresses (client.go updatePeersV1, v3.3 to v3.32).
    """
    if not rules.settings.mesh or (own.reflects_in_mesh and family in own.profile.leave_mesh):
        return None
    for address, nodes in rules.shared.items():
        if (":" in address) is (family is Family.IPV6) and address != own.address(family):
            skips = family in own.profile.skip_reflectors
            names = [node.name for node in nodes if not (skips and effective_cluster_id(node.cluster_id, own.profile))]
            if len(names) > 1:
                shown = ", ".join(names[:SHOWN])
                return _no(own, f"{address} is the address of {shown}: one protocol would be defined twice")
    return None


def _no(own: Speaker, why: str) -> SessionVerdict:
    return SessionVerdict(Established.NO, f"BIRD refuses the whole configuration of {own.name}: {why}")
