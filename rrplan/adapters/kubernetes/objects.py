"""What every cluster keeps in its API server, wherever Calico's own resources are: nodes, pods, calico-node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rrplan.adapters.kubernetes.documents import compact_json, mapping
from rrplan.adapters.kubernetes.kinds import KINDS, collection
from rrplan.adapters.kubernetes.server import FIELD_MANAGER, ApiServer, Forbidden, Missing
from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreUnreachable
from rrplan.ids import NodeName
from rrplan.ports import Document, Stored, Write, at_version
from rrplan.resources import Pod, ResourceKey, decode, key_of
from rrplan.resources.node_codec import KUBERNETES_TAINT

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


class KubernetesObjects:
    """The Kubernetes side of the port Datastore; `notices` say what could not be read."""

    at_once = 10
    late_seconds = 10
    """The server drops a request whose client is gone, and etcd ends what was begun within 7 s."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._eviction = ""
        self.notices: list[str] = []

    # --- reading -------------------------------------------------------------------------------

    def everything(self) -> Sequence[Stored]:
        """All resources that a snapshot needs: nodes, calico-node and its pods, and those of cordoned nodes."""
        self.notices = []
        found = [stored for listing in self._listings() for stored in self._listed(listing)]
        return [*found, *self._pods_of_cordoned(found)]

    def _listings(self) -> list[Listing]:
        agents = {"labelSelector": "k8s-app in (calico-node,calico-rr)"}
        return [
            Listing(collection("Node"), {}),
            Listing(collection("DaemonSet"), agents, "the DaemonSet calico-node"),
            Listing(collection("Pod"), agents, "the Calico version of each node"),
            Listing(collection("Installation"), {}, "the operator's Installation"),
        ]

    def _pods_of_cordoned(self, found: Sequence[Stored]) -> Iterator[Stored]:
        """All pods of cordoned nodes: whether such a node is empty decides who needs its routes."""
        known = {_name(stored) for stored in found if stored.document.get("kind") == "Pod"}
        for stored in found:
            if stored.document.get("kind") == "Node" and mapping(stored.document.get("spec")).get("unschedulable"):
                where = {"fieldSelector": f"spec.nodeName={_name(stored)[1]}"}
                for pod in self._listed(Listing(collection("Pod"), where, "the pods of cordoned nodes")):
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
        fields = _list(mapping(document.get("metadata")).get("managedFields"))
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
        return Stored(kept, version)

    # --- writing -------------------------------------------------------------------------------

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        self._server.create(self._collection(key), document, dry_run=dry_run)

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch at a version, "" for any."""
        self._server.patch(self._path(key), self._body(key, patch, version), dry_run=dry_run)

    def _body(self, key: ResourceKey, patch: Document, version: str) -> dict[str, object]:
        """A patch as it is sent: at a version, and with the taints that are Kubernetes' own."""
        condition = {"resourceVersion": version} if version else {}
        body: dict[str, object] = {**patch, "metadata": {**mapping(patch.get("metadata")), **condition}}
        wanted = mapping(patch.get("spec"))
        if key.kind == "Node" and "taints" in wanted:
            present = self._server.get(self._path(key)) or {}
            if version and str(mapping(present.get("metadata")).get("resourceVersion")) != version:
                raise DatastoreConflict(f"{key} is not at version {version} any more")
            kept = _list(mapping(present.get("spec")).get("taints"))
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
        # Calico's API server does not pass the precondition on, so it is looked at here too.
        at_version(key, self.get(key), version)
        self._server.delete(self._path(key), version, dry_run=dry_run)

    # --- draining ------------------------------------------------------------------------------

    def pods_to_evict(self, node: NodeName) -> Sequence[Pod]:
        """The pods on a node that `kubectl drain` would evict."""
        pods = self._server.listed(collection("Pod"), _pod, fieldSelector=f"spec.nodeName={node}")
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

    def _path(self, key: ResourceKey) -> str:
        return f"{self._collection(key)}/{key.name}"

    def _collection(self, key: ResourceKey) -> str:
        kind = KINDS.get(key.kind)
        if kind is None or kind.group is None:
            raise DatastoreRefused(
                f"{key} is no object of the Kubernetes API", hint="this plan is for a cluster whose Calico uses etcd"
            )
        return collection(key.kind, key.namespace if kind.namespaced else "")


def _pod(document: dict[str, Any]) -> Pod:
    pod = decode(document)
    assert isinstance(pod, Pod)
    return pod


def _name(stored: Stored) -> tuple[object, object]:
    metadata = mapping(stored.document.get("metadata"))
    return metadata.get("namespace"), metadata.get("name")


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
    by_value = {compact_json(_shown(taint)): taint for taint in present}
    kept = [by_value.get(compact_json(taint), taint) for taint in wanted]
    return kept + [taint for taint in present if _theirs(taint)]
