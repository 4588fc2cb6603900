"""Write `schemas/` and `docs/spec.md` from the models: `python -m tests.schemas`; a test proves them current."""

import json
from pathlib import Path
from typing import Any

from rrplan.render.schemas import KINDS, schema_of

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "schemas"
PARTS = (
    "Group",
    "NodeChoice",
    "OutsideSpeaker",
    "Reflects",
    "Adopt",
    "NodesOfSystem",
    "Peering",
    "Drain",
    "Standalone",
    "Rollout",
    "Gates",
    "Policy",
    "Approvals",
    "Hook",
)


def files() -> dict[Path, str]:
    """Every file with its text."""
    texts = {
        FOLDER / f"{kind}.schema.json": json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"
        for kind in KINDS
    }
    return {**texts, ROOT / "docs" / "spec.md": _reference()}


def _reference() -> str:
    schema: dict[str, Any] = schema_of("spec")
    definitions: dict[str, Any] = schema["$defs"]
    lines = [
        "# Spec reference",
        "",
        "Made from the model by `make schemas`. Durations are texts such as `30s` or `1h30m`, selectors are Calico",
        "selectors in quotes. `rrplan validate SPEC` checks a spec; `rrplan schema spec` is for editors.",
        "",
        "## spec",
        "",
        *_table(schema["properties"]["spec"], definitions),
    ]
    for name in PARTS:
        lines += ["", f"## {name}", "", definitions[name]["description"], "", *_table(definitions[name], definitions)]
    return "\n".join(lines) + "\n"


def _table(part: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    rows = ["| field | type | default | |", "|---|---|---|---|"]
    for name, field in part["properties"].items():
        kind = _type(field, definitions)
        default = "required" if name in part.get("required", []) else _default(field.get("default"), kind)
        told = field.get("description") or definitions.get(_name(field), {}).get("description", "")
        rows.append(f"| `{name}` | {kind} | {default} | {told.replace('|', chr(92) + '|')} |".replace("\n", " "))
    return rows


def _default(value: object, kind: str) -> str:
    if value is None or isinstance(value, dict):
        return ""
    unit = {"duration": "s", "percentage": "%"}.get(kind, "")
    return f"`{value}{unit}`" if unit or isinstance(value, str) else f"`{json.dumps(value)}`"


def _name(field: dict[str, Any]) -> str:
    return str(field.get("$ref", "")).rpartition("/")[2]


def _type(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    for key in ("anyOf", "oneOf", "allOf"):
        if key in field:
            kinds = [_type(one, definitions) for one in field[key] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if "$ref" in field:
        name = _name(field)
        return f"[{name}](#{name.lower()})" if name in PARTS else _type(definitions[name], definitions)
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}), definitions)}"
    if "h)?" in field.get("pattern", ""):
        return "duration"
    if "%" in field.get("pattern", ""):
        return "percentage"
    kinds = field.get("type", "any")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
