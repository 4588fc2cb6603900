"""The world as rrplan sees it: every Protocol that has more than one implementation, on one page.

Documents are JSON objects in the shape of `rrplan.resources.encode`; methods raise DatastoreErrors and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from rrplan.errors import DatastoreConflict
from rrplan.ids import NodeName
from rrplan.resources import Pod, ResourceKey

Document: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as the datastore holds it, and the version that a conditional write must name."""

    document: Document = field(hash=False)
    version: str


def at_version(key: ResourceKey, stored: Stored | None, version: str) -> Stored:
    """What is stored, if it is there and at a version; raises DatastoreConflict, as every conditional write does."""
    if stored is None:
        raise DatastoreConflict(f"{key} does not exist")
    if stored.version != version:
        raise DatastoreConflict(f"{key} is at version {stored.version}, not {version}")
    return stored


@dataclass(frozen=True, slots=True)
class Write:
    """An intended write: `before` None creates, `after` None deletes, else `after` is a merge patch."""

    key: ResourceKey
    before: Document | None = field(hash=False)
    after: Document | None = field(hash=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """Resources that were read together, and notices: what could not be read with them, in words."""

    resources: tuple[Stored, ...]
    notices: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Stored]:
        """The resources."""
        return iter(self.resources)

    def __len__(self) -> int:
        """How many resources there are."""
        return len(self.resources)


class Inventory(Protocol):
    """What a snapshot is taken of."""

    def everything(self) -> Listed:
        """All resources that a snapshot needs."""
        ...


class Datastore(Inventory, Protocol):
    """Where Kubernetes and Calico resources live; `at_once` is how many requests may be under way together.

    A write that got no answer may still land, for up to `late_seconds` after the datastore answers again.
    """

    at_once: int
    late_seconds: int

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        ...

    def create(self, key: ResourceKey, document: Document) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        ...

    def patch(self, key: ResourceKey, patch: Document, version: str) -> None:
        """Apply an RFC 7386 merge patch to the resource at that version; DatastoreConflict where it moved on."""
        ...

    def delete(self, key: ResourceKey, version: str) -> None:
        """Remove the resource at that version; DatastoreConflict where it moved on."""
        ...

    def dry_run(self, writes: Sequence[Write]) -> Sequence[str]:
        """What would be refused, in words, if these writes were sent now; nothing is written."""
        ...

    def pods_to_evict(self, node: NodeName) -> Sequence[Pod]:
        """The pods that a drain of the node still has to evict, in the order of their keys."""
        ...

    def evict(self, pod: ResourceKey, grace: int | None = None) -> bool:
        """Ask for an eviction, within `grace` seconds (None: the pod's own); False where a budget says not now."""
        ...


@dataclass(frozen=True, slots=True)
class SessionReading:
    """A session as its node sees it: of how many nodes routes came over it, and why it is not established, if known."""

    peer: NodeName
    established: bool
    routes: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class UplinkReading:
    """A session to a speaker outside the cluster as its node sees it; `routes` only where it is in `reflecting`."""

    established: bool
    why: str = ""
    routes: int = 0


@dataclass(frozen=True, slots=True)
class FamilyReading:
    """One BIRD: recovery (graceful restart, status code 0024), sessions to asked peers, mesh sessions up.

    `uplinks` are its sessions to addresses of no node, `direct_up` those with nodes, whatever makes them, that are up.
    """

    recovering: bool
    sessions: Mapping[NodeName, SessionReading] = field(hash=False)
    mesh_up: int = 0
    uplinks: Mapping[str, UplinkReading] = field(default_factory=dict, hash=False)
    direct_up: int = 0


@dataclass(frozen=True, slots=True)
class NodeReading:
    """What one node says, per family (`ipv4`, `ipv6`); a family it does not have is absent."""

    node: NodeName
    families: Mapping[str, FamilyReading] = field(hash=False)


