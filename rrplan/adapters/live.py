"""A live cluster as Datastore: Kubernetes resources, and Calico's wherever this cluster keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rrplan.adapters.api_server import FIELD_MANAGER, ApiServer, Forbidden, Missing
from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreUnreachable, PreflightError
from rrplan.ids import NodeName
from rrplan.ports import Document, Stored, Write
from rrplan.resources import Pod, ResourceKey, decode, key_of
from rrplan.resources.documents import patched
from rrplan.resources.node_codec import KUBERNETES_TAINT
from rrplan.resources.validation import objections

V3 = "projectcalico.org/v3"
CRD = "crd.projectcalico.org/v1"
METADATA = "projectcalico.org/metadata"
"""Where Calico's CRD storage keeps v3 labels and annotations (libcalico-go/lib/backend/k8s/resources)."""
CALICO = {
    "BGPPeer": "bgppeers",
    "BGPConfiguration": "bgpconfigurations",
    "BGPFilter": "bgpfilters",
    "IPPool": "ippools",
    "ClusterInformation": "clusterinformations",
}
MANY = 100
"""Objects up to which each is read by itself."""
_NODE_STATUS = ("conditions", "addresses")
"""All that is read of a node's status; images alone are most of its 12 KB."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One list that a snapshot needs; without an optional one the snapshot says what it does not know."""

    path: str
    query: Mapping[str, str]
    lacks: str = ""


