"""A node where Calico uses etcd: its Kubernetes Node and Calico's own Node, seen as one and written as two.

Calico reads nothing but its own Node, so whatever Calico knows of a node (addresses, AS number, cluster ID, labels) is
shown as it stands there. Its labels are a copy of Kubernetes', made by kube-controllers, which also keep in an
annotation what they copied (calico kube-controllers/pkg/controllers/node/labels.go).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rrplan.adapters.kubernetes.documents import compact_json, mapping
from rrplan.errors import DatastoreRefused
from rrplan.ports import Document, Stored
from rrplan.resources import CALICO_NODE_LABEL, DecodeProblem, Node, decode
from rrplan.resources.documents import at, holds, partial, patched
from rrplan.resources.node_codec import (
    CLUSTER_ID_ANNOTATION,
    KUBE_LABELS_ANNOTATION,
    PREFIX,
    as_etcd_shows,
    encode_node,
    merge_nodes,
)

CLUSTER_ID = ("spec", "bgp", "routeReflectorClusterID")
KNOWN = ("metadata", "annotations", KUBE_LABELS_ANNOTATION)


def merged(kubernetes: Stored | None, calico: Stored | None) -> Stored:
    """Both parts as one core/v1 Node; its version is that of both. Raises DatastoreRefused where they do not fit."""
    version = f"{kubernetes.version if kubernetes else ''}/{calico.version if calico else ''}"
    try:
        return Stored(_document(kubernetes, calico), version)
    except DecodeProblem as problem:
        raise DatastoreRefused(problem.message, hint=problem.hint) from problem


def versions(version: str) -> tuple[str, str]:
    """The version of the Kubernetes Node and that of Calico's; "" for one that is not there."""
    kubernetes, _, calico = version.partition("/")
    return kubernetes, calico


def same_object(kubernetes: Stored, calico: Stored) -> bool:
    """Whether what Calico shows as its Node is the Kubernetes Node, as where Kubernetes is its datastore.

    There a Calico Node has the uid, or at least the version and the age, of the Kubernetes Node
    (libcalico-go/lib/backend/k8s/resources/node.go, K8sNodeToCalico; v3.0 to v3.32).
    """
    theirs, ours = (mapping(stored.document.get("metadata")) for stored in (kubernetes, calico))
    if theirs.get("uid") and theirs.get("uid") == ours.get("uid"):
        return True
    born = theirs.get("creationTimestamp")
    return bool(born) and born == ours.get("creationTimestamp") and kubernetes.version == calico.version


def foreign(document: Document) -> bool:
    """Whether a Kubernetes Node carries annotations that Calico would read if it did not use etcd."""
    return any(name.startswith(PREFIX) for name in mapping(at(document, ("metadata", "annotations"))))


def _document(kubernetes: Stored | None, calico: Stored | None) -> dict[str, object]:
    document = _without_calico(kubernetes.document) if kubernetes else {}
    if calico is None:
        return document
    own = _node(calico.document)
    if own.calico_name:
        raise DatastoreRefused(
            f"Calico's Node `{own.calico_name}` belongs to the Kubernetes Node `{own.name}`: on a live cluster the "
            "names must be the same",
            hint="set NODENAME of calico-node to the name in Kubernetes, or follow `rrplan plan -f ... -o runbook`",
        )
    node = merge_nodes(_node(document), own) if kubernetes else own
    if kubernetes is None:
        return encode_node(as_etcd_shows(replace(node, labels={}), own))
    shown = encode_node(as_etcd_shows(node, own))
    metadata, of_calico = mapping(document.get("metadata")), mapping(shown["metadata"])
    kept = {name: value for name, value in metadata.items() if name not in ("labels", "annotations")}
    annotations = {**mapping(metadata.get("annotations")), **mapping(of_calico.get("annotations"))}
    of_labels = mapping(of_calico.get("labels"))
    return {
        **document,
        "metadata": {
            **kept,
            **({"labels": of_labels} if of_labels else {}),
            **({"annotations": annotations} if annotations else {}),
        },
    }


def _node(document: Document) -> Node:
    node = decode(document)
    assert isinstance(node, Node)
    return node


