"""Which part of a cluster a resource is read from and written to, on an API server in memory."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from rrplan.adapters.kubernetes.alike import SAMPLE
from rrplan.adapters.kubernetes.cluster import MANY, in_kubernetes
from rrplan.adapters.kubernetes.kinds import CRD, collection
from rrplan.adapters.kubernetes.objects import stored_object
from rrplan.adapters.kubernetes.requests import METADATA_ONLY
from rrplan.adapters.kubernetes.server import Forbidden
from rrplan.errors import DatastoreRefused
from rrplan.ports import Write
from rrplan.resources import ClusterIdentity, ResourceKey, decode
from rrplan.snapshots import capture
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


def test_a_cluster_without_guid_is_known_by_its_namespace(server: MemoryServer) -> None:
    """It is asked for once, where Calico has no clusterGUID; where it may not be read, nobody knows."""

    def identity() -> ClusterIdentity:
        return capture(in_kubernetes(server)).cluster

    assert identity() == ClusterIdentity()
    server.create(
        "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": "7"}}
    )
    assert identity().namespace_uid == str(server.objects["/api/v1/namespaces/kube-system"]["metadata"]["uid"])
    cluster = in_kubernetes(server)
    cluster.everything()
    asked: list[str] = []
    server.before = lambda _method, path: asked.append(path)
    cluster.everything()
    assert not any("kube-system" in path for path in asked)

    def forbid(_method: str, path: str) -> None:
        if path.endswith("/kube-system"):
            raise Forbidden("no")

    server.before = forbid
    assert identity() == ClusterIdentity()
    server.before = lambda _method, path: asked.append(path)
    key = ResourceKey("ClusterInformation", "default")
    document = {"apiVersion": "projectcalico.org/v3", "kind": key.kind, "metadata": {"name": key.name}}
    in_kubernetes(server).create(key, {**document, "spec": {"clusterGUID": "abc"}})
    assert identity() == ClusterIdentity("abc")


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


def nodes(server: MemoryServer, count: int, **labels: str) -> list[Write]:
    """So many nodes more, alike but for their names, and a label for each."""
    writes = []
    for number in range(count):
        name = "-".join([*labels.values(), f"{number:03d}"])
        own = {"kubernetes.io/hostname": name, **labels}
        annotations = {"projectcalico.org/IPv4Address": f"10.0.0.{number}/24"}
        metadata = {"name": name, "labels": own, "annotations": annotations}
        spec = {"podCIDR": f"10.1.{number}.0/24"}
        server.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec})
        writes.append(Write(ResourceKey("Node", name), {}, {"metadata": {"labels": {"client": "yes"}}}))
    return writes


class Judging(MemoryServer):
    """Refuses the patches of some nodes; `patched` are all that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.patched: list[str] = []
        self.refused: set[str] = set()
        self.objects["/apis"] = {"groups": [{"name": "crd.projectcalico.org"}]}

    def patch(self, path: str, body: Mapping[str, object], *, dry_run: bool = False) -> dict[str, Any]:
        """Nothing is kept."""
        assert dry_run
        name = path.rpartition("/")[2]
        self.patched.append(name)
        if name in self.refused:
            raise DatastoreRefused("a webhook says no")
        return {}


def test_alike_writes_are_tried_in_part() -> None:
    """Twenty of each sort, first and last among them; how many is told."""
    server = Judging()
    told: list[str] = []
    writes = [*nodes(server, 100, zone="a"), *nodes(server, 15, zone="b"), *nodes(server, 30, zone="c")]
    cluster = in_kubernetes(server)
    cluster.tell = told.append
    server.refused.add("c-000")
    assert cluster.dry_run(writes) == ["Node/c-000: a webhook says no"]
    tried = Counter(name[0] for name in server.patched)
    assert tried == {"a": SAMPLE, "b": 15, "c": SAMPLE}
    assert {"a-000", "a-099", "c-000", "c-029"} <= set(server.patched)
    assert len(set(server.patched)) == len(server.patched)
    assert told == [
        (
            "dry-run of 55 of 145 writes: 20 of those that are alike; what is refused later is noticed when it is "
            "written, and taken back"
        )
    ]


def test_few_writes_are_all_tried() -> None:
    """Nothing is told then."""
    server = Judging()
    told: list[str] = []
    cluster = in_kubernetes(server)
    cluster.tell = told.append
    cluster.dry_run(nodes(server, MANY, zone="a"))
    assert len(server.patched) == MANY
    assert not told


@pytest.mark.parametrize(
    "other",
    [
        {"metadata": {"labels": {"team": "x"}}},
        {"metadata": {"annotations": {"locked-by": "somebody"}}},
        {"spec": {"taints": [{"key": "team", "effect": "NoSchedule"}]}},
    ],
    ids=["label", "annotation", "taint"],
)
def test_a_node_that_admission_can_tell_apart_is_tried(other: Mapping[str, object]) -> None:
    """By its labels, taints and the names of its annotations."""
    server = Judging()
    writes = nodes(server, 150, zone="a")
    MemoryServer.patch(server, f"{NODES}/a-077", other)
    server.refused.add("a-077")
    assert in_kubernetes(server).dry_run(writes) == ["Node/a-077: a webhook says no"]


