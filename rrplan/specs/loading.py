"""From bytes to a Spec, or to every problem at once, each with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from pydantic import BaseModel, ValidationError

from rrplan.errors import SpecError
from rrplan.resources import CALICO_NODE_LABEL
from rrplan.specs.beyond import outside_contradictions
from rrplan.specs.document import Document, Path, read
from rrplan.specs.model import LABEL_KEY, Flavor, Group, HookPoint, Spec, Topology
from rrplan.specs.peering import Peering

API_VERSION = "rrplan.io/v1"
KIND = "BGPTopology"
RESERVED = ("kubernetes.io", "k8s.io")
"""Domains of labels that Kubernetes keeps for itself, subdomains included (its page on labels and selectors)."""
OTHER_LABELS = ("rrplan.io/wave", CALICO_NODE_LABEL)
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
    for path, summary, hint in _contradictions(spec):
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
    for path, summary, hint in _contradictions(spec):
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
    if location[:2] == ("dedicated", "effect") or location[:2] == ("dedicated", "key"):
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


def _contradictions(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """What each field allows but the whole does not."""
    if spec.topology is Topology.FULL_MESH and spec.groups:
        yield ("groups",), "a full mesh has no reflector groups", "remove `groups`, or set `topology: route-reflectors`"
    if spec.topology is Topology.ROUTE_REFLECTORS and not spec.groups:
        yield ("topology",), "`groups` is missing: which nodes are reflectors?", "add at least one group"
    if spec.flavor is Flavor.STANDALONE:
        yield from _standalone(spec)
    yield from _label_keys(spec)
    yield from outside_contradictions(spec)
    names: dict[str, int] = {}
    owners: dict[str, str] = {}
    for index, group in enumerate(spec.groups):
        at: Path = ("groups", index)
        if group.name in names:
            yield (*at, "name"), f"two groups are called `{group.name}`", "group names are unique"
        names[group.name] = index
        yield from _group(spec, group, at)
        for node in group.nodes.names:
            if node in owners:
                where = (
                    f"twice in group `{group.name}`" if owners[node] == group.name else f"in group `{owners[node]}` too"
                )
                yield (*at, "nodes", "names"), f"node `{node}` is {where}", "a node reflects for one group"
            owners[node] = group.name
    if sum(size.percent for size in spec.rollout.waves) > 100:
        yield (
            ("rollout", "waves"),
            "the waves are more than 100 % of the clients together",
            "the rest forms a last wave",
        )
    for index, hook in enumerate(spec.hooks):
        if hook.action and hook.on not in (HookPoint.BEFORE_STEP, HookPoint.AFTER_STEP):
            yield (
                ("hooks", index, "action"),
                f"`action` has no meaning for a hook on `{hook.on}`",
                "use `before-step` or `after-step`",
            )


def _label_keys(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """The labels that are set on reflectors and removed again belong to nobody else."""
    keys: list[tuple[Path, str]] = [(("labelKey",), spec.label_key)]
    if spec.flavor is Flavor.STANDALONE:
        keys = [(("standalone", "labelKey"), spec.standalone.label_key)]
    for path, key in keys:
        domain = key.rpartition("/")[0]
        if any(domain == reserved or domain.endswith(f".{reserved}") for reserved in RESERVED):
            yield (
                path,
                f"label `{key}` belongs to Kubernetes: rrplan sets `labelKey` on reflectors, and removes it again",
                f"leave it out, or give a label of your own such as `{LABEL_KEY}`",
            )
        elif key in OTHER_LABELS:
            yield path, f"label `{key}` has another meaning for rrplan", f"leave it out: the default is `{LABEL_KEY}`"


def _standalone(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """Each container is a reflector for every node, with its router ID as cluster ID, and needs a node for itself."""
    if spec.topology is Topology.FULL_MESH:
        yield (
            ("flavor",),
            "`flavor: standalone` goes with `topology: route-reflectors`",
            "`rrplan rollback` is the way back",
        )
    if len(spec.groups) > 1:
        yield ("groups",), "standalone reflectors are one group: each serves every node", "give one group"
    for index, group in enumerate(spec.groups):
        if group.clients:
            yield ("groups", index, "clients"), "standalone reflectors serve every node", "remove `clients`"
        if group.cluster_id:
            yield (
                ("groups", index, "clusterID"),
                "a standalone reflector's cluster ID is its address",
                "remove `clusterID`",
            )
    given: list[tuple[Path, Peering]] = [(("peering",), spec.peering)]
    given += [(("groups", index, "peering"), group.peering) for index, group in enumerate(spec.groups)]
    for path, peering in given:
        if any(value is not None for value in peering.stated().values()):
            yield path, "a standalone reflector knows neither password nor restart time", "remove `peering`"
    if spec.cluster_id:
        yield ("clusterID",), "a standalone reflector's cluster ID is its address", "remove `clusterID`"
    if spec.drain is None:
        yield (
            ("flavor",),
            "standalone reflectors need `drain: true`",
            "calico-node leaves their nodes, so no pod there has routes any more",
        )
    if spec.rollout.waves:
        yield ("rollout", "waves"), "standalone reflectors serve every node from the start", "remove `waves`"


def _group(spec: Spec, group: Group, at: Path) -> Iterator[tuple[Path, str, str]]:
    nodes = group.nodes
    if group.outside and not (nodes.names or nodes.selector):
        if nodes.count is not None or nodes.spread_over or nodes.allow:
            yield (*at, "nodes"), f"group `{group.name}`: no node is chosen", "give `names` or `selector`, or remove it"
        return
    if bool(nodes.names) == bool(nodes.selector):
        both = "both `names` and `selector` are given" if nodes.names else "neither `names` nor `selector` is given"
        yield (*at, "nodes"), f"group `{group.name}`: {both}", "give exactly one of them"
    elif nodes.selector and nodes.count is None:
        yield (*at, "nodes", "selector"), "`count` is missing", "say how many of the matching nodes become reflectors"
    elif nodes.names and (nodes.count is not None or nodes.spread_over):
        yield (
            (*at, "nodes", "names"),
            "`count` and `spreadOver` go with `selector`",
            "remove them, or choose by selector",
        )
    if not spec.cluster_id_of(group) and spec.flavor is Flavor.IN_CLUSTER:
        yield at, f"group `{group.name}` has no cluster ID", "set `clusterID` here, or once for all groups under `spec`"
