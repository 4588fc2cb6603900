"""Each preflight check: what it finds, in words, and that it has its page."""

import ast
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from rrplan import api, checks
from rrplan.bgp.model import Model
from rrplan.checks.agreement import PEERS_AGREE, peers_agree
from rrplan.checks.bgp import CHECKS, as_numbers_equal, id_of
from rrplan.checks.context import CheckContext
from rrplan.desired import compile_desired
from rrplan.errors import PreflightError
from rrplan.render.checks import TEXTS, sentence
from rrplan.render.terminal import plan_text
from rrplan.resources import decode
from rrplan.resources.state import ClusterState
from rrplan.sandbox import demo_cluster, ucp_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support import SPEC
from tests.support.clusters import BACK, CLIENTS, REFLECTORS, VERSIONS, mesh, peer, planned, state
from tests.support.clusters import node as small
from tests.support.specs import STANDALONE

HOPS = {"ttlSecurity": 1}
OF_OPTIONS = {"filters-readable", "filters-there", "options-effective", "password-readable"}
"""The checks of `test_options`."""
PAGES = Path(__file__).resolve().parents[3] / "docs" / "checks"


def thing(kind: str, name: str, version: str = "projectcalico.org/v3", **spec: Any) -> dict[str, object]:
    """An object."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "x"}, "spec": spec}


def node(name: str, host: int, *, ready: str = "True", **annotations: str) -> dict[str, object]:
    """One more node."""
    told = {"IPv4Address": f"10.9.0.{host}/24", **annotations}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {f"projectcalico.org/{key}": value for key, value in told.items()}},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def agent(name: str, version: str) -> dict[str, object]:
    """The calico-node pod of a node."""
    pod = thing("Pod", f"calico-{name}", "v1", nodeName=name, containers=[{"image": f"calico/node:{version}"}])
    return {**pod, "metadata": {**pod["metadata"], "ownerReferences": [{"kind": "DaemonSet", "controller": True}]}}  # type: ignore[dict-item]


def backend(name: str) -> dict[str, object]:
    """A calico-node DaemonSet with a backend."""
    container = {"name": "calico-node", "env": [{"name": "CALICO_NETWORKING_BACKEND", "value": name}]}
    return thing("DaemonSet", "calico-node", "apps/v1", template={"spec": {"containers": [container]}})


def running(version: str) -> dict[str, object]:
    """A calico-node DaemonSet of a version."""
    container = {"name": "calico-node", "image": f"calico/node:{version}"}
    return thing("DaemonSet", "calico-node", "apps/v1", template={"spec": {"containers": [container]}})


def pod(name: str, host: str, *, owner: str = "", set_name: str = "", phase: str = "Running") -> dict[str, object]:
    """A pod on a node, and what owns it."""
    owners = [{"kind": owner, "name": set_name, "controller": True}] if owner else []
    return {
        **thing("Pod", name, "v1", nodeName=host),
        "metadata": {"name": name, "namespace": "x", "ownerReferences": owners},
        "status": {"phase": phase},
    }


def with_typha(**variable: object) -> dict[str, object]:
    """A calico-node DaemonSet that names its Typha."""
    env = [{"name": "FELIX_TYPHAK8SSERVICENAME", **variable}] if variable else []
    container = {"name": "calico-node", "env": env, "image": "calico/node:v3.30.4"}
    return thing("DaemonSet", "calico-node", "apps/v1", template={"spec": {"containers": [container]}})


def cloud(name: str, provider: str) -> dict[str, object]:
    """A node of a cloud."""
    return {**node(name, 9), "spec": {"providerID": provider}}


def unsynced(name: str, labels: str) -> dict[str, object]:
    """A node whose two shapes say different labels."""
    metadata = {"name": name, "annotations": {"rrplan.io/unsynced-labels": labels}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}


def owned(kind: str, name: str, spec: Mapping[str, object], **metadata: dict[str, str]) -> dict[str, object]:
    """An object with labels and annotations."""
    return {**thing(kind, name), "spec": spec, "metadata": {"name": name, **metadata}}


def cluster_type(text: str) -> dict[str, object]:
    """The ClusterInformation of a datastore."""
    return thing("ClusterInformation", "default", clusterType=text)


MANY = [node(f"more-{host:02d}", host) for host in range(1, 51)]
ON: dict[str, object] = {"nodeToNodeMeshEnabled": True}
SINGLE = pod("db-0", "rr-1", owner="StatefulSet", set_name="db")
ELSEWHERE = pod("dns-1", "node-001", owner="ReplicaSet", set_name="dns")
HELM = {"app.kubernetes.io/managed-by": "Helm"}
ARGO = {"argocd.argoproj.io/tracking-id": "net:projectcalico.org/BGPConfiguration:default"}
FLUX = {"kustomize.toolkit.fluxcd.io/name": "net"}
PEER: dict[str, object] = {
    "nodeSelector": "!has(rrplan.io/route-reflector)",
    "peerSelector": 'rrplan.io/route-reflector == "main"',
}
OFF: dict[str, Any] = {"nodeToNodeMeshEnabled": False}


def located(name: str, address: str, *internal: str) -> dict[str, object]:
    """A node with the addresses that Calico and Kubernetes have for it."""
    metadata = {"name": name, "annotations": {"projectcalico.org/IPv4Address": address}}
    addresses = [{"type": "InternalIP", "address": one} for one in internal]
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"addresses": addresses}}


def only_ipv6(name: str) -> dict[str, object]:
    """A node with one address, of IPv6."""
    metadata = {"name": name, "annotations": {"projectcalico.org/IPv6Address": "fd01::99/64"}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}


def pool(**spec: Any) -> dict[str, object]:
    """The IPv4 pool of the cluster, with more fields."""
    return thing("IPPool", "default-ipv4-ippool", cidr="10.42.0.0/16", **spec)


def hostname(name: str) -> str:
    """A selector of one node."""
    return f"kubernetes.io/hostname == '{name}'"


def environment(**variables: str) -> dict[str, object]:
    """The DaemonSet of calico-node with an environment."""
    return calico_node([{"name": name, "value": value} for name, value in variables.items()])


def elsewhere(**told: object) -> dict[str, object]:
    """The DaemonSet of calico-node with a CALICO_ROUTER_ID that says where its value is."""
    return calico_node([{"name": "CALICO_ROUTER_ID", **told}])


def calico_node(env: list[dict[str, Any]]) -> dict[str, object]:
    """The DaemonSet of calico-node."""
    container = {"name": "calico-node", "env": env, "image": "calico/node:v3.30.4"}
    return thing("DaemonSet", "calico-node", "apps/v1", template={"spec": {"containers": [container]}})


def probed(*asked: str, **told: object) -> dict[str, object]:
    """The DaemonSet of calico-node of a manifest: its backend is in a ConfigMap, and its probe asks these."""
    source = told or {"valueFrom": {"configMapKeyRef": {"name": "calico-config", "key": "calico_backend"}}}
    container = {
        "name": "calico-node",
        "image": "calico/node:v3.30.4",
        "env": [{"name": "CALICO_NETWORKING_BACKEND", **source}],
        "readinessProbe": {"exec": {"command": ["/bin/calico-node", *asked]}},
    }
    return thing("DaemonSet", "calico-node", "apps/v1", template={"spec": {"containers": [container]}})


BPF = {"bgp": "Enabled", "linuxDataplane": "BPF"}
APART = [located("far-1", "10.90.1.1/24", "10.90.1.1"), located("far-2", "10.90.2.1/24", "10.90.2.1")]

ADD = "with `-f`, add the output of `kubectl get nodes,pods -A -o yaml`"
HINTS = {"kubernetes-given": ADD}
ERRORS = [
    ("bgp-in-use", backend("vxlan"), "DaemonSet x/calico-node runs with backend `vxlan`: no BIRD, no BGP"),
    (
        "bgp-in-use",
        thing("Installation", "default", "operator.tigera.io/v1", calicoNetwork={"bgp": "Disabled"}),
        "Installation `default` says `bgp: Disabled`",
    ),
    (
        "bgp-in-use",
        thing("Installation", "default", "operator.tigera.io/v1", calicoNetwork={"linuxDataplane": "VPP"}),
        "Installation `default` says `linuxDataplane: VPP`: calico-node runs no BIRD",
    ),
    (
        "datastore-ready",
        thing("ClusterInformation", "default", datastoreReady=False, calicoVersion="v3.30.4"),
        "a migration or an upgrade is going on",
    ),
    (
        "peer-as-number",
        thing("BGPPeer", "tor", peerIP="192.0.2.1"),
        "BGPPeer `tor` has a `peerIP` and no `asNumber`: BIRD refuses the whole configuration",
    ),
    (
        "peer-as-number",
        node("odd", 9, ASNumber="0"),
        (
            "the AS number of odd is 0: BIRD refuses the whole configuration there, and on every node that is to "
            "peer with them"
        ),
    ),
    (
        "peer-as-number",
        thing("BGPConfiguration", "default", nodeToNodeMeshEnabled=True, asNumber=0),
        "the AS number of node-001, node-002,",
    ),
    (
        "mesh-fields",
        thing("BGPConfiguration", "default", **OFF, nodeMeshMaxRestartTime="120s"),
        "BGPConfiguration `default` has the mesh off and nodeMeshMaxRestartTime set",
    ),
    (
        "peer-address",
        thing("BGPPeer", "ll", peerIP="fe80::1", asNumber=64512),
        "BGPPeer `ll`: `peerIP: fe80::1` is a link-local address without an interface: BIRD refuses the whole",
    ),
    *(
        (
            "peer-address",
            thing("BGPPeer", "none", peerIP=address, asNumber=65001),
            f"BGPPeer `none`: `peerIP: {address}` is the unspecified address: BIRD refuses the whole configuration",
        )
        for address in ("0.0.0.0", "::")
    ),
    (
        "router-id",
        environment(CALICO_ROUTER_ID="abc"),
        "CALICO_ROUTER_ID of calico-node is `abc`, which is neither `hash` nor a router ID: BIRD refuses",
    ),
    (
        "router-id",
        environment(CALICO_ROUTER_ID="1.1.1.1"),
        "CALICO_ROUTER_ID of calico-node gives every node the router ID 1.1.1.1: BIRD has no session with a node of",
    ),
    (
        "cluster-ids-valid",
        node("odd", 9, RouteReflectorClusterID="1.0.0.1/32"),
        "odd has cluster ID `1.0.0.1/32`: Calico takes the node for a reflector and renders `rr cluster id 1.0.0.1/32`",
    ),
    (
        "cluster-ids-valid",
        node("odd", 9, RouteReflectorClusterID="0.0.0.0"),
        (
            "odd has cluster ID `0.0.0.0`: BIRD takes the router ID of the node in its place, and this plan cannot "
            "tell what such a reflector passes on"
        ),
    ),
    ("addresses-unique", node("twin", 1, IPv4Address="10.0.0.5"), "10.0.0.5 is the address of node-003, twin"),
    (
        "kubernetes-given",
        thing("Node", "rr-1", bgp={"ipv4Address": "10.0.0.1/24"}),
        "no Kubernetes Node of rr-1 is known, which the plan would drain: nobody says what taints and pods are there",
    ),
    (
        "workloads",
        pod("alone", "rr-2"),
        "a drain does not evict: x/alone on rr-2 has no controller that makes it again (`force` evicts it)",
    ),
]

WARNINGS = [
    (
        "peer-address",
        [thing("BGPPeer", "p", node="rr-1", peerIP="::ffff:10.0.0.5", asNumber=64512)],
        ": ::ffff:10.0.0.5` means `10.0.0.5`: write that; Calico compares text, so it does not find node node-003",
    ),
    (
        "peer-address",
        [thing("BGPPeer", "p", node="rr-1", peerIP="192.0.2.1:0263", asNumber=64512)],
        "BGPPeer `p`: `peerIP: 192.0.2.1:0263` means `192.0.2.1:179`: write that",
    ),
    (
        "peer-address",
        [thing("BGPPeer", "p", node="rr-1", peerIP="192.0.2.1:0179", asNumber=64512)],
        "has port 0179, which is read as octal and is no octal number, so Calico ignores the BGPPeer: write `192.0.2.1",
    ),
    (
        "peer-address",
        [thing("BGPPeer", "p", node="rr-1", peerIP="192.0.2.1:99999", asNumber=64512)],
        "BGPPeer `p`: `peerIP: 192.0.2.1:99999` is no address with or without a port, so Calico ignores the BGPPeer",
    ),
    (
        "peer-address",
        [thing("BGPPeer", "p", node="rr-1", peerIP="192.0.2.1", asNumber=1, reachableBy="192.0.2.254/24")],
        "BGPPeer `p`: `peerIP: 192.0.2.1` stands beside `reachableBy: 192.0.2.254/24`, which is no ipv4 address, so",
    ),
    (
        "peer-address",
        [thing("BGPPeer", "p", node="nobody", peerIP="0.0.0.0", asNumber=1)],
        "BGPPeer `p`: `peerIP: 0.0.0.0` is the unspecified address, which BIRD refuses; no node has this peer now",
    ),
    (
        "peer-as-number",
        [thing("BGPPeer", "g", peerIP="192.0.2.1", asNumber=1), thing("BGPPeer", "p", node="rr-1", peerIP="192.0.2.1")],
        "`p` has a `peerIP` and no `asNumber`: BIRD refuses the whole configuration of a node that has this peer; no n",
    ),
    (
        "router-id",
        [elsewhere(valueFrom={"configMapKeyRef": {"name": "x", "key": "y"}})],
        "CALICO_ROUTER_ID of calico-node comes from elsewhere (`valueFrom`), so it is not known whether each node",
    ),
    (
        "router-id",
        [elsewhere(value="$(NODE_ID)")],
        "CALICO_ROUTER_ID of calico-node comes from elsewhere (`valueFrom`), so it is not known whether each node",
    ),
    (
        "kubernetes-given",
        [thing("Node", "another", bgp={"ipv4Address": "10.9.0.9/24"})],
        f"no Kubernetes Node of another is known: nobody says whether they are Ready or cordoned; {ADD}",
    ),
    (
        "router-id",
        [only_ipv6("bare"), thing("DaemonSet", "calico-rr", "apps/v1")],
        "no IPv4 address on bare, and whether calico-node has CALICO_ROUTER_ID is not known",
    ),
    (
        "peers-select",
        [thing("BGPPeer", "typo", nodeSelector="all()", peerSelector="route-reflektor == 'true'")],
        "BGPPeer `typo`: `peerSelector: route-reflektor == 'true'` matches no node",
    ),
    (
        "left-by-others",
        [thing("BGPPeer", "hand", nodeSelector=hostname("node-001"), peerSelector=hostname("node-002"))],
        "BGPPeer hand stays beside rrplan's own: 1 pair of nodes has sessions by these alone; `adopt: reflection` in",
    ),
    (
        "left-by-others",
        [thing("BGPPeer", "hand", node="node-001", peerIP="10.0.0.1", asNumber=64512)],
        "BGPPeer hand stays beside rrplan's own: the sessions of 1 pair of nodes are configured twice; `adopt:",
    ),
    (
        "left-by-others",
        [thing("BGPPeer", "hand", node="node-001", peerIP="10.0.0.3", asNumber=64512)],
        "BGPPeer hand stays beside rrplan's own: no session rests on that;",
    ),
    (
        "addresses-known",
        [located("bridged", "172.18.0.1/16", "10.0.0.99")],
        "an address that is none of the Node's InternalIPs, such as a bridge of containers: bridged (172.18.0.1)",
    ),
    (
        "one-link",
        [*APART, thing("IPPool", "default-ipv4-ippool", cidr="10.42.0.0/16", ipipMode="Never", vxlanMode="Never")],
        "nodes are in 2 subnets (10.90.1.0/24, 10.90.2.0/24), and IPPool default-ipv4-ippool does not encapsulate",
    ),
    (
        "next-hop-self",
        [thing("BGPPeer", "tor", peerIP="10.0.9.1", asNumber=65100)],
        "such as outside 10.0.9.1 (AS 65100) (BGPPeer tor), may send packets for other nodes through rr-1, rr-2, their",
    ),
    (
        "peer-address",
        [thing("BGPPeer", "p", node="rr-1", peerSelector="has(x)", peerIP="192.0.2.1")],
        "BGPPeer `p`: `peerIP: 192.0.2.1` stands beside `peerSelector`, so Calico ignores the address",
    ),
    (
        "peer-address",
        [thing("BGPPeer", "p", node="node-003", localWorkloadSelector="has(x)", peerIP="192.0.2.1", asNumber=1)],
        "BGPPeer `p`: `peerIP: 192.0.2.1` stands beside `localWorkloadSelector`, so Calico ignores the address",
    ),
    (
        "annotations-readable",
        [node("odd", 9, ASNumber="abc"), node("other", 10, ASNumber="0x10")],
        "`projectcalico.org/ASNumber` cannot be read, so Calico ignores it: odd (`abc`), other (`0x10`)",
    ),
    (
        "annotations-readable",
        [node("odd", 9, IPv4Address="10.0.0.78/33")],
        "`projectcalico.org/IPv4Address` cannot be read, so Calico ignores it: odd (`10.0.0.78/33`)",
    ),
    (
        "selectors-readable",
        [thing("BGPPeer", "p", nodeSelector="has(", peerSelector="has(x)")],
        "BGPPeer `p`: `nodeSelector` is no selector",
    ),
    (
        "selectors-readable",
        [
            thing("BGPPeer", "p", nodeSelector="!global()", peerSelector="has(x)"),
            thing("BGPConfiguration", "default", nodeToNodeMeshEnabled=False),
            running("v3.14.2"),
        ],
        "BGPPeer `p`: `nodeSelector` has `global()`, which Calico v3.14.2 cannot read in a selector: it matches nobody",
    ),
    (
        "bgp-in-use",
        [probed("-felix-ready")],
        "the readiness probe of DaemonSet x/calico-node asks no BIRD, and its backend comes from elsewhere",
    ),
    (
        "cluster-ids-valid",
        [node("odd", 9, RouteReflectorClusterID="one")],
        "odd has cluster ID `one`, which Calico ignores: it is no reflector",
    ),
    (
        "cluster-id-unused",
        [node("other", 9, RouteReflectorClusterID="224.0.0.1")],
        "cluster ID of a group is also on other, which the spec does not name",
    ),
    (
        "cluster-id-unused",
        [node("other", 9, RouteReflectorClusterID="3758096385"), running("v3.25.2")],
        "cluster ID of a group is also on other, which the spec does not name",
    ),
    (
        "as-numbers-equal",
        [node("odd", 9, ASNumber="65001")],
        "odd: another AS number than 64512, which the reflectors of group `main` have",
    ),
    ("dead-nodes", [node("dead", 9, ready="Unknown")], "not Ready, and still a BGP peer: dead"),
    (
        "one-version",
        [agent("node-001", "v3.29.1"), agent("node-002", "v3.30.4")],
        "calico-node runs in several versions (v3.29.1 on 1, v3.30.4 on 1 nodes)",
    ),
    (
        "fragile-labels",
        [thing("BGPPeer", "p", nodeSelector="has(node-role.kubernetes.io/master)", peerSelector="has(x)")],
        "a selector of BGPPeer `p` rests on label `node-role.kubernetes.io/master`: Kubernetes removed it in v1.24",
    ),
    (
        "fields-known",
        [thing("BGPPeer", "p", nodeSelector="has(x)", peerSelector="has(y)", localASNumber=65000)],
        "BGPPeer `p`: `localASNumber` is not known to Calico v3.30.4 (since v3.31.0)",
    ),
    (
        "fields-known",
        [thing("BGPConfiguration", "default", nodeToNodeMeshEnabled=True, programClusterRoutes="Enabled")],
        "BGPConfiguration `default`: `programClusterRoutes` is not known to Calico v3.30.4 (since v3.32.0)",
    ),
    (
        "providers",
        [cloud("cloudy", "azure:///subscriptions/1/virtualMachines/0")],
        "on Azure, whose network drops IP-in-IP, so that Calico mostly runs there without BGP: cloudy; check with",
    ),
    (
        "typha",
        [*MANY, with_typha()],
        "DaemonSet x/calico-node names no Typha, and the cluster has 58 nodes: each calico-node watches the API server",
    ),
    ("typha", [*MANY, with_typha(value="none")], "DaemonSet x/calico-node names no Typha"),
    (
        "workloads",
        [SINGLE, ELSEWHERE],
        "the only known replica of its owner is on a node that changes its role: x/db-0 on rr-1",
    ),
    (
        "owners",
        [owned("BGPConfiguration", "default", ON, labels=HELM)],
        "the plan changes what belongs to Helm: BGPConfiguration `default`; Helm puts its own version back",
    ),
    (
        "owners",
        [owned("BGPConfiguration", "default", ON, labels=HELM, annotations=ARGO)],
        "belongs to Argo CD: BGPConf",
    ),
    (
        "owners",
        [owned("BGPPeer", "rrplan-old", PEER, labels={"app.kubernetes.io/managed-by": "rrplan", **FLUX})],
        "belongs to Flux: BGPPeer `rrplan-old`; Flux puts its own version back with its next reconciliation",
    ),
    (
        "label-sync",
        [cluster_type("k8s,bgp"), unsynced("late", "disk zone")],
        "Calico's labels are not Kubernetes' on late (disk, zone): with etcd, selectors see Calico's copy",
    ),
    (
        "label-sync",
        [cluster_type(""), unsynced("late", "zone")],
        "Calico's labels are not Kubernetes' on late (zone): with etcd, selectors see Calico's copy",
    ),
    (
        "cluster-routes",
        [
            thing("IPPool", "wide", cidr="10.1.0.0/16"),
            thing("BGPConfiguration", "default", nodeToNodeMeshEnabled=True, programClusterRoutes="Disabled"),
            thing("FelixConfiguration", "default"),
            running("v3.32.1"),
        ],
        "wide: by `programClusterRoutes` of BGPConfiguration and FelixConfiguration neither of BIRD and Felix programs",
    ),
    (
        "cluster-routes",
        [
            thing("IPPool", "wide", cidr="10.1.0.0/16"),
            thing("FelixConfiguration", "default", programClusterRoutes="Enabled"),
            running("v3.32.1"),
        ],
        "FelixConfiguration both of BIRD and Felix programs the routes",
    ),
    ("encapsulation", [thing("IPPool", "wide", cidr="10.1.0.0/16", vxlanMode="Always")], "IPPool wide uses VXLAN"),
    (
        "peers-agree",
        [
            thing("BGPPeer", "a", nodeSelector="has(nobody)", peerIP="10.0.0.5", asNumber=64512),
            thing("BGPPeer", "b", node="rr-1", peerIP="10.0.0.5", asNumber=64512),
            thing("BGPPeer", "c", node="rr-1", peerIP="10.0.0.5", asNumber=64512, maxRestartTime="60s"),
        ],
        "BGPPeers b and c give the same sessions different attributes, such as rr-1 to node-003",
    ),
]


SILENT = [
    (
        "cluster-routes",
        "Felix's settings are not given",
        [thing("BGPConfiguration", "default", nodeToNodeMeshEnabled=True, programClusterRoutes="Disabled")],
    ),
    (
        "cluster-routes",
        "BIRD alone, by default",
        [thing("IPPool", "wide", cidr="10.1.0.0/16", ipipMode="Always"), thing("FelixConfiguration", "default")],
    ),
    (
        "cluster-routes",
        "Felix alone",
        [
            thing("IPPool", "wide", cidr="10.1.0.0/16"),
            thing("BGPConfiguration", "default", nodeToNodeMeshEnabled=True, programClusterRoutes="Disabled"),
            thing("FelixConfiguration", "default", programClusterRoutes="Enabled"),
            running("v3.32.1"),
        ],
    ),
    (
        "cluster-routes",
        "versions that do not read the fields",
        [
            thing("IPPool", "wide", cidr="10.1.0.0/16"),
            thing("BGPConfiguration", "default", nodeToNodeMeshEnabled=True, programClusterRoutes="Disabled"),
            thing("FelixConfiguration", "default", programClusterRoutes="Enabled"),
            running("v3.30.4"),
        ],
    ),
    ("bgp-in-use", "the probe asks BIRD", [probed("-felix-ready", "-bird-ready")]),
    ("bgp-in-use", "the backend is known", [probed("-felix-ready", value="bird")]),
    (
        "bgp-in-use",
        "the dataplane is another",
        [thing("Installation", "x", "operator.tigera.io/v1", calicoNetwork=BPF)],
    ),
    ("router-id", "calico-node has one", [only_ipv6("bare"), environment(CALICO_ROUTER_ID="hash")]),
    (
        "peers-select",
        "it selects somebody",
        [thing("BGPPeer", "p", nodeSelector="all()", peerIP="192.0.2.1", asNumber=1)],
    ),
    ("left-by-others", "outside", [thing("BGPPeer", "p", nodeSelector="all()", peerIP="192.0.2.1", asNumber=1)]),
    ("addresses-known", "one of two InternalIPs", [located("two", "10.0.0.99/24", "10.0.0.98", "10.0.0.99")]),
    ("addresses-known", "Kubernetes says nothing", [located("none", "10.0.0.99/24")]),
    (
        "next-hop-self",
        "next hops stay",
        [thing("BGPPeer", "tor", peerIP="10.0.9.1", asNumber=65100, keepOriginalNextHop=True)],
    ),
    ("next-hop-self", "iBGP", [thing("BGPPeer", "tor", peerIP="10.0.9.1", asNumber=64512)]),
    ("next-hop-self", "no reflector", [thing("BGPPeer", "t", node="node-001", peerIP="10.0.9.1", asNumber=65100)]),
    ("one-link", "one subnet", [thing("IPPool", "pods", cidr="10.42.0.0/16", ipipMode="Never")]),
    (
        "one-link",
        "encapsulated",
        [*APART, thing("IPPool", "default-ipv4-ippool", cidr="10.42.0.0/16", ipipMode="CrossSubnet")],
    ),
    (
        "one-link",
        "not exported",
        [*APART, thing("IPPool", "default-ipv4-ippool", cidr="10.42.0.0/16", disableBGPExport=True)],
    ),
    ("providers", "other clouds", [cloud("cloudy", "aws:///eu-west-1a/i-1")]),
    ("typha", "Typha is there", [*MANY, with_typha(value="calico-typha")]),
    ("typha", "a ConfigMap says it", [*MANY, with_typha(valueFrom={"configMapKeyRef": {"name": "c", "key": "k"}})]),
    ("typha", "50 nodes", [*MANY[:42], with_typha()]),
    ("typha", "etcd", [*MANY, with_typha(), cluster_type("k8s,bgp")]),
    ("typha", "an unknown datastore", [*MANY, with_typha(), cluster_type("")]),
    ("typha", "another DaemonSet", [*MANY, thing("DaemonSet", "kube-proxy", "apps/v1")]),
    ("workloads", "a pod elsewhere", [pod("alone", "node-001")]),
    ("workloads", "a finished pod", [pod("done", "rr-1", phase="Succeeded"), ELSEWHERE]),
    ("workloads", "two replicas", [SINGLE, pod("db-1", "node-001", owner="StatefulSet", set_name="db")]),
    ("workloads", "a name nobody told", [pod("db-0", "rr-1", owner="StatefulSet"), ELSEWHERE]),
    ("workloads", "pods of these nodes only", [SINGLE, pod("db-1", "rr-2", owner="StatefulSet", set_name="da")]),
    ("owners", "an object that stays", [owned("BGPPeer", "tor", {"peerIP": "192.0.2.1", "asNumber": 1}, labels=FLUX)]),
    ("owners", "nobody's object", [owned("BGPConfiguration", "default", ON, labels={"app": "x"})]),
    ("label-sync", "the Kubernetes datastore", [cluster_type("k8s,bgp,kdd"), unsynced("late", "zone")]),
    ("label-sync", "equal labels", [cluster_type("k8s,bgp"), node("equal", 9)]),
]


def snapshot(*more: dict[str, object]) -> Snapshot:
    """Eight nodes, and what is wrong with them."""
    kinds = {str(one["kind"]) for one in more}
    documents = [one for one in demo_cluster(8, 2) if one["kind"] not in kinds - {"Node", "IPPool", "Pod"}]
    resources = [decode(document) for document in [*documents, *more]]
    return Snapshot(ClusterState.of(resource for resource in resources if resource is not None))


@pytest.mark.parametrize(("check", "wrong", "text"), ERRORS, ids=[f"{case[0]}-{case[2][:20]}" for case in ERRORS])
def test_errors_stop_the_plan(check: str, wrong: dict[str, object], text: str) -> None:
    """Exit code 8, the id and the words."""
    with pytest.raises(PreflightError) as error:
        api.plan(load(SPEC.encode(), "spec.yaml"), snapshot(wrong))
    assert error.value.exit_code == 8
    assert f"{check}: " in str(error.value)
    assert text in str(error.value)
    general = f"correct this first; `rrplan explain {check}` tells more"
    assert error.value.hint == HINTS.get(check, general)


def test_an_ipv6_only_node_without_router_id() -> None:
    """Where the environment of calico-node is known, it is an error."""
    for variables in ({"OTHER": "x"}, {"CALICO_ROUTER_ID": ""}):
        with pytest.raises(
            PreflightError, match="router-id: no IPv4 address on bare, and calico-node has no CALICO_ROUTER"
        ):
            api.plan(load(SPEC.encode(), "spec.yaml"), snapshot(only_ipv6("bare"), environment(**variables)))


def test_a_router_id_that_is_0() -> None:
    """In IPv6 BIRD takes it for none."""
    with pytest.raises(PreflightError, match=r"CALICO_ROUTER_ID of calico-node is `0.0.0.0`, none for bare, node-001"):
        api.plan(load(SPEC.encode(), "spec.yaml"), snapshot(only_ipv6("bare"), environment(CALICO_ROUTER_ID="0.0.0.0")))


def test_calicos_nodes_alone() -> None:
    """From `calicoctl get nodes` alone nothing is drained or tainted; without either, a warning is enough."""
    addresses = {f"{name}": {"ipv4Address": f"10.0.0.{host}/24"} for host, name in enumerate(("rr-1", "rr-2", "w"), 1)}
    resources = [decode(thing("Node", name, bgp=bgp)) for name, bgp in addresses.items()]
    cluster = Snapshot(ClusterState.of(one for one in resources if one is not None))
    brief = SPEC.replace("drain: true", "policy: {exposure: {brief: 60s}}")
    tainting = "  dedicated: true\n"
    for text, does in ((SPEC, "drain"), (SPEC + tainting, "drain and taint"), (brief + tainting, "taint")):
        with pytest.raises(PreflightError) as error:
            api.plan(load(text.encode(), "spec.yaml"), cluster)
        assert f"no Kubernetes Node of rr-1, rr-2 is known, which the plan would {does}: nobody says" in str(
            error.value
        )
        assert error.value.hint == ADD
    plan = api.plan(load(brief.encode(), "spec.yaml"), cluster)
    found = [one for one in plan.findings if one.check == "kubernetes-given"]
    assert [(one.severity, sentence(one).partition(":")[0]) for one in found] == [
        ("warning", "no Kubernetes Node of rr-1, rr-2, w is known")
    ]


def test_a_drain_where_no_pods_are_known() -> None:
    """Nobody says what it evicts; where nothing is drained, no pods are needed."""
    full = snapshot()
    bare = Snapshot(ClusterState.of(one for one in full.state if type(one).__name__ != "Pod"))
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), bare)
    assert [(one.severity, sentence(one)) for one in plan.findings] == [
        ("warning", f"no pods are known, so what a drain of rr-1, rr-2 evicts is not known either; {ADD}")
    ]
    brief = SPEC.replace("drain: true", "policy: {exposure: {brief: 60s}}")
    assert api.plan(load(brief.encode(), "spec.yaml"), bare).findings == ()


RACKS = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: racks}
spec:
  topology: route-reflectors
  groups:
    - {name: a, clusterID: 10.0.0.1, nodes: {names: [a1]}, clients: rack == 'a'}
    - {name: b, clusterID: 10.0.0.2, nodes: {names: [b1]}, clients: rack == 'b'}
"""


