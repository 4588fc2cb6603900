"""What reading and writing has in common for all objects of an API server, Kubernetes' own and Calico's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rrplan.adapters.kubernetes.documents import mapping, mappings
from rrplan.adapters.kubernetes.server import FIELD_MANAGER, ApiServer, Forbidden
from rrplan.ports import Document, Listed, Stored, at_version
from rrplan.resources import ResourceKey


@dataclass(frozen=True, slots=True)
class Listing:
    """One list that a snapshot needs; without an optional one, `lacks` says what is not known then."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict, hash=False)
    lacks: str = ""


def read_lists(server: ApiServer, listings: Iterable[Listing], make: Callable[[dict[str, Any]], Stored]) -> Listed:
    """The objects of these lists; raises Forbidden for one that is not optional."""
    resources: list[Stored] = []
    notices: list[str] = []
    for listing in listings:
        try:
            resources += server.listed(listing.path, make, **listing.query)
        except Forbidden as error:
            if not listing.lacks:
                raise
            notices.append(f"not known: {listing.lacks}; {error}")
    return Listed(tuple(resources), tuple(dict.fromkeys(notices)))


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
