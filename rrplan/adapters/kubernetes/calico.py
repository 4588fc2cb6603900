"""Calico's resources in Kubernetes: in the API of Calico's own server, or in its CRDs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rrplan.adapters.kubernetes.documents import compact_json, mapping
from rrplan.adapters.kubernetes.kinds import CRD, V3, collection
from rrplan.adapters.kubernetes.objects import LATE_SECONDS
from rrplan.adapters.kubernetes.requests import (
    Listing,
    Lists,
    appliers,
    conditional,
    delete_at_version,
    stored,
)
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.errors import DatastoreConflict, DatastoreRefused, PreflightError
from rrplan.ids import NodeName
from rrplan.ports import Document, Listed, Stored
from rrplan.resources import ResourceKey
from rrplan.resources.documents import patched
from rrplan.resources.validation import objections

METADATA = "projectcalico.org/metadata"
"""Where Calico's CRD storage keeps v3 labels and annotations (libcalico-go/lib/backend/k8s/resources)."""
LACKS = {
    "BGPPeer": "",
    "BGPConfiguration": "",
    "ClusterInformation": "Calico's version",
    "IPPool": "address pools",
    "BGPFilter": "BGP filters",
    "FelixConfiguration": "whose routes Felix programs",
}
"""The kinds that a plan may name here, and what is not known without them; a snapshot needs those with "".

HostEndpoints go with Calico Nodes, which only etcd has.
"""
NO_STATE = "unknown"


class KubernetesCalico:
    """Implements the port CalicoStore on a Kubernetes API server."""

    kinds = tuple(LACKS)
    late_seconds = LATE_SECONDS

    def __init__(self, server: ApiServer) -> None:
        """Raises PreflightError where Calico's resources are not served."""
        self._server = server
        self._lists = Lists(server, stored_resource)
        self.group = _discovered(server)
        """Group and version of the API."""

    def everything(self, kinds: Sequence[str] = kinds) -> Listed:
        """All resources of these kinds; notices say which may not be read."""
        listings = [Listing(collection(kind, calico=self.group), lacks=LACKS[kind]) for kind in kinds]
        return self._lists.read(listings)

    def blocks(self) -> Sequence[tuple[str, NodeName, str]]:
        """Every BlockAffinity (libcalico-go/lib/apis/crd.projectcalico.org/v1 blockaffinity)."""
        return self._server.listed(collection("BlockAffinity", calico=self.group), _block)

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        document = self._server.get(self._path(key))
        return None if document is None else stored_resource(document)

    def appliers(self, key: ResourceKey) -> Sequence[str]:
        """Field managers that apply it declaratively."""
        return appliers(self._server, self._path(key))

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        if self.group == CRD:
            _check(key, document)
            metadata = document.get("metadata")
            assert isinstance(metadata, Mapping)
            document = {**document, "apiVersion": CRD, "metadata": _folded(metadata)}
        self._server.create(collection(key.kind, calico=self.group), document, dry_run=dry_run)

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch at a version."""
        if self.group == CRD:
            present = self.get(key)
            if present is None:
                raise DatastoreConflict(f"{key} does not exist")
            _check(key, patched(present.document, patch))
            metadata = mapping(patch.get("metadata"))
            patch = {**patch, "metadata": _folded_patch(present.document, metadata)} if metadata else patch
        self._server.patch(self._path(key), conditional(patch, version), dry_run=dry_run)

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Remove a resource at a version."""
        delete_at_version(self._server, self._path(key), key, self.get(key), version, dry_run=dry_run)

    def _path(self, key: ResourceKey) -> str:
        return f"{collection(key.kind, calico=self.group)}/{key.name}"


def _discovered(server: ApiServer) -> str:
    """`projectcalico.org/v3` where it is served (it validates), else Calico's CRDs."""
    groups = {str(group["name"]) for group in (server.get("/apis") or {}).get("groups", ())}
    for version in (V3, CRD):
        if version.partition("/")[0] in groups:
            return version
    raise PreflightError(
        ["this cluster serves no Calico resources: neither projectcalico.org nor crd.projectcalico.org"],
        hint="where Calico uses etcd, give `--calico-config` too, or listings with `-f`",
    )


def stored_resource(document: Mapping[str, Any]) -> Stored:
    """A resource as Calico shows it, whatever form it is kept in."""
    whole = stored(document)
    if document.get("apiVersion") != CRD:
        return whole
    metadata = mapping(whole.document.get("metadata"))
    return Stored({**whole.document, "apiVersion": V3, "metadata": _unfolded(metadata)}, whole.version)


def _block(item: Mapping[str, Any]) -> tuple[str, NodeName, str]:
    spec = item["spec"]
    deleted = str(spec.get("deleted")).lower() == "true"
    state = "pendingDeletion" if deleted else str(spec.get("state") or NO_STATE)
    return str(spec.get("cidr")), NodeName(str(spec.get("node"))), state


def _folded(metadata: Mapping[str, object]) -> dict[str, object]:
    """v3 metadata as CRD storage keeps it: in an annotation, and beside it for those who read the CRD."""
    hidden = {field: metadata[field] for field in ("labels", "annotations") if metadata.get(field)}
    annotations = {**mapping(metadata.get("annotations")), METADATA: compact_json(hidden)}
    return {**metadata, "annotations": annotations}


def _folded_patch(document: Document, patch: Mapping[str, object]) -> dict[str, object]:
    """Labels and annotations of a CRD are changed at both places, or Calico would show the old ones."""
    present = mapping(document.get("metadata"))
    hidden: dict[str, object] = {}
    for field in ("labels", "annotations"):
        merged = {**mapping(present.get(field)), **mapping(patch.get(field))}
        hidden[field] = {name: value for name, value in merged.items() if value is not None}
    return {**patch, "annotations": {**mapping(patch.get("annotations")), METADATA: compact_json(hidden)}}


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
    except (RecursionError, ValueError):
        hidden = {}
    labels = {**mapping(metadata.get("labels")), **mapping(hidden.get("labels"))}
    annotations |= mapping(hidden.get("annotations"))
    shown = {name: value for name, value in metadata.items() if name not in ("labels", "annotations")}
    return {
        **shown,
        **({"labels": labels} if labels else {}),
        **({"annotations": annotations} if annotations else {}),
    }
