"""Nodes of two halves, with Calico's half in memory; `tests/real/test_etcd_cluster.py` has them on a real etcd."""

from collections.abc import Collection, Sequence

import pytest

from rrplan.adapters.etcd.calico import PLURALS
from rrplan.adapters.etcd.cluster import in_etcd
from rrplan.adapters.kubernetes.cluster import LiveCluster
from rrplan.adapters.kubernetes.kinds import collection
from rrplan.errors import DatastoreConflict, DatastoreRefused
from rrplan.ids import NodeName
from rrplan.ports import Document, Listed, Stored, at_version
from rrplan.resources import ResourceKey, key_of
from rrplan.resources.documents import patched
from tests.unit.adapters.memory_server import MemoryServer

NODE, HALF = ResourceKey("Node", "n1"), ResourceKey("CalicoNode", "n1")
LABEL = {"metadata": {"labels": {"rr": "yes"}}}


class MemoryCalico:
    """Implements the port SeparateCalico in memory; `overtaken` writes are lost to somebody who was quicker."""

    kinds: Collection[str] = tuple(PLURALS)
    late_seconds = 60

    def __init__(self, *documents: Document) -> None:
        self._stored = {key_of(document): Stored(document, "1") for document in documents}
        self.secret: tuple[str, ...] = ()
        self.overtaken = 0

    def everything(self, kinds: Sequence[str] = tuple(PLURALS)) -> Listed:
        """All of these kinds; DatastoreRefused for a kind that is secret."""
        if set(kinds) & set(self.secret):
            raise DatastoreRefused("permission denied")
        return Listed(tuple(stored for key, stored in self._stored.items() if key.kind in kinds))

    def blocks(self) -> Sequence[tuple[str, NodeName, str]]:
        """None."""
        return []

    def get(self, key: ResourceKey) -> Stored | None:
        """What is there."""
        return self._stored.get(key)

    def appliers(self, key: ResourceKey) -> Sequence[str]:
        """Nobody."""
        return []

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Keep it."""
        self._keep(key, document, dry_run=dry_run)

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """Keep it patched."""
        self._keep(key, patched(at_version(key, self.get(key), version).document, patch), dry_run=dry_run)

    def replace(self, key: ResourceKey, document: Document, version: str, *, dry_run: bool = False) -> None:
        """Keep it in place of what is there."""
        if self.overtaken:
            self.overtaken -= 1
            self._keep(key, at_version(key, self.get(key), version).document, dry_run=False)
        at_version(key, self.get(key), version)
        self._keep(key, document, dry_run=dry_run)

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Forget it."""
        at_version(key, self.get(key), version)
        if not dry_run:
            del self._stored[key]

    def _keep(self, key: ResourceKey, document: Document, *, dry_run: bool) -> None:
        present = self._stored.get(key)
        if not dry_run:
            self._stored[key] = Stored(document, str(int(present.version) + 1 if present else 1))


def information(version: str) -> Document:
    """The release of the cluster."""
    head = {"apiVersion": "projectcalico.org/v3", "kind": "ClusterInformation", "metadata": {"name": "default"}}
    return {**head, "spec": {"calicoVersion": version}}


@pytest.fixture
def server() -> MemoryServer:
    """With one node."""
    server = MemoryServer()
    server.create(collection("Node"), {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})
    return server


@pytest.fixture
def calico() -> MemoryCalico:
    """With the other half of the node."""
    node = {"apiVersion": "projectcalico.org/v3", "kind": "Node", "metadata": {"name": "n1"}, "spec": {}}
    return MemoryCalico(node, information("v3.30.4"))


def node(cluster: LiveCluster) -> Stored:
    """The node as it is shown."""
    stored = cluster.get(NODE)
    assert stored is not None
    return stored


def test_a_list_and_a_single_read_show_the_same(server: MemoryServer, calico: MemoryCalico) -> None:
    """The node as one, and Calico's half by itself."""
    cluster = in_etcd(server, calico)
    listed = {key_of(item.document): item for item in cluster.everything()}
    assert listed[NODE] == cluster.get(NODE)
    assert listed[HALF] == cluster.get(HALF)
    assert cluster.late_seconds == 60


def test_host_endpoints_that_may_not_be_read(server: MemoryServer, calico: MemoryCalico) -> None:
    """The listing says what is not known, each time that it is read."""
    calico.secret = ("HostEndpoint",)
    text = "not known: HostEndpoints, which `calicoctl delete node` deletes with their Node; permission denied"
    for _ in range(2):
        assert in_etcd(server, calico).everything().notices == (text,)


@pytest.mark.parametrize(("overtaken", "written"), [(4, True), (5, False)])
def test_others_change_the_same_node(server: MemoryServer, calico: MemoryCalico, overtaken: int, written: bool) -> None:
    """Calico's half is tried five times, at the version of each moment."""
    cluster = in_etcd(server, calico)
    before = node(cluster)
    calico.overtaken = overtaken
    if written:
        cluster.patch(NODE, LABEL, before.version)
    else:
        with pytest.raises(DatastoreConflict, match="Node/n1 is changed by others in etcd"):
            cluster.patch(NODE, LABEL, before.version)
    half = calico.get(NODE)
    assert half is not None
    assert ("labels" in half.document["metadata"]) is written  # type: ignore[operator]


def test_calicos_half_by_itself(server: MemoryServer, calico: MemoryCalico) -> None:
    """It is made, changed and removed in Calico's store alone; the node is neither made nor removed."""
    cluster = in_etcd(server, calico)
    half = cluster.get(HALF)
    assert half is not None
    cluster.patch(HALF, {"spec": {"bgp": {"asNumber": 65001}}}, half.version)
    changed = cluster.get(HALF)
    assert changed is not None
    assert changed.document["spec"] == {"bgp": {"asNumber": 65001}}
    cluster.delete(HALF, changed.version)
    assert cluster.get(HALF) is None
    cluster.create(HALF, changed.document)
    assert calico.everything(["Node"]).resources[0].document["kind"] == "Node"
    with pytest.raises(DatastoreRefused, match="Node/n1 is not removed here"):
        cluster.delete(NODE, node(cluster).version)
    with pytest.raises(DatastoreRefused, match="Node/n1 is not made here"):
        cluster.create(NODE, {})