def test_as_numbers_are_compared_within_a_group() -> None:
    """An AS number per rack is in order; one node that forgot its own is named, and no other."""
    spec = load(RACKS.encode(), "spec.yaml")
    nodes = [
        *(small(f"a{n}", n, rack="a", as_number=65001) for n in (1, 2)),
        *(small(f"b{n}", n + 10, rack="b", as_number=65002) for n in (1, 2, 3)),
        small("b4", 14, rack="b"),
    ]
    cluster = state(*nodes, mesh(on=False))
    sight = CheckContext(spec, cluster, compile_desired(spec, cluster, VERSIONS), VERSIONS)
    (problem,) = as_numbers_equal(sight)
    assert (problem.name, problem.facts) == ("another", {"nodes": ("b4",), "group": "b", "as_number": 65002})


@pytest.mark.parametrize(("check", "odd", "text"), WARNINGS, ids=[f"{case[0]}-{case[2][:40]}" for case in WARNINGS])
def test_warnings_are_in_the_plan(check: str, odd: list[dict[str, object]], text: str) -> None:
    """The plan is made all the same, and says so."""
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), snapshot(*odd))
    found = [one for one in plan.findings if one.check == check]
    assert [one.severity for one in found] == ["warning"]
    assert text in sentence(found[0])


