"""What every Datastore promises; each implementation runs the same suite."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.adapters.local.clock import SystemClock
from rrplan.bgp.profile import calico_versions
from rrplan.desired.standalone import daemonset
from rrplan.errors import DatastoreConflict, DatastoreRefused
from rrplan.ids import NodeName
from rrplan.plans.change import Change
from rrplan.ports import Datastore, Document, Write
from rrplan.resources import ResourceKey, encode, key_of
from rrplan.resources.documents import at
from rrplan.resources.node_codec import CLUSTER_ID_ANNOTATION
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import from_document
from rrplan.specs.model import UCP_KEY
from tests.real.mixed import MixedCluster
from tests.real.server import RealServer

PEER: Document = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "one"},
    "spec": {"nodeSelector": "all()", "peerSelector": "has(rr)"},
}
KEY = ResourceKey("BGPPeer", "one")
HEAD = {"apiVersion": "rrplan.io/v1", "kind": "BGPTopology", "metadata": {"name": "any"}}
NAMED = r'BGPPeer/one|bgppeers\.\S+ "one"'
"""A conflict names the object, in our words or in the server's."""


REAL = ("crd.projectcalico.org/v1", "projectcalico.org/v3", "etcd", "calicoctl")


@pytest.fixture(params=["sandbox", *(pytest.param(name, marks=pytest.mark.real) for name in REAL)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Datastore]:
    """Each implementation in turn, with a few nodes in it."""
    documents = demo_cluster(4, 1)
    if request.param == "sandbox":
        yield Sandbox.make(tmp_path / "sandbox", documents)
        return
    if request.param in ("etcd", "calicoctl"):
        mixed: MixedCluster = request.getfixturevalue("mixed_cluster")
        mixed.fill(documents)
        yield mixed.connect() if request.param == "etcd" else mixed.connect_by_calicoctl()
        mixed.clear()
        return
    server: RealServer = request.getfixturevalue("crd_server" if request.param.startswith("crd") else "v3_server")
    server.fill(documents)
    yield in_kubernetes(server.api)
    server.clear()


def implementation(request: pytest.FixtureRequest) -> str:
    """Which of them a test has: `sandbox`, the API group of Calico's resources, or how etcd is reached."""
    return str(request.node.callspec.params["store"])


def version(store: Datastore, key: ResourceKey = KEY) -> str:
    """The present version of an object."""
    stored = store.get(key)
    assert stored is not None
    return stored.version


def test_create_then_get(store: Datastore) -> None:
    """What was created is there, under its key, with a version."""
    assert store.get(KEY) is None
    store.create(KEY, PEER)
    stored = store.get(KEY)
    assert stored is not None
    assert stored.document["spec"] == PEER["spec"]
    assert stored.version


def test_create_twice_is_a_conflict(store: Datastore) -> None:
    """An object of the same name is never written over."""
    store.create(KEY, PEER)
    with pytest.raises(DatastoreConflict, match=NAMED):
        store.create(KEY, PEER)


def test_patch_merges(store: Datastore) -> None:
    """RFC 7386: null removes, what is not named stays; the version changes."""
    store.create(KEY, PEER)
    before = version(store)
    store.patch(KEY, {"spec": {"peerSelector": None, "peerIP": "10.0.0.9", "asNumber": 64513}}, before)
    stored = store.get(KEY)
    assert stored is not None
    assert stored.document["spec"] == {"nodeSelector": "all()", "peerIP": "10.0.0.9", "asNumber": 64513}
    assert stored.version != before


def test_write_at_an_old_version_is_a_conflict(store: Datastore) -> None:
    """Whoever read before somebody else wrote is told."""
    store.create(KEY, PEER)
    before = version(store)
    store.patch(KEY, {"spec": {"peerSelector": "has(other)"}}, before)
    with pytest.raises(DatastoreConflict, match=NAMED):
        store.patch(KEY, {"spec": {"peerSelector": "has(rr)"}}, before)
    with pytest.raises(DatastoreConflict, match=NAMED):
        store.delete(KEY, before)


def test_delete(store: Datastore) -> None:
    """What was deleted is gone; a second time is a conflict."""
    store.create(KEY, PEER)
    found = version(store)
    store.delete(KEY, found)
    assert store.get(KEY) is None
    with pytest.raises(DatastoreConflict, match=NAMED):
        store.delete(KEY, found)


def test_everything_holds_each_object_once(store: Datastore) -> None:
    """The snapshot's read sees what single reads see."""
    store.create(KEY, PEER)
    keys = [key_of(stored.document) for stored in store.everything()]
    assert len(keys) == len(set(keys))
    assert KEY in keys
    assert all(store.get(key) is not None for key in keys)


def test_validation_is_a_refusal(store: Datastore) -> None:
    """Calico's own rules: a mesh password without a mesh is not accepted, and nothing is written."""
    key = ResourceKey("BGPConfiguration", "default")
    wrong: Document = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "BGPConfiguration",
        "metadata": {"name": "default"},
        "spec": {
            "nodeToNodeMeshEnabled": False,
            "nodeMeshPassword": {"secretKeyRef": {"name": "bgp", "key": "mesh"}},
        },
    }
    with pytest.raises(DatastoreRefused, match="nodeMeshPassword"):
        store.create(key, wrong)
    assert store.get(key) is None


