"""Facts as JSON: each is an object that says which `fact` it is, beside its fields."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import TypeAdapter


def fact_json(value: object) -> Any:
    """A value as JSON has it; each dataclass is an object whose `fact` is the name of its type."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"fact": type(value).__name__, **fields_json(value)}
    if isinstance(value, tuple | list):
        return [fact_json(part) for part in value]
    return value


def fields_json(value: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON has them."""
    return {field.name: fact_json(getattr(value, field.name)) for field in fields(value)}


def schema_json(kind: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of the fields of a dataclass, and the definitions, by name, of the facts that it refers to.

    All fields are always there.
    """
    schema = TypeAdapter(kind).json_schema(mode="serialization")
    definitions = schema.pop("$defs", {})
    for name, definition in definitions.items():
        if definition.get("type") == "object":
            definition["properties"] = {"fact": {"const": name}, **definition["properties"]}
            definition["required"] = list(definition["properties"])
    return schema, definitions
