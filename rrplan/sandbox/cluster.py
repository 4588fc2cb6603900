"""The embedded cluster as Datastore and Probe, with simulated time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from pathlib import Path

from rrplan.bgp.model import Model
from rrplan.bgp.outside import Outside, Uplink
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.roles import Roles
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.errors import (
    DatastoreConflict,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    RRPlanError,
)
from rrplan.ids import NodeName
from rrplan.ports import (
    Asking,
    Document,
    Listed,
    NodeReading,
    NodeSessions,
    Stored,
    Survey,
    Write,
    at_version,
    unheard,
)
from rrplan.resources import ClusterState, Pod, ResourceKey, decode, key_of
from rrplan.resources.documents import patched
from rrplan.resources.validation import objections
from rrplan.sandbox import timers
from rrplan.sandbox.clock import SandboxClock, no_pace
from rrplan.sandbox.controllers import controlled, keep_annotations
from rrplan.sandbox.faults import Fault
from rrplan.sandbox.reported import Moment
from rrplan.sandbox.roles import OUTSIDE, roles_from, roles_text
from rrplan.sandbox.sessions import begun_uplinks, explicit_links, explicit_pairs, pair_name, uplinks_of
from rrplan.sandbox.store import Store

AWAY_SECONDS = 20
SPEAKING = ("Node", "CalicoNode", "DaemonSet", "Installation", "BGPPeer", "BGPConfiguration", "BGPFilter", "IPPool")
"""Kinds whose changes can change sessions, or what gets over them."""
SLOW_SECONDS = 40
DEATH_SECONDS = 25


class Sandbox:
    """A cluster in a directory; implements the ports Datastore and Probe, `clock` is its Clock."""

    at_once = 1
    late_seconds = 0

    def __init__(self, store: Store, faults: Sequence[Fault] = (), pace: Callable[[float], None] = no_pace) -> None:
        self._store = store
        self._seed = int(store.meta("seed", "1"))
        self._writes = 0
        self._away_until = 0.0
        self._died: dict[NodeName, float] = {}
        self.clock = SandboxClock(store, pace)
        self._sessions = store.sessions()
        self._mesh = store.mesh()
        self._fresh = {pair for pair, times in self._sessions.items() if times[2] > self.clock.now()}
        resources = [decode(stored.document) for stored in store.everything()]
        self.state = ClusterState.of(resource for resource in resources if resource is not None)
        self.roles: Roles = roles_from(store.meta(OUTSIDE, "[]"))
        self.faults = tuple(faults)
        for fault in self.faults:
            if fault.node and NodeName(fault.node) not in self.state.nodes:
                raise RRPlanError(
                    f"fault `{fault.name}`: node `{fault.node}` does not exist",
                    hint="`rrplan sessions` lists the nodes",
                )
        self._model = self._modelled()
        self._revive()

    @classmethod
    def make(cls, path: Path, documents: Iterable[Document], *, seed: int = 1) -> Sandbox:
        """Make a sandbox in an empty directory."""
        store = Store(path, create=True)
        store.set_meta("seed", str(seed))
        store.load((key_of(document), document) for document in documents)
        return cls(store)

    @classmethod
    def open(cls, path: Path, faults: Sequence[Fault] = (), pace: Callable[[float], None] = no_pace) -> Sandbox:
        """Open one that is there; raises RRPlanError where it is not."""
        return cls(Store(path, create=False), faults, pace)

    def close(self) -> None:
        """Let go of the directory."""
        self._store.close()

    def plays(self, roles: Roles) -> None:
        """What speakers outside do from now on; kept with the cluster."""
        if roles != self.roles:
            self.roles = roles
            self._store.set_meta(OUTSIDE, roles_text(roles))
            self._model = self._modelled()

    def _modelled(self) -> Model:
        return Model(self.state, calico_versions(self.state), roles=self.roles)

    # --- Datastore -----------------------------------------------------------------------------

    def everything(self) -> Listed:
        """Every object of the embedded cluster."""
        self._reachable()
        return Listed(tuple(self._store.everything()))

    def get(self, key: ResourceKey) -> Stored | None:
        """An object with its version; None where it does not exist."""
        self._reachable()
        stored = self._store.get(key)
        return controlled(stored, self.state) if stored and key.kind == "DaemonSet" else stored

    def create(self, key: ResourceKey, document: Document) -> None:
        """Make an object; raises DatastoreConflict where it exists already."""
        lost = self._before_write(key)
        if self._store.get(key) is not None:
            raise DatastoreConflict(f"{key} exists already")
        self._write(key, document, 1)
        self._after_write(lost=lost)

    def patch(self, key: ResourceKey, patch: Document, version: str) -> None:
        """Change an object at a version."""
        lost = self._before_write(key)
        stored = at_version(key, self._store.get(key), version)
        self._write(key, patched(stored.document, patch), int(stored.version) + 1)
        self._after_write(lost=lost)

    def delete(self, key: ResourceKey, version: str) -> None:
        """Remove an object at a version."""
        lost = self._before_write(key)
        at_version(key, self._store.get(key), version)
        self._write(key, None, 0)
        self._after_write(lost=lost)

    def dry_run(self, writes: Sequence[Write]) -> Sequence[str]:
        """What Calico's validation would refuse, and what is not there to be changed."""
        self._reachable()
        refusals = []
        for write in writes:
            stored = self._store.get(write.key)
            if (stored is None) is not (write.before is None):
                refusals.append(f"{write.key} {'does not exist' if stored is None else 'exists already'}")
            elif write.after is not None:
                result = patched(stored.document, write.after) if stored else write.after
                refusals += [f"{write.key}: {wrong}" for wrong in objections(result)]
        return refusals

    def pods_to_evict(self, node: NodeName) -> Sequence[Pod]:
        """What a drain still has to evict."""
        self._reachable()
        pods = (resource for resource in self.state.others.values() if isinstance(resource, Pod))
        return sorted((pod for pod in pods if pod.node == node and pod.drains), key=lambda pod: pod.key)

    def evict(self, pod: ResourceKey, grace: int | None = None) -> bool:
        """The pod goes at once, and its controller starts it on another node."""
        self._reachable()
        stored = self._store.get(pod)
        if stored is None:
            return True
        open_nodes = sorted(
            name for name, node in self.state.nodes.items() if not node.unschedulable and not node.taints and node.ready
        )
        spec = {"nodeName": open_nodes[len(pod.name) % len(open_nodes)] if open_nodes else None}
        self._write(pod, patched(stored.document, {"spec": spec}), int(stored.version) + 1)
        return True

    def _reachable(self) -> None:
        if self.clock.now() < self._away_until:
            raise DatastoreUnreachable("the API server refuses connections")

    def _fault(self, name: str, number: int) -> bool:
        return any(fault.name == name and fault.number == number for fault in self.faults)

    def _before_write(self, key: ResourceKey) -> bool:
        self._reachable()
        self._writes += 1
        if self._fault("api-away", self._writes):
            self._away_until = self.clock.now() + AWAY_SECONDS
            self._reachable()
        stored = self._store.get(key)
        if self._fault("conflict", self._writes) and stored is not None:
            edited = patched(stored.document, {"metadata": {"annotations": {"example.com/edited-by": "somebody-else"}}})
            self._store.put(key, edited, int(stored.version) + 1)
        return self._fault("lost-reply", self._writes)

    @staticmethod
    def _after_write(*, lost: bool) -> None:
        if lost:
            raise DatastoreTimeout("no reply from the API server within 30 s")

    def _write(self, key: ResourceKey, document: Document | None, version: int) -> None:
        wrong = objections(document) if document is not None else []
        if wrong:
            raise DatastoreRefused(f"{key}: {wrong[0]}")
        with self._store.begin():
            if document is None:
                self._store.delete(key)
                self.state = self.state.remove(key)
            else:
                self._store.put(key, document, version)
                resource = decode(document)
                if resource is not None:
                    self.state = self.state.put(resource)
            if key.kind == "CalicoNode":
                keep_annotations(self._store, self.state, NodeName(key.name))
            if key.kind in SPEAKING:
                self._sessions_change(key)

    # --- sessions ------------------------------------------------------------------------------

    def _sessions_change(self, key: ResourceKey) -> None:
        """Restart what the write changes: sessions of a node that changed its role, or of every node of a peer."""
        old = self._model
        name = NodeName(key.name)
        if key.kind in ("CalicoNode", "DaemonSet") or (key.kind == "Node" and old.rules.settings.standalone):
            self._rebuild()
            return
        if key.kind == "Node" and name not in self.state.nodes:
            self._model = self._modelled()
            return
        if key.kind == "Node" and name not in old.population.speakers:
            self._model = self._modelled()
            self._restart([(name, peer) for peer in sorted(explicit_links(self._model, name))])
            if self._meshed(self._model, name):
                self._mesh_restart([name])
            return
        if key.kind == "Node":
            before = old.population.signature_of[name]
            meshed, links, up = self._meshed(old, name), explicit_links(old, name), uplinks_of(old, name)
            old.follow(self.state, [name])
            if old.population.signature_of[name] == before:
                return
            self._restart_uplinks(name, up)
            self._restart(
                [
                    (name, peer)
                    for peer in sorted(links ^ explicit_links(old, name) | self._role_links(before.cluster_id, name))
                ]
            )
            if self._meshed(old, name) and not meshed:
                self._mesh_restart([name])
            return
        meshed_before = old.rules.settings.mesh
        self._rebuild()
        if self._model.rules.settings.mesh and not meshed_before:
            self._mesh_restart([name for name, node in self.state.nodes.items() if not node.cluster_id])

    def _rebuild(self) -> None:
        old = self._model
        self._model = self._modelled()
        self._restart(sorted(explicit_pairs(self._model) - explicit_pairs(old)))
        for name in self._model.population.speakers:
            if name in old.population.speakers:
                self._restart_uplinks(name, uplinks_of(old, name))

    def _restart_uplinks(self, name: NodeName, before: Mapping[Outside, Uplink]) -> None:
        rows = []
        for pair in begun_uplinks(name, before, uplinks_of(self._model, name)):
            never = any(fault.address and fault.address == pair.split("|")[1] for fault in self.faults)
            times = timers.session(self._seed, pair, self.clock.now(), self._extra(name))
            self._sessions[pair] = (timers.NEVER, timers.NEVER, timers.NEVER) if never else times
            self._fresh.add(pair)
            rows.append((pair, *self._sessions[pair]))
        self._store.set_sessions(rows)

    def _role_links(self, cluster_id: str, name: NodeName) -> set[NodeName]:
        """Where the cluster ID changed, every session of the node is configured anew."""
        return explicit_links(self._model, name) if cluster_id != self.state.nodes[name].cluster_id else set()

    @staticmethod
    def _meshed(model: Model, name: NodeName) -> bool:
        return model.rules.settings.mesh and not model.population.speakers[name].cluster_id

    def _never_up(self, fault: Fault, *ends: NodeName) -> bool:
        """Only once the node reflects; before, it is a client like any other."""
        name = NodeName(fault.node)
        return fault.name == "session-never-up" and name in ends and self._reflects(name)

    def _reflects(self, name: NodeName) -> bool:
        speaker = self._model.population.speakers.get(name)
        return speaker is not None and bool(speaker.cluster_id)

    def _revive(self) -> None:
        """Sessions that a fault kept down come up once the fault is gone."""
        kept = [pair.split("|") for pair, times in self._sessions.items() if times[0] == timers.NEVER]
        self._restart(
            (node, other)
            for node, other in sorted({(NodeName(ends[0]), NodeName(ends[1])) for ends in kept})
            if other in self.state.nodes
            if not any(self._never_up(fault, node, other) for fault in self.faults)
        )
        faulty = {fault.address for fault in self.faults}
        rows = []
        for node, address, family in kept:
            if NodeName(address) not in self.state.nodes and address not in faulty:
                pair = f"{node}|{address}|{family}"
                self._sessions[pair] = timers.session(self._seed, pair, self.clock.now(), 0.0)
                self._fresh.add(pair)
                rows.append((pair, *self._sessions[pair]))
        self._store.set_sessions(rows)

    def _extra(self, *names: NodeName) -> float:
        return SLOW_SECONDS if any(f.name == "slow-node" and f.node in names for f in self.faults) else 0.0

    def _restart(self, pairs: Iterable[tuple[NodeName, NodeName]]) -> None:
        rows: list[tuple[str, float, float, float]] = []
        for node, other in pairs:
            for family in FAMILIES:
                pair = pair_name(node, other, family)
                times = timers.session(self._seed, pair, self.clock.now(), self._extra(node, other))
                if any(self._never_up(fault, node, other) for fault in self.faults):
                    times = (timers.NEVER, timers.NEVER, timers.NEVER)
                self._sessions[pair] = times
                self._fresh.add(pair)
                rows.append((pair, *times))
        self._store.set_sessions(rows)
        for fault in self.faults:
            name = NodeName(fault.node)
            if fault.name == "reflector-dies" and name not in self._died and self._reflects(name):
                self._died[name] = self.clock.now() + DEATH_SECONDS

    def _mesh_restart(self, names: Iterable[NodeName]) -> None:
        rows = [(str(name), timers.mesh(self._seed, name, self.clock.now(), self._extra(name))) for name in names]
        self._mesh.update(rows)
        self._store.set_mesh(rows)

    # --- Probe ---------------------------------------------------------------------------------

    def quiet(self, family: str) -> frozenset[NodeName]:
        """Nobody: every node of the sandbox announces a block."""
        return frozenset()

    def read(self, survey: Survey, asking: Asking = unheard) -> Sequence[NodeReading]:
        """The readings at this simulated moment; a dead node is silent."""
        self._reachable()
        now = self.clock.now()
        dead = self.dead()
        self._fresh = {pair for pair in self._fresh if self._sessions[pair][2] > now}
        families = {}
        for family in FAMILIES:
            moment = self._moment(family, now, dead)
            families[family] = moment.readings(survey.nodes, survey.peers)
        return [
            NodeReading(name, {str(family): families[family][name] for family in FAMILIES if name in families[family]})
            for name in survey.nodes
            if name not in dead and name in self.state.nodes
        ]

    def sessions(self, nodes: Collection[NodeName]) -> Sequence[NodeSessions]:
        """All sessions of each node at this simulated moment."""
        self._reachable()
        now, dead = self.clock.now(), self.dead()
        states: dict[NodeName, dict[str, dict[str, str]]] = {name: {} for name in nodes if name not in dead}
        for family in FAMILIES:
            moment = self._moment(family, now, dead)
            for name, families in states.items():
                if self._model.population.speakers[name].address(family):
                    families[str(family)] = moment.sessions(name)
        return [NodeSessions(name, families) for name, families in states.items()]

    def dead(self) -> set[NodeName]:
        """The nodes that are silent now."""
        return {name for name, at in self._died.items() if self.clock.now() >= at} | set(self._model.down())

    def _moment(self, family: Family, now: float, dead: Set[NodeName]) -> Moment:
        down, meshed = self._down(family, now, dead), self._mesh_ready(family, now, dead)
        return Moment(self._model, family, down, meshed, dead)

    def _down(self, family: Family, now: float, dead: Set[NodeName]) -> defaultdict[NodeName, set[NodeName]]:
        """The explicit sessions that are not up at this moment, by both ends; nobody counts those of the dead."""
        gone: defaultdict[NodeName, set[NodeName]] = defaultdict(set)
        for pair in self._fresh:
            node, other, in_family = pair.split("|")
            if {node, other} & dead:
                continue
            if in_family == family and not timers.is_up(self._sessions[pair], now):
                gone[NodeName(node)].add(NodeName(other))
                gone[NodeName(other)].add(NodeName(node))
        return gone

    def _mesh_ready(self, family: Family, now: float, dead: Set[NodeName]) -> set[NodeName]:
        return {
            name
            for name, speaker in self._model.population.speakers.items()
            if self._model.rules.settings.mesh
            and not speaker.cluster_id
            and speaker.role is None
            and speaker.address(family)
            and name not in dead
            and self._mesh.get(name, 0.0) <= now
        }