@pytest.mark.parametrize(("check", "why", "documents"), SILENT, ids=[f"{case[0]}-{case[1]}" for case in SILENT])
def test_nothing_is_said_without_cause(check: str, why: str, documents: list[dict[str, object]]) -> None:
    """What is in order, or not known, is no finding."""
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), snapshot(*documents))
    assert [sentence(one) for one in plan.findings if one.check == check] == [], why


def test_a_pod_nobody_makes_again_is_a_warning_without_a_drain() -> None:
    """Such a plan evicts nothing."""
    spec = SPEC.replace("drain: true", "policy: {exposure: {brief: 60s}}")
    plan = api.plan(load(spec.encode(), "spec.yaml"), snapshot(pod("alone", "rr-2"), ELSEWHERE))
    found = [(one.severity, sentence(one)) for one in plan.findings if one.check == "workloads"]
    assert found == [
        (
            "warning",
            "on nodes that become reflectors, no controller makes these pods again if they are lost: x/alone on rr-2",
        )
    ]


def test_a_reflector_in_place_is_not_looked_at() -> None:
    """Its role does not change, so its pods stay."""
    labels = {"rrplan.io/route-reflector": "main"}
    told = [
        node(f"rr-{host}", host, IPv6Address=f"fd01::{host}/64", RouteReflectorClusterID="224.0.0.1") for host in (1, 2)
    ]
    ready = [{**one, "metadata": {**one["metadata"], "labels": labels}} for one in told]  # type: ignore[dict-item]
    spec = SPEC + "  policy: {exposure: {brief: 60s}}\n"
    plan = api.plan(load(spec.encode(), "spec.yaml"), snapshot(*ready, pod("alone", "rr-2"), ELSEWHERE))
    assert plan.steps
    assert [one for one in plan.findings if one.check == "workloads"] == []


