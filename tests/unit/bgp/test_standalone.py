"""Standalone reflectors: containers of `calico/routereflector`, as UCP has them.

Source: bird.cfg.template of projectcalico/routereflector, the same from v0.5.0 to v0.6.3; calico-node v3.8.
"""

import pytest

from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.routes import route
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.ports import Document
from rrplan.resources import CalicoVersion, ClusterState, Node, decode, encode
from tests.unit.bgp.test_peering import config, peer, text

VERSIONS = Versions(CalicoVersion(3, 8), "test")
LABEL = "com.docker.ucp.kubernetes.calico/route-reflector"
OFF = config(nodeToNodeMeshEnabled=False)
PEERS = [peer("rr-1", peerIP="10.0.0.101", asNumber=64512), peer("rr-2", peerIP="10.0.0.102", asNumber=64512)]
RR: Document = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "calico-rr", "namespace": "kube-system"},
    "spec": {
        "template": {
            "spec": {
                "nodeSelector": {LABEL: "true"},
                "containers": [{"name": "calico-rr", "image": "docker.io/calico/routereflector:v0.6.1"}],
            }
        }
    },
}


def worker(number: int) -> dict[str, object]:
    """A node that runs calico-node."""
    return encode(Node(NodeName(f"w{number}"), ipv4=f"10.0.0.{number}", host_ip=f"10.0.0.{number}"))


def host(number: int, *, calico: bool = False) -> dict[str, object]:
    """A dedicated node; with `calico` its Calico Node is still there."""
    address = f"10.0.0.{100 + number}"
    return encode(Node(NodeName(f"rr-{number}"), {LABEL: "true"}, ipv4=address if calico else "", host_ip=address))


