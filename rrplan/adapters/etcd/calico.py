"""Calico's resources in etcd: their keys and their JSON.

Sources: libcalico-go/lib/backend/etcdv3/etcdv3.go (transactions, revisions), lib/backend/model/resource.go (keys),
lib/clientv3/resources.go (uid and creationTimestamp).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence

from rrplan.adapters.etcd.answers import Compacted
from rrplan.adapters.etcd.client import Etcd, KeyValue, delete, put
from rrplan.adapters.kubernetes.documents import mapping
from rrplan.adapters.kubernetes.kinds import KINDS, V3
from rrplan.adapters.local.clock import SystemClock, timestamp
from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreUnreachable
from rrplan.ids import NodeName
from rrplan.ports import Document, Listed, SeparateCalico, Stored, at_version
from rrplan.resources import ResourceKey
from rrplan.resources.documents import patched
from rrplan.resources.validation import objections
from rrplan.retry import Tries, retry

PREFIX = "/calico/resources/v3/projectcalico.org/"
PLURALS = {
    kind: KINDS[kind].plural
    for kind in (
        "Node",
        "BGPPeer",
        "BGPConfiguration",
        "BGPFilter",
        "IPPool",
        "ClusterInformation",
        "FelixConfiguration",
        "HostEndpoint",
    )
}
"""Calico's resources that are read and written here; etcd's keys have Kubernetes' plurals."""
ALWAYS_READ = tuple(kind for kind in PLURALS if kind != "HostEndpoint")
"""What every snapshot needs; HostEndpoints matter only where Calico's client deletes them with their Node."""
PAGE = 500
"""Keys in one answer: a Calico Node is 1 to 2 KB, and older gateways take 4 MB."""
LIST_TRIES = 5
BLOCKS = "/calico/ipam/v2/host/"
"""`NODE/ipv4/block/10.0.0.0-26` below it is a block of a node (libcalico-go/lib/backend/model/block_affinity.go)."""
NOT_STORED = ("resourceVersion", "selfLink")


class CalicoEtcd:
    """Implements the port SeparateCalico; a version is the revision that last changed the key."""

    kinds = tuple(PLURALS)
    late_seconds = 10
    """etcd ends a request within 7 s (etcd server/config/config.go, ReqTimeout)."""

    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd

    def everything(self, kinds: Sequence[str] = tuple(PLURALS)) -> Listed:
        """All resources of these kinds as they were at one moment."""
        entries = self._consistent([f"{PREFIX}{PLURALS[kind]}/" for kind in kinds])
        return Listed(tuple(_stored(entry) for entry in entries))

    def blocks(self) -> Sequence[tuple[str, NodeName, str]]:
        """Every address block of a node: prefix, node, state ("" where an old version wrote none)."""
        return [block for entry in self._consistent([BLOCKS]) if (block := _block(entry)) is not None]

    def _consistent(self, folders: Sequence[str]) -> list[KeyValue]:
        """Everything below these folders, as it was at one moment."""
        return retry(
            lambda: self._at_one_revision(folders),
            Compacted,
            Tries(LIST_TRIES),
            lambda _: DatastoreUnreachable(f"etcd was compacted {LIST_TRIES} times while its lists were read"),
        )

    def _at_one_revision(self, folders: Sequence[str]) -> list[KeyValue]:
        entries: list[KeyValue] = []
        revision = 0
        for start in folders:
            end, more = start[:-1] + chr(ord("/") + 1), True
            while more:
                page = self._etcd.range(start, end, limit=PAGE, revision=revision)
                revision, more = revision or page.revision, page.more
                entries += page.entries
                if page.entries:
                    start = page.entries[-1].key + "\0"
        return entries

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        entries = self._etcd.range(_path(key)).entries
        return _stored(entries[0]) if entries else None

    def appliers(self, key: ResourceKey) -> Sequence[str]:
        """Nobody that is known: nothing in etcd says who applies."""
        return []

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        check(key, document)
        if dry_run:
            self._try(key, put(_path(key), _kept(document)))
        elif self._etcd.transact(_path(key), 0, put(_path(key), _new(key, document))) is not True:
            raise DatastoreConflict(f"{key} exists already")

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch at a version."""
        patch_whole(self, key, patch, version, dry_run=dry_run)

    def replace(self, key: ResourceKey, document: Document, version: str, *, dry_run: bool = False) -> None:
        """Write a resource anew at a version; what it was made with, uid and time, must be in the document."""
        check(key, document)
        operation = put(_path(key), _kept(document))
        if dry_run:
            self._try(key, operation)
        else:
            self._at_version(key, version, operation)

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Remove a resource at a version."""
        if dry_run:
            self._try(key, delete(_path(key)))
        else:
            self._at_version(key, version, delete(_path(key)))

    def _try(self, key: ResourceKey, operation: Mapping[str, object]) -> None:
        """Make a transaction that changes nothing: etcd looks at the rights to all of it before it compares."""
        self._etcd.transact(_path(key), None, operation)

    def _at_version(self, key: ResourceKey, version: str, operation: Mapping[str, object]) -> None:
        if not version.isdecimal() or version == "0":
            raise DatastoreConflict(f"{key} does not exist, or `{version}` is no version of it")
        answer = self._etcd.transact(_path(key), int(version), operation)
        if answer is False:
            raise DatastoreConflict(f"{key} does not exist")
        if isinstance(answer, KeyValue):
            raise DatastoreConflict(f"{key} is at version {answer.revision}, not {version}")


