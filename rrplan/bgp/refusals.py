"""What `bird -p` refuses of what confd can render: then the node keeps its old configuration, whatever is changed.

Found by rendering odd values with confd of v3.12 to v3.32 and by BIRD 1.6.8 (`nest/config.Y`, `proto/bgp/config.Y`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from rrplan.bgp.adjacency import Established, Verdict
from rrplan.bgp.endpoint import endpoint_of
from rrplan.bgp.peering import Rules, external_protocols, protocols
from rrplan.bgp.speaker import Family, Speaker, effective_cluster_id
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer

SHOWN = 3
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-fA-F]+")
_QUAD = re.compile(r"[0-9]+(?:\.[0-9]+){3}")


def link_local(peer: BGPPeer) -> bool:
    """Whether a BGPPeer names a link-local address: BIRD wants an interface beside it, which Calico does not render."""
    endpoint = endpoint_of(peer.peer_ip)
    return endpoint is not None and ipaddress.ip_address(endpoint.address).is_link_local


def without_router_id(own: Speaker) -> bool:
    """Whether `router id ;` is rendered unless calico-node has CALICO_ROUTER_ID: an IPv6-only node."""
    return bool(own.ipv6) and not own.ipv4


def bird_reads(cluster_id: str) -> bool:
    """Whether BIRD can read what stands behind `rr cluster id`: an IPv4 address or a number, and no prefix length.

    Source: BIRD 1.6.8 conf/confbase.Y, `idval`; tried with `bird -p`.
    """
    text = cluster_id.strip()
    if _NUMBER.fullmatch(text):
        return int(text, 16 if text.startswith("0x") else 10) < 2**32
    return bool(_QUAD.fullmatch(text)) and all(int(part) < 256 for part in text.split("."))


def refusal(rules: Rules, speakers: Mapping[NodeName, Speaker], own: Speaker, family: Family) -> Verdict | None:
    """Why BIRD refuses the file of a node in a family; None where it takes it."""
    found = refusal_by_itself(rules, own, family)
    if found is not None or not own.address(family) or own.standalone or not _unreadable_id(own):
        return found
    clients = any(one.reflector_client for other in speakers.values() for one in protocols(rules, own, other, family))
    return _of_cluster_id(own) if clients else None


def may_be_refused(rules: Rules, own: Speaker, family: Family) -> bool:
    """The same without a look at other nodes, where doubt is enough."""
    found = refusal_by_itself(rules, own, family)
    if found is not None:
        return found.established is Established.NO
    # `rr cluster id` is rendered with the first client, and clients come from BGPPeers.
    return _unreadable_id(own) and any(
        rules.selects_local(peer, own) or rules.selects_remote(peer, own) for peer in rules.peers
    )


def refusal_by_itself(rules: Rules, own: Speaker, family: Family) -> Verdict | None:
    """The same, as far as it does not depend on who is a client of the node."""
    if not own.address(family) or own.standalone:
        return None
    if without_router_id(own) and not rules.settings.router_id:
        if rules.settings.router_id is None:
            text = f"{own.name} has no IPv4 address, and whether calico-node has CALICO_ROUTER_ID was not given"
            return Verdict(Established.UNKNOWN, text)
        return _no(own, "`router id` is empty: it has no IPv4 address, and calico-node no CALICO_ROUTER_ID")
    for peer in rules.peers:
        endpoint = endpoint_of(peer.peer_ip)
        if endpoint is not None and endpoint.family is family and rules.selects_local(peer, own):
            if not peer.as_number:
                return _no(own, f"BGPPeer {peer.name} gives no AS number for the peer")
            if link_local(peer):
                return _no(own, f"BGPPeer {peer.name} names a link-local address without an interface")
    if own.cluster_id and (own.profile.client_of_any_as or _unreadable_id(own)):
        for protocol in external_protocols(rules, own, family):
            if protocol.reflector_client and not protocol.internal:
                return _no(own, f"{protocol.name} has `rr client` towards another AS (Calico v3.3.0 and v3.3.1)")
            if protocol.reflector_client and _unreadable_id(own):
                return _of_cluster_id(own)
    return _meshed_twice(rules, own, family)


def _unreadable_id(own: Speaker) -> bool:
    return bool(own.cluster_id) and not bird_reads(own.cluster_id)


def _of_cluster_id(own: Speaker) -> Verdict:
    return _no(own, f"`rr cluster id {own.cluster_id}` is neither an IPv4 address nor a number")


def _meshed_twice(rules: Rules, own: Speaker, family: Family) -> Verdict | None:
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


def _no(own: Speaker, why: str) -> Verdict:
    return Verdict(Established.NO, f"BIRD refuses the whole configuration of {own.name}: {why}")
