"""A live cluster whose Calico keeps its resources in etcd, as Datastore.

A Node is two objects here, and a patch of it two writes. Their order is such that after a crash between them the
node is shown as before, or Calico's part is complete; and that kube-controllers, who copy the labels of Kubernetes to
Calico at any moment, never show Calico half of a role (docs/decisions/0009-etcd.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from rrplan.adapters.etcd.calico import ALWAYS_READ, PLURALS
from rrplan.adapters.etcd.nodes import Halves, foreign, merged, same_object, versions
from rrplan.adapters.kubernetes.objects import KubernetesObjects
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreTimeout, DatastoreUnreachable
from rrplan.ports import CalicoResources, Document, Stored, at_version
from rrplan.resources import CalicoVersion, IPPool, ResourceKey, decode, key_of
from rrplan.resources.cascade import outside_pools, takes_host_endpoints
from rrplan.resources.documents import at, patched
from rrplan.resources.host_codec import block_document
from rrplan.retry import Tries, retry
from rrplan.text import listed

TRIES = 5
"""Writes of Calico's half after Kubernetes', while others change the same node."""
SHOWN = 3


CALICO_NODE = "CalicoNode"
"""Calico's own Node by itself, which a plan may delete and make again whole."""


def _of_kind(kind: str, stored: Sequence[Stored]) -> list[Stored]:
    return [one for one in stored if one.document.get("kind") == kind]


def _as(kind: str, stored: Stored) -> Stored:
    return Stored({**stored.document, "kind": kind}, stored.version)


def _own(key: ResourceKey) -> ResourceKey:
    return ResourceKey("Node", key.name)


