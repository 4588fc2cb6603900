"""From bytes to a Spec, or to every problem at once, each with its place."""

from __future__ import annotations

import difflib
from copy import deepcopy
from typing import Any

from pydantic import BaseModel, ValidationError

from rrplan.errors import SpecError
from rrplan.specs.contradictions import contradictions
from rrplan.specs.document import Document, Path, read
from rrplan.specs.model import Spec

API_VERSION = "rrplan.io/v1"
KIND = "BGPTopology"
TOP = ("apiVersion", "kind", "metadata", "spec")


def load(data: bytes, name: str) -> Spec:
    """Read a spec; `name` is the file name for messages. Raises SpecError with all problems, sorted by place."""
    document = read(data, name)
    spec = _checked(document)
    if document.problems or spec is None:
        raise SpecError(sorted(set(document.problems), key=lambda problem: (problem.line, problem.column)))
    return spec


def from_document(value: dict[str, Any]) -> Spec:
    """The Spec of a canonical document, as `Spec.to_document` makes it."""
    return Spec.model_validate({"name": value["metadata"]["name"], **value["spec"]})


def _checked(document: Document) -> Spec | None:
    value = document.value
    if not isinstance(value, dict):
        document.complain((), "a spec is a mapping", "start with `apiVersion: rrplan.io/v1`")
        return None
    if not _is_ours(document, value):
        return None
    for key in value:
        if key not in TOP:
            document.complain((key,), f"unknown key `{key}`", _meant(key, TOP))
    metadata, body = value.get("metadata"), value.get("spec")
    if not isinstance(metadata, dict) or "name" not in metadata:
        document.complain(
            ("metadata",), "`metadata.name` is missing", "name the spec, such as `metadata: {name: production}`"
        )
        metadata = {"name": "unnamed"}
    for key in metadata:
        if key != "name":
            document.complain(("metadata", key), f"unknown key `{key}`", "metadata has `name` only")
    if not isinstance(body, dict):
        document.complain(("spec",), "`spec` is missing", "it says which topology the cluster shall have")
        return None
    if "name" in body:
        document.complain(("spec", "name"), "unknown key `name`", "a spec is named by `metadata.name`")
    named = {**body, "name": metadata["name"]}
    try:
        spec = Spec.model_validate(named)
    except ValidationError as error:
        problems = [dict(problem) for problem in error.errors(include_url=False)]
        for problem in problems:
            _explain(document, problem)
        _contradicted(document, named, problems)
        return None
    for path, summary, hint in contradictions(spec):
        document.complain(("spec", *path), summary, hint)
    return spec


def _contradicted(document: Document, body: dict[str, Any], problems: list[dict[str, Any]]) -> None:
    """Complain about what contradicts itself in a spec that has other problems, as far as these do not touch it."""
    rest = deepcopy(body)
    touched: set[Path] = set()
    for problem in problems:
        path = _in_document(tuple(problem["loc"]))
        if problem["type"] != "extra_forbidden":
            touched.add(path[:-1])
        _remove(rest, path)
    try:
        spec = Spec.model_validate(rest)
    except ValidationError:
        return
    for path, summary, hint in contradictions(spec):
        if not any(path[: len(around)] == around for around in touched):
            document.complain(("spec", *path), summary, hint)


def _remove(value: Any, path: Path) -> None:
    """Take a key out of nested mappings; parts of lists stay, because others have their places after them."""
    *parents, last = path
    for part in parents:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(value, dict):
        value.pop(last, None)


def _is_ours(document: Document, value: dict[str, Any]) -> bool:
    kind, version = value.get("kind"), value.get("apiVersion")
    if kind != KIND:
        summary = f"`kind` is `{kind}`, expected `{KIND}`" if kind else "`kind` is missing"
        manifest = "this looks like a manifest; give it with `-f`" if kind and version != API_VERSION else ""
        meant = f"did you mean `{KIND}`?" if str(kind).lower() == KIND.lower() else f"write `kind: {KIND}`"
        document.complain(("kind",), summary, manifest or meant)
    if version != API_VERSION and not (kind and kind != KIND):
        summary = f"`apiVersion` is `{version}`, expected `{API_VERSION}`" if version else "`apiVersion` is missing"
        document.complain(("apiVersion",), summary, f"write `apiVersion: {API_VERSION}`")
    return str(kind).lower() == KIND.lower()


def _meant(word: str, known: tuple[str, ...]) -> str:
    folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return f"did you mean `{folded[close[0]]}`?" if close else "known here: " + ", ".join(f"`{name}`" for name in known)


def _explain(document: Document, problem: dict[str, Any]) -> None:
    location: Path = tuple(problem["loc"])
    path: Path = ("metadata", "name") if location == ("name",) else ("spec", *_in_document(location))
    field = str(path[-1])
    given = problem.get("input")
    kind = problem["type"]
    if kind == "extra_forbidden":
        document.complain(path, f"unknown key `{field}`", _meant(field, _known(location)))
    elif kind == "missing":
        document.complain(path, f"`{'.'.join(map(str, path[1:]))}` is missing")
    elif kind == "value_error":
        document.complain(path, f"`{field}` {problem['ctx']['error']}, found {_shown(given)}")
    elif kind == "enum":
        words = problem["ctx"]["expected"].replace("'", "`")
        document.complain(path, f"`{field}` must be {words}, found {_shown(given)}", _meant_value(given, words))
    else:
        document.complain(path, f"`{field}` must be {_wanted(problem)}, found {_shown(given)}")


def _in_document(location: Path) -> Path:
    """pydantic names the parts of rewritten values; the document has the short forms."""
    if location[:1] == ("dedicated",) and len(location) > 1:
        return ("dedicated", "taint", *location[1:])
    if location[:3] == ("policy", "exposure", "maximum"):
        return ("policy", "exposure", "brief")
    return location


def _known(location: Path) -> tuple[str, ...]:
    model: Any = Spec
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        for name, info in model.model_fields.items():
            if part in (name, info.alias):
                model = _model_in(info.annotation)
                break
    return tuple(info.alias or name for name, info in model.model_fields.items() if name != "name" or model is not Spec)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        model = _model_in(inner)
        if model is not None:
            return model
    return None


def _meant_value(given: object, words: str) -> str:
    options = [word for word in words.split("`") if word.strip(" ,or")]
    close = difflib.get_close_matches(str(given), options, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def _wanted(problem: dict[str, Any]) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "bool_type" | "bool_parsing":
            return "`true` or `false`"
        case "int_type" | "int_parsing" | "int_from_float":
            return "a whole number"
        case "greater_than_equal":
            return f"{context['ge']} or more"
        case "string_type":
            return "text (put it in quotes)"
        case "tuple_type" | "list_type":
            return "a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "a mapping"
        case "too_short":
            return "a list that is not empty"
        case "string_too_short":
            return "text that is not empty"
        case "string_pattern_mismatch":
            return "one of " + str(context["pattern"]).strip("^$()").replace("|", ", ")
        case _:
            return str(problem["msg"])


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"`{value}`"
