"""docs/python.md: everything that `import rrplan` offers."""

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any

from rrplan import api, errors
from rrplan.specs import Spec
from tests.references.reading import doc, field_docs, table

QUIET = ("demo_cluster", "embedded", "write_plan", "write_snapshot")
"""Verbs that raise no error of rrplan."""
VERBS = [name for name in api.__all__ if name.islower()]
ERRORS = [
    name
    for name in api.__all__
    if isinstance(getattr(api, name), type) and issubclass(getattr(api, name), errors.RRPlanError)
]
TYPES = [name for name in api.__all__ if name not in (*VERBS, *ERRORS)]
INTRODUCTION = """\
# Python API

Made from the code by `python -m tests.references`: everything that `import rrplan` offers. [rrplan in a
program](api.md) shows it at work.
"""
ELSEWHERE = {
    "Spec": "Its fields are those of the [spec reference](spec.md), in snake case: `cluster_id` is `clusterID`.",
    "RunEvent": "One of the [events](events.md), each a frozen dataclass of `rrplan.reports.events`.",
    "Plan": "The [plan file](plan.md) has the same parts.",
}


def python_page() -> str:
    """The page as text."""
    groups = (api.__doc__ or "").split("\n\n")[1]
    lines = [INTRODUCTION, groups, "", "## Verbs", ""]
    for name in VERBS:
        lines += _verb(name)
    lines += ["## Types", ""]
    for name in TYPES:
        lines += _type(name)
    lines += ["## Errors", "", *(errors.__doc__ or "").split("\n")[2:], ""]
    for name in ERRORS:
        lines += _error(name)
    return "\n".join(lines).rstrip() + "\n"


def _linked(text: str) -> str:
    """Names of errors lead to where they are told."""
    return re.sub(rf"(?<![\w`.])({'|'.join(ERRORS)})(?![\w`])", lambda each: f"[{each[1]}](#{each[1].lower()})", text)


def _signature(value: Any, name: str) -> str:
    """A call as its source has it; a default that is no plain value is `...`."""
    parts: list[str] = []
    star = False
    signature = inspect.signature(value)
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not star:
            parts, star = [*parts, "*"], True
        default = json.dumps(each.default) if isinstance(each.default, str) else repr(each.default)
        default = "..." if "<" in default else default
        annotated = f": {each.annotation}" if each.annotation is not each.empty else ""
        parts.append(f"{each.name}{annotated}" + ("" if each.default is each.empty else f" = {default}"))
    parts = [part for part in parts if part != "self"]
    line = f"{name}({', '.join(parts)}) -> {signature.return_annotation}"
    if len(line) <= 100:
        return line
    inside = "".join(f"    {part},\n" for part in parts)
    return f"{name}(\n{inside}) -> {signature.return_annotation}"


def _code(text: str) -> list[str]:
    return ["```python", text, "```", ""]


def _verb(name: str) -> list[str]:
    verb = getattr(api, name)
    text = doc(verb)
    raises = any(re.search(rf"\b{error}s?\b", text) for error in ERRORS)
    assert raises is (name not in QUIET), f"`{name}` does not say what it raises"
    return [f"### rrplan.{name}", "", *_code(_signature(verb, name)), _linked(text), ""]


def _type(name: str) -> list[str]:
    kind = getattr(api, name)
    lines = [f"### {name}", ""]
    if isinstance(kind, type):
        lines += [_linked(doc(kind)), ""]
    if name in ELSEWHERE:
        lines += [ELSEWHERE[name], ""]
    if not isinstance(kind, type) or kind is Spec:
        return lines
    docs = field_docs(kind)
    if issubclass(kind, Enum):
        return [*lines, *table(("value", ""), [(f"`{each.name}`", docs.get(each.name, "")) for each in kind])]
    if is_dataclass(kind):
        rows = [(f"`{field.name}`", _annotation(field), docs.get(field.name, "")) for field in fields(kind)]
        lines += table(("field", "type", ""), rows)
    return [*lines, *table(("method", ""), _methods(kind))]


def _annotation(field: Any) -> str:
    optional = field.default is not MISSING or field.default_factory is not MISSING
    return f"`{field.type}`, optional" if optional else f"`{field.type}`"


def _methods(kind: type) -> Iterator[tuple[str, str]]:
    """The public methods and properties of a class; those of the ports that a Sandbox implements are told there."""
    told = {*vars(api.Inventory), *vars(api.Datastore), *vars(api.Probe)} if kind is api.Sandbox else set()
    for name, value in vars(kind).items():
        if name.startswith("_") or name in told:
            continue
        if isinstance(value, property):
            yield f"`{name}`", _linked(doc(value))
        elif isinstance(value, classmethod) or inspect.isfunction(value):
            text = " ".join(_signature(getattr(kind, name), name).split()).replace("( ", "(").replace(", )", ")")
            yield f"`{text}`", _linked(doc(value))


def _error(name: str) -> list[str]:
    kind = getattr(api, name)
    (base,) = kind.__bases__
    above = f", a kind of [{base.__name__}](#{base.__name__.lower()})" if base is not Exception else ""
    return [f"### {name}", "", f"{doc(kind)}", "", f"Exit code {int(kind.exit_code)}{above}.", ""]