def _without_calico(document: Document) -> dict[str, object]:
    """A Kubernetes Node without Calico's annotations: with etcd, Calico does not read them."""
    metadata = mapping(document.get("metadata"))
    annotations = mapping(metadata.pop("annotations", None))
    kept = {name: value for name, value in annotations.items() if not name.startswith(PREFIX)}
    return {**document, "metadata": {**metadata, **({"annotations": kept} if kept else {})}}


@dataclass(frozen=True, slots=True)
class Halves:
    """A merge patch of a merged Node, taken apart: what Kubernetes' Node gets, and what Calico's gets."""

    kubernetes: Document = field(hash=False)
    labels: Mapping[str, str | None] = field(hash=False)
    cluster_id: Document = field(hash=False)
    """A merge patch of Calico's Node; empty where the cluster ID is not touched."""

    @classmethod
    def of(cls, patch: Document) -> Halves:
        """Take a patch apart; raises DatastoreRefused for a field that is nobody's to write here."""
        metadata = mapping(patch.get("metadata"))
        annotations = mapping(metadata.get("annotations"))
        cluster_id: dict[str, object] = {}
        if CLUSTER_ID_ANNOTATION in annotations:
            cluster_id = {"spec": {"bgp": {CLUSTER_ID[-1]: annotations.pop(CLUSTER_ID_ANNOTATION)}}}
        wrong = sorted(name for name in annotations if name.startswith(PREFIX))
        if wrong:
            raise DatastoreRefused(f"annotation {wrong[0]} is not written: calico-node keeps this in its own Node")
        labels = {
            name: None if value is None else str(value)
            for name, value in mapping(metadata.get("labels")).items()
            if name != CALICO_NODE_LABEL
        }
        rest = {name: value for name, value in metadata.items() if name != "annotations"}
        rest |= {"annotations": annotations} if annotations else {}
        kept = {name: value for name, value in patch.items() if name != "metadata"}
        return cls({**kept, **({"metadata": rest} if rest else {})}, labels, cluster_id)

    @property
    def calico(self) -> Document:
        """What Calico's Node gets, as a merge patch of it; empty for nothing."""
        return {**({"metadata": {"labels": self.labels}} if self.labels else {}), **self.cluster_id}

    @property
    def sets_labels(self) -> bool:
        """Whether some label gets a value."""
        return any(value is not None for value in self.labels.values())

    @property
    def _paths(self) -> list[tuple[str, ...]]:
        paths: list[tuple[str, ...]] = [("metadata", "labels", name) for name in self.labels]
        return [*paths, CLUSTER_ID] if self.cluster_id else paths

    def landed(self, document: Document) -> bool:
        """Whether a Calico Node has its half already."""
        return holds(document, self.calico)

    def untouched(self, document: Document, seen: Document) -> bool:
        """Whether a Calico Node still has what was seen before, wherever this half changes it."""
        return all(at(document, path) == at(seen, path) for path in self._paths)

    def taken_back(self, document: Document, seen: Document) -> Document:
        """A Calico Node without its half: as it was seen before, wherever this half changes it."""
        before = {path: at(seen, path) for path in self._paths}
        return patched(document, partial(before))

    def written(self, document: Document, *, known: bool) -> Document:
        """A Calico Node with its half; `known` says that Kubernetes has the labels already.

        Then they are noted as copied, or a later removal in Kubernetes would not come through.
        """
        result = patched(document, self.calico)
        return self.noted(result, self.labels) if known else result

    @staticmethod
    def noted(document: Document, labels: Mapping[str, str | None]) -> Document:
        """A Calico Node whose note of copied labels is brought up to date; where there is none, none is made."""
        note = at(document, KNOWN)
        try:
            copied = json.loads(note) if isinstance(note, str) else None
        except (RecursionError, ValueError):
            copied = None
        if not isinstance(copied, dict):
            return document
        now = {name: value for name, value in {**copied, **labels}.items() if value is not None}
        if now == copied:
            return document
        text = compact_json(now)
        return patched(document, {"metadata": {"annotations": {KUBE_LABELS_ANNOTATION: text}}})
