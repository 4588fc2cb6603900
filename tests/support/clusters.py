"""Small clusters in a few words."""

from __future__ import annotations

from typing import Any

from rrplan import api
from rrplan.bgp.profile import Versions
from rrplan.ids import NodeName
from rrplan.plans import Plan
from rrplan.resources import BGPConfiguration, BGPPeer, CalicoVersion, ClusterInformation, ClusterState, Node
from rrplan.snapshots import Snapshot
from rrplan.specs import load

VERSION = CalicoVersion(3, 30, 4)
VERSIONS = Versions(VERSION, "test")
HEAD = "apiVersion: rrplan.io/v1\nkind: BGPTopology\nmetadata: {name: test}\n"
LABEL = "rrplan.io/route-reflector"


def node(
    name: str,
    number: int,
    cluster_id: str = "",
    *,
    ready: bool | None = True,
    ipv6: bool = False,
    as_number: int | None = None,
    **labels: str,
) -> Node:
    """A node with the addresses 10.0.0.NUMBER and, if asked for, fd00::NUMBER; `rr` is the label of reflectors."""
    own = {LABEL if key == "rr" else key: value for key, value in labels.items()}
    address = f"fd00::{number:x}" if ipv6 else ""
    return Node(
        NodeName(name),
        own,
        ipv4=f"10.0.0.{number}",
        ipv6=address,
        cluster_id=cluster_id,
        ready=ready,
        as_number=as_number,
    )


def peer(name: str, *, ours: Any = False, **spec: Any) -> BGPPeer:
    """A BGPPeer by the fields of its spec, as calicoctl writes them; `ours` says that rrplan made it."""
    text = {key: str(spec.get(key, "")) for key in ("node", "nodeSelector", "peerIP", "peerSelector")}
    number = spec.get("asNumber")
    return BGPPeer(
        name,
        node=text["node"],
        node_selector=text["nodeSelector"],
        peer_ip=text["peerIP"],
        peer_selector=text["peerSelector"],
        as_number=int(str(number)) if number is not None else None,
        source_address=str(spec.get("sourceAddress", "")),
        labels={"app.kubernetes.io/managed-by": "rrplan"} if ours else {},
        spec=spec,
    )


def mesh(*, on: bool) -> BGPConfiguration:
    """The default BGPConfiguration."""
    return BGPConfiguration("default", mesh_enabled=on, spec={"nodeToNodeMeshEnabled": on})


CLIENTS = peer("rrplan-main-clients", ours=True, nodeSelector=f"!has({LABEL})", peerSelector=f'{LABEL} == "main"')
REFLECTORS = peer("rrplan-reflectors", ours=True, nodeSelector=f"has({LABEL})", peerSelector=f"has({LABEL})")


def state(*resources: Node | BGPPeer | BGPConfiguration) -> ClusterState:
    """A cluster of Calico v3.30.4."""
    return ClusterState.of([*resources, ClusterInformation("default", VERSION, "k8s,bgp,kdd")])


def reflected(*more: Node | BGPPeer | BGPConfiguration, dead: str = "") -> ClusterState:
    """Reflectors r1 and r2, clients a, b and c, no mesh; `dead` is not Ready."""
    nodes = [
        *(node(f"r{n}", n, "224.0.0.1", ready=f"r{n}" != dead, rr="main") for n in (1, 2)),
        *(node(name, n, ready=name != dead) for n, name in enumerate("abc", 3)),
    ]
    return state(*nodes, CLIENTS, REFLECTORS, mesh(on=False), *more)


def meshed(*more: Node | BGPPeer | BGPConfiguration, nodes: str = "r1 r2 a b c") -> ClusterState:
    """Nodes in the mesh, addresses in their order."""
    return state(*(node(name, number) for number, name in enumerate(nodes.split(), 1)), *more)


def planned(cluster: ClusterState, text: str) -> Plan:
    """The plan from a cluster to `spec: {TEXT}`."""
    return api.plan(load(f"{HEAD}spec: {{{text}}}\n".encode(), "spec.yaml"), Snapshot(cluster))


TO_REFLECTORS = "topology: route-reflectors, clusterID: 224.0.0.1, groups: [{name: main, nodes: {names: [r1, r2]}}]"
BACK = "topology: full-mesh"
