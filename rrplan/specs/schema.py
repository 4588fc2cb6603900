"""The JSON Schema of a spec, for editors."""

from __future__ import annotations

from typing import Any

from rrplan.specs.model import Spec


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the document, for editors."""
    schema = Spec.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    schema["properties"].pop("name")
    schema["required"] = [field for field in schema["required"] if field != "name"]
    schema.pop("title", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/spec.schema.json",
        "title": "BGPTopology",
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": "rrplan.io/v1"},
            "kind": {"const": "BGPTopology"},
            "metadata": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}},
                "additionalProperties": False,
            },
            "spec": schema,
        },
        "$defs": definitions,
    }
