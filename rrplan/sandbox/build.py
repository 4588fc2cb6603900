"""A cluster to try things on: dual stack, three zones, a few nodes meant to reflect."""

from __future__ import annotations

from rrplan.ids import NodeName
from rrplan.ports import Document
from rrplan.resources import CalicoNode, ClusterInformation, DaemonSet, IPPool, Node, Pod, Resource, encode
from rrplan.resources.version import CalicoVersion

DEMO_GUID = f"{0xDE30:032x}"
"""The clusterGUID of the demo cluster."""
ZONES = ("zone-a", "zone-b", "zone-c")


def demo_cluster(nodes: int = 120, reflectors: int = 6, version: str = "v3.30.4") -> list[Document]:
    """The objects of a cluster of `nodes` nodes, `reflectors` of which carry the label `role=rr`."""
    calico = CalicoVersion.parse(version)
    resources: list[Resource] = [
        ClusterInformation("default", calico, "k8s,bgp,kdd", datastore_ready=True, guid=DEMO_GUID),
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


def ucp_cluster(workers: int = 120, candidates: int = 2) -> list[Document]:
    """A cluster like one of UCP 3.2: three managers, workers, dedicated candidates; Calico v3.8 with etcd."""
    calico = CalicoVersion(3, 8, 9)
    managers = [f"manager-{number}" for number in range(1, 4)]
    names = [
        *managers,
        *(f"worker-{n:03d}" for n in range(1, workers + 1)),
        *(f"rr-{n}" for n in range(1, candidates + 1)),
    ]
    resources: list[Resource] = [
        ClusterInformation("default", calico, "k8s,bgp", datastore_ready=True),
        DaemonSet("calico-node", "kube-system", calico, "bird", update_strategy="RollingUpdate"),
        IPPool("default-ipv4-ippool", "192.168.0.0/16"),
    ]
    for number, name in enumerate(names, 1):
        address = f"172.31.{number // 256}.{number % 256}"
        labels = {
            "kubernetes.io/hostname": name,
            "beta.kubernetes.io/os": "linux",
            "com.docker.ucp.collection.swarm": "true",
            **({"node-role.kubernetes.io/master": ""} if name in managers else {}),
        }
        if name.startswith("rr-"):
            resources += [
                Pod(f"app-{name}-{copy}", "default", NodeName(name), "ReplicaSet", "Running") for copy in (1, 2)
            ]
        bgp = {"ipv4Address": f"{address}/20", "ipv4IPIPTunnelAddr": f"192.168.{number}.1"}
        resources.append(CalicoNode(name, {"name": name, "labels": labels}, {"bgp": bgp}))
        resources.append(Node(NodeName(name), labels, ipv4=address, ready=True, host_ip=address))
    return [encode(resource) for resource in resources]


def _name(index: int, reflectors: int) -> NodeName:
    if index < reflectors:
        return NodeName(f"rr-{index + 1}")
    return NodeName(f"node-{index - reflectors + 1:03d}")