def agent(node: str) -> dict[str, object]:
    """A calico-node pod."""
    metadata = {"name": f"calico-node-{node}", "namespace": "kube-system"}
    spec = {"nodeName": node, "containers": [{"name": "calico-node", "image": "calico/node:v3.8.9"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def state(*documents: Document) -> ClusterState:
    """Three workers, and these."""
    found = [decode(one) for one in (*map(worker, (1, 2, 3)), *documents)]
    return ClusterState.of([one for one in found if one is not None])


def sessions(cluster: ClusterState, node: str) -> list[str]:
    """The protocols of a node in the notation of `test_peering`."""
    return [text(one) for one in Speakers.of(cluster, VERSIONS).sessions(NodeName(node))]


BOTH: list[Document] = [RR, host(1), host(2)]


def test_sessions_of_both_ends() -> None:
    """Every node has Global_ to every reflector; a reflector has every Calico Node as client, and no reflector."""
    cluster = state(*BOTH, *PEERS, OFF)
    assert sessions(cluster, "w1") == ["Global_10_0_0_101 as 64512", "Global_10_0_0_102 as 64512"]
    assert sessions(cluster, "rr-1") == [f"Global_10_0_0_{number} as 64512 c" for number in (1, 2, 3)]


def test_without_a_peer_there_is_no_session() -> None:
    """Nothing depends on the mesh: without a BGPPeer that points at it a reflector is silent."""
    assert sessions(state(*BOTH), "rr-1") == []
    assert sessions(state(*BOTH), "w1") == ["Mesh_10_0_0_2 as 64512 p", "Mesh_10_0_0_3 as 64512 p"]


def test_peer_of_one_node() -> None:
    """A BGPPeer of one node gives Node_ at both ends, and nothing to others."""
    cluster = state(*BOTH, OFF, peer("one", node="w2", peerIP="10.0.0.101", asNumber=64512))
    assert sessions(cluster, "rr-1") == ["Node_10_0_0_2 as 64512 c"]
    assert sessions(cluster, "w1") == []
    assert sessions(cluster, "w2") == ["Node_10_0_0_101 as 64512"]


def test_selectors_are_not_counted_on() -> None:
    """The container's confd is of v3.1, which does not know nodeSelector."""
    cluster = state(*BOTH, OFF, peer("some", nodeSelector="all()", peerIP="10.0.0.101", asNumber=64512))
    assert sessions(cluster, "rr-1") == []
    assert sessions(cluster, "w1") == ["Node_10_0_0_101 as 64512!"]


def test_wrong_as_number() -> None:
    """The AS number of the BGPPeer is the reflector's own: 63400 of the documented procedure does not fit 64512."""
    cluster = state(*BOTH, OFF, peer("rr-1", peerIP="10.0.0.101", asNumber=63400))
    assert sessions(cluster, "w1") == ["Global_10_0_0_101 as 63400!"]


def test_routes_go_through_reflectors_without_sessions_between_them() -> None:
    """Each reflector has a cluster ID of its own (its router ID), so each of them is enough."""
    model = Model(state(*BOTH, *PEERS, OFF), VERSIONS)
    assert model.missing() == ()
    found = route(model, NodeName("w1"), NodeName("w3"), Family.IPV4)
    assert len(found.path) == 3
    assert found.path[1] in ("rr-1", "rr-2")


def test_a_node_that_misses_one_reflector_is_served_by_the_other_only_if_both_have_it() -> None:
    """Reflectors do not speak to one another: nodes that share none miss each other's routes."""
    split = [peer(name, node=name, peerIP=f"10.0.0.{ip}", asNumber=64512) for name, ip in (("w1", 101), ("w2", 102))]
    model = Model(state(*BOTH, OFF, *split), VERSIONS)
    assert {(str(loss.at), str(loss.origin)) for loss in model.missing()} >= {("w1", "w2"), ("w2", "w1")}


def test_calico_node_beside_it() -> None:
    """While calico-node may run on the host, no session of either is certain; pods that are known settle it."""
    unknown = state(RR, host(1, calico=True), *PEERS, OFF)
    assert sessions(unknown, "w1") == ["Global_10_0_0_101 as 64512?", "Global_10_0_0_102 as 64512?"]
    beside = state(RR, host(1, calico=True), *PEERS, OFF, *map(agent, ("w1", "rr-1")))
    assert sessions(beside, "w1")[0] == "Global_10_0_0_101 as 64512?"
    assert Model(beside, VERSIONS).missing()
    gone = state(RR, host(1, calico=True), *PEERS, OFF, agent("w1"))
    assert sessions(gone, "w1")[0] == "Global_10_0_0_101 as 64512"


def test_calico_node_resource_left_behind() -> None:
    """Others mesh with a Calico Node whose calico-node is gone: Mesh_ holds the lock of the reflector's address."""
    left = state(RR, host(1, calico=True), PEERS[0], agent("w1"))
    assert "Mesh_10_0_0_101 as 64512 p?" in sessions(left, "w1")
    assert "Global_10_0_0_101 as 64512?" in sessions(left, "w1")


@pytest.mark.parametrize("calico", [False, True], ids=["Calico Node deleted", "Calico Node left behind"])
def test_mesh_off(calico: bool) -> None:
    """Once every node is a client, turning the mesh off loses nothing; a Calico Node left behind spoils that."""
    hosts = [host(1, calico=calico), host(2, calico=calico)]
    before = state(RR, *hosts, *PEERS, *map(agent, ("w1", "w2", "w3")))
    model = Model(before, VERSIONS)
    found = decode(OFF)
    assert found is not None
    step = model.advance(before.put(found), [])
    assert step.lost == ()
    assert bool(step.exposed) is calico


def test_documented_order_loses_every_route() -> None:
    """Mesh off before the BGPPeers: every pair of workers is without a route until the last session is up."""
    before = state(*BOTH)
    found = decode(OFF)
    assert found is not None
    step = Model(before, VERSIONS).advance(before.put(found), [])
    assert sum(loss.pairs for loss in step.lost) == 6
    assert {loss.family for loss in step.lost} == {Family.IPV4}


def test_document_round_trip() -> None:
    """What is read of the DaemonSet and the host's address is written again, for snapshots."""
    cluster = state(*BOTH)
    again = ClusterState.of([one for one in (decode(encode(resource)) for resource in cluster) if one is not None])
    assert list(again) == list(cluster)
    assert cluster.nodes[NodeName("rr-1")].host_ip == "10.0.0.101"
