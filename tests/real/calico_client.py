"""What Calico's own client does beside what it is asked for: a Node is not deleted alone.

Sources: libcalico-go/lib/clientv3/node.go, `nodes.Delete`; libcalico-go/lib/ipam/ipam.go, `RemoveIPAMHost` and
`ReleaseAffinity` (v3.0 and later). HostEndpoints: projectcalico/libcalico-go pull request 1355, January 2021.
"""

from collections.abc import Iterator
from contextlib import suppress

from rrplan.adapters.etcd.calico import BLOCKS, CalicoEtcd
from rrplan.adapters.etcd.client import delete
from rrplan.errors import DatastoreConflict
from rrplan.resources import IPPool, ResourceKey, decode
from rrplan.resources.cascade import outside_pools
from rrplan.resources.documents import at

HOST_ENDPOINTS_SINCE = (3, 18)


class ClientRefusal(Exception):
    """An error of the client that no condition of the write explains, in its words."""


def delete_node(calico: CalicoEtcd, name: str, version: str | None, release: tuple[int, int]) -> None:
    """Delete a Node as the client of a release does: everything of the node first, then its version is compared.

    `version` None compares nothing. Raises ClientRefusal for a block outside all pools, before anything is deleted, and
    DatastoreConflict for another version, after all of the rest is.
    """
    _release_blocks(calico, name)
    for key in _of_node(calico, name, release):
        with suppress(DatastoreConflict):
            stored = calico.get(key)
            if stored is not None:
                calico.delete(key, stored.version)
    node = ResourceKey("Node", name)
    present = calico.get(node)
    if present is None:
        raise DatastoreConflict(f"resource does not exist: Node({name}) with error: <nil>")
    if version is not None and version != present.version:
        raise DatastoreConflict(f"update conflict: Node({name})")
    calico.delete(node, present.version)


def _release_blocks(calico: CalicoEtcd, name: str) -> None:
    """Block after block, as far as the first one that is refused."""
    pools = [decode(stored.document) for stored in calico.everything(["IPPool"])]
    blocks = [prefix for prefix, node, _ in calico.blocks() if node == name]
    outside = outside_pools(blocks, [pool for pool in pools if isinstance(pool, IPPool)])
    for prefix in blocks:
        if prefix in outside:
            raise ClientRefusal(f"The requested CIDR ({prefix}) is not within any configured pools.")
        family = "ipv6" if ":" in prefix else "ipv4"
        path = f"{BLOCKS}{name}/{family}/block/{prefix.replace('/', '-')}"
        for entry in calico._etcd.range(path).entries:
            assert calico._etcd.transact(path, entry.revision, delete(path)) is True


def _of_node(calico: CalicoEtcd, name: str, release: tuple[int, int]) -> Iterator[ResourceKey]:
    """What belongs to a node, in the order in which the client deletes it."""
    yield from _naming(calico, "BGPPeer", name)
    yield ResourceKey("FelixConfiguration", f"node.{name}")
    yield ResourceKey("BGPConfiguration", f"node.{name}")
    if release >= HOST_ENDPOINTS_SINCE:
        yield from _naming(calico, "HostEndpoint", name)


def _naming(calico: CalicoEtcd, kind: str, name: str) -> Iterator[ResourceKey]:
    for stored in calico.everything([kind]):
        if at(stored.document, ("spec", "node")) == name:
            yield ResourceKey(kind, str(at(stored.document, ("metadata", "name"))))