def test_peers_disagree_about_a_session_to_the_outside() -> None:
    """Both are named, with a node and the address, also where only `ttlSecurity` differs."""
    told = [peer(name, node="a", peerIP="192.0.2.1", asNumber=65000, **more) for name, more in (("b", {}), ("c", HOPS))]
    found = peers_agree(Model(state(small("a", 1), small("x", 2), *told), VERSIONS))
    assert [one.severity for one in found] == ["warning"]
    text = "BGPPeers b and c give the same sessions different attributes, such as a to 192.0.2.1 outside the cluster"
    assert text in sentence(found[0])


def test_what_was_not_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many nodes differ, the check says that it stopped; what it found until then stays."""
    monkeypatch.setattr("rrplan.checks.agreement.MANY_PAIRS", 1)
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), snapshot())
    texts = [sentence(one) for one in plan.findings if one.check == PEERS_AGREE]
    assert texts == ["only the first 1 pairs of kinds of nodes were looked at: too many nodes differ"]


def test_nothing_wrong_finds_nothing() -> None:
    """A sound cluster has no findings."""
    assert api.plan(load(SPEC.encode(), "spec.yaml"), snapshot()).findings == ()


def test_an_invalid_cluster_id_is_an_error_before_v3_26() -> None:
    """There BIRD refuses its configuration."""
    old = thing("ClusterInformation", "default", calicoVersion="v3.25.2")
    documents = [old, node("odd", 9, RouteReflectorClusterID="one")]
    state = snapshot(*documents).state
    without = ClusterState.of(one for one in state if type(one).__name__ != "DaemonSet")
    with pytest.raises(PreflightError, match="renders `rr cluster id one`, which BIRD cannot read"):
        api.plan(load(SPEC.encode(), "spec.yaml"), Snapshot(without))


BLOCK = thing("BlockAffinity", "rr-1-10-99-0-0-26", cidr="10.99.0.0/26", node="rr-1")
OUTSIDE_POOLS = [
    ("blocks-in-pools", [BLOCK], True),
    ("blocks-in-pools", [{**BLOCK, "spec": {"cidr": "fd00:99::/122", "node": "rr-1"}}], True),
    ("blocks-in-pools", [BLOCK, thing("IPPool", "off", cidr="10.99.0.0/16", disabled=True)], True),
    ("blocks-in-pools", [BLOCK, thing("IPPool", "more", cidr="10.99.0.0/16")], False),
    ("blocks-in-pools", [{**BLOCK, "spec": {"cidr": "10.99.0.0/26", "node": "worker-001"}}], False),
    ("blocks-in-pools", [{**BLOCK, "spec": {"cidr": "192.168.7.0/26", "node": "rr-1"}}], False),
    ("blocks-in-pools", [{**BLOCK, "spec": {"cidr": "no prefix", "node": "rr-1"}}], False),
]


@pytest.mark.parametrize(("check", "more", "told"), OUTSIDE_POOLS)
def test_blocks_of_deleted_nodes(check: str, more: list[dict[str, object]], told: bool) -> None:
    """A block that no enabled IPPool covers is named, with its node and two ways out."""
    found = ClusterState.of(one for one in map(decode, [*ucp_cluster(4), *more]) if one is not None)
    plan = api.plan(load(STANDALONE.encode(), "spec.yaml"), Snapshot(found))
    texts = [(one.severity, sentence(one)) for one in plan.findings if one.check == check]
    cidr = more[0]["spec"]["cidr"]  # type: ignore[index]
    text = (
        f"address block {cidr} of rr-1 lies in no IPPool that is enabled: `calicoctl delete node rr-1` refuses for "
        'good; make an IPPool that covers it, with `nodeSelector: "!all()"`, until the node is deleted, or apply with '
        "`--calico-config`, which leaves blocks alone"
    )
    assert texts == ([("warning", text)] if told else [])


def test_what_others_made_is_told_by_every_plan() -> None:
    """Also by one that has nothing to do."""
    nodes = [small(f"r{number}", number, "224.0.0.1", rr="main") for number in (1, 2)]
    nodes += [small(name, number) for number, name in enumerate("abc", 3)]
    hand = peer("hand", node="a", peerIP="10.0.0.4", asNumber=64512)
    cluster = state(*nodes, CLIENTS, REFLECTORS, hand, mesh(on=False))
    same = "topology: route-reflectors, clusterID: 224.0.0.1, groups: [{name: main, nodes: {names: [r1, r2]}}]"
    for spec in (same, BACK):
        plan = planned(cluster, f"{spec}, drain: true")
        assert [finding.check for finding in plan.findings if finding.check == "left-by-others"], spec
        assert "left-by-others: BGPPeer hand stays" in " ".join(plan_text(plan).split()), spec
        assert bool(plan.steps) is (spec == BACK)


def test_every_problem_has_its_sentence() -> None:
    """What a check can find is what the renderer has words for, with the same facts."""
    told: dict[str, dict[str, set[str]]] = {}
    for path in Path(checks.__file__).parent.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name.replace("_", "-") in TEXTS:
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and ast.unparse(call.func) in ("error", "warning"):
                        problem = ast.unparse(call.args[0]).strip("'")
                        facts = {keyword.arg for keyword in call.keywords if keyword.arg}
                        told.setdefault(function.name.replace("_", "-"), {})[problem] = facts
    for check, problems in told.items():
        if check == "cluster-routes":
            continue  # its problems are the words `neither` and `both`
        assert problems.keys() == TEXTS[check].keys(), check
        for problem, facts in problems.items():
            used = {name for _, name, _, _ in Formatter().parse(TEXTS[check][problem]) if name}
            assert used <= facts | {"peer", "address", "meant"}, f"{check} {problem}"
    assert told.keys() | {PEERS_AGREE} == TEXTS.keys()


def test_every_check_has_a_page_and_a_case() -> None:
    """And no page is left over."""
    ids = {*(id_of(check) for check in CHECKS), PEERS_AGREE}
    assert {path.stem for path in PAGES.glob("*.md")} == ids
    assert {case[0] for case in (*ERRORS, *WARNINGS, *OUTSIDE_POOLS)} | OF_OPTIONS == ids
    for name in ids:
        text = (PAGES / f"{name}.md").read_text()
        assert text.startswith(f"# {name}\n\n**")
        assert "\nWhat to do: " in text