def _path(key: ResourceKey) -> str:
    return f"{PREFIX}{PLURALS[key.kind]}/{key.name}"


def _block(entry: KeyValue) -> tuple[str, NodeName, str] | None:
    """One block affinity; None for other keys of IPAM below a node."""
    parts = entry.key.removeprefix(BLOCKS).split("/")
    if len(parts) != 4 or parts[2] != "block":
        return None
    address, _, length = parts[3].rpartition("-")
    try:
        value = json.loads(entry.value)
    except (RecursionError, ValueError):
        value = None
    fields = value if isinstance(value, dict) else {}
    state = "pendingDeletion" if fields.get("deleted") else str(fields.get("state") or "")
    return f"{address}/{length}", NodeName(parts[0]), state


def _stored(entry: KeyValue) -> Stored:
    try:
        document = json.loads(entry.value)
        metadata = document["metadata"]
        shown = {**document, "metadata": {**metadata, "resourceVersion": str(entry.revision)}}
    except (RecursionError, ValueError, KeyError, TypeError) as error:
        raise DatastoreRefused(
            f"what etcd holds at {entry.key} is no Calico resource", hint="repair or remove it with calicoctl"
        ) from error
    return Stored(shown, str(entry.revision))


def _new(key: ResourceKey, document: Document) -> dict[str, object]:
    """As Calico's client makes a resource, its fields in the order of Go's encoder.

    What is given of uid, time and status stays: so an object that was deleted comes back as it was.
    """
    given = mapping(document.get("metadata"))
    metadata: dict[str, object] = {
        "name": key.name,
        "uid": given.get("uid") or str(uuid.uuid4()),
        "creationTimestamp": given.get("creationTimestamp") or timestamp(SystemClock().wall()),
    }
    metadata |= {field: given[field] for field in ("labels", "annotations") if given.get(field)}
    status = {"status": document["status"]} if "status" in document else {}
    return {"kind": key.kind, "apiVersion": V3, "metadata": metadata, "spec": document.get("spec") or {}, **status}


def _kept(document: Document) -> dict[str, object]:
    metadata = document.get("metadata")
    assert isinstance(metadata, Mapping)
    return {**document, "metadata": {name: value for name, value in metadata.items() if name not in NOT_STORED}}


def patch_whole(
    store: SeparateCalico, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False
) -> None:
    """A merge patch where resources are written whole: what is there at the version, patched."""
    present = at_version(key, store.get(key), version)
    store.replace(key, patched(present.document, patch), version, dry_run=dry_run)


def check(key: ResourceKey, document: Document) -> None:
    """Nothing validates between us and etcd, so it is done here."""
    wrong = objections(document)
    if wrong:
        raise DatastoreRefused(f"{key}: {wrong[0]}")
