"""What a plan does to addresses of Services, of which the proof knows nothing."""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.resources import CalicoVersion, ClusterState
from rrplan.text import listed

SINCE = CalicoVersion(3, 27, 3)
"""Since then a reflector hands on what other nodes announce of `serviceLoadBalancerIPs` (bird_ipam.cfg.template)."""
SHOWN = 5


def services_handed_on(before: ClusterState, after: ClusterState, newest: CalicoVersion) -> Iterator[str]:
    """That nodes stop to hand on addresses of Services to speakers outside; `newest` is the newest Calico that runs.

    Each node announces the ranges themselves. Of a Service with `externalTrafficPolicy: Local` the nodes that have its
    pods announce the address, and in a mesh nobody hands it on.
    """
    default = before.configurations.get("default")
    told = default.spec.get("serviceLoadBalancerIPs") if default else None
    ranges = [str(one.get("cidr")) for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    staying = {name for name, node in after.nodes.items() if node.cluster_id}
    stopping = sorted(name for name, node in before.nodes.items() if node.cluster_id and name not in staying)
    outside = any(peer.peer_ip for peer in after.peers.values())
    if ranges and stopping and outside and newest >= SINCE:
        yield (
            f"the proof speaks of pods, not of Services: {listed(stopping, SHOWN)} will no longer hand on what other "
            f"nodes announce of {listed(ranges, SHOWN)} (`serviceLoadBalancerIPs`), which reflectors alone do; a "
            "speaker outside needs a session with each node that has pods of a Service with "
            "`externalTrafficPolicy: Local`"
        )