def test_dry_run_writes_nothing(store: Datastore) -> None:
    """What would be accepted, and what not, in words; afterwards everything is as it was."""
    store.create(KEY, PEER)
    node, mesh = ResourceKey("Node", "rr-1"), ResourceKey("BGPConfiguration", "default")
    before = [store.get(key) for key in (KEY, node, mesh)]
    label = {"metadata": {"labels": {"x": "y"}}}
    wrong = {"nodeToNodeMeshEnabled": False, "nodeMeshPassword": {"secretKeyRef": {"name": "bgp", "key": "mesh"}}}
    head = {"apiVersion": "projectcalico.org/v3", "kind": "BGPConfiguration", "metadata": {"name": "default"}}
    good = [
        Write(KEY, PEER, None),
        Write(node, {"metadata": {"labels": {"x": None}}}, label),
        Write(mesh, None, {**head, "spec": {"nodeToNodeMeshEnabled": False}}),
    ]
    assert store.dry_run(good) == []
    refusals = store.dry_run(
        [
            Write(KEY, None, PEER),
            Write(ResourceKey("BGPPeer", "other"), PEER, None),
            Write(mesh, None, {**head, "spec": wrong}),
        ]
    )
    assert refusals[0] == "BGPPeer/one exists already"
    assert refusals[1] == "BGPPeer/other does not exist"
    assert refusals[2].startswith("BGPConfiguration/default: ")
    assert "nodeMeshPassword" in refusals[2]
    assert len(refusals) == 3
    assert [store.get(key) for key in (KEY, node, mesh)] == before


def test_taints_of_kubernetes_stay(store: Datastore, request: pytest.FixtureRequest) -> None:
    """What Kubernetes itself taints is nobody's change: not seen, and not removed when other taints are written."""
    key = ResourceKey("Node", "rr-1")
    theirs = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    other = {"key": "team", "value": "x", "effect": "NoExecute"}
    store.patch(key, {"spec": {"taints": [theirs, other]}}, version(store, key))
    assert [taint.key for taint in capture(store).state.nodes[NodeName("rr-1")].taints] == ["team"]
    ours = {"key": "rrplan.io/reflector", "effect": "NoSchedule"}
    store.patch(key, {"spec": {"taints": [other, ours]}}, version(store, key))
    assert [taint.key for taint in capture(store).state.nodes[NodeName("rr-1")].taints] == [
        "team",
        "rrplan.io/reflector",
    ]
    store.patch(key, {"spec": {"taints": None}}, version(store, key))
    assert not capture(store).state.nodes[NodeName("rr-1")].taints
    kind = implementation(request)
    if kind != "sandbox":
        name = {"crd.projectcalico.org/v1": "crd_server", "projectcalico.org/v3": "v3_server"}.get(kind, "plain_server")
        server: RealServer = request.getfixturevalue(name)
        kept = server.api.get("/api/v1/nodes/rr-1") or {}
        assert [taint["key"] for taint in kept["spec"]["taints"]] == [theirs["key"]]


def test_daemonset(store: Datastore) -> None:
    """A DaemonSet of ours is recognised whatever the server fills in, and goes as it came."""
    spec = from_document({**HEAD, "spec": {"topology": "route-reflectors", "flavor": "standalone"}})
    document = daemonset(spec)
    change = Change.create(key_of(document), document)
    assert change.conflicts(None) == []
    store.create(change.key, document)
    stored = store.get(change.key)
    assert stored is not None
    assert change.landed(stored.document)
    assert change.inverse().conflicts(stored.document) == []
    elsewhere = {"spec": {"template": {"spec": {"nodeSelector": {UCP_KEY: "false"}}}}}
    store.patch(change.key, elsewhere, stored.version)
    again = store.get(change.key)
    assert again is not None
    assert not change.landed(again.document)
    store.delete(change.key, again.version)
    assert store.get(change.key) is None


