"""The snapshot file: compact, without secrets, readable back to the same Snapshot.

Only fields that rrplan reads are kept, so status, managed fields and environments stay behind; of annotations of others
and of fields of Calico's objects that nobody knows, the name and a digest are kept.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from rrplan.digest import canonical, digest
from rrplan.errors import DigestMismatch, FileFormatError
from rrplan.resources import ClusterState, DecodeProblem, decode, without_secrets
from rrplan.snapshots.snapshot import Snapshot

FORMAT_VERSION = "1.1"
"""1.1: `cluster` says how the cluster was reached."""


def snapshot_document(snapshot: Snapshot) -> dict[str, object]:
    """The file as a JSON value, its digest included."""
    body: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "kind": "Snapshot",
        "taken_at": snapshot.taken_at or None,
        "notices": list(snapshot.notices),
        "cluster": {"name": snapshot.name, "server": snapshot.server},
        "resources": [without_secrets(resource) for resource in snapshot.state],
    }
    return {**body, "digest": digest(body)}


def write_snapshot(snapshot: Snapshot) -> bytes:
    """The file's bytes: canonical, so the same Snapshot gives the same bytes."""
    return canonical(snapshot_document(snapshot)) + b"\n"


def read_snapshot(data: bytes, name: str) -> Snapshot:
    """Read a snapshot file, `name` for messages; raises FileFormatError, or DigestMismatch where it was edited."""
    body = read_versioned(data, name, "Snapshot", FORMAT_VERSION)
    resources = []
    documents = body.get("resources")
    for number, document in enumerate(documents if isinstance(documents, list) else ()):
        if not isinstance(document, dict):
            raise FileFormatError.one(
                f"`resources[{number}]` is no mapping", file=name, hint="make the file again with `rrplan snapshot`"
            )
        try:
            resource = decode(document)
        except DecodeProblem as problem:
            raise FileFormatError.one(problem.message, file=name, hint=problem.hint) from problem
        if resource is not None:
            resources.append(resource)
    notices = body.get("notices")
    cluster = body.get("cluster")
    reached = cluster if isinstance(cluster, dict) else {}
    return Snapshot(
        ClusterState.of(resources),
        str(body.get("taken_at") or ""),
        tuple(str(notice) for notice in notices) if isinstance(notices, list) else (),
        str(reached.get("name", "")),
        str(reached.get("server", "")),
    )


def is_snapshot(data: bytes) -> bool:
    """Whether a file means to be a snapshot."""
    return means(data, "Snapshot")


def means(data: bytes, kind: str) -> bool:
    """Whether a file means to be one of ours of this kind, however its JSON is laid out; a spec may be JSON too."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and body.get("kind") == kind


def read_versioned(
    data: bytes, name: str, kind: str, version: str, beside: Collection[str] = (), older: Collection[str] = ()
) -> dict[str, object]:
    """The body of one of our files, without its digest: right kind, a major version we know, unedited.

    `older` are major versions before that of `version` which the caller can read too.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FileFormatError.one(
            f"not a {kind.lower()} file: {error}", file=name, hint=f"`rrplan {kind.lower()}` writes one"
        ) from error
    if not isinstance(body, dict) or body.get("kind") != kind:
        stated_kind = body.get("kind") if isinstance(body, dict) else None
        raise FileFormatError.one(
            f"not a {kind.lower()} file" + (f": it is a {stated_kind}" if stated_kind else ""),
            file=name,
            hint=f"`rrplan {kind.lower()}` writes one",
        )
    major = str(body.get("format_version", "")).partition(".")[0]
    if major not in (version.partition(".")[0], *older):
        raise FileFormatError.one(
            f"format version {body.get('format_version')} is not known here (known: {version})",
            file=name,
            hint="use the rrplan that wrote it, or a newer one",
        )
    stated = body.pop("digest", None)
    try:
        computed = digest({key: value for key, value in body.items() if key not in beside})
    except (RecursionError, TypeError, ValueError) as error:
        raise FileFormatError.one(
            f"not a {kind.lower()} file: {error}", file=name, hint=f"`rrplan {kind.lower()}` writes one"
        ) from error
    if stated != computed:
        raise DigestMismatch.one(
            f"the file was changed after it was written (digest {str(stated)[:23]}..., content {computed[:23]}...)",
            file=name,
            hint=f"make it again with `rrplan {kind.lower()}`",
        )
    return body


def json_schema() -> dict[str, object]:
    """The JSON Schema of the snapshot file; the resources keep the shape that kubectl prints."""
    resource = {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}},
            },
        },
    }
    properties: dict[str, object] = {
        "format_version": {"type": "string", "pattern": "^1\\."},
        "kind": {"const": "Snapshot"},
        "taken_at": {"type": ["string", "null"]},
        "notices": {"type": "array", "items": {"type": "string"}},
        "cluster": {
            "type": "object",
            "required": ["name", "server"],
            "properties": {"name": {"type": "string"}, "server": {"type": "string"}},
        },
        "resources": {"type": "array", "items": resource},
        "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/snapshot.schema.json",
        "title": "Snapshot",
        "type": "object",
        "required": sorted(properties.keys() - {"cluster"}),
        "properties": properties,
    }
