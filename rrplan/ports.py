"""The world as rrplan sees it: every Protocol that has more than one implementation, on one page.

Documents are JSON objects in the shape of `rrplan.resources.encode`. All methods may raise the
DatastoreError family of `rrplan.errors`; nothing else crosses this border.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from rrplan.ids import NodeName
from rrplan.resources import ResourceKey

Document: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as the datastore holds it, and the version that a conditional write must name."""

    document: Document = field(hash=False)
    version: str


class Datastore(Protocol):
    """Where Kubernetes and Calico resources live."""

    def everything(self) -> Sequence[Stored]:
        """All resources that a snapshot needs."""
        ...

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

    def pods_to_evict(self, node: NodeName) -> Sequence[ResourceKey]:
        """The pods that a drain of the node still has to evict."""
        ...

    def evict(self, pod: ResourceKey) -> bool:
        """Ask for an eviction; False where a disruption budget says not now."""
        ...


@dataclass(frozen=True, slots=True)
class SessionReading:
    """One explicit session as its node sees it; `routes` counts the nodes whose routes came over it."""

    peer: NodeName
    established: bool
    routes: int


@dataclass(frozen=True, slots=True)
class FamilyReading:
    """One BIRD: recovery (graceful restart, status code 0024), sessions to asked peers, mesh sessions up."""

    recovering: bool
    sessions: Mapping[NodeName, SessionReading] = field(hash=False)
    mesh_up: int = 0


@dataclass(frozen=True, slots=True)
class NodeReading:
    """What one node says, per family (`ipv4`, `ipv6`); a family it does not have is absent."""

    node: NodeName
    families: Mapping[str, FamilyReading] = field(hash=False)


class Probe(Protocol):
    """Reads sessions and routes from nodes."""

    def read(self, nodes: Collection[NodeName], peers: Collection[NodeName]) -> Sequence[NodeReading]:
        """The present reading of each node, with its sessions to `peers`; a silent node is left out."""
        ...


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
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
        """Give it back."""
        ...


@dataclass(frozen=True, slots=True)
class HookResult:
    """How a hook command ended; `code` None means that it timed out or could not be started."""

    code: int | None
    output: str


class HookRunner(Protocol):
    """Runs the operator's commands."""

    def run(self, command: Sequence[str], message: Document, timeout: int) -> HookResult:
        """Run one command with the message as JSON on stdin."""
        ...
