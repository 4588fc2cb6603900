"""Whatever `kubectl get` and `calicoctl get` print, as one Snapshot.

Files may be YAML or JSON, with one object, a List, or many documents; the same object may come twice when both
say the same. The place of a problem is looked up only when there is one, because positions are dear.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import yaml

from rrplan.errors import ManifestError, Problem
from rrplan.resources import (
    CalicoNode,
    ClusterInformation,
    ClusterState,
    DaemonSet,
    DecodeProblem,
    Node,
    Resource,
    ResourceKey,
    decode,
    encode,
    key_of,
)
from rrplan.resources.decoding import BACKENDS_WITHOUT_BGP, backend_reference
from rrplan.resources.host_codec import calico_node
from rrplan.resources.node_codec import as_etcd_shows, kubernetes_name, merge_nodes, without_calico
from rrplan.resources.reading import Reader
from rrplan.snapshots.snapshot import Snapshot
from rrplan.yaml_places import decoded, place, shown, syntax_problem

Path = tuple[str | int, ...]
NO_PEERS = (
    "no BGPPeer was given and no listing of them, so peers such as top-of-rack switches are taken as not there; "
    "add the output of `calicoctl get bgppeers -o yaml`"
)
"""What is said of an input that may be less than the cluster."""
ANY, NOTHING = "any", "nothing"
"""Listings of kubectl that do not say their kind: with objects, and without."""
MAX_EXPANDED = 1_000_000
"""Values that aliases may add to a document; nobody writes a cluster with many of them."""
MAX_MERGED = 10_000
"""Keys that a mapping may have once its merge keys (`<<`) are taken in."""

DEEP = "give what `kubectl get -o yaml` or `calicoctl get -o yaml` prints: it nests a dozen levels"
ODD = "put odd numbers and times in quotes"

_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Loader: Any = type(
    "_Loader",
    (_FAST,),
    {
        # As kubectl writes it: a time is text.
        "yaml_implicit_resolvers": {
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        },
        "flatten_mapping": lambda loader, node: _flatten(loader, node),
    },
)


def _flatten(loader: Any, node: yaml.MappingNode) -> None:
    """Merge keys as PyYAML takes them in; raises where mappings that take in others grow beyond measure."""
    merges = any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value)
    _FAST.flatten_mapping(loader, node)
    if merges and len(node.value) > MAX_MERGED:
        problem = f"merge keys make more than {MAX_MERGED} keys of this mapping"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


@dataclass(frozen=True, slots=True)
class Found:
    """One object, the file it stands in, and the path to it (document number, then list items)."""

    document: dict[str, object]
    file: str
    path: Path


def snapshot_of_manifests(files: Sequence[tuple[str, bytes]]) -> Snapshot:
    """One Snapshot of all files (name, content); raises ManifestError with every problem."""
    problems: list[Problem] = []
    resources: dict[ResourceKey, Resource] = {}
    ignored: dict[str, int] = {}
    given: set[str] = set()
    calico: list[CalicoNode] = []
    maps: dict[tuple[str, str], object] = {}
    agents: dict[DaemonSet, Mapping[str, object]] = {}
    latest = ""
    contents = dict(files)
    shapes: dict[tuple[ResourceKey, bool], Resource] = {}
    for name, data in files:
        for located in documents_in(name, data, given):
            given.add(str(located.document.get("kind")))
            try:
                resource = decode(located.document)
                kind = located.document.get("kind")
                if kind == "ConfigMap":
                    maps[_place_of(located.document)] = located.document.get("data")
                elif isinstance(resource, DaemonSet):
                    agents[resource] = located.document
                if resource is None:
                    kind = str(located.document.get("kind"))
                    ignored[kind] = ignored.get(kind, 0) + 1
                    continue
                latest = max(latest, *_times(located.document), "")
                if isinstance(resource, Node) and str(located.document.get("apiVersion")).startswith("projectcalico"):
                    calico.append(calico_node(resource.known_as, located.document))
                shape = resource.key, isinstance(resource, Node) and resource.only_calico
                if shapes.setdefault(shape, resource) != resource:
                    raise DecodeProblem(
                        f"{resource.key} is given twice, with different content",
                        ("metadata", "name"),
                        "give each object once, or both listings from the same moment",
                    )
                resources[resource.key] = _merged(resources.get(resource.key), resource)
            except DecodeProblem as problem:
                problems.append(_located(problem, located, contents[name]))
    if problems:
        raise ManifestError(problems)
    resources.update(_by_config_maps(agents, maps))
    notices = []
    if ignored:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(ignored.items()))
        notices.append(f"ignored, because they say nothing about BGP: {kinds}")
    notices += _lacking(given)
    # With the Kubernetes datastore a Calico Node is made from the Node's annotations, and is no object of its own.
    types = [
        resource.cluster_type.split(",") for resource in resources.values() if isinstance(resource, ClusterInformation)
    ]
    own = calico if types and not any("kdd" in words for words in types) else []
    if own:
        resources.update(_as_etcd_has_them(shapes))
    return Snapshot(ClusterState.of([*resources.values(), *own]), latest, tuple(notices))


def joined_documents(files: Sequence[tuple[str, bytes]]) -> list[Mapping[str, object]]:
    """The objects of all files (name, content) as a store keeps them: as they came, or, where two documents speak of
    one object, joined. Raises ManifestError."""
    documents = [located.document for name, data in files for located in documents_in(name, data)]
    try:
        keys = [_object_key(document) for document in documents]
    except DecodeProblem:
        # With the place of everything that is wrong.
        keys = []
    if keys and len(set(keys)) == len(keys):
        return list(documents)
    return [encode(resource) for resource in snapshot_of_manifests(files).state]


def _object_key(document: Mapping[str, object]) -> ResourceKey:
    """The key of a document; Calico's Node has that of the Kubernetes Node which it names."""
    key = key_of(document)
    name = kubernetes_name(Reader(document)) if key.kind == "Node" else ""
    return ResourceKey(key.kind, name) if name else key


