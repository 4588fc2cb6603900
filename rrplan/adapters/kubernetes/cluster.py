"""A live cluster as Datastore: Kubernetes' objects and Calico's resources, wherever these are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from rrplan.adapters.kubernetes.alike import SAMPLE, sampled
from rrplan.adapters.kubernetes.calico import KubernetesCalico
from rrplan.adapters.kubernetes.objects import LATE_SECONDS, KubernetesObjects
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.errors import DatastoreConflict, DatastoreRefused
from rrplan.ids import NodeName
from rrplan.ports import CalicoStore, Document, Listed, ResourceStore, Stored, Write
from rrplan.resources import Pod, ResourceKey, key_of
from rrplan.resources.documents import at
from rrplan.runs.preflight import Effect, PreflightCheck

MANY = 100
"""Objects up to which each is read by itself."""


def _informs(document: Document) -> bool:
    return document.get("kind") == "ClusterInformation"


class SplitNodes(ResourceStore, Protocol):
    """Nodes of which Calico has a part of its own, as where it uses etcd."""

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds of these nodes."""
        ...

    def everything(self, in_kubernetes: Listed) -> Listed:
        """What a snapshot needs of Kubernetes and of Calico, each node as one."""
        ...


class LiveCluster:
    """Implements the port Datastore: each kind is read and written in the part of the cluster that has it.

    `nodes` None: Nodes are objects of Kubernetes alone.
    """

    at_once = 10

    def __init__(self, kubernetes: KubernetesObjects, calico: CalicoStore, nodes: SplitNodes | None = None) -> None:
        self._kubernetes = kubernetes
        self._calico = calico
        self._nodes = nodes
        self._stores: Mapping[str, ResourceStore] = {
            **dict.fromkeys(calico.kinds, calico),
            **(dict.fromkeys(nodes.kinds, nodes) if nodes else {}),
        }
        self.late_seconds = max(LATE_SECONDS, calico.late_seconds)
        self.tell: Callable[[str], None] = lambda _text: None
        """Hears what an operator should know of a dry-run."""
        self._own_namespace: tuple[Stored, ...] | None = None

    def _store(self, key: ResourceKey) -> ResourceStore:
        return self._stores.get(key.kind, self._kubernetes)

    # --- reading -------------------------------------------------------------------------------

    def everything(self) -> Listed:
        """All resources that a snapshot needs."""
        in_kubernetes = self._kubernetes.everything()
        if self._nodes is not None:
            read = self._nodes.everything(in_kubernetes)
        else:
            in_calico = self._calico.everything()
            read = Listed((*in_kubernetes, *in_calico), (*in_kubernetes.notices, *in_calico.notices))
        if any(at(item.document, ("spec", "clusterGUID")) for item in read if _informs(item.document)):
            return read
        if self._own_namespace is None:
            self._own_namespace = self._kubernetes.own_namespace()
        return Listed((*read, *self._own_namespace), read.notices)

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        return self._store(key).get(key)

    def owners(self, keys: Sequence[ResourceKey]) -> list[str]:
        """Which of these objects somebody else applies declaratively, in words: it may put its own values back.

        Of more than MANY objects of one kind, the first ones are looked at: they are made alike.
        """
        kinds = {key.kind for key in keys}
        asked = [key for kind in sorted(kinds) for key in sorted({key for key in keys if key.kind == kind})[:MANY]]
        with ThreadPoolExecutor(self.at_once) as pool:
            names = dict(zip(asked, pool.map(lambda key: self._store(key).appliers(key), asked), strict=True))
        return [f"{key} is also applied by {', '.join(managers)}" for key, managers in names.items() if managers]

    # --- writing -------------------------------------------------------------------------------

    def create(self, key: ResourceKey, document: Document) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        self._store(key).create(key, document)

    def patch(self, key: ResourceKey, patch: Document, version: str) -> None:
        """A merge patch at a version."""
        self._store(key).patch(key, patch, version)

    def delete(self, key: ResourceKey, version: str) -> None:
        """Remove a resource at a version."""
        self._store(key).delete(key, version)

    def dry_run(self, writes: Sequence[Write]) -> Sequence[str]:
        """What would be refused; several requests at a time, and one list instead of many reads.

        Of more than MANY writes, those that are alike are not all sent, and `tell` hears of how many that are.
        """
        seen = {key_of(item.document): item for item in self.everything()} if len(writes) > MANY else {}
        sent = sampled(writes, seen)
        if len(sent) < len(writes):
            self.tell(
                f"dry-run of {len(sent):,} of {len(writes):,} writes: {SAMPLE} of those that are alike; what is "
                "refused later is noticed when it is written, and taken back"
            )
        with ThreadPoolExecutor(self.at_once) as pool:
            asked = pool.map(lambda write: self._refusal(write, seen.get(write.key)), sent)
            return [refusal for refusal in asked if refusal]

    def _refusal(self, write: Write, seen: Stored | None) -> str:
        store = self._store(write.key)
        try:
            stored = seen or store.get(write.key)
            if (stored is None) is not (write.before is None):
                return f"{write.key} {'does not exist' if stored is None else 'exists already'}"
            if stored is None:
                store.create(write.key, write.after or {}, dry_run=True)
            elif write.after is None:
                store.delete(write.key, stored.version, dry_run=True)
            else:
                store.patch(write.key, write.after, stored.version, dry_run=True)
        except (DatastoreRefused, DatastoreConflict) as error:
            return f"{write.key}: {error}"
        return ""

    # --- draining ------------------------------------------------------------------------------

    def pods_to_evict(self, node: NodeName) -> Sequence[Pod]:
        """The pods on a node that `kubectl drain` would evict."""
        return self._kubernetes.pods_to_evict(node)

    def evict(self, pod: ResourceKey, grace: int | None = None) -> bool:
        """Ask for an eviction; False where a PodDisruptionBudget says not now."""
        return self._kubernetes.evict(pod, grace)


def owners_check(cluster: LiveCluster) -> PreflightCheck:
    """Who else applies what a plan changes; it is told, because it need not be in the way."""
    return PreflightCheck(
        "owners",
        lambda situation: cluster.owners([change.key for _, change in situation.plan.writes]),
        at_run=Effect.TOLD,
        at_plan=Effect.TOLD,
        unknown="who else applies these objects",
    )


def in_kubernetes(server: ApiServer, calico: KubernetesCalico | None = None) -> LiveCluster:
    """The cluster whose Calico keeps its resources in Kubernetes; raises PreflightError where it does not."""
    return LiveCluster(KubernetesObjects(server), calico or KubernetesCalico(server))
