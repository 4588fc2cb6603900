"""Which part of a cluster a resource is read from and written to, on an API server in memory."""

import pytest

from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.adapters.kubernetes.kinds import CRD, collection
from rrplan.adapters.kubernetes.server import Forbidden
from rrplan.errors import DatastoreRefused
from rrplan.ports import Write
from rrplan.resources import ResourceKey
from tests.unit.adapters.memory_server import MemoryServer

NODE, PEER = ResourceKey("Node", "n1"), ResourceKey("BGPPeer", "one")
NODES, PEERS, POOLS = collection("Node"), collection("BGPPeer", calico=CRD), collection("IPPool", calico=CRD)
PEER_DOCUMENT = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "one"},
    "spec": {"nodeSelector": "all()", "peerSelector": "has(rr)"},
}


@pytest.fixture
def server() -> MemoryServer:
    """With Calico's CRDs, a node, and a peer."""
    server = MemoryServer()
    server.objects["/apis"] = {"groups": [{"name": "crd.projectcalico.org"}]}
    server.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})
    in_kubernetes(server).create(PEER, PEER_DOCUMENT)
    return server


def test_each_kind_goes_to_its_part(server: MemoryServer) -> None:
    """Nodes are Kubernetes' own; Calico's are in its group, and have the shape of v3 for whoever reads them."""
    cluster = in_kubernetes(server)
    stored = cluster.get(PEER)
    assert stored is not None
    assert stored.document["apiVersion"] == "projectcalico.org/v3"
    assert server.objects[f"{PEERS}/one"]["apiVersion"] == CRD
    node = cluster.get(NODE)
    assert node is not None
    cluster.patch(NODE, {"metadata": {"labels": {"rr": "yes"}}}, node.version)
    assert server.objects[f"{NODES}/n1"]["metadata"]["labels"] == {"rr": "yes"}


def test_a_kind_that_nobody_has(server: MemoryServer) -> None:
    """Calico's own Node is in etcd alone, and a plan that names it is for such a cluster."""
    with pytest.raises(DatastoreRefused, match="CalicoNode/n1 is no object of the Kubernetes API"):
        in_kubernetes(server).get(ResourceKey("CalicoNode", "n1"))


def test_what_may_not_be_read_is_said_with_what_was(server: MemoryServer) -> None:
    """Once for each list, in each listing; a list that a snapshot cannot do without is an error."""
    cluster = in_kubernetes(server)
    closed = [POOLS]

    def forbid(_method: str, path: str) -> None:
        if path in closed:
            raise Forbidden("no")

    server.before = forbid
    for _ in range(2):
        listed = cluster.everything()
        assert [item.document["metadata"]["name"] for item in listed] == ["n1", "one"]  # type: ignore[index]
        assert listed.notices == ("not known: address pools; no",)
    closed.append(PEERS)
    with pytest.raises(Forbidden):
        cluster.everything()


def test_who_else_applies(server: MemoryServer) -> None:
    """Of Kubernetes' objects and of Calico's; what rrplan itself applied is nobody else's."""
    for path, manager in ((f"{NODES}/n1", "argocd"), (f"{PEERS}/one", "rrplan")):
        fields = [{"manager": manager, "operation": "Apply"}, {"manager": "kubectl-edit", "operation": "Update"}]
        server.objects[path]["metadata"]["managedFields"] = fields
    assert in_kubernetes(server).owners([NODE, PEER]) == ["Node/n1 is also applied by argocd"]


def test_a_dry_run_of_both(server: MemoryServer) -> None:
    """Each write is judged by its part."""
    unknown = ResourceKey("CalicoNode", "n1")
    writes = [Write(NODE, None, {}), Write(PEER, PEER_DOCUMENT, {"spec": {"peerIP": "x"}}), Write(unknown, {}, None)]
    refusals = in_kubernetes(server).dry_run(writes)
    assert [refusal.partition(":")[0] for refusal in refusals] == [
        "Node/n1 exists already",
        "BGPPeer/one",
        "CalicoNode/n1",
    ]