def documents_in(name: str, data: bytes, listed: set[str] | None = None) -> Iterator[Found]:
    """Every object in a file, Lists taken apart; raises ManifestError where the file cannot be read.

    The kinds of its listings are added to `listed`, also of those without objects.
    """
    text = decoded(data, name, ManifestError)
    count = 0
    for number, value in enumerate(_values(name, text)):
        if value is None:
            continue
        # A listing without objects says something: there are none of its kind.
        kinds = _listings(value)
        count += bool(kinds)
        if listed is not None:
            listed |= kinds
        for document, path in _objects(value, (number,)):
            count += 1
            if not isinstance(document, dict):
                line, column = place_in(text, path)
                raise ManifestError.one(
                    "not a Kubernetes object: a mapping with `kind` is expected",
                    file=name,
                    line=line,
                    column=column,
                    hint="give what `kubectl get -o yaml` or `calicoctl get -o yaml` prints",
                )
            yield Found(document, name, path)
    if not count:
        hint = "write it with `kubectl get nodes -o yaml` or `calicoctl get bgppeers -o yaml`"
        raise ManifestError.one("the file holds no object", file=name, hint=hint)


def _objects(value: object, path: Path) -> Iterator[tuple[object, Path]]:
    """`List`, `NodeList`, `BGPPeerList` and plain YAML lists (calicoctl with several files) are taken apart."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _objects(item, (*path, index))
    elif isinstance(value, dict) and _is_listing(value):
        kind, version = str(value["kind"]).removesuffix("List"), value.get("apiVersion")
        for index, item in enumerate(value.get("items") or ()):
            # The items of a typed list may leave out their kind, as the API server does.
            full = {"kind": kind, "apiVersion": version, **item} if kind and isinstance(item, dict) else item
            yield from _objects(full, (*path, "items", index))
    else:
        yield value, path


def _is_listing(value: dict[str, object]) -> bool:
    """What kubectl and calicoctl print of a kind; `items: null` where Go had no slice."""
    return str(value.get("kind")).endswith("List") and isinstance(value.get("items"), list | None)


def _listings(value: object) -> set[str]:
    """The kinds of a listing, or of a YAML list of some (calicoctl with several kinds)."""
    if isinstance(value, list):
        return {kind for item in value for kind in _listings(item)}
    if not isinstance(value, dict) or not _is_listing(value):
        return set()
    kind = str(value["kind"]).removesuffix("List")
    return {ANY} if not kind and value.get("items") else {kind or NOTHING}


def _lacking(kinds: set[str]) -> list[str]:
    """What an input of these kinds does not say, where that makes another cluster of it.

    An empty list of kubectl does not say of what it is.
    """
    return [] if kinds & {"BGPPeer", NOTHING} else [NO_PEERS]


def _values(name: str, text: str) -> Iterator[object]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            yield json.loads(text)
            return
        except ValueError:
            pass  # YAML in flow style, or several documents: the YAML reader says what is wrong
        except RecursionError as error:
            raise ManifestError.one("nested too deeply", file=name, hint=DEEP) from error
    try:
        for value in yaml.load_all(text, Loader=_Loader):
            if "*" in text and "&" in text:
                _measure(name, value)
            yield value
    except yaml.YAMLError as error:
        raise ManifestError([syntax_problem(error, name, text.splitlines())]) from error
    except RecursionError as error:
        raise ManifestError.one("nested too deeply", file=name, hint=DEEP) from error
    except (TypeError, ValueError) as error:
        raise ManifestError.one(f"not YAML that can be read: {error}", file=name, hint=ODD) from error


def _measure(name: str, value: object) -> None:
    """Refuse aliases that expand into more than any cluster holds."""
    sizes: dict[int, int] = {}
    within: set[int] = set()
    own = 0

    def size(part: object) -> int:
        nonlocal own
        if not isinstance(part, dict | list):
            return 1
        if id(part) in within:
            raise ManifestError.one("an alias refers to what it stands in", file=name, hint="write the values out")
        if id(part) not in sizes:
            within.add(id(part))
            inner = part.values() if isinstance(part, dict) else part
            own += 1 + len(inner)
            sizes[id(part)] = 1 + sum(size(item) for item in inner)
            within.remove(id(part))
        return sizes[id(part)]

    if size(value) > MAX_EXPANDED + own:
        raise ManifestError.one(
            f"aliases add more than {MAX_EXPANDED} values to it", file=name, hint="write the values out"
        )


def _merged(known: Resource | None, resource: Resource) -> Resource:
    if known is None or known == resource:
        return resource
    if isinstance(known, Node) and isinstance(resource, Node):
        return merge_nodes(resource, known) if known.only_calico else merge_nodes(known, resource)
    raise AssertionError(f"{resource.key} comes twice, with different content")


def _as_etcd_has_them(shapes: Mapping[tuple[ResourceKey, bool], Resource]) -> Iterator[tuple[ResourceKey, Resource]]:
    """Nodes where Calico has its own in etcd: selectors see its labels, and nobody reads Kubernetes' annotations."""
    for (key, only_calico), resource in shapes.items():
        if isinstance(resource, Node) and not only_calico:
            calico = shapes.get((key, True))
            bare = without_calico(resource)
            yield key, as_etcd_shows(merge_nodes(bare, calico), calico) if isinstance(calico, Node) else bare


