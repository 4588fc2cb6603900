"""What `bird -p` refuses of what confd can render: then the node keeps its old configuration, whatever is changed.

Found by rendering odd values with confd of v3.12 to v3.32 and by BIRD 1.6.8 (`nest/config.Y`, `proto/bgp/config.Y`).
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping

from rrplan.bgp.adjacency import Established, Verdict
from rrplan.bgp.endpoint import endpoint_of
from rrplan.bgp.peering import Rules, external_protocols, protocols
from rrplan.bgp.speaker import Family, Speaker
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer

SHOWN = 3


def link_local(peer: BGPPeer) -> bool:
    """Whether a BGPPeer names a link-local address: BIRD wants an interface beside it, which Calico does not render."""
    endpoint = endpoint_of(peer.peer_ip)
    return endpoint is not None and ipaddress.ip_address(endpoint.address).is_link_local


def without_router_id(own: Speaker) -> bool:
    """Whether `router id ;` is rendered unless calico-node has CALICO_ROUTER_ID: an IPv6-only node."""
    return bool(own.ipv6) and not own.ipv4


def refusal(rules: Rules, speakers: Mapping[NodeName, Speaker], own: Speaker, family: Family) -> Verdict | None:
    """Why BIRD refuses the file of a node in a family; None where it takes it."""
    found = refusal_by_itself(rules, own, family)
    if found is not None or not own.address(family) or own.standalone:
        return found
    for address, names in _shared(speakers, own, family):
        if sum(bool(protocols(rules, own, speakers[name], family)) for name in names) > 1:
            return _no(f"{address} is the address of {', '.join(names[:SHOWN])}: one protocol would be defined twice")
    return None


def refusal_by_itself(rules: Rules, own: Speaker, family: Family) -> Verdict | None:
    """The same, as far as it does not depend on the addresses of other nodes."""
    if not own.address(family) or own.standalone:
        return None
    if without_router_id(own) and not rules.settings.router_id:
        if rules.settings.router_id is None:
            text = "an IPv6-only node needs CALICO_ROUTER_ID, and the environment of calico-node was not given"
            return Verdict(Established.UNKNOWN, text)
        return _no("`router id` is empty, because the node has no IPv4 address and calico-node no CALICO_ROUTER_ID")
    for peer in rules.peers:
        endpoint = endpoint_of(peer.peer_ip)
        if endpoint is not None and endpoint.family is family and rules.selects_local(peer, own):
            if not peer.as_number:
                return _no(f"BGPPeer {peer.name} gives no AS number for the peer")
            if link_local(peer):
                return _no(f"BGPPeer {peer.name} names a link-local address without an interface")
    if own.profile.client_of_any_as and own.cluster_id:
        for protocol in external_protocols(rules, own, family):
            if protocol.reflector_client and not protocol.internal:
                return _no(f"{protocol.name} has `rr client` towards another AS (Calico v3.3.0 and v3.3.1)")
    return None


def _no(why: str) -> Verdict:
    return Verdict(Established.NO, f"BIRD refuses the whole configuration: {why}")


def _shared(speakers: Mapping[NodeName, Speaker], own: Speaker, family: Family) -> Iterator[tuple[str, list[NodeName]]]:
    """The addresses that several other nodes have."""
    names: defaultdict[str, list[NodeName]] = defaultdict(list)
    for name, one in sorted(speakers.items()):
        if one.address(family) and name != own.name and one.address(family) != own.address(family):
            names[one.address(family)].append(name)
    yield from ((address, found) for address, found in names.items() if len(found) > 1)
