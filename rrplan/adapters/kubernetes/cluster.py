"""A live cluster as Datastore: Kubernetes resources, and Calico's in its API groups."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rrplan.adapters.kubernetes.documents import compact_json, mapping
from rrplan.adapters.kubernetes.kinds import CRD, V3, collection
from rrplan.adapters.kubernetes.objects import KubernetesObjects, Listing
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.errors import DatastoreConflict, DatastoreRefused, PreflightError
from rrplan.ports import Document, Stored
from rrplan.resources import ResourceKey
from rrplan.resources.documents import patched
from rrplan.resources.validation import objections

METADATA = "projectcalico.org/metadata"
"""Where Calico's CRD storage keeps v3 labels and annotations (libcalico-go/lib/backend/k8s/resources)."""
CALICO = ("BGPPeer", "BGPConfiguration", "BGPFilter", "IPPool", "ClusterInformation", "FelixConfiguration")
"""Calico's kinds that a plan may name here; HostEndpoints go with Calico Nodes, which only etcd has."""


class LiveCluster(KubernetesObjects):
    """Implements the port Datastore on a Kubernetes API server; `notices` say what could not be read."""

    def __init__(self, server: ApiServer) -> None:
        super().__init__(server)
        self.group = self._discovered()

    def _discovered(self) -> str:
        """`projectcalico.org/v3` where it is served (it validates), else Calico's CRDs."""
        groups = {str(group["name"]) for group in (self._server.get("/apis") or {}).get("groups", ())}
        for version in (V3, CRD):
            if version.partition("/")[0] in groups:
                return version
        raise PreflightError(
            ["this cluster serves no Calico resources: neither projectcalico.org nor crd.projectcalico.org"],
            hint="where Calico uses etcd, give `--calico-config` too, or listings with `-f`",
        )

    def _listings(self) -> list[Listing]:
        nodes, *others = super()._listings()
        return [
            nodes,
            Listing(collection("BGPPeer", calico=self.group), {}),
            Listing(collection("BGPConfiguration", calico=self.group), {}),
            Listing(collection("ClusterInformation", calico=self.group), {}, "Calico's version"),
            Listing(collection("IPPool", calico=self.group), {}, "address pools"),
            Listing(collection("BGPFilter", calico=self.group), {}, "BGP filters"),
            Listing(collection("FelixConfiguration", calico=self.group), {}, "whose routes Felix programs"),
            *others,
        ]

    def _stored(self, document: dict[str, Any]) -> Stored:
        stored = super()._stored(document)
        if document.get("apiVersion") != CRD:
            return stored
        metadata = mapping(stored.document.get("metadata"))
        return Stored({**stored.document, "apiVersion": V3, "metadata": _unfolded(metadata)}, stored.version)

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        if self._in_crd(key):
            _check(key, document)
            metadata = document.get("metadata")
            assert isinstance(metadata, Mapping)
            document = {**document, "apiVersion": CRD, "metadata": _folded(metadata)}
        super().create(key, document, dry_run=dry_run)

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch at a version."""
        if self._in_crd(key):
            stored = self.get(key)
            if stored is None:
                raise DatastoreConflict(f"{key} does not exist")
            _check(key, patched(stored.document, patch))
            told = mapping(patch.get("metadata"))
            patch = {**patch, "metadata": _folded_patch(stored.document, told)} if told else patch
        super().patch(key, patch, version, dry_run=dry_run)

    def _in_crd(self, key: ResourceKey) -> bool:
        return key.kind in CALICO and self.group == CRD

    def _collection(self, key: ResourceKey) -> str:
        if key.kind not in CALICO:
            return super()._collection(key)
        return collection(key.kind, calico=self.group)


def _folded(metadata: Mapping[str, object]) -> dict[str, object]:
    """v3 metadata as CRD storage keeps it: in an annotation, and beside it for those who read the CRD."""
    hidden = {field: metadata[field] for field in ("labels", "annotations") if metadata.get(field)}
    annotations = {**mapping(metadata.get("annotations")), METADATA: compact_json(hidden)}
    return {**metadata, "annotations": annotations}


def _folded_patch(document: Document, told: Mapping[str, object]) -> dict[str, object]:
    """Labels and annotations of a CRD are changed at both places, or Calico would show the old ones."""
    present = mapping(document.get("metadata"))
    hidden: dict[str, object] = {}
    for field in ("labels", "annotations"):
        merged = {**mapping(present.get(field)), **mapping(told.get(field))}
        hidden[field] = {name: value for name, value in merged.items() if value is not None}
    return {**told, "annotations": {**mapping(told.get("annotations")), METADATA: compact_json(hidden)}}


def _check(key: ResourceKey, document: Document) -> None:
    """A write to Calico's CRDs passes no validation of Calico's, so it is made here."""
    wrong = objections(document)
    if wrong:
        raise DatastoreRefused(f"{key}: {wrong[0]}")


def _unfolded(metadata: Mapping[str, object]) -> dict[str, object]:
    """What Calico shows of a CRD's metadata: its own labels and annotations, the hidden ones over them."""
    annotations = mapping(metadata.get("annotations"))
    hidden_text = annotations.pop(METADATA, None)
    try:
        hidden = mapping(json.loads(hidden_text)) if isinstance(hidden_text, str) else {}
    except ValueError:
        hidden = {}
    labels = {**mapping(metadata.get("labels")), **mapping(hidden.get("labels"))}
    annotations |= mapping(hidden.get("annotations"))
    shown = {name: value for name, value in metadata.items() if name not in ("labels", "annotations")}
    return {
        **shown,
        **({"labels": labels} if labels else {}),
        **({"annotations": annotations} if annotations else {}),
    }
