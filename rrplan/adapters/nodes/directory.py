"""Which node has which address and owns which address block, from either place where Calico keeps its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.server import ApiServer, Forbidden
from rrplan.ids import NodeName
from rrplan.ports import CalicoStore, Whereabouts
from rrplan.resources import IPPool, Node, decode
from rrplan.resources.reading import parse_address

ANNOTATIONS = {"ipv4": "projectcalico.org/IPv4Address", "ipv6": "projectcalico.org/IPv6Address"}
CLUSTER_ID = "projectcalico.org/RouteReflectorClusterID"
CONFIRMED = ("confirmed", "")
"""Blocks of old versions have no state (libcalico-go/lib/backend/model/block_affinity.go)."""
USE_POD_CIDR = "USE_POD_CIDR"
"""Of calico-node: blocks are the nodes' podCIDRs, and no BlockAffinity is read (libcalico-go, bgpsyncer.go, v3.31)."""
TRUE = ("1", "t", "T", "TRUE", "true", "True")
"""What Go's strconv.ParseBool takes for true."""


class ApiDirectory:
    """Implements the port Directory where Kubernetes' Nodes say what Calico knows of them."""

    def __init__(self, server: ApiServer, calico: CalicoStore) -> None:
        self._server = server
        self._calico = calico

    def whereabouts(self) -> Whereabouts:
        """From the annotations of the Nodes; there are no other hosts, because standalone reflectors need etcd.

        podCIDRs are blocks where the environment of calico-node says so.
        """
        nodes = self._server.listed(collection("Node"), _Annotated.of)
        blocks = {prefix: node.name for node in nodes for prefix in node.pod_cidrs} if self._uses_pod_cidrs() else {}
        ids = frozenset(node.cluster_id for node in nodes if node.cluster_id)
        return Whereabouts({node.name: node.addresses for node in nodes}, ids, pod_cidrs=blocks)

    def _uses_pod_cidrs(self) -> bool:
        try:
            agents = self._server.listed(collection("DaemonSet"), dict, labelSelector="k8s-app=calico-node")
        except Forbidden:
            return False
        return any(_uses_pod_cidrs(agent) for agent in agents)

    def owners(self) -> Mapping[str, NodeName]:
        """The owners of address blocks, from block affinities that are confirmed."""
        return _owners(self._calico)

    def announced_pools(self) -> Sequence[str]:
        """IPPools without `disableBGPExport`; none where they may not be read."""
        return _announced_pools(self._calico)


class EtcdDirectory:
    """Implements the port Directory where Calico has Nodes of its own, beside those of an API server."""

    def __init__(self, server: ApiServer, calico: CalicoStore) -> None:
        self._server = server
        self._calico = calico

    def whereabouts(self) -> Whereabouts:
        """From Calico's Nodes; the hosts are those of Kubernetes that Calico does not know (any more).

        No podCIDRs: only with the Kubernetes datastore are they blocks (libcalico-go, bgpnodeprocessor.go).
        """
        nodes = [node for item in self._calico.everything(["Node"]) if isinstance(node := decode(item.document), Node)]
        hosts = [node for node in self._server.listed(collection("Node"), decode) if isinstance(node, Node)]
        addresses = {node.name: _addresses(node) for node in nodes}
        return Whereabouts(
            addresses,
            frozenset(node.cluster_id for node in nodes if node.cluster_id),
            {host.name: host.host_ip for host in hosts if host.host_ip and host.name not in addresses},
        )

    def owners(self) -> Mapping[str, NodeName]:
        """The owners of address blocks, from block affinities that are confirmed."""
        return _owners(self._calico)

    def announced_pools(self) -> Sequence[str]:
        """The IPPools whose routes nodes announce: those without `disableBGPExport`."""
        return _announced_pools(self._calico)


def _owners(calico: CalicoStore) -> dict[str, NodeName]:
    return {prefix: node for prefix, node, state in calico.blocks() if state in CONFIRMED}


def _announced_pools(calico: CalicoStore) -> list[str]:
    pools = [decode(item.document) for item in calico.everything(["IPPool"])]
    return [pool.cidr for pool in pools if isinstance(pool, IPPool) and pool.cidr and not pool.disable_bgp_export]


def _uses_pod_cidrs(item: Mapping[str, Any]) -> bool:
    containers = item["spec"]["template"]["spec"].get("containers") or []
    variables = [variable for container in containers for variable in container.get("env") or []]
    return any(variable.get("name") == USE_POD_CIDR and variable.get("value") in TRUE for variable in variables)


@dataclass(frozen=True, slots=True)
class _Annotated:
    """What Calico keeps in a Kubernetes Node; all else, most of its 12 KB, is dropped while the list is read."""

    name: NodeName
    addresses: Mapping[str, str]
    cluster_id: str
    pod_cidrs: Sequence[str]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> _Annotated:
        """Of one Node as the API server lists it."""
        annotations = item["metadata"].get("annotations") or {}
        addresses = {
            family: text
            for family, name in ANNOTATIONS.items()
            if (text := parse_address(str(annotations.get(name, "")), int(family[-1])))
        }
        spec = item.get("spec") or {}
        prefixes = [str(prefix) for prefix in spec.get("podCIDRs") or [spec.get("podCIDR")] if prefix]
        return cls(NodeName(item["metadata"]["name"]), addresses, str(annotations.get(CLUSTER_ID, "")), prefixes)


def _addresses(node: Node) -> dict[str, str]:
    return {family: text for family, text in (("ipv4", node.ipv4), ("ipv6", node.ipv6)) if text}
