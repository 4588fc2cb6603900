"""What reading and writing has in common for all objects of an API server, Kubernetes' own and Calico's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rrplan.adapters.kubernetes.documents import mapping, mappings
from rrplan.adapters.kubernetes.server import FIELD_MANAGER, ApiServer, Forbidden
from rrplan.ports import Document, Listed, Stored, at_version
from rrplan.resources import ResourceKey

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""A list without what its objects hold beside their metadata; servers before Kubernetes 1.15 give whole objects."""
LONG = 100
"""Objects above which a list that was read before is read as metadata first."""
PART = 10
"""Where more than one in so many changed, the whole list is cheaper than reading these one by one."""
AT_ONCE = 8
"""Requests for single objects."""
Name: TypeAlias = tuple[str, str]
"""Namespace, "" for none, and name."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One list that a snapshot needs; without an optional one, `lacks` says what is not known then."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict, hash=False)
    lacks: str = ""


class Lists:
    """Lists of one server, which are read again and again; `make` makes the stored form of an object.

    Of a long list that was read before, only metadata is read, and then what has another version than before: the
    result is that of reading it whole, at the moment when the metadata were read or later. Lists of metadata are as
    fresh as any other: the server reads what is in etcd at that moment.
    """

    def __init__(self, server: ApiServer, make: Callable[[dict[str, Any]], Stored]) -> None:
        self._server = server
        self._make = make
        self._long: dict[Listing, Mapping[Name, Stored]] = {}
        """What long lists held when they were read last."""

    def read(self, listings: Iterable[Listing]) -> Listed:
        """The objects of these lists; raises Forbidden for one that is not optional."""
        resources: list[Stored] = []
        notices: list[str] = []
        for listing in listings:
            try:
                resources += self._listed(listing)
            except Forbidden as error:
                if not listing.lacks:
                    raise
                notices.append(f"not known: {listing.lacks}; {error}")
        return Listed(tuple(resources), tuple(dict.fromkeys(notices)))

    def _listed(self, listing: Listing) -> Iterable[Stored]:
        before = self._long.get(listing)
        now = self._changed(listing, before) if before is not None else None
        if now is None:
            read = self._server.listed(listing.path, self._make, **listing.query)
            if len(read) <= LONG:
                self._long.pop(listing, None)
                return read
            now = {_name(item.document): item for item in read}
        self._long[listing] = now
        return now.values()

    def _changed(self, listing: Listing, before: Mapping[Name, Stored]) -> Mapping[Name, Stored] | None:
        """The objects of a list, most of them as they were before; None where too much changed, or may not be read."""
        heads = self._server.listed(listing.path, dict, accept=METADATA_ONLY, **listing.query)
        named = {_name(head): head for head in heads}
        new = [name for name, head in named.items() if name not in before or _version(head) != before[name].version]
        if len(new) * PART > len(heads):
            return None
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                read = dict(zip(new, pool.map(lambda name: self._server.get(_path(listing, name)), new), strict=True))
            except Forbidden:
                # Who may list objects need not have the right to read one.
                return None
        now: dict[Name, Stored] = {}
        for name in named:
            item = read.get(name)
            if item is not None:
                now[name] = self._make(item)
            elif name not in read:
                now[name] = before[name]
            # Else it is gone since it was listed.
        return now


def stored(document: Mapping[str, Any]) -> Stored:
    """An object as the server has it, without the notes of field managers."""
    metadata = {name: value for name, value in document.get("metadata", {}).items() if name != "managedFields"}
    return Stored({**document, "metadata": metadata}, str(metadata.get("resourceVersion", "")))


def conditional(patch: Document, version: str) -> dict[str, object]:
    """A merge patch that the server refuses at any other version; "" is any version."""
    condition = {"resourceVersion": version} if version else {}
    return {**patch, "metadata": {**mapping(patch.get("metadata")), **condition}}


def delete_at_version(
    server: ApiServer, path: str, key: ResourceKey, present: Stored | None, version: str, *, dry_run: bool
) -> None:
    """Remove an object, which was read just now, at a version; raises DatastoreConflict where it moved on."""
    # Calico's API server does not pass the precondition on, so it is looked at here too.
    at_version(key, present, version)
    server.delete(path, version, dry_run=dry_run)


def appliers(server: ApiServer, path: str) -> list[str]:
    """The field managers but ours that use server-side apply on an object (managedFields)."""
    document = server.get(path) or {}
    entries = mappings(mapping(document.get("metadata")).get("managedFields"))
    managers = {str(entry.get("manager")) for entry in entries if entry.get("operation") == "Apply"}
    return sorted(managers - {FIELD_MANAGER})


def _name(document: Mapping[str, Any]) -> Name:
    metadata = document["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _version(document: Mapping[str, Any]) -> str:
    return str(document["metadata"].get("resourceVersion", ""))


def _path(listing: Listing, name: Name) -> str:
    """Of one object of a list, which may be one of all namespaces."""
    base, _, plural = listing.path.rpartition("/")
    within = f"/namespaces/{name[0]}" if name[0] and "/namespaces/" not in base else ""
    return f"{base}{within}/{plural}/{name[1]}"
