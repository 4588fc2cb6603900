"""The JSON Schemas of everything that rrplan reads or writes, by kind."""

from __future__ import annotations

import json
from importlib import import_module

KINDS = {
    "spec": "rrplan.specs.schema",
    "snapshot": "rrplan.snapshots.file",
    "plan": "rrplan.render.plan_json",
    "journal": "rrplan.reports.entry",
    "report": "rrplan.render.progress",
    "sessions": "rrplan.render.sessions",
    "rehearsal": "rrplan.plans.rehearsal",
}
"""Kinds of files and of output, and where their JSON Schema comes from."""


def schema_of(kind: str) -> dict[str, object]:
    """The JSON Schema of a kind of file."""
    schema: dict[str, object] = import_module(KINDS[kind]).json_schema()
    return schema


def is_schema(data: bytes) -> bool:
    """Whether a file is one of these, of whatever version."""
    try:
        document = json.loads(data)
    except ValueError:
        return False
    return isinstance(document, dict) and str(document.get("$id")).startswith("https://rrplan.io/schemas/")