class LiveCluster:
    """Implements the port Datastore on a Kubernetes API server; `notices` say what could not be read."""

    at_once = 10

    def __init__(self, server: ApiServer, *, calico: bool = True) -> None:
        """Without `calico` its resources are kept elsewhere, and none is read here."""
        self._server = server
        self.group = self._discovered() if calico else ""
        self._eviction = ""
        self.notices: list[str] = []

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

    # --- reading -------------------------------------------------------------------------------

    def everything(self) -> Sequence[Stored]:
        """All resources that a snapshot needs: nodes, Calico's BGP resources, calico-node and its pods."""
        self.notices = []
        calico = f"/apis/{self.group}"
        agents = {"labelSelector": "k8s-app in (calico-node,calico-rr)"}
        listings = [
            Listing("/api/v1/nodes", {}),
            Listing("/apis/apps/v1/daemonsets", agents, "the DaemonSet calico-node"),
            Listing("/api/v1/pods", agents, "the Calico version of each node"),
            Listing("/apis/operator.tigera.io/v1/installations", {}, "the operator's Installation"),
        ]
        if self.group:
            listings += [
                Listing(f"{calico}/bgppeers", {}),
                Listing(f"{calico}/bgpconfigurations", {}),
                Listing(f"{calico}/clusterinformations", {}, "Calico's version"),
                Listing(f"{calico}/ippools", {}, "address pools"),
                Listing(f"{calico}/bgpfilters", {}, "BGP filters"),
            ]
        found = [stored for listing in listings for stored in self._listed(listing)]
        return [*found, *self._pods_of_cordoned(found)]

    def _pods_of_cordoned(self, found: Sequence[Stored]) -> Iterator[Stored]:
        """All pods of cordoned nodes: whether such a node is empty decides who needs its routes."""
        known = {_name(stored) for stored in found if stored.document.get("kind") == "Pod"}
        for stored in found:
            if stored.document.get("kind") == "Node" and _mapping(stored.document.get("spec")).get("unschedulable"):
                where = {"fieldSelector": f"spec.nodeName={_name(stored)[1]}"}
                for pod in self._listed(Listing("/api/v1/pods", where, "the pods of cordoned nodes")):
                    if _name(pod) not in known:
                        yield pod

    def _listed(self, listing: Listing) -> list[Stored]:
        try:
            return self._server.listed(listing.path, self._stored, **listing.query)
        except Forbidden as error:
            if not listing.lacks:
                raise
            notice = f"not known: {listing.lacks}; {error}"
            if notice not in self.notices:
                self.notices.append(notice)
            return []

    def owners(self, keys: Sequence[ResourceKey]) -> list[str]:
        """Which of these objects somebody else applies declaratively, in words: it may put its own values back.

        Of more than MANY objects of one kind, the first ones are looked at: they are made alike.
        """
        kinds = {key.kind for key in keys}
        asked = [key for kind in sorted(kinds) for key in sorted({key for key in keys if key.kind == kind})[:MANY]]
        with ThreadPoolExecutor(self.at_once) as pool:
            found = dict(zip(asked, pool.map(self._appliers, asked), strict=True))
        return [f"{key} is also applied by {', '.join(names)}" for key, names in found.items() if names]

    def _appliers(self, key: ResourceKey) -> list[str]:
        """Field managers that use server-side apply (managedFields)."""
        document = self._server.get(self._path(key)) or {}
        fields = _list(_mapping(document.get("metadata")).get("managedFields"))
        return sorted({str(one.get("manager")) for one in fields if one.get("operation") == "Apply"} - {FIELD_MANAGER})

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        document = self._server.get(self._path(key))
        return None if document is None else self._stored(document)

    def _stored(self, document: dict[str, Any]) -> Stored:
        metadata = {name: value for name, value in document.get("metadata", {}).items() if name != "managedFields"}
        version = str(metadata.get("resourceVersion", ""))
        kept = {**document, "metadata": metadata}
        if document.get("kind") == "Node":
            status = document.get("status") or {}
            kept["status"] = {name: status[name] for name in _NODE_STATUS if name in status}
            kept["spec"] = _with_taints(kept.get("spec") or {})
        if document.get("apiVersion") == CRD:
            kept = {**kept, "apiVersion": V3, "metadata": _unfolded(metadata)}
        return Stored(kept, version)

    # --- writing -------------------------------------------------------------------------------

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        body = dict(document)
        if self._in_crd(key):
            _check(key, document)
            metadata = document.get("metadata")
            assert isinstance(metadata, Mapping)
            body = {**document, "apiVersion": CRD, "metadata": _folded(metadata)}
        self._server.create(self._path(key, collection=True), body, dry_run=dry_run)

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch at a version."""
        metadata = patch.get("metadata")
        told: dict[str, object] = dict(metadata) if isinstance(metadata, Mapping) else {}
        if self._in_crd(key):
            stored = self.get(key)
            if stored is None:
                raise DatastoreConflict(f"{key} does not exist")
            _check(key, patched(stored.document, patch))
            told = _folded_patch(stored.document, told) if told else {}
        self._server.patch(self._path(key), self._body(key, patch, told, version), dry_run=dry_run)

    def _body(self, key: ResourceKey, patch: Document, told: Mapping[str, object], version: str) -> dict[str, object]:
        """A patch as it is sent: at a version, and with the taints that are Kubernetes' own."""
        body: dict[str, object] = {**patch, "metadata": {**told, "resourceVersion": version}}
        wanted = _mapping(patch.get("spec"))
        if key.kind == "Node" and "taints" in wanted:
            present = self._server.get(self._path(key)) or {}
            if str(_mapping(present.get("metadata")).get("resourceVersion")) != version:
                raise DatastoreConflict(f"{key} is not at version {version} any more")
            kept = _list(_mapping(present.get("spec")).get("taints"))
            body["spec"] = {**wanted, "taints": _merged_taints(kept, _list(wanted["taints"]))}
        return body

    def dry_run(self, writes: Sequence[Write]) -> Sequence[str]:
        """What the server would refuse; several requests at a time, and one list instead of many reads."""
        seen = {key_of(one.document): one for one in self.everything()} if len(writes) > MANY else {}
        with ThreadPoolExecutor(self.at_once) as pool:
            asked = pool.map(lambda write: self._refusal(write, seen.get(write.key)), writes)
            return [refusal for refusal in asked if refusal]

    def _refusal(self, write: Write, seen: Stored | None) -> str:
        try:
            stored = seen or self.get(write.key)
            if (stored is None) is not (write.before is None):
                return f"{write.key} {'does not exist' if stored is None else 'exists already'}"
            if stored is None:
                self.create(write.key, write.after or {}, dry_run=True)
            elif write.after is None:
                self.delete(write.key, stored.version, dry_run=True)
            else:
                self.patch(write.key, write.after, stored.version, dry_run=True)
        except (DatastoreRefused, DatastoreConflict) as error:
            return f"{write.key}: {error}"
        return ""

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Remove a resource at a version."""
        stored = self.get(key)
        if stored is None:
            raise DatastoreConflict(f"{key} does not exist")
        # Calico's API server does not pass the precondition on, so it is looked at here too.
        if stored.version != version:
            raise DatastoreConflict(f"{key} is at version {stored.version}, not {version}")
        self._server.delete(self._path(key), version, dry_run=dry_run)

    # --- draining ------------------------------------------------------------------------------

    def pods_to_evict(self, node: NodeName) -> Sequence[Pod]:
        """The pods on a node that `kubectl drain` would evict."""
        pods = self._server.listed("/api/v1/pods", _pod, fieldSelector=f"spec.nodeName={node}")
        return sorted((pod for pod in pods if pod.drains), key=lambda pod: pod.key)

    def evict(self, pod: ResourceKey, grace: int | None = None) -> bool:
        """Ask for an eviction; False where a PodDisruptionBudget says not now."""
        if not self._eviction:
            self._eviction = self._eviction_version()
        body: dict[str, object] = {
            "apiVersion": self._eviction,
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
        }
        if grace is not None:
            body["deleteOptions"] = {"gracePeriodSeconds": grace}
        try:
            self._server.create(f"{self._path(pod)}/eviction", body, manager=False)
        except DatastoreUnreachable:
            return False
        except Missing:
            return True
        return True

    def _eviction_version(self) -> str:
        """`policy/v1`, or `policy/v1beta1` before Kubernetes 1.22."""
        for resource in (self._server.get("/api/v1") or {}).get("resources", ()):
            if resource.get("name") == "pods/eviction":
                return f"{resource.get('group', 'policy')}/{resource.get('version', 'v1')}"
        return "policy/v1"

    # --- paths ---------------------------------------------------------------------------------

    def _in_crd(self, key: ResourceKey) -> bool:
        return key.kind in CALICO and self.group == CRD

    def _path(self, key: ResourceKey, *, collection: bool = False) -> str:
        if key.kind in CALICO:
            base = f"/apis/{self.group}/{CALICO[key.kind]}"
        elif key.kind == "Node":
            base = "/api/v1/nodes"
        elif key.kind == "Pod":
            base = f"/api/v1/namespaces/{key.namespace}/pods"
        elif key.kind == "DaemonSet":
            base = f"/apis/apps/v1/namespaces/{key.namespace}/daemonsets"
        elif key.kind == "Installation":
            base = "/apis/operator.tigera.io/v1/installations"
        else:
            raise DatastoreRefused(
                f"{key} is no object of the Kubernetes API", hint="this plan is for a cluster whose Calico uses etcd"
            )
        return base if collection else f"{base}/{key.name}"


def _pod(document: dict[str, Any]) -> Pod:
    pod = decode(document)
    assert isinstance(pod, Pod)
    return pod


def _name(stored: Stored) -> tuple[object, object]:
    metadata = _mapping(stored.document.get("metadata"))
    return metadata.get("namespace"), metadata.get("name")


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[dict[str, object]]:
    return [dict(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _shown(taint: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in taint.items() if name != "timeAdded"}


def _theirs(taint: Mapping[str, object]) -> bool:
    return str(taint.get("key", "")).startswith(KUBERNETES_TAINT)


def _with_taints(spec: Mapping[str, object]) -> dict[str, object]:
    """A Node's spec without what Kubernetes adds to its taints; "no taints" has one form."""
    taints = [_shown(taint) for taint in _list(spec.get("taints")) if not _theirs(taint)]
    rest = {name: value for name, value in spec.items() if name != "taints"}
    return {**rest, "taints": taints} if taints else rest


