"""The stand-in for Calico's client deletes what the real one deletes, in its order, on a real etcd."""

from collections.abc import Iterator

import pytest

from rrplan.adapters.etcd.calico import BLOCKS, CalicoEtcd
from rrplan.adapters.etcd.client import put
from rrplan.errors import DatastoreConflict
from rrplan.ports import Document
from rrplan.resources import ResourceKey
from tests.real.calico_client import ClientRefusal, delete_node
from tests.real.mixed import MixedCluster

pytestmark = pytest.mark.real

NODE = ResourceKey("Node", "a")


def written(kind: str, name: str, **spec: object) -> tuple[ResourceKey, Document]:
    """One of Calico's objects."""
    head = {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}}
    return ResourceKey(kind, name), {**head, "spec": spec}


OBJECTS = [
    written("Node", "a", bgp={"ipv4Address": "10.0.0.1/24"}),
    written("IPPool", "pool", cidr="10.10.0.0/16"),
    written("BGPPeer", "of-a", node="a", peerIP="192.0.2.1", asNumber=64512),
    written("BGPPeer", "of-b", node="b", peerIP="192.0.2.1", asNumber=64512),
    written("BGPConfiguration", "node.a", logSeverityScreen="Info"),
    written("FelixConfiguration", "node.a", logSeverityScreen="Info"),
    written("HostEndpoint", "a-eth0", node="a", interfaceName="eth0"),
]
GONE = {"BGPPeer/of-a", "BGPConfiguration/node.a", "FelixConfiguration/node.a"}


@pytest.fixture
def calico(mixed_cluster: MixedCluster) -> Iterator[CalicoEtcd]:
    """An etcd with one node and what belongs to it."""
    made = CalicoEtcd(mixed_cluster.etcd.connect())
    for key, document in OBJECTS:
        made.create(key, document)
    block(made, "10.10.0.0-26")
    yield made
    mixed_cluster.clear()


def block(calico: CalicoEtcd, name: str) -> None:
    """An address block of the node."""
    path = f"{BLOCKS}a/ipv4/block/{name}"
    calico._etcd.transact(path, 0, put(path, {"state": "confirmed"}))


def gone(calico: CalicoEtcd) -> set[str]:
    """What is not there any more."""
    return {str(key) for key, _ in OBJECTS if calico.get(key) is None}


@pytest.mark.parametrize("release", [(3, 8), (3, 12), (3, 18), (3, 30)])
def test_everything_of_the_node_goes(calico: CalicoEtcd, release: tuple[int, int]) -> None:
    """HostEndpoints since v3.18; what names another node stays."""
    delete_node(calico, "a", None, release)
    endpoint = {"HostEndpoint/a-eth0"} if release >= (3, 18) else set()
    assert gone(calico) == {"Node/a", *GONE, *endpoint}
    assert calico.blocks() == []


def test_the_version_is_compared_last(calico: CalicoEtcd) -> None:
    """A conflict keeps the Node alone."""
    with pytest.raises(DatastoreConflict, match=r"update conflict: Node\(a\)"):
        delete_node(calico, "a", "1", (3, 8))
    assert gone(calico) == GONE
    present = calico.get(NODE)
    assert present is not None
    delete_node(calico, "a", present.version, (3, 8))
    with pytest.raises(DatastoreConflict, match=r"resource does not exist: Node\(a\)"):
        delete_node(calico, "a", None, (3, 8))


def test_a_block_outside_all_pools(calico: CalicoEtcd) -> None:
    """It is refused before anything else is deleted, again and again."""
    block(calico, "10.99.0.0-26")
    for _ in range(2):
        with pytest.raises(
            ClientRefusal, match=r"The requested CIDR \(10.99.0.0/26\) is not within any configured pools"
        ):
            delete_node(calico, "a", None, (3, 8))
    assert gone(calico) == set()