@dataclass(frozen=True, slots=True)
class NodeSessions:
    """All BGP sessions of one node, by family and by the other end's address: "" where established, else why not."""

    node: NodeName
    families: Mapping[str, Mapping[str, str]] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look asks: the sessions of `nodes`, and what came over those with `peers` and with addresses `reflecting`.

    Of nodes in `meshed` mesh sessions are counted, of those in `uplinked` all others are read. Nodes in `spared` need
    not be asked: of them it is enough to read what the peers say of their sessions.
    """

    nodes: Collection[NodeName]
    peers: Collection[NodeName] = ()
    meshed: Collection[NodeName] = frozenset()
    uplinked: Collection[NodeName] = frozenset()
    spared: Collection[NodeName] = frozenset()
    reflecting: Collection[str] = frozenset()


Asking: TypeAlias = Callable[[int, int], None]
"""Hears how many nodes of how many a look has asked so far; what it raises ends the look."""


def unheard(_asked: int, _nodes: int) -> None:
    """Nobody hears it."""


class Probe(Protocol):
    """Reads sessions and routes from nodes."""

    def sessions(self, nodes: Collection[NodeName]) -> Sequence[NodeSessions]:
        """Every session of each node as the node itself reports it; a silent node is left out."""
        ...

    def read(self, survey: Survey, asking: Asking = unheard) -> Sequence[NodeReading]:
        """The present reading of each node of a survey; a silent node is left out."""
        ...

    def quiet(self, family: str) -> frozenset[NodeName]:
        """The nodes that announce no route of their own in a family, as far as the last `read` can tell."""
        ...


class ResourceStore(Protocol):
    """The objects of some kinds in a live cluster; with `dry_run` a write is judged as far as can be, and not made."""

    def get(self, key: ResourceKey) -> Stored | None:
        """One object, or None."""
        ...

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make an object; DatastoreConflict where it exists."""
        ...

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """Apply an RFC 7386 merge patch at a version; DatastoreConflict where the object moved on."""
        ...

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Remove an object at a version; DatastoreConflict where it moved on."""
        ...

    def appliers(self, key: ResourceKey) -> Sequence[str]:
        """Who else applies this object declaratively, and may put its own values back."""
        ...


class CalicoStore(ResourceStore, Protocol):
    """Calico's own resources, wherever a cluster keeps them, in the shape of projectcalico.org/v3.

    A write that got no answer may still land, for up to `late_seconds` after the store answers again.
    """

    late_seconds: int

    @property
    def kinds(self) -> Collection[str]:
        """The kinds that are read and written here."""
        ...

    def everything(self, kinds: Sequence[str] = ...) -> Listed:
        """All resources of these kinds; where none are given, of all that the store has."""
        ...

    def blocks(self) -> Sequence[tuple[str, NodeName, str]]:
        """Every address block: prefix, node, state; DatastoreRefused where this cannot be known."""
        ...


class SeparateCalico(CalicoStore, Protocol):
    """Calico's resources outside Kubernetes, where Calico has Nodes of its own, which are written whole."""

    def replace(self, key: ResourceKey, document: Document, version: str, *, dry_run: bool = False) -> None:
        """Write a resource anew at a version; DatastoreConflict where it moved on."""
        ...


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where nodes are, all of one look: addresses by node and family, and what goes with them."""

    addresses: Mapping[NodeName, Mapping[str, str]] = field(hash=False)
    """Of every node that Calico knows."""
    cluster_ids: frozenset[str]
    """Of these nodes."""
    hosts: Mapping[NodeName, str] = field(default_factory=dict, hash=False)
    """IPv4 addresses of hosts that Calico does not know: containers of standalone reflectors may run there."""
    pod_cidrs: Mapping[str, NodeName] = field(default_factory=dict, hash=False)
    """The nodes by their podCIDRs, where these are their address blocks; else empty."""


class Directory(Protocol):
    """Which node has which address, and owns which address block."""

    def whereabouts(self) -> Whereabouts:
        """Where the nodes are now."""
        ...

    def owners(self) -> Mapping[str, NodeName]:
        """The nodes that own address blocks, by prefix; DatastoreRefused where this cannot be read."""
        ...

    def announced_pools(self) -> Sequence[str]:
        """The address pools that nodes announce; DatastoreRefused where this cannot be read."""
        ...


class Clock(Protocol):
    """Time: one reading for durations, one for timestamps."""

    def now(self) -> float:
        """Seconds since some moment, never backwards: for durations within one process."""
        ...

    def wall(self) -> datetime:
        """Date and time in UTC, which may jump: for timestamps that people read."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds have passed by this clock."""
        ...


class Lock(Protocol):
    """One run at a time."""

    def acquire(self, holder: Mapping[str, str]) -> None:
        """Take it; LockHeldError where somebody has it."""
        ...

    def confirm(self) -> None:
        """Still ours? LockHeldError if not."""
        ...

    def release(self) -> None:
        """Give the lock back, so that the next run can have it."""
        ...

    def holder(self) -> Mapping[str, str]:
        """Who holds it, or held it when its process died: who, where, since, why, run, plan; {} for nobody."""
        ...

    def alive(self) -> bool:
        """Whether the holder is a run that still goes on; may take as long as a lease lasts."""
        ...

    def forget(self) -> None:
        """Clear what a dead run left; LockHeldError while the holder lives."""
        ...


@dataclass(frozen=True, slots=True)
class HookResult:
    """How a hook command ended; `code` None means that it timed out or could not be started."""

    code: int | None
    output: str


class Log(Protocol):
    """Lines that stay, for one run: a file, or objects in the cluster."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    def lines(self) -> Sequence[bytes]:
        """All complete lines, oldest first; reading changes nothing that is kept, and leaves nothing open.

        Raises JournalError where it is known that more were written.
        """
        ...

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line; with `durable` it and all before it stay when this returns. Raises JournalUnwritable."""
        ...

    def close(self) -> None:
        """Release what adding lines opened; lines that no durable line followed may be lost, as in a crash."""
        ...


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run that a store knows: which plan, who began it, when (RFC 3339), and the last line about the run.

    `number` is one more than that of the run before it; 0 for a new run, and for those of versions without numbers.
    """

    run: str
    plan: str
    who: str
    since: str
    last: str = ""
    number: int = 0
    problem: str = ""
    """Why the journal cannot be read; "" where it can."""


class RunStore(Protocol):
    """Where runs are kept: the plan and the journal of each; whoever has the store can take a run over."""

    def begin(self, run: KeptRun, plan: bytes) -> None:
        """Keep the plan of a new run, under a number that follows all others; the caller holds the lock."""
        ...

    def plan(self, run: str) -> bytes:
        """The plan file of a run; raises RRPlanError for one that is not known."""
        ...

    def log(self, run: str) -> Log:
        """The lines of its journal."""
        ...

    def runs(self) -> Sequence[KeptRun]:
        """All runs, oldest first: by their numbers, because dates may jump."""
        ...


class HookRunner(Protocol):
    """Runs the operator's commands."""

    def run(self, command: Sequence[str], message: Document, timeout: int) -> HookResult:
        """Run one command with the message as JSON on stdin."""
        ...
