"""Write fixtures/clusters/ again: `python -m tests.fixture_clusters`.

Whole clusters in the words of kubectl and calicoctl, for whoever has none at hand. The spec of each is written by
`rrplan init` itself. A test proves the files current.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rrplan.initial import initial
from rrplan.snapshots import snapshot_of_manifests

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "clusters"
KUBERNETES, CALICO, SPEC = "kubernetes.yaml", "calico.yaml", "spec.yaml"
Document = dict[str, Any]
BORN = "2026-03-02T09:00:00Z"


@dataclass(frozen=True, slots=True)
class Host:
    """A node, with the pods that run there beside calico-node and kube-proxy."""

    name: str
    address: str
    number: int
    zone: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Document, ...] = ()
    as_number: int | None = None
    apps: int = 0


def _metadata(kind: str, name: str, namespace: str = "", **more: Any) -> Document:
    uid = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{kind}/{namespace}/{name}"))
    place = {"namespace": namespace} if namespace else {}
    return {"creationTimestamp": BORN, "name": name, **place, "resourceVersion": "4711", "uid": uid, **more}


def _node(host: Host, version: str, annotations: Document) -> Document:
    zone = {"topology.kubernetes.io/region": "eu-1", "topology.kubernetes.io/zone": host.zone} if host.zone else {}
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": host.name,
        "kubernetes.io/os": "linux",
        **zone,
        **host.labels,
    }
    notes = {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    pods = f"10.244.{host.number}.0/24"
    ready = {
        "lastHeartbeatTime": BORN,
        "lastTransitionTime": BORN,
        "message": "kubelet is posting ready status",
        "reason": "KubeletReady",
        "status": "True",
        "type": "Ready",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": _metadata("Node", host.name, annotations={**notes, **annotations}, labels=labels),
        "spec": {
            "podCIDR": pods,
            "podCIDRs": [pods],
            **({"taints": [dict(taint) for taint in host.taints]} if host.taints else {}),
        },
        "status": {
            "addresses": [
                {"address": host.address, "type": "InternalIP"},
                {"address": host.name, "type": "Hostname"},
            ],
            "allocatable": {"cpu": "8", "memory": "32778452Ki", "pods": "110"},
            "conditions": [ready],
            "nodeInfo": {"architecture": "amd64", "kubeletVersion": version, "operatingSystem": "linux"},
        },
    }


def _pod(name: str, namespace: str, node: str, owner: tuple[str, str], labels: Document, image: str) -> Document:
    kind, owner_name = owner
    system = owner[0] == "DaemonSet"
    reference = {
        "apiVersion": "apps/v1",
        "controller": True,
        "kind": kind,
        "name": owner_name,
        "uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{kind}/{namespace}/{owner_name}")),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata("Pod", name, namespace, labels=labels, ownerReferences=[reference]),
        "spec": {
            "containers": [{"image": image, "name": labels.get("k8s-app") or labels["app"]}],
            "nodeName": node,
            **({"hostNetwork": True} if system else {}),
        },
        "status": {
            "conditions": [{"lastTransitionTime": BORN, "status": "True", "type": "Ready"}],
            "phase": "Running",
        },
    }


def _pods(host: Host, image: str) -> Iterator[Document]:
    tail = f"{host.number:02d}"
    for name, picture in (("calico-node", image), ("kube-proxy", "registry.k8s.io/kube-proxy:v1.32.3")):
        labels = {"k8s-app": name}
        yield _pod(f"{name}-x{tail}", "kube-system", host.name, ("DaemonSet", name), labels, picture)
    for number in range(host.apps):
        labels = {"app": "web"}
        pod = f"web-6d4b75cb6d-{tail}{number}"
        yield _pod(pod, "shop", host.name, ("ReplicaSet", "web-6d4b75cb6d"), labels, "registry.example/web:1.4")


def _daemonset(image: str) -> Document:
    labels = {"k8s-app": "calico-node"}
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "containers": [{"env": [{"name": "IP", "value": "autodetect"}], "image": image, "name": "calico-node"}],
            "hostNetwork": True,
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [
                {"effect": "NoSchedule", "operator": "Exists"},
                {"effect": "NoExecute", "operator": "Exists"},
            ],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": _metadata("DaemonSet", "calico-node", "kube-system", labels=labels),
        "spec": {
            "selector": {"matchLabels": labels},
            "template": pod,
            "updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}, "type": "RollingUpdate"},
        },
    }


def _calico(kind: str, name: str, spec: Document, **metadata: Any) -> Document:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": _metadata(kind, name, **metadata),
        "spec": spec,
    }


def _listing(kind: str, items: Sequence[Document]) -> Document:
    """What `calicoctl get KIND -o yaml` prints."""
    return {
        "apiVersion": "projectcalico.org/v3",
        "items": list(items),
        "kind": f"{kind}List",
        "metadata": {"resourceVersion": "4712"},
    }


def _information(version: str, kind: str) -> Document:
    guid = uuid.uuid5(uuid.NAMESPACE_DNS, kind).hex
    spec = {"calicoVersion": version, "clusterGUID": guid, "clusterType": kind, "datastoreReady": True}
    return _listing("ClusterInformation", [_calico("ClusterInformation", "default", spec)])


def _pool(ipip: str) -> Document:
    spec = {
        "allowedUses": ["Workload", "Tunnel"],
        "blockSize": 26,
        "cidr": "10.244.0.0/16",
        "ipipMode": ipip,
        "natOutgoing": True,
        "nodeSelector": "all()",
        "vxlanMode": "Never",
    }
    return _listing("IPPool", [_calico("IPPool", "default-ipv4-ippool", spec)])


def _kubernetes(hosts: Sequence[Host], version: str, image: str, annotated: bool) -> Document:
    """What `kubectl get nodes,daemonsets,pods -A -o yaml` prints; `annotated` where Calico's data is in Kubernetes."""
    items: list[Document] = []
    for host in hosts:
        number = {} if host.as_number is None else {"projectcalico.org/ASNumber": str(host.as_number)}
        address = {"projectcalico.org/IPv4Address": f"{host.address}/24", **number} if annotated else {}
        items.append(_node(host, version, address))
    items.append(_daemonset(image))
    items += [pod for host in hosts for pod in _pods(host, image)]
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}
NO_PODS = ({"effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane"},)


