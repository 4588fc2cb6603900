"""What Calico leaves out of BGPPeers, in words."""

from __future__ import annotations

from rrplan.bgp.endpoint import dialled, endpoint_of, unreachable
from rrplan.bgp.profile import Profile
from rrplan.resources import BGPPeer
from rrplan.resources.reading import parse_ip

LONG = 60
"""Characters of a value that are shown."""


def left_out(peer: BGPPeer, profile: Profile) -> str:
    """The `peerIP` of a BGPPeer and why this version of Calico ignores it; "" where it does not, or there is none."""
    if not peer.peer_ip:
        return ""
    lead = f"BGPPeer `{peer.name}`: `peerIP: {_shown(peer.peer_ip)}`"
    endpoint = dialled(peer, profile)
    if endpoint is not None:
        if not unreachable(peer, endpoint, profile):
            return ""
        reachable_by = f"`reachableBy: {_shown(str(peer.spec.get('reachableBy')))}`"
        return (
            f"{lead} stands beside {reachable_by}, which is no {endpoint.family} address, so Calico leaves out the peer"
        )
    if peer.peer_selector or (peer.local_workload_selector and profile.local_workloads):
        field = "localWorkloadSelector" if not peer.peer_selector else "peerSelector"
        return f"{lead} stands beside `{field}`, so Calico ignores the address"
    if endpoint_of(peer.peer_ip) is not None:
        return f"{lead} has a port, which Calico knows since v3.16.0, so it ignores the BGPPeer"
    octal = _octal(peer.peer_ip)
    if octal:
        return f"{lead} {octal}"
    return f"{lead} is no address with or without a port, so Calico ignores the BGPPeer"


def _octal(peer_ip: str) -> str:
    """That a port begins with 0 and is no octal number, and what to write; "" for what is wrong otherwise."""
    host, _, port = peer_ip.rpartition(":")
    plain = port.lstrip("0")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    decimal = port.isascii() and port.isdecimal() and 0 < len(plain) <= 5 and plain != port
    if parse_ip(bare) is None or not decimal or int(plain) > 65535:
        return ""
    lead = f"has port {port}, which is read as octal and is no octal number, so Calico ignores the BGPPeer"
    return f"{lead}: write `{host}:{plain}`"


def _shown(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}..."
