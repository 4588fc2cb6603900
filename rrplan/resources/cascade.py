"""What Calico's client deletes together with a Node, and where it refuses to.

Sources: libcalico-go/lib/clientv3/node.go, `nodes.Delete`; libcalico-go/lib/ipam/ipam.go, `ReleaseAffinity`. It deletes
all of this before it compares the version of the Node.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from rrplan.resources.key import ResourceKey
from rrplan.resources.objects import BGPPeer, ClusterInformation, HostEndpoint, IPPool, Resource
from rrplan.resources.state import ClusterState
from rrplan.resources.version import CalicoVersion

HOST_ENDPOINTS_SINCE = CalicoVersion(3, 18)
"""HostEndpoints go too since projectcalico/libcalico-go pull request 1355 (January 2021)."""


def takes_host_endpoints(version: CalicoVersion | None) -> bool:
    """Whether the client of a release deletes HostEndpoints with their Node; where the release is not known, yes."""
    return version is None or version >= HOST_ENDPOINTS_SINCE


def cascades(
    state: ClusterState, names: Iterable[str], version: CalicoVersion | None
) -> dict[str, tuple[Resource, ...]]:
    """By Calico Node, the other objects that its deletion destroys, in the order in which the client deletes them.

    The release of the client is the cluster's, by ClusterInformation, or else `version`.
    """
    releases = [
        resource.calico_version for resource in state.others.values() if isinstance(resource, ClusterInformation)
    ]
    release = next((known_release for known_release in releases if known_release is not None), version)
    peers: dict[str, list[BGPPeer]] = {}
    for _, peer in sorted(state.peers.items()):
        peers.setdefault(peer.node, []).append(peer)
    endpoints: dict[str, list[HostEndpoint]] = {}
    if takes_host_endpoints(release):
        for _, endpoint in sorted(state.others_of(HostEndpoint).items()):
            endpoints.setdefault(endpoint.node, []).append(endpoint)
    return {
        name: (
            *peers.get(name, ()),
            *(
                resource
                for kind in ("FelixConfiguration", "BGPConfiguration")
                if (resource := state.get(of_node(kind, name)))
            ),
            *endpoints.get(name, ()),
        )
        for name in names
    }


def of_node(kind: str, name: str) -> ResourceKey:
    """The configuration of a kind that is for one node alone."""
    return ResourceKey(kind, f"node.{name}")


def outside_pools(blocks: Iterable[str], pools: Iterable[IPPool]) -> frozenset[str]:
    """The blocks (prefixes) that no enabled IPPool covers: the client does not delete the node that has one."""
    covering = [network for pool in pools if not pool.disabled and (network := _network(pool.cidr)) is not None]
    read = {block: _network(block) for block in blocks}
    return frozenset(
        block
        for block, network in read.items()
        if network and not any(network.network_address in pool for pool in covering)
    )


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def deleted_objects(resources: Iterable[Iterable[Resource]]) -> frozenset[ResourceKey]:
    """The keys of everything that goes with some Node."""
    return frozenset(resource.key for with_node in resources for resource in with_node)
