"""A cluster to try things on: dual stack, three zones, a few nodes meant to reflect."""

from __future__ import annotations

from rrplan.ids import NodeName
from rrplan.ports import Document
from rrplan.resources import ClusterInformation, DaemonSet, IPPool, Node, Pod, Resource, encode
from rrplan.resources.version import CalicoVersion

ZONES = ("zone-a", "zone-b", "zone-c")


def demo_cluster(nodes: int = 120, reflectors: int = 6, version: str = "v3.30.4") -> list[Document]:
    """The objects of a cluster of `nodes` nodes, `reflectors` of which carry the label `role=rr`."""
    calico = CalicoVersion.parse(version)
    resources: list[Resource] = [
        ClusterInformation("default", calico, "k8s,bgp,kdd", datastore_ready=True),
        DaemonSet("calico-node", "kube-system", calico, "bird", "calico-typha"),
        IPPool("default-ipv4-ippool", "10.244.0.0/16"),
        IPPool("default-ipv6-ippool", "fd00:10:244::/64"),
    ]
    for index in range(nodes):
        name = _name(index, reflectors)
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": ZONES[index % len(ZONES)],
        }
        if index < reflectors:
            labels["role"] = "rr"
            resources += [Pod(f"web-{index}-{copy}", "default", name, "ReplicaSet", "Running") for copy in range(2)]
        elif index < reflectors + 3:
            labels["node-role.kubernetes.io/control-plane"] = ""
        host = index + 1
        resources.append(
            Node(name, labels, ipv4=f"10.0.{host // 256}.{host % 256}", ipv6=f"fd00::{host:x}", ready=True)
        )
    return [encode(resource) for resource in resources]


def _name(index: int, reflectors: int) -> NodeName:
    if index < reflectors:
        return NodeName(f"rr-{index + 1}")
    return NodeName(f"node-{index - reflectors + 1:03d}")
