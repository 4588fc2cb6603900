"""Why a gate is not passed, as values: who lacks what, how much of it is there, and how much is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from rrplan.ids import NodeName
from rrplan.plans.gate import GateKind
from rrplan.resources.eviction import EvictionRefusal


class Shortfall(StrEnum):
    """What a node lacks of what is expected of it."""

    NO_ANSWER = "no-answer"
    """The node does not answer."""
    NO_FAMILY = "no-family"
    """No BIRD answers for the family."""
    RECOVERING = "recovering"
    """Its BIRD is in graceful-restart recovery, so it programs no route yet."""
    SESSION = "session"
    """Its session with `peer` is not established."""
    MESH_SESSIONS = "mesh-sessions"
    """It has `found` of `wanted` mesh sessions."""
    DIRECT_SESSIONS = "direct-sessions"
    """It has `found` of `wanted` sessions with other nodes."""
    ROUTES = "routes"
    """It got `found` of `wanted` routes over its session with `peer`."""
    COPIES = "copies"
    """`found` of `wanted` routes are in its fallback table."""
    TABLE_UNUSED = "table-unused"
    """Its kernel does not look into its fallback table."""
    TABLE_LEFT = "table-left"
    """Its fallback table is still there, with `found` routes."""
    RULE_TAKEN = "rule-taken"
    """Another rule stands where those of the fallback table belong; `why` is that rule."""
    TABLE_TAKEN = "table-taken"
    """The table has routes of others; `why` is one."""
    DEAD_END = "dead-end"
    """A route that leads nowhere would hide the fallback table; `why` is that route."""
    COMMAND = "command"
    """The command for its fallback table cannot be run, or failed; `why` says how."""


@dataclass(frozen=True, slots=True)
class NodeShort:
    """What one node lacks in one family.

    `peer` is the name of a node, or the address of a speaker outside the cluster. `why` is what the node itself says
    of a session that is not established, or of what hinders its fallback table; "" where it says nothing.
    """

    node: NodeName
    shortfall: Shortfall
    family: str
    peer: str = ""
    found: int = 0
    wanted: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class NodesShort:
    """Of `nodes` nodes only `ready` have what the gate expects; `example` is the first of what is missing."""

    ready: int
    nodes: int
    example: NodeShort


class PodState(StrEnum):
    """Why a pod that was asked to go is still there."""

    TERMINATING = "terminating"
    HELD = "held"
    """A PodDisruptionBudget holds it."""


@dataclass(frozen=True, slots=True)
class PodLeft:
    """A pod that a drain waits for."""

    namespace: str
    name: str
    state: PodState


@dataclass(frozen=True, slots=True)
class PodsLeft:
    """The pods that a drain waits for."""

    pods: tuple[PodLeft, ...]


@dataclass(frozen=True, slots=True)
class PodKept:
    """A pod that a drain must not evict."""

    namespace: str
    name: str
    node: NodeName
    refusal: EvictionRefusal


@dataclass(frozen=True, slots=True)
class PodsKept:
    """The pods that a drain must not evict; none of the others is evicted either, and waiting does not help."""

    pods: tuple[PodKept, ...]


class RolloutLack(StrEnum):
    """What a rollout still lacks."""

    GONE = "gone"
    """The DaemonSet is not there; waiting does not help."""
    UNSEEN = "unseen"
    """Its controller has not seen the last change."""
    MISSCHEDULED = "misscheduled"
    """`found` of its pods still run where none belongs."""
    PODS = "pods"
    """`found` of `wanted` pods are counted in the field `number` of its status."""


@dataclass(frozen=True, slots=True)
class RolloutShort:
    """What the rollout of a DaemonSet lacks; `daemonset` is its resource key as text."""

    daemonset: str
    lack: RolloutLack
    number: str = ""
    found: int = 0
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class GateUnknown:
    """The gate could not be looked at; `detail` is what the cluster answered."""

    detail: str


@dataclass(frozen=True, slots=True)
class StillHolding:
    """Nothing is missing but time: the gate holds, and must go on holding for `stable` seconds in all."""

    stable: int


@dataclass(frozen=True, slots=True)
class Sweeping:
    """A look is under way: so far `asked` of `nodes` nodes were asked."""

    asked: int
    nodes: int


Lack: TypeAlias = NodesShort | PodsLeft | PodsKept | RolloutShort | GateUnknown
"""Why a gate does not hold."""
Waiting: TypeAlias = Lack | StillHolding | Sweeping
"""What a gate waits for."""


@dataclass(frozen=True, slots=True)
class GateFailed:
    """A gate that did not pass: what it looks at, its title, and what it lacked at the last look.

    `timeout` is after how many seconds it timed out; None where waiting does not help.
    """

    kind: GateKind
    gate: str
    lack: Lack
    timeout: int | None
