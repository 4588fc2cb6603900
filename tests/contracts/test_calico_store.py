"""What every CalicoStore promises: Calico's resources in Kubernetes, in either API group, in etcd, and by calicoctl."""

from collections.abc import Callable, Iterator

import pytest

from rrplan.adapters.calicoctl.calicoctl import Calicoctl
from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.adapters.kubernetes.calico import KubernetesCalico
from rrplan.errors import DatastoreConflict
from rrplan.ports import CalicoStore, Document
from rrplan.resources import ResourceKey, key_of
from rrplan.sandbox import demo_cluster
from tests.real.mixed import MixedCluster
from tests.real.server import RealServer

pytestmark = pytest.mark.real

PEER: Document = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "one", "labels": {"team": "network"}},
    "spec": {"nodeSelector": "all()", "peerSelector": "has(rr)"},
}
KEY = ResourceKey("BGPPeer", "one")


@pytest.fixture(params=["crd.projectcalico.org/v1", "projectcalico.org/v3", "etcd", "calicoctl"])
def store(request: pytest.FixtureRequest) -> Iterator[CalicoStore]:
    """Each implementation in turn, with the resources of a small cluster in it."""
    documents = demo_cluster(2, 1)
    if request.param in ("etcd", "calicoctl"):
        mixed: MixedCluster = request.getfixturevalue("mixed_cluster")
        mixed.fill(documents)
        by_etcd = request.param == "etcd"
        yield CalicoEtcd(mixed.etcd.connect()) if by_etcd else Calicoctl(mixed.calicoctl_command())
        mixed.clear()
        return
    server: RealServer = request.getfixturevalue("crd_server" if request.param.startswith("crd") else "v3_server")
    server.fill(documents)
    yield KubernetesCalico(server.api)
    server.clear()


def version(store: CalicoStore) -> str:
    """The present version of the BGPPeer."""
    stored = store.get(KEY)
    assert stored is not None
    return stored.version


def test_what_was_written_is_read(store: CalicoStore) -> None:
    """Alone and in a list of its kind, in the shape of projectcalico.org/v3, labels too."""
    store.create(KEY, PEER)
    stored = store.get(KEY)
    assert stored is not None
    assert stored.document["apiVersion"] == "projectcalico.org/v3"
    assert stored.document["spec"] == PEER["spec"]
    assert stored.document["metadata"]["labels"] == {"team": "network"}  # type: ignore[index]
    assert store.everything(["BGPPeer"]).resources == (stored,)


def test_a_list_has_the_kinds_that_are_asked_for(store: CalicoStore) -> None:
    """No others; without kinds it has all that the store has, which include those of every plan."""
    assert {key_of(item.document).kind for item in store.everything(["ClusterInformation"])} == {"ClusterInformation"}
    assert {"BGPPeer", "BGPConfiguration", "BGPFilter"} <= set(store.kinds)
    assert {key_of(item.document).kind for item in store.everything()} <= set(store.kinds)
    assert store.everything().notices == ()


def test_a_patch_is_made_at_its_version(store: CalicoStore) -> None:
    """What it does not name stays; whoever read before somebody else wrote is told."""
    store.create(KEY, PEER)
    before = version(store)
    store.patch(KEY, {"spec": {"peerSelector": None, "peerIP": "10.0.0.9"}}, before)
    stored = store.get(KEY)
    assert stored is not None
    assert stored.document["spec"] == {"nodeSelector": "all()", "peerIP": "10.0.0.9"}
    writes: list[Callable[[], None]] = [
        lambda: store.patch(KEY, {"spec": {"peerIP": "10.0.0.8"}}, before),
        lambda: store.delete(KEY, before),
        lambda: store.create(KEY, PEER),
    ]
    for write in writes:
        with pytest.raises(DatastoreConflict):
            write()
    assert store.get(KEY) == stored


def test_a_dry_run_writes_nothing(store: CalicoStore) -> None:
    """Of a creation, a patch and a removal."""
    store.create(KEY, PEER, dry_run=True)
    assert store.get(KEY) is None
    store.create(KEY, PEER)
    before = store.get(KEY)
    store.patch(KEY, {"spec": {"nodeSelector": "has(x)"}}, version(store), dry_run=True)
    store.delete(KEY, version(store), dry_run=True)
    assert store.get(KEY) == before
    store.delete(KEY, version(store))
    assert store.get(KEY) is None