def _merged_taints(present: list[dict[str, object]], wanted: list[dict[str, object]]) -> list[dict[str, object]]:
    """The wanted taints as the node has them already, and Kubernetes' own."""
    by_value = {_json(_shown(taint)): taint for taint in present}
    return [by_value.get(_json(taint), taint) for taint in wanted] + [taint for taint in present if _theirs(taint)]


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _folded(metadata: Mapping[str, object]) -> dict[str, object]:
    """v3 metadata as CRD storage keeps it: in an annotation, and beside it for those who read the CRD."""
    hidden = {field: metadata[field] for field in ("labels", "annotations") if metadata.get(field)}
    annotations = {**_mapping(metadata.get("annotations")), METADATA: _json(hidden)}
    return {**metadata, "annotations": annotations}


def _folded_patch(document: Document, told: Mapping[str, object]) -> dict[str, object]:
    """Labels and annotations of a CRD are changed at both places, or Calico would show the old ones."""
    present = _mapping(document.get("metadata"))
    hidden: dict[str, object] = {}
    for field in ("labels", "annotations"):
        merged = {**_mapping(present.get(field)), **_mapping(told.get(field))}
        hidden[field] = {name: value for name, value in merged.items() if value is not None}
    return {**told, "annotations": {**_mapping(told.get("annotations")), METADATA: _json(hidden)}}


def _check(key: ResourceKey, document: Document) -> None:
    """A write to Calico's CRDs passes no validation of Calico's, so it is made here."""
    wrong = objections(document)
    if wrong:
        raise DatastoreRefused(f"{key}: {wrong[0]}")


def _unfolded(metadata: Mapping[str, object]) -> dict[str, object]:
    """What Calico shows of a CRD's metadata: its own labels and annotations, the hidden ones over them."""
    annotations = _mapping(metadata.get("annotations"))
    hidden_text = annotations.pop(METADATA, None)
    try:
        hidden = _mapping(json.loads(hidden_text)) if isinstance(hidden_text, str) else {}
    except ValueError:
        hidden = {}
    labels = {**_mapping(metadata.get("labels")), **_mapping(hidden.get("labels"))}
    annotations |= _mapping(hidden.get("annotations"))
    shown = {name: value for name, value in metadata.items() if name not in ("labels", "annotations")}
    return {
        **shown,
        **({"labels": labels} if labels else {}),
        **({"annotations": annotations} if annotations else {}),
    }
