"""Which node has which address and owns which address block, from either place where Calico keeps its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.server import ApiServer, Forbidden
from rrplan.ids import NodeName
from rrplan.ports import CalicoResources
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
    """Implements the port Directory on an API server that has Calico's resources in a group."""

    def __init__(self, server: ApiServer, group: str) -> None:
        self._server = server
        self._group = group
        self._cluster_ids: frozenset[str] = frozenset()
        self._pod_cidrs: Mapping[str, NodeName] = {}

    def addresses(self) -> Mapping[NodeName, Mapping[str, str]]:
        """From the annotations of the Nodes."""
        found = self._server.listed(collection("Node"), _annotated)
        self._cluster_ids = frozenset(cluster_id for _, _, cluster_id, _ in found if cluster_id)
        self._pod_cidrs = {prefix: name for name, _, _, prefixes in found for prefix in prefixes}
        return {name: told for name, told, _, _ in found}

    def cluster_ids(self) -> frozenset[str]:
        """From the annotations too."""
        return self._cluster_ids

    def hosts(self) -> Mapping[NodeName, str]:
        """None: standalone reflectors need etcd."""
        return {}

    def owners(self) -> Mapping[str, NodeName]:
        """Confirmed block affinities (libcalico-go/lib/apis/crd.projectcalico.org/v1 blockaffinity)."""
        return {
            str(item["spec"].get("cidr")): NodeName(str(item["spec"].get("node")))
            for item in self._server.listed(collection("BlockAffinity", calico=self._group), dict)
            if item["spec"].get("state") == "confirmed" and str(item["spec"].get("deleted")).lower() != "true"
        }

    def pod_cidrs(self) -> Mapping[str, NodeName]:
        """From the Nodes, where the environment of calico-node says that these are the blocks."""
        try:
            agents = self._server.listed(collection("DaemonSet"), dict, labelSelector="k8s-app=calico-node")
        except Forbidden:
            return {}
        return self._pod_cidrs if any(_uses_pod_cidrs(item) for item in agents) else {}

    def announced_pools(self) -> Sequence[str]:
        """IPPools without `disableBGPExport`."""
        return _pools(self._server.listed(collection("IPPool", calico=self._group), dict))


class EtcdDirectory:
    """Implements the port Directory on an API server and the etcd that has Calico's resources."""

    def __init__(self, server: ApiServer, calico: CalicoResources) -> None:
        self._server = server
        self._calico = calico
        self._known: dict[NodeName, Mapping[str, str]] = {}
        self._cluster_ids: frozenset[str] = frozenset()

    def addresses(self) -> Mapping[NodeName, Mapping[str, str]]:
        """From Calico's Nodes."""
        nodes = [decode(stored.document) for stored in self._calico.everything(["Node"])]
        found = [node for node in nodes if isinstance(node, Node)]
        self._known = {node.name: _told(node) for node in found}
        self._cluster_ids = frozenset(node.cluster_id for node in found if node.cluster_id)
        return self._known

    def cluster_ids(self) -> frozenset[str]:
        """From Calico's Nodes; standalone reflectors are not among them."""
        return self._cluster_ids

    def hosts(self) -> Mapping[NodeName, str]:
        """Hosts that Calico does not know (any more), where containers of standalone reflectors may run."""
        nodes = [decode(item) for item in self._server.listed(collection("Node"), dict)]
        return {
            node.name: node.host_ip
            for node in nodes
            if isinstance(node, Node) and node.host_ip and node.name not in self._known
        }

    def owners(self) -> Mapping[str, NodeName]:
        """Confirmed block affinities."""
        return {prefix: node for prefix, node, state in self._calico.blocks() if state in CONFIRMED}

    def pod_cidrs(self) -> Mapping[str, NodeName]:
        """Nothing: only with the Kubernetes datastore are podCIDRs blocks (libcalico-go, bgpnodeprocessor.go)."""
        return {}

    def announced_pools(self) -> Sequence[str]:
        """IPPools without `disableBGPExport`."""
        return _pools([stored.document for stored in self._calico.everything(["IPPool"])])


def _uses_pod_cidrs(item: Mapping[str, Any]) -> bool:
    containers = item["spec"]["template"]["spec"].get("containers") or []
    variables = [variable for one in containers for variable in one.get("env") or []]
    return any(one.get("name") == USE_POD_CIDR and one.get("value") in TRUE for one in variables)


def _pools(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    pools = [decode(document) for document in documents]
    return [one.cidr for one in pools if isinstance(one, IPPool) and one.cidr and not one.disable_bgp_export]


def _annotated(item: Mapping[str, Any]) -> tuple[NodeName, dict[str, str], str, list[str]]:
    told = item["metadata"].get("annotations") or {}
    found = {family: parse_address(str(told.get(name, "")), int(family[-1])) for family, name in ANNOTATIONS.items()}
    addresses = {family: text for family, text in found.items() if text}
    spec = item.get("spec") or {}
    prefixes = [str(prefix) for prefix in spec.get("podCIDRs") or [spec.get("podCIDR")] if prefix]
    return NodeName(item["metadata"]["name"]), addresses, str(told.get(CLUSTER_ID, "")), prefixes


def _told(node: Node) -> dict[str, str]:
    return {family: text for family, text in (("ipv4", node.ipv4), ("ipv6", node.ipv6)) if text}
