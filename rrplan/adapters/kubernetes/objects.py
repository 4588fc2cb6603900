"""What every cluster keeps in its API server, wherever Calico's own resources are: nodes, pods, calico-node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rrplan.adapters.kubernetes.documents import compact_json, mapping, mappings
from rrplan.adapters.kubernetes.kinds import KINDS, collection, namespace
from rrplan.adapters.kubernetes.requests import (
    Listing,
    Lists,
    appliers,
    conditional,
    delete_at_version,
    stored,
)
from rrplan.adapters.kubernetes.server import ApiServer, Missing
from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreUnreachable
from rrplan.ids import NodeName
from rrplan.ports import Document, Listed, Stored
from rrplan.resources import Pod, ResourceKey, decode
from rrplan.resources.decoding import OWN_NAMESPACE
from rrplan.resources.node_codec import KUBERNETES_TAINT

LATE_SECONDS = 10
"""How long a write without an answer may still land: the server drops a request whose client is gone, and etcd ends
what was begun within 7 s."""
AGENTS = {"labelSelector": "k8s-app in (calico-node,calico-rr)"}
_NODE_STATUS = ("conditions", "addresses")
"""All that is read of a node's status; images alone are most of its 12 KB."""


class KubernetesObjects:
    """Implements the port ResourceStore for Kubernetes' own objects; lists what a snapshot needs, and drains nodes."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._lists = Lists(server, stored_object)
        self._eviction = ""

    # --- reading -------------------------------------------------------------------------------

    def everything(self) -> Listed:
        """All that a snapshot needs: nodes, calico-node and its pods, and those of cordoned nodes."""
        listings = [
            Listing(collection("Node")),
            Listing(collection("DaemonSet"), AGENTS, "the DaemonSet calico-node"),
            Listing(collection("Pod"), AGENTS, "the Calico version of each node"),
            Listing(collection("Installation"), lacks="the operator's Installation"),
        ]
        read = self._lists.read(listings)
        pods = self._lists.read(_pods_of_cordoned(read))
        known = {_name(pod) for pod in read if pod.document.get("kind") == "Pod"}
        others = (pod for pod in pods if _name(pod) not in known)
        return Listed((*read, *others), (*read.notices, *pods.notices))

    def own_namespace(self) -> tuple[Stored, ...]:
        """Namespace kube-system, whose uid tells clusters apart; none where it may not be read."""
        try:
            document = self._server.get(namespace(OWN_NAMESPACE))
        except DatastoreRefused:
            return ()
        return () if document is None else (stored_object(document),)

    def get(self, key: ResourceKey) -> Stored | None:
        """One object, or None."""
        document = self._server.get(self._path(key))
        return None if document is None else stored_object(document)

    def appliers(self, key: ResourceKey) -> Sequence[str]:
        """Field managers that apply it declaratively."""
        return appliers(self._server, self._path(key))

    # --- writing -------------------------------------------------------------------------------

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make an object; DatastoreConflict where it exists."""
        self._server.create(self._collection(key), document, dry_run=dry_run)

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch at a version, "" for any."""
        self._server.patch(self._path(key), self._body(key, patch, version), dry_run=dry_run)

    def _body(self, key: ResourceKey, patch: Document, version: str) -> dict[str, object]:
        """A patch as it is sent: at a version, and with the taints that are Kubernetes' own."""
        body = conditional(patch, version)
        wanted = mapping(patch.get("spec"))
        if key.kind == "Node" and "taints" in wanted:
            present = self._server.get(self._path(key)) or {}
            if version and str(mapping(present.get("metadata")).get("resourceVersion")) != version:
                raise DatastoreConflict(f"{key} is not at version {version} any more")
            kept = mappings(mapping(present.get("spec")).get("taints"))
            body["spec"] = {**wanted, "taints": _merged_taints(kept, mappings(wanted["taints"]))}
        return body

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Remove an object at a version."""
        delete_at_version(self._server, self._path(key), key, self.get(key), version, dry_run=dry_run)

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


def stored_object(document: Mapping[str, Any]) -> Stored:
    """An object of Kubernetes as the server has it, less what nobody needs of Nodes and Pods: there are thousands."""
    whole = stored(document)
    if document.get("kind") == "Pod":
        return Stored({**whole.document, **_pod_in_brief(document)}, whole.version)
    if document.get("kind") != "Node":
        return whole
    status = document.get("status") or {}
    kept = {name: status[name] for name in _NODE_STATUS if name in status}
    return Stored({**whole.document, "status": kept, "spec": _with_taints(document.get("spec") or {})}, whole.version)


def _pod_in_brief(document: Mapping[str, Any]) -> dict[str, object]:
    """Spec and status as far as decoding reads them."""
    spec, status = mapping(document.get("spec")), mapping(document.get("status"))
    brief = {
        "nodeName": spec.get("nodeName"),
        "containers": [{"image": container.get("image")} for container in mappings(spec.get("containers"))],
        "volumes": [{"emptyDir": {}} for volume in mappings(spec.get("volumes")) if "emptyDir" in volume][:1],
    }
    kept = {name: status[name] for name in ("phase", "conditions") if name in status}
    return {"spec": {name: value for name, value in brief.items() if value}, "status": kept}


def _pods_of_cordoned(objects: Iterable[Stored]) -> Iterator[Listing]:
    """All pods of cordoned nodes: whether such a node is empty decides who needs its routes."""
    for node in objects:
        if node.document.get("kind") == "Node" and mapping(node.document.get("spec")).get("unschedulable"):
            where = {"fieldSelector": f"spec.nodeName={_name(node)[1]}"}
            yield Listing(collection("Pod"), where, "the pods of cordoned nodes")


def _name(item: Stored) -> tuple[object, object]:
    metadata = mapping(item.document.get("metadata"))
    return metadata.get("namespace"), metadata.get("name")


def _shown(taint: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in taint.items() if name != "timeAdded"}


def _theirs(taint: Mapping[str, object]) -> bool:
    return str(taint.get("key", "")).startswith(KUBERNETES_TAINT)


def _with_taints(spec: Mapping[str, object]) -> dict[str, object]:
    """A Node's spec without what Kubernetes adds to its taints; "no taints" has one form."""
    taints = [_shown(taint) for taint in mappings(spec.get("taints")) if not _theirs(taint)]
    rest = {name: value for name, value in spec.items() if name != "taints"}
    return {**rest, "taints": taints} if taints else rest


def _merged_taints(present: list[dict[str, object]], wanted: list[dict[str, object]]) -> list[dict[str, object]]:
    """The wanted taints as the node has them already, and Kubernetes' own."""
    by_value = {compact_json(_shown(taint)): taint for taint in present}
    kept = [by_value.get(compact_json(taint), taint) for taint in wanted]
    return kept + [taint for taint in present if _theirs(taint)]
