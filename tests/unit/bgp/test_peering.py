"""Calico's session rules, one case per rule: nodes and BGPPeers in, rendered protocols out.

Sources are `projectcalico/calico` at v3.30.4 unless a case names another version: `client.go` is
`confd/pkg/backends/calico/client.go`, the template `confd/etc/calico/confd/templates/bird.cfg.template`.
A protocol is written `name as AS flags`, flags: c reflector client, p passive, ? unknown, ! not established.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from rrplan.bgp.profile import Versions
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.sessions import Session, Speakers
from rrplan.ids import NodeName
from rrplan.resources import CalicoVersion, decode
from rrplan.resources.state import ClusterState


def node(name: str, ip: str | None = None, **bgp: Any) -> dict[str, object]:
    """A v3 Node; labels are `rr` for nodes named r..., and the first letter."""
    labels = {"kind": name[0], **({"rr": "yes"} if name.startswith("r") else {})}
    address = {"ipv4Address": f"{ip}/24"} if ip else {}
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"bgp": {**address, **bgp}},
    }


def peer(name: str, **spec: Any) -> dict[str, object]:
    """A BGPPeer."""
    return {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": name}, "spec": spec}


def config(name: str = "default", **spec: Any) -> dict[str, object]:
    """A BGPConfiguration."""
    return {"apiVersion": "projectcalico.org/v3", "kind": "BGPConfiguration", "metadata": {"name": name}, "spec": spec}


A, B, C = node("a", "10.0.0.1"), node("b", "10.0.0.2"), node("c", "10.0.0.10")
R = node("r1", "10.0.0.21", routeReflectorClusterID="1.0.0.1")
S = node("r2", "10.0.0.22", routeReflectorClusterID="1.0.0.1")
T = node("r3", "10.0.0.23", routeReflectorClusterID="2.0.0.2")
SIX = {"ipv6Address": "fd00::1/64"}
OFF = config(nodeToNodeMeshEnabled=False)
CLIENTS = peer("clients", nodeSelector="!has(rr)", peerSelector="has(rr)")
ALL = peer("all", nodeSelector="all()", peerSelector="has(rr)")


@dataclass(frozen=True)
class Case:
    """What a rule says about one node."""

    rule: str
    objects: list[dict[str, object]]
    expected: dict[str, list[str]]
    version: str = "v3.30.4"


CASES = [
    Case(
        "without BGPConfiguration the mesh is on (client.go globalDefaults)",
        [A, B],
        {"a": ["Mesh_10_0_0_2 as 64512 p"]},
    ),
    Case("a nil nodeToNodeMeshEnabled is on", [A, B, config(asNumber=65001)], {"a": ["Mesh_10_0_0_2 as 65001 p"]}),
    Case("mesh off renders none", [A, B, OFF], {"a": [], "b": []}),
    Case(
        "passive is compared as strings: 10.0.0.10 < 10.0.0.2 (template, node#79)",
        [B, C],
        {"b": ["Mesh_10_0_0_10 as 64512"], "c": ["Mesh_10_0_0_2 as 64512 p"]},
    ),
    Case("v3.21+: a reflector has no mesh, and nobody meshes with it (confd#619)", [A, R], {"a": [], "r1": []}),
    Case(
        "both families, each by its own address; a node without IPv6 has no IPv6 sessions",
        [node("a", "10.0.0.1", **SIX), node("b", "10.0.0.2", ipv6Address="fd00::2/64"), C],
        {"a": ["Mesh_10_0_0_10 as 64512 p", "Mesh_10_0_0_2 as 64512 p", "Mesh_fd00__2 as 64512 p"]}
        | {"c": ["Mesh_10_0_0_1 as 64512", "Mesh_10_0_0_2 as 64512 p"]},
    ),
    Case("a node without an address is no mesh peer", [A, node("b")], {"a": [], "b": []}),
    Case(
        "a mesh port is rendered and never named (template, v3.16+)",
        [A, B, config(listenPort=500)],
        {"a": ["Mesh_10_0_0_2 as 64512 p"]},
    ),
    Case(
        "mesh AS of a peer without one: the global AS up to v3.31",
        [node("a", "10.0.0.1", asNumber=65001), B],
        {"a": ["Mesh_10_0_0_2 as 64512 p"], "b": ["Mesh_10_0_0_1 as 65001"]},
    ),
    Case(
        "v3.32+: the own AS instead, so that the two ends disagree (bgp_processor.go processMeshPeers)",
        [node("a", "10.0.0.1", asNumber=65001), B],
        {"a": ["Mesh_10_0_0_2 as 65001 p!"], "b": ["Mesh_10_0_0_1 as 65001!"]},
        version="v3.32.0",
    ),
    Case(
        "peerSelector forward at the client, reverse at the reflector (updatePeersV1)",
        [A, R, OFF, CLIENTS],
        {"a": ["Node_10_0_0_21 as 64512"], "r1": ["Node_10_0_0_1 as 64512 c"]},
    ),
    Case(
        "reversePeering Manual: one end only, so never established (v3.30.3+)",
        [A, R, OFF, peer("clients", nodeSelector="!has(rr)", peerSelector="has(rr)", reversePeering="Manual")],
        {"a": ["Node_10_0_0_21 as 64512!"], "r1": []},
    ),
    Case(
        "an older version does not know reversePeering",
        [A, R, OFF, peer("clients", nodeSelector="!has(rr)", peerSelector="has(rr)", reversePeering="Manual")],
        {"a": ["Node_10_0_0_21 as 64512"], "r1": ["Node_10_0_0_1 as 64512 c"]},
        version="v3.29.0",
    ),
    Case(
        "reflectors of one cluster are no clients of one another; of two clusters they are, at both ends",
        [R, S, T, OFF, peer("rr", nodeSelector="has(rr)", peerSelector="has(rr)")],
        {
            "r1": ["Node_10_0_0_22 as 64512", "Node_10_0_0_23 as 64512 c"],
            "r3": ["Node_10_0_0_21 as 64512 c", "Node_10_0_0_22 as 64512 c"],
        },
    ),
    Case(
        "a peerIP peer has no cluster ID, so even a reflector of the same cluster is a client",
        [R, S, OFF, peer("ip", node="r1", peerIP="10.0.0.22", asNumber=64512)],
        {"r1": ["Node_10_0_0_22 as 64512 c"], "r2": ["Node_10_0_0_21 as 64512"]},
    ),
    Case(
        "an eBGP peer is never a client (template: only where the AS is equal)",
        [node("a", "10.0.0.1", asNumber=65001), R, OFF, CLIENTS],
        {"r1": ["Node_10_0_0_1 as 65001"], "a": ["Node_10_0_0_21 as 64512"]},
    ),
    Case(
        "a BGPPeer for all nodes is Global_, and the node key of the same address is dropped",
        [
            A,
            OFF,
            peer("tor", peerIP="192.0.2.1", asNumber=65000),
            peer("own", node="a", peerIP="192.0.2.1", asNumber=65000),
        ],
        {"a": ["Global_192_0_2_1 as 65000?"]},
    ),
    Case(
        "a Global_ peer that is a node: passive where its address is the greater string (v3.23+)",
        [A, B, OFF, peer("g", peerIP="10.0.0.2", asNumber=64512)],
        {"a": ["Global_10_0_0_2 as 64512 p"], "b": ["Node_10_0_0_1 as 64512"]},
    ),
    Case(
        "v3.22: no passive side on Global_",
        [A, B, OFF, peer("g", peerIP="10.0.0.2", asNumber=64512)],
        {"a": ["Global_10_0_0_2 as 64512"], "b": ["Node_10_0_0_1 as 64512"]},
        version="v3.22.0",
    ),
    Case(
        "a port in peerIP is part of key and name; 0 and 179 are one key (combineIPAndPort)",
        [
            A,
            OFF,
            peer("p", node="a", peerIP="192.0.2.1:500", asNumber=1),
            peer("q", node="a", peerIP="192.0.2.1", asNumber=1),
        ],
        {"a": ["Node_192_0_2_1 as 1?", "Node_192_0_2_1_port_500 as 1?"]},
    ),
    Case(
        "IPv6 with a port needs brackets",
        [node("a", **SIX), OFF, peer("p", node="a", peerIP="[fd00::9]:500", asNumber=1)],
        {"a": ["Node_fd00__9_port_500 as 1?"]},
    ),
    Case(
        "the listen port of the peer's own BGPConfiguration wins over the default's",
        [A, R, OFF, config("node.r1", listenPort=500), CLIENTS],
        {"a": ["Node_10_0_0_21_port_500 as 64512"], "r1": ["Node_10_0_0_1 as 64512 c"]},
    ),
    Case(
        "mesh and explicit peers to one address are both rendered and share one lock (bgp_start)",
        [A, B, peer("x", node="a", peerIP="10.0.0.2", asNumber=64512)],
        {"a": ["Mesh_10_0_0_2 as 64512 p?", "Node_10_0_0_2 as 64512?"]},
    ),
    Case(
        "asNumber 0 with peerIP freezes BIRD's configuration",
        [A, OFF, peer("x", node="a", peerIP="192.0.2.1")],
        {"a": ["Node_192_0_2_1 as 0!"]},
    ),
    Case(
        "different passwords at the two ends never meet",
        [
            A,
            B,
            OFF,
            peer(
                "x",
                node="a",
                peerIP="10.0.0.2",
                asNumber=64512,
                reversePeering="Manual",
                password={"secretKeyRef": {"name": "s", "key": "k"}},
            ),
            peer("y", node="b", peerIP="10.0.0.1", asNumber=64512, reversePeering="Manual"),
        ],
        {"a": ["Node_10_0_0_2 as 64512!"], "b": ["Node_10_0_0_1 as 64512!"]},
        version="v3.30.3",
    ),
    Case(
        "two BGPPeers that differ in what both ends need: which one is rendered is random (client.go)",
        [A, R, OFF, CLIENTS, peer("more", nodeSelector="!has(rr)", peerSelector="has(rr)", ttlSecurity=1)],
        {"a": ["Node_10_0_0_21 as 64512?"]},
    ),
    Case(
        "two BGPPeers that differ in what one end may choose: whichever is rendered, there is a session",
        [A, R, OFF, CLIENTS, peer("more", nodeSelector="!has(rr)", peerSelector="has(rr)", maxRestartTime="60s")],
        {"a": ["Node_10_0_0_21 as 64512"]},
    ),
    Case(
        "two BGPPeers that render one block: `next hop keep` is for another AS alone",
        [A, R, OFF, CLIENTS, peer("more", nodeSelector="!has(rr)", peerSelector="has(rr)", keepOriginalNextHop=True)],
        {"a": ["Node_10_0_0_21 as 64512"]},
    ),
    Case(
        "two BGPPeers with different AS numbers: with one of them there is a session, with the other there is none",
        [A, B, OFF, peer("p", peerIP="10.0.0.2", asNumber=65001), peer("q", peerIP="10.0.0.2", asNumber=64512)],
        {"a": ["Global_10_0_0_2 as 65001 p?"]},
    ),
    Case(
        "an invalid cluster ID annotation is ignored: the node is no reflector (v3.26+, 3bfb7b0daa)",
        [
            A,
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": "r9",
                    "labels": {"rr": "yes"},
                    "annotations": {
                        "projectcalico.org/IPv4Address": "10.0.0.29/24",
                        "projectcalico.org/RouteReflectorClusterID": "one",
                    },
                },
            },
        ],
        {"a": ["Mesh_10_0_0_29 as 64512 p"], "r9": ["Mesh_10_0_0_1 as 64512"]},
    ),
]


def speakers(case: Case) -> Speakers:
    """The speakers of a case."""
    resources = [decode(document) for document in case.objects]
    version = CalicoVersion.parse(case.version)
    assert version is not None
    state = ClusterState.of(resource for resource in resources if resource is not None)
    return Speakers.of(state, Versions(version, "the case"))


def text(session: Session) -> str:
    """A protocol in the notation of this table."""
    one: Protocol = session.protocol
    flags = ("c" if one.reflector_client else "") + ("p" if one.passive else "")
    flags += {"yes": "", "no": "!", "unknown": "?"}[session.verdict.established.value]
    space = "" if flags[:1] in ("", "!", "?") else " "
    return f"{one.name} as {one.peer_as}{space}{flags}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_rule(case: Case) -> None:
    """The protocols of the nodes that the rule is about, by name."""
    found = speakers(case)
    for name, expected in case.expected.items():
        assert sorted(text(session) for session in found.sessions(NodeName(name))) == sorted(expected)


def test_every_verdict_but_yes_has_a_reason() -> None:
    """`unknown` and `no` are explained, for every case of the table."""
    for case in CASES:
        for session in speakers(case).all_sessions():
            assert (session.verdict.established.value == "yes") == (session.verdict.reason == "")


def test_a_peer_names_a_node_as_calico_does() -> None:
    """Where Kubernetes has another name for it, `node` of a BGPPeer is Calico's."""
    orchestrated = node("k8s-a", "10.0.0.1", orchRefs=[{"orchestrator": "k8s", "nodeName": "a"}])
    bgp = dict(orchestrated["spec"]["bgp"])  # type: ignore[index]
    orchestrated["spec"] = {"orchRefs": bgp.pop("orchRefs"), "bgp": bgp}
    documents = [
        orchestrated,
        node("b", "10.0.0.2"),
        config(nodeToNodeMeshEnabled=False),
        peer("tor", node="k8s-a", peerIP="10.0.9.254", asNumber=65000),
    ]
    cluster = ClusterState.of(one for one in map(decode, documents) if one is not None)
    speakers = Speakers.of(cluster, Versions(CalicoVersion(3, 30, 4), "test"))
    found = {name: [one.protocol.peer_address for one in speakers.sessions(name)] for name in cluster.nodes}
    assert found == {"a": ["10.0.9.254"], "b": []}
