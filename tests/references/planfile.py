"""docs/plan.md: the keys of a plan file, and what they hold."""

from enum import StrEnum
from typing import Any

from rrplan.render.schemas import schema_of
from tests.references.reading import field_docs, paragraph, table

INTRODUCTION = """\
# Plan file

Made from the JSON Schema of plans (`rrplan schema plan`) by `python -m tests.references`.

A plan is canonical JSON: the same spec and the same snapshot give the same bytes. Keys that mean what they mean in
Terraform's plan format have its names. A later minor version may add keys, so ignore what you do not know.
"""


def plan_page() -> str:
    """The page as text."""
    schema: dict[str, Any] = schema_of("plan")
    definitions: dict[str, Any] = schema["$defs"]
    lines = [INTRODUCTION, *_table(schema), "## proof", "", *_table(schema["properties"]["proof"])]
    lines += ["## rehearsal", "", *_table(schema["properties"]["rehearsal"])]
    for name, part in sorted(definitions.items()):
        lines += [f"## {name}", "", part.get("description", ""), ""]
        if "enum" in part:
            words = next(words for words in _words() if words.__name__ == name and [*words] == part["enum"])
            docs = field_docs(words)
            lines += table(("word", ""), [(f"`{word.value}`", docs.get(word.name, "")) for word in words if word.value])
        lines += _table(part)
    return "\n".join(lines).rstrip() + "\n"


def _words() -> list[type[StrEnum]]:
    """Every StrEnum of rrplan."""
    return [words for words in StrEnum.__subclasses__() if words.__module__.startswith("rrplan.")]


def _table(part: dict[str, Any]) -> list[str]:
    rows = [
        (f"`{name}`", _type(field), paragraph(field.get("description", "")))
        for name, field in part.get("properties", {}).items()
    ]
    return table(("key", "type", ""), rows)


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        items = field.get("items", {})
        return f"list of {_type(items)}" if items else "list"
    words = {"string": "text", "integer": "whole number", "boolean": "`true` or `false`", "object": "mapping"}
    kinds = field.get("type", "any")
    return " or ".join(words.get(kind, str(kind)) for kind in (kinds if isinstance(kinds, list) else [kinds]))