class EtcdCluster(KubernetesObjects):
    """Implements the port Datastore on an API server and an etcd; `notices` say what could not be read."""

    def __init__(self, server: ApiServer, calico: CalicoResources) -> None:
        super().__init__(server)
        self._calico = calico
        self.late_seconds = max(self.late_seconds, calico.late_seconds)

    # --- reading -------------------------------------------------------------------------------

    def everything(self) -> Sequence[Stored]:
        """All resources that a snapshot needs, each node as one."""
        in_kubernetes = super().everything()
        found: list[Stored] = []
        own: dict[ResourceKey, Stored] = {}
        in_calico = self._calico.everything(ALWAYS_READ)
        for stored in in_calico:
            if stored.document.get("kind") == "Node":
                own[key_of(stored.document)] = stored
                found.append(_as(CALICO_NODE, stored))
            else:
                found.append(stored)
        ignored = []
        for stored in in_kubernetes:
            if stored.document.get("kind") == "Node":
                if foreign(stored.document):
                    ignored.append(key_of(stored.document).name)
                calico = own.pop(key_of(stored.document), None)
                if calico is not None and same_object(stored, calico):
                    raise DatastoreRefused(
                        "Calico keeps its data in Kubernetes here: calicoctl shows Kubernetes' own Nodes",
                        hint="leave `--calicoctl` out; rrplan reads Calico's resources from Kubernetes itself",
                    )
                stored = merged(stored, calico)
            found.append(stored)
        if ignored:
            names = listed(ignored, SHOWN)
            self.notices.append(f"not read: Calico's annotations on Kubernetes Nodes ({names}); Calico uses etcd here")
        found += self._host_endpoints(in_calico)
        found += self._blocks_outside_pools(in_calico)
        # Nodes that Kubernetes does not know (any more) still have sessions.
        return [*found, *(merged(None, stored) for stored in own.values())]

    def _host_endpoints(self, in_calico: Sequence[Stored]) -> list[Stored]:
        """HostEndpoints, where the client of this release deletes them with their Node."""
        told = [at(one.document, ("spec", "calicoVersion")) for one in _of_kind("ClusterInformation", in_calico)]
        if not takes_host_endpoints(CalicoVersion.parse(str(told[0])) if told else None):
            return []
        try:
            return self._calico.everything(["HostEndpoint"])
        except DatastoreRefused as error:
            notice = f"not known: HostEndpoints, which `calicoctl delete node` deletes with their Node; {error}"
            if notice not in self.notices:
                self.notices.append(notice)
            return []

    def _blocks_outside_pools(self, in_calico: Sequence[Stored]) -> list[Stored]:
        """The address blocks that stand in the way of `calicoctl delete node`; none where blocks are not shown."""
        try:
            owners = {prefix: node for prefix, node, _ in self._calico.blocks()}
        except DatastoreRefused:
            return []
        pools = [decode(one.document) for one in _of_kind("IPPool", in_calico)]
        outside = outside_pools(owners, [one for one in pools if isinstance(one, IPPool)])
        return [Stored(block_document(owners[prefix], prefix), "") for prefix in sorted(outside)]

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        if key.kind == CALICO_NODE:
            own = self._calico.get(_own(key))
            return _as(CALICO_NODE, own) if own else None
        if key.kind not in PLURALS:
            return super().get(key)
        calico = self._calico.get(key)
        if key.kind != "Node":
            return calico
        kubernetes = super().get(key)
        return merged(kubernetes, calico) if kubernetes or calico else None

    def owners(self, keys: Sequence[ResourceKey]) -> list[str]:
        """Which of these objects somebody else applies declaratively; nothing in etcd says so."""
        return super().owners([key for key in keys if key.kind not in {*PLURALS, CALICO_NODE} or key.kind == "Node"])

    # --- writing -------------------------------------------------------------------------------

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        if key.kind == CALICO_NODE:
            document = {**document, "kind": "Node"}
            if dry_run:
                self._calico.check(_own(key), document)
            else:
                self._calico.create(_own(key), document)
        elif key.kind not in PLURALS:
            super().create(key, document, dry_run=dry_run)
        elif key.kind == "Node":
            raise DatastoreRefused(f"{key} is not made here: the kubelet and calico-node make their nodes")
        elif dry_run:
            self._calico.check(key, document)
        else:
            self._calico.create(key, document)

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Remove a resource at a version."""
        if key.kind == CALICO_NODE:
            if dry_run:
                self._calico.check(_own(key), None)
            else:
                self._calico.delete(_own(key), version)
        elif key.kind not in PLURALS:
            super().delete(key, version, dry_run=dry_run)
        elif key.kind == "Node":
            raise DatastoreRefused(f"{key} is not removed here", hint="`kubectl delete node`, `calicoctl delete node`")
        elif dry_run:
            self._calico.check(key, None)
        else:
            self._calico.delete(key, version)

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch at a version."""
        if key.kind not in PLURALS:
            super().patch(key, patch, version, dry_run=dry_run)
        elif key.kind == "Node":
            self._patch_node(key, Halves.of(patch), version, dry_run=dry_run)
        else:
            document = patched(at_version(key, self._calico.get(key), version).document, patch)
            if dry_run:
                self._calico.check(key, document)
            else:
                self._calico.replace(key, document, version)

    def _patch_node(self, key: ResourceKey, halves: Halves, version: str, *, dry_run: bool) -> None:
        kubernetes, calico = versions(version)
        if not halves.calico:
            super().patch(key, halves.kubernetes, kubernetes, dry_run=dry_run)
            return
        node = self._calico.get(key)
        if node is None and not halves.cluster_id:
            # A host of standalone reflectors has no Calico Node, and its labels are Kubernetes' alone.
            super().patch(key, halves.kubernetes, kubernetes, dry_run=dry_run)
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
                super().patch(key, halves.kubernetes, kubernetes, dry_run=True)
            self._calico.check(key, halves.written(node.document, known=True))
        elif repeated:
            self._follow(key, halves)
        elif not halves.cluster_id:
            super().patch(key, halves.kubernetes, kubernetes)
            self._complete(key, halves, node)
        elif halves.sets_labels or not halves.labels:
            self._lead(key, halves, node, kubernetes)
        else:
            self._leave(key, halves, node, kubernetes)

    def _lead(self, key: ResourceKey, halves: Halves, node: Stored, kubernetes: str) -> None:
        """Calico first: as soon as Kubernetes has the label, kube-controllers copy it, without the cluster ID."""
        if halves.kubernetes:
            super().patch(key, halves.kubernetes, kubernetes, dry_run=True)
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
            super().patch(key, halves.kubernetes, "")
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
        super().patch(key, halves.kubernetes, kubernetes)
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