def test_other_writes_are_all_tried() -> None:
    """A node that gets another label than the rest is one of its own."""
    server = Judging()
    writes = nodes(server, 150, zone="a")
    writes[78] = replace(writes[78], after={"metadata": {"labels": {"client": "no"}}})
    in_kubernetes(server).dry_run(writes)
    assert "a-078" in server.patched
    assert len(server.patched) == SAMPLE + 1


class Counting(MemoryServer):
    """`asked` are the reads: a path, and whether the metadata alone were wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, bool]] = []
        self.closed = ""

    def _send(self, method: str, path: str, *rest: Any, **more: Any) -> dict[str, Any] | None:
        short = more.get("accept") == METADATA_ONLY
        if method == "GET":
            self.asked.append((path, short))
        if self.closed and path.startswith(self.closed):
            raise Forbidden("no right to get")
        found = super()._send(method, path, *rest, **more)
        if short and found is not None:
            found["items"] = [{"metadata": item["metadata"]} for item in found["items"]]
        return found


@pytest.fixture
def many() -> Counting:
    """A cluster of 150 nodes."""
    server = Counting()
    server.objects["/apis"] = {"groups": [{"name": "crd.projectcalico.org"}]}
    nodes(server, 150, zone="a")
    return server


def test_of_a_long_list_what_changed_is_read(many: Counting) -> None:
    """Edited, made, removed: the result is that of reading all, and it costs two requests and one for each change."""
    cluster = in_kubernetes(many)
    assert set(cluster.everything()) == set(in_kubernetes(many).everything())
    for _ in range(2):
        many.patch(f"{NODES}/a-003", {"spec": {"unschedulable": True}})
        many.delete(f"{NODES}/a-004", "")
        many.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "b"}})
        many.asked.clear()
        found = cluster.everything()
        asked = [(path, short) for path, short in many.asked if path.startswith(NODES)]
        assert asked[0] == (NODES, True)
        assert sorted(asked[1:]) == [(f"{NODES}/a-003", False), (f"{NODES}/b", False)]
        assert [item.document for item in found] == [item.document for item in in_kubernetes(many).everything()]
        many.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a-004"}})
        many.delete(f"{NODES}/b", "")
        cluster.everything()


def test_an_object_that_goes_between_list_and_read(many: Counting) -> None:
    """It is not there, as in a list that was read a moment later."""
    cluster = in_kubernetes(many)
    cluster.everything()
    many.patch(f"{NODES}/a-003", {"spec": {"unschedulable": True}})

    def gone(method: str, path: str) -> None:
        if (method, path) == ("GET", f"{NODES}/a-003"):
            many.objects.pop(path)

    many.before = gone
    names = [str(item.document["metadata"]["name"]) for item in cluster.everything()]  # type: ignore[index]
    assert len(names) == 149
    assert "a-003" not in names


def test_where_much_changed_the_list_is_read_whole(many: Counting) -> None:
    """As after the heartbeats of kubelets."""
    cluster = in_kubernetes(many)
    cluster.everything()
    for number in range(20):
        many.patch(f"{NODES}/a-{number:03d}", {"spec": {"unschedulable": True}})
    many.asked.clear()
    cluster.everything()
    assert [pair for pair in many.asked if pair[0].startswith(NODES)] == [(NODES, True), (NODES, False)]


def test_who_may_list_and_not_get(many: Counting) -> None:
    """Then the list is read whole."""
    cluster = in_kubernetes(many)
    cluster.everything()
    many.patch(f"{NODES}/a-003", {"spec": {"unschedulable": True}})
    many.closed = f"{NODES}/"
    (node,) = [item for item in cluster.everything() if item.document["metadata"]["name"] == "a-003"]  # type: ignore[index]
    assert node.document["spec"] == {"podCIDR": "10.1.3.0/24", "unschedulable": True}


def test_a_pod_in_brief_is_the_same_pod() -> None:
    """Of thousands of pods, what nobody reads is not kept."""
    spec = {
        "nodeName": "n1",
        "containers": [{"name": "calico-node", "image": "calico/node:v3.30.4", "env": [{"name": "A", "value": "b"}]}],
        "volumes": [{"name": "run", "hostPath": {"path": "/run"}}, {"name": "tmp", "emptyDir": {"medium": "Memory"}}],
    }
    owner = {"kind": "DaemonSet", "name": "calico-node", "controller": True}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}], "podIPs": [{"ip": "10.0.0.1"}]}
    metadata = {"name": "x", "namespace": "kube-system", "ownerReferences": [owner], "resourceVersion": "7"}
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
    for document in (whole, {**whole, "spec": {}}, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}):
        brief = stored_object(document)
        assert decode(brief.document) == decode(document)
        assert not {"env", "hostPath", "podIPs"} & set(re.findall(r"\w+", str(brief.document)))