def _by_config_maps(
    agents: Mapping[DaemonSet, Mapping[str, object]], maps: Mapping[tuple[str, str], object]
) -> Iterator[tuple[ResourceKey, DaemonSet]]:
    """The DaemonSets whose ConfigMap says whether they start BIRD; what does start it is not kept.

    Calico's manifests have it as `calico_backend` in `calico-config` (calico manifests/calico.yaml, v3.0 to v3.32).
    """
    for daemonset, document in agents.items() if maps else ():
        reference = backend_reference(document)
        data = maps.get((daemonset.namespace, reference[0])) if reference else None
        backend = data.get(reference[1]) if reference and isinstance(data, Mapping) else None
        if isinstance(backend, str):
            without = backend if backend in BACKENDS_WITHOUT_BGP else ""
            yield daemonset.key, replace(daemonset, backend=without, felix_alone=False)


def _place_of(document: Mapping[str, object]) -> tuple[str, str]:
    """Namespace and name of a document that is read by nobody else: whatever stands there is no mistake."""
    metadata = document.get("metadata")
    known = metadata if isinstance(metadata, Mapping) else {}
    return str(known.get("namespace", "")), str(known.get("name", ""))


def _times(document: dict[str, object]) -> Iterator[str]:
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("creationTimestamp"), str):
        yield metadata["creationTimestamp"]
    status = document.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, dict) and isinstance(condition.get("lastHeartbeatTime"), str):
            yield condition["lastHeartbeatTime"]


def _located(problem: DecodeProblem, located: Found, data: bytes) -> Problem:
    text = data.decode("utf-8-sig")
    line, column = place_in(text, (*located.path, *problem.path))
    return Problem(problem.message, located.file, line, column, shown(text.splitlines(), line), problem.hint)


def place_in(text: str, path: Path) -> tuple[int, int]:
    """Line and column, from 1, of the value at a path, or of the nearest parent; zeros where YAML cannot say."""
    try:
        node = next(islice(yaml.compose_all(text, Loader=_FAST), int(path[0]), None))
    except yaml.YAMLError:
        return 0, 0  # JSON with tabs is no YAML
    mark = node.start_mark
    for part in path[1:]:
        following = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    following, mark = value, key.start_mark
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            following = node.value[part]
            mark = following.start_mark
        if following is None:
            break
        node = following
    return place(mark)
