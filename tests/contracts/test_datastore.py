"""What every Datastore promises; each implementation runs the same suite."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rrplan.errors import DatastoreConflict, DatastoreRefused
from rrplan.ids import NodeName
from rrplan.ports import Datastore, Document
from rrplan.resources import ResourceKey, key_of
from rrplan.sandbox import Sandbox, demo_cluster

PEER: Document = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "one"},
    "spec": {"nodeSelector": "all()", "peerSelector": "has(rr)"},
}
KEY = ResourceKey("BGPPeer", "one")

Make = Callable[[Path], Datastore]


def sandbox(path: Path) -> Datastore:
    """The embedded cluster."""
    return Sandbox.make(path / "sandbox", demo_cluster(4, 1))


@pytest.fixture(params=[sandbox], ids=["sandbox"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Datastore:
    """Each implementation in turn, with a few nodes in it."""
    make: Make = request.param
    return make(tmp_path)


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
    with pytest.raises(DatastoreConflict, match="BGPPeer/one"):
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
    with pytest.raises(DatastoreConflict, match="BGPPeer/one"):
        store.patch(KEY, {"spec": {"peerSelector": "has(rr)"}}, before)
    with pytest.raises(DatastoreConflict, match="BGPPeer/one"):
        store.delete(KEY, before)


def test_delete(store: Datastore) -> None:
    """What was deleted is gone; a second time is a conflict."""
    store.create(KEY, PEER)
    found = version(store)
    store.delete(KEY, found)
    assert store.get(KEY) is None
    with pytest.raises(DatastoreConflict, match="BGPPeer/one"):
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


def test_eviction(store: Datastore) -> None:
    """Pods that a drain evicts are listed until they are gone from the node."""
    pods = store.pods_to_evict(NodeName("rr-1"))
    assert [str(pod) for pod in pods] == ["Pod/default/web-0-0", "Pod/default/web-0-1"]
    node = ResourceKey("Node", "rr-1")
    store.patch(node, {"spec": {"unschedulable": True}}, version(store, node))
    for pod in pods:
        store.evict(pod)
    assert not store.pods_to_evict(NodeName("rr-1"))
