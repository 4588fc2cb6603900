"""Nodes where Calico uses etcd: a Node is two objects here, read as one.

A patch of it is two writes. Their order is such that after a crash between them the node is shown as before, or
Calico's part is complete; and that kube-controllers, who copy the labels of Kubernetes to Calico at any moment, never
show Calico half of a role (docs/decisions/0009-etcd.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from rrplan.adapters.etcd.calico import ALWAYS_READ
from rrplan.adapters.etcd.nodes import Halves, foreign, merged, same_object, versions
from rrplan.adapters.kubernetes.objects import KubernetesObjects
from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreTimeout, DatastoreUnreachable
from rrplan.ports import Document, Listed, SeparateCalico, Stored
from rrplan.resources import CalicoVersion, IPPool, ResourceKey, decode, key_of
from rrplan.resources.cascade import outside_pools, takes_host_endpoints
from rrplan.resources.documents import at
from rrplan.resources.host_codec import block_document
from rrplan.retry import Tries, retry
from rrplan.text import listed

TRIES = 5
"""Writes of Calico's half after Kubernetes', while others change the same node."""
SHOWN = 3


CALICO_NODE = "CalicoNode"
"""Calico's own Node by itself, which a plan may delete and make again whole."""


class EtcdNodes:
    """Nodes of both kinds: `Node` is both halves as one, `CalicoNode` is Calico's half by itself."""

    kinds = ("Node", CALICO_NODE)

    def __init__(self, kubernetes: KubernetesObjects, calico: SeparateCalico) -> None:
        self._kubernetes = kubernetes
        self._calico = calico

    # --- reading -------------------------------------------------------------------------------

    def everything(self, in_kubernetes: Listed) -> Listed:
        """What a snapshot needs of Kubernetes and of Calico, each node as one.

        With it comes what Calico's client deletes with a Node. Raises DatastoreRefused where Calico uses Kubernetes.
        """
        in_calico = self._calico.everything(ALWAYS_READ)
        nodes, others = _parted(in_calico)
        calico_nodes = {key_of(node.document): node for node in nodes}
        shown = [*others, *(_as(CALICO_NODE, node) for node in nodes)]
        ignored = []
        for item in in_kubernetes:
            if item.document.get("kind") != "Node":
                shown.append(item)
                continue
            if foreign(item.document):
                ignored.append(key_of(item.document).name)
            half = calico_nodes.pop(key_of(item.document), None)
            if half is not None and same_object(item, half):
                raise DatastoreRefused(
                    "Calico keeps its data in Kubernetes here: calicoctl shows Kubernetes' own Nodes",
                    hint="leave `--calicoctl` out; rrplan reads Calico's resources from Kubernetes itself",
                )
            shown.append(merged(item, half))
        # Nodes that Kubernetes does not know (any more) still have sessions.
        shown += [merged(None, node) for node in calico_nodes.values()]
        notices = [*in_kubernetes.notices, *in_calico.notices]
        if ignored:
            names = listed(ignored, SHOWN)
            notices.append(f"not read: Calico's annotations on Kubernetes Nodes ({names}); Calico uses etcd here")
        endpoints = self._host_endpoints(in_calico)
        blocks = self._blocks_outside_pools(in_calico)
        return Listed((*shown, *endpoints, *blocks), (*notices, *endpoints.notices))

    def _host_endpoints(self, in_calico: Listed) -> Listed:
        """HostEndpoints, where the client of this release deletes them with their Node."""
        versions = [at(item.document, ("spec", "calicoVersion")) for item in _of_kind("ClusterInformation", in_calico)]
        if not takes_host_endpoints(CalicoVersion.parse(str(versions[0])) if versions else None):
            return Listed(())
        try:
            return self._calico.everything(["HostEndpoint"])
        except DatastoreRefused as error:
            lacks = "HostEndpoints, which `calicoctl delete node` deletes with their Node"
            return Listed((), (f"not known: {lacks}; {error}",))

    def _blocks_outside_pools(self, in_calico: Listed) -> list[Stored]:
        """The address blocks that stand in the way of `calicoctl delete node`; none where blocks are not shown."""
        try:
            owners = {prefix: node for prefix, node, _ in self._calico.blocks()}
        except DatastoreRefused:
            return []
        pools = [decode(item.document) for item in _of_kind("IPPool", in_calico)]
        outside = outside_pools(owners, [pool for pool in pools if isinstance(pool, IPPool)])
        return [Stored(block_document(owners[prefix], prefix), "") for prefix in sorted(outside)]

    def get(self, key: ResourceKey) -> Stored | None:
        """One node, or its Calico half; None where it is not there."""
        half = self._calico.get(_own(key))
        if key.kind == CALICO_NODE:
            return _as(CALICO_NODE, half) if half else None
        kubernetes = self._kubernetes.get(key)
        return merged(kubernetes, half) if kubernetes or half else None

    def appliers(self, key: ResourceKey) -> Sequence[str]:
        """Of the Kubernetes Node; nothing in etcd says who applies."""
        return [] if key.kind == CALICO_NODE else self._kubernetes.appliers(key)

    # --- writing -------------------------------------------------------------------------------

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make Calico's half; DatastoreConflict where it exists."""
        if key.kind != CALICO_NODE:
            raise DatastoreRefused(f"{key} is not made here: the kubelet and calico-node make their nodes")
        self._calico.create(_own(key), {**document, "kind": "Node"}, dry_run=dry_run)

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Remove Calico's half at a version."""
        if key.kind != CALICO_NODE:
            raise DatastoreRefused(f"{key} is not removed here", hint="`kubectl delete node`, `calicoctl delete node`")
        self._calico.delete(_own(key), version, dry_run=dry_run)

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch of a whole node at the versions of both halves."""
        if key.kind == CALICO_NODE:
            self._calico.patch(_own(key), patch, version, dry_run=dry_run)
            return
        halves = Halves.of(patch)
        kubernetes, calico = versions(version)
        if not halves.calico:
            self._kubernetes.patch(key, halves.kubernetes, kubernetes, dry_run=dry_run)
            return
        node = self._calico.get(key)
        if node is None and not halves.cluster_id:
            # A host of standalone reflectors has no Calico Node, and its labels are Kubernetes' alone.
            self._kubernetes.patch(key, halves.kubernetes, kubernetes, dry_run=dry_run)
            return
        if node is None:
            raise DatastoreRefused(
                f"{key} is not known to Calico: etcd has no such Node",
                hint="calico-node makes it when it starts there",
            )
        repeated = node.version != calico and halves.landed(node.document)
        if node.version != calico and not repeated:
            raise DatastoreConflict(f"{key} is at version {node.version} in etcd, not {calico}")
        if dry_run:
            if halves.kubernetes:
                self._kubernetes.patch(key, halves.kubernetes, kubernetes, dry_run=True)
            self._calico.replace(key, halves.written(node.document, known=True), node.version, dry_run=True)
        elif repeated:
            self._follow(key, halves)
        elif not halves.cluster_id:
            self._kubernetes.patch(key, halves.kubernetes, kubernetes)
            self._complete(key, halves, node)
        elif halves.sets_labels or not halves.labels:
            self._lead(key, halves, node, kubernetes)
        else:
            self._leave(key, halves, node, kubernetes)

    def _lead(self, key: ResourceKey, halves: Halves, node: Stored, kubernetes: str) -> None:
        """Calico first: as soon as Kubernetes has the label, kube-controllers copy it, without the cluster ID."""
        if halves.kubernetes:
            self._kubernetes.patch(key, halves.kubernetes, kubernetes, dry_run=True)
        try:
            self._calico.replace(key, halves.written(node.document, known=False), node.version)
        except DatastoreTimeout:
            now = self._calico.get(key)
            if now is None or not halves.landed(now.document):
                raise
        if not halves.kubernetes:
            return
        try:
            self._follow(key, halves)
        except DatastoreRefused:
            # A definite no must leave nothing behind.
            now = self._calico.get(key)
            if now is not None and halves.landed(now.document):
                self._calico.replace(key, halves.taken_back(now.document, node.document), now.version)
            raise

    def _follow(self, key: ResourceKey, halves: Halves) -> None:
        """Kubernetes' half after Calico's: at any version, because Calico's half is there and needs the other one."""
        try:
            self._kubernetes.patch(key, halves.kubernetes, "")
            self._note(key, halves)
        except (DatastoreTimeout, DatastoreUnreachable) as error:
            # The whole patch may be sent again: it finds Calico's half, and this half does no harm twice.
            text = f"{key} is written in etcd, not yet in Kubernetes: {error}"
            raise DatastoreUnreachable(text, hint=error.hint) from error

    def _note(self, key: ResourceKey, halves: Halves) -> None:
        """Note the labels as copied from Kubernetes, as kube-controllers do only for labels that they write themselves.

        Without the note, `kubectl label node NAME KEY-` would not reach Calico any more.
        """

        def write() -> None:
            node = self._calico.get(key)
            if node is None or not halves.landed(node.document):
                return
            noted = halves.noted(node.document, halves.labels)
            if noted is not node.document:
                self._calico.replace(key, noted, node.version)

        # Without the note Calico has what it needs, so a node that others keep changing goes without it.
        with suppress(DatastoreConflict):
            retry(write, DatastoreConflict, Tries(TRIES))

    def _leave(self, key: ResourceKey, halves: Halves, node: Stored, kubernetes: str) -> None:
        """Kubernetes first, or its label would be copied to Calico again; but kube-controllers must not go ahead.

        They remove from Calico what they noted as copied, so the note is taken off before.
        """
        noted = halves.noted(node.document, halves.labels)
        if noted is not node.document:
            self._calico.replace(key, noted, node.version)
            node = Stored(noted, "")
        self._kubernetes.patch(key, halves.kubernetes, kubernetes)
        self._complete(key, halves, node)

    def _complete(self, key: ResourceKey, halves: Halves, seen: Stored) -> None:
        """Calico's half after Kubernetes', whoever else writes to the node, unless to the same fields."""
        present = iter([seen] if seen.version else [])

        def write() -> bool:
            """False where others changed the same fields."""
            node = next(present, None) or self._calico.get(key)
            if node is not None and halves.landed(node.document):
                return True
            if node is None or not halves.untouched(node.document, seen.document):
                return False
            self._calico.replace(key, halves.written(node.document, known=True), node.version)
            return True

        changed = DatastoreConflict(f"{key} is changed by others in etcd")
        if not retry(write, DatastoreConflict, Tries(TRIES), lambda _: changed):
            raise changed


def _parted(resources: Listed) -> tuple[list[Stored], list[Stored]]:
    """Nodes, and all others."""
    nodes = _of_kind("Node", resources)
    return nodes, [item for item in resources if item.document.get("kind") != "Node"]


def _of_kind(kind: str, resources: Listed) -> list[Stored]:
    return [item for item in resources if item.document.get("kind") == kind]


def _as(kind: str, stored: Stored) -> Stored:
    return Stored({**stored.document, "kind": kind}, stored.version)


def _own(key: ResourceKey) -> ResourceKey:
    return ResourceKey("Node", key.name)