def test_calico_node(store: Datastore, request: pytest.FixtureRequest) -> None:
    """With etcd Calico's Node goes by itself, and comes back whole; in Kubernetes it is no object of its own."""
    key = ResourceKey("CalicoNode", "rr-1")
    kind = implementation(request)
    if "/" in kind:
        with pytest.raises(DatastoreRefused, match="CalicoNode/rr-1 is no object of the Kubernetes API") as error:
            store.get(key)
        assert error.value.hint == "this plan is for a cluster whose Calico uses etcd"
    elif kind != "sandbox":
        before = capture(store).state
        stored = store.get(key)
        assert stored is not None
        store.delete(key, stored.version)
        assert store.get(key) is None
        assert not capture(store).state.nodes[NodeName("rr-1")].ipv4
        status = {"wireguardPublicKey": "x", "podCIDRs": ["10.0.0.0/26"]}
        whole = {**encode(before.others[key]), "status": status}
        change = Change.create(key, whole)
        store.create(key, whole)
        made = store.get(key)
        assert made is not None
        assert change.landed(made.document)
        assert made.document["status"] == status
        by_calicoctl = kind == "calicoctl"
        # calicoctl gives what it creates a uid of its own (resourcemgr.go, prepareMetadataForCreate).
        same = at(made.document, ("metadata", "uid")) == at(stored.document, ("metadata", "uid"))
        assert same is not by_calicoctl
        assert capture(store).state.nodes == before.nodes
    else:
        assert store.get(key) is None


def test_eviction(store: Datastore) -> None:
    """Pods that a drain evicts are listed until they are gone from the node."""
    pods = store.pods_to_evict(NodeName("rr-1"))
    assert [str(pod.key) for pod in pods] == ["Pod/default/web-0-0", "Pod/default/web-0-1"]
    node = ResourceKey("Node", "rr-1")
    store.patch(node, {"spec": {"unschedulable": True}}, version(store, node))
    for pod in pods:
        store.evict(pod.key, 0)
    deadline = time.monotonic() + 10
    while store.pods_to_evict(NodeName("rr-1")):
        assert time.monotonic() < deadline
        SystemClock().sleep(0.1)  # a real API server is being watched


def test_labels_are_read_as_they_were_written(store: Datastore) -> None:
    """Whose object it is stays known, wherever the datastore keeps labels; a patch changes them."""
    label = "app.kubernetes.io/managed-by"
    store.create(KEY, {**PEER, "metadata": {"name": "one", "labels": {label: "rrplan"}}})
    assert capture(store).state.peers["one"].labels == {label: "rrplan"}
    store.patch(KEY, {"metadata": {"labels": {label: None, "team": "network"}}}, version(store))
    assert capture(store).state.peers["one"].labels == {"team": "network"}


def test_node_patch_touches_only_its_fields(store: Datastore) -> None:
    """Label and cluster ID together, in one patch; what others keep on the node stays."""
    key = ResourceKey("Node", "rr-1")
    store.patch(key, {"metadata": {"annotations": {"example.com/owner": "network"}}}, version(store, key))
    patch = {"metadata": {"labels": {"rr": "yes"}, "annotations": {CLUSTER_ID_ANNOTATION: "1.0.0.1"}}}
    store.patch(key, patch, version(store, key))
    node = capture(store).state.nodes[NodeName("rr-1")]
    assert (node.cluster_id, node.labels["rr"], node.labels["role"]) == ("1.0.0.1", "yes", "rr")
    stored = store.get(key)
    assert stored is not None
    assert '"example.com/owner": "network"' in json.dumps(stored.document)


def test_same_state_from_every_datastore(store: Datastore, tmp_path: Path) -> None:
    """Nodes, peers and configurations are the same values whatever they were read from."""
    store.create(KEY, PEER)
    other = Sandbox.make(tmp_path / "other", [*demo_cluster(4, 1), PEER])
    one, two = capture(store).state, capture(other).state
    assert (one.nodes, one.peers, one.configurations) == (two.nodes, two.peers, two.configurations)
    assert calico_versions(one) == calico_versions(two)