def _kubeadm() -> dict[str, list[Document]]:
    """A cluster of kubeadm in three zones: one control plane and three workers in each, full mesh."""
    hosts = []
    for number in range(12):
        zone, place = "abc"[number % 3], number // 3
        address = f"10.20.{number % 3}.{10 + place}"
        if place == 0:
            host = Host(f"control-{zone}", address, number, f"eu-1{zone}", CONTROL_PLANE, NO_PODS)
        else:
            host = Host(f"worker-{zone}{place}", address, number, f"eu-1{zone}", apps=(number * 5) % 4)
        hosts.append(host)
    return {
        KUBERNETES: [_kubernetes(hosts, "v1.32.3", "docker.io/calico/node:v3.30.4", annotated=True)],
        CALICO: [
            _listing("BGPConfiguration", []),
            _listing("BGPPeer", []),
            _listing("BGPFilter", []),
            _pool("CrossSubnet"),
            _information("v3.30.4", "k8s,bgp,kubeadm,kdd"),
        ],
    }


def _racks() -> dict[str, list[Document]]:
    """Three racks of eight nodes with an AS number each: a mesh in each, and a ToR switch that carries the rest."""
    hosts = [
        Host(
            f"r{rack}-n{place}",
            f"10.30.{rack}.{10 + place}",
            8 * rack + place,
            labels={"example.net/rack": f"rack-{rack}"},
            as_number=65000 + rack,
            apps=(place * 3) % 4,
        )
        for rack in (1, 2, 3)
        for place in range(1, 9)
    ]
    peers = []
    for rack in (1, 2, 3):
        near = f"example.net/rack == 'rack-{rack}'"
        switch = {"asNumber": 64999, "nodeSelector": near, "peerIP": f"10.30.{rack}.1"}
        peers.append(_calico("BGPPeer", f"rack-{rack}-mesh", {"nodeSelector": near, "peerSelector": near}))
        peers.append(_calico("BGPPeer", f"rack-{rack}-tor", switch))
    off = {"asNumber": 64512, "logSeverityScreen": "Info", "nodeToNodeMeshEnabled": False}
    return {
        KUBERNETES: [_kubernetes(hosts, "v1.31.7", "docker.io/calico/node:v3.29.3", annotated=True)],
        CALICO: [
            _listing("BGPConfiguration", [_calico("BGPConfiguration", "default", off)]),
            _listing("BGPPeer", peers),
            _listing("BGPFilter", []),
            _pool("Never"),
            _information("v3.29.3", "k8s,bgp,kdd"),
        ],
    }


def _ucp() -> dict[str, list[Document]]:
    """UCP with three managers and twenty workers, two of them kept free for reflectors; Calico v3.8 with etcd."""
    swarm = {"com.docker.ucp.collection.swarm": "true", "com.docker.ucp.orchestrator.kubernetes": "true"}
    master = {**swarm, "node-role.kubernetes.io/master": ""}
    taint = ({"effect": "NoSchedule", "key": "com.docker.ucp.manager"},)
    managers = [Host(f"ucp-manager-{n}", f"10.40.0.{n}", n, labels=master, taints=taint) for n in (1, 2, 3)]
    workers = [
        Host(f"ucp-worker-{n:02d}", f"10.40.0.{10 + n}", 10 + n, labels=swarm, apps=0 if n > 18 else 1 + n % 3)
        for n in range(1, 21)
    ]
    hosts = [*managers, *workers]
    nodes = []
    for host in hosts:
        bgp = {"ipv4Address": f"{host.address}/24", "ipv4IPIPTunnelAddr": f"10.244.{host.number}.1"}
        spec = {"bgp": bgp, "orchRefs": [{"nodeName": host.name, "orchestrator": "k8s"}]}
        labels = {"beta.kubernetes.io/os": "linux", "kubernetes.io/hostname": host.name, **host.labels}
        nodes.append(_calico("Node", host.name, spec, labels=labels))
    return {
        KUBERNETES: [_kubernetes(hosts, "v1.14.8-docker-1", "docker/ucp-calico-node:3.2.4", annotated=False)],
        CALICO: [
            _listing("Node", nodes),
            _listing("BGPConfiguration", []),
            _listing("BGPPeer", []),
            _pool("Always"),
            _information("v3.8.9", "k8s,bgp"),
        ],
    }


CLUSTERS = {"kubeadm": _kubeadm, "racks": _racks, "ucp": _ucp}


class _Dumper(yaml.SafeDumper):
    """Writes as kubectl and calicoctl do: lists are not indented, nothing is an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every value is written out."""
        return True


def _text(documents: Sequence[Document]) -> str:
    return "---\n".join(yaml.dump(each, Dumper=_Dumper, sort_keys=True, width=1000) for each in documents)


@cache
def files() -> dict[Path, str]:
    """Every file with its text."""
    texts: dict[Path, str] = {}
    for name, cluster in CLUSTERS.items():
        written = {file: _text(documents) for file, documents in cluster().items()}
        snapshot = snapshot_of_manifests([(file, text.encode()) for file, text in written.items()])
        written[SPEC] = initial(snapshot, name=name).proposal.text
        texts |= {FOLDER / name / file: text for file, text in written.items()}
    return texts


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
