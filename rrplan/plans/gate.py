"""Gates as data: what must become true after a write, where, by when, and for how long.

A gate carries the numbers it expects, computed by the model when the plan was made, so that whoever runs the
plan compares and never decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rrplan.ids import NodeName
from rrplan.resources import ResourceKey
from rrplan.resources.eviction import Eviction

LONGEST_SECONDS = 22
"""The longest gap measured while a node changed between mesh and reflector, with BIRD 1.6.8 (docs/reliability.md).

How long nodes may be exposed while a step takes effect. A session that collides twice in a row waits 5 and then 10 s
between its tries (`error wait time 5,30`, `connect delay time 2` of Calico's templates); after a third time, longer.
"""
USUAL_SECONDS = 14
"""How long a gate over many sessions usually waits: 99 of 100 sessions are up for good by then."""


class GateKind(StrEnum):
    """What a gate looks at."""

    ROUTES = "routes"
    """Each of `nodes` has an established session with each peer and got that many nodes' routes over it."""
    UPLINKS = "uplinks"
    """Each of `nodes` has its session to a speaker outside the cluster."""
    MESH = "mesh"
    """Each of `nodes` has at least that many mesh sessions, or sessions with other nodes by whatever makes them."""
    DRAINED = "drained"
    """No pod is left that a drain evicts."""
    FALLBACK = "fallback"
    """Each of `nodes` has its routes in a fallback table too, `count` at least; looking fills the table."""
    NO_FALLBACK = "no-fallback"
    """None of `nodes` has a fallback table; looking takes it away."""
    ROLLOUT = "rollout"
    """The DaemonSet has taken its last change up, has no pod where none belongs, and enough pods are available."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """Of each node of the node set `nodes`, in one family: `count` over the session with `peer`, or mesh sessions.

    With `direct` established sessions with other nodes are counted, whether the mesh or BGPPeers make them.

    Over a session, those of all nodes but the node itself and the node set `without` ("" for nobody) are counted.
    `outside` is the address of a speaker outside the cluster; without `peer`, its session alone is asked about.
    """

    nodes: str
    family: str
    count: int
    peer: NodeName | None = None
    without: str = ""
    outside: str = ""
    direct: bool = False

    @property
    def mesh(self) -> bool:
        """Whether mesh sessions are counted."""
        return self.peer is None and not self.outside


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition. Times are seconds.

    `minimum` is how many of its expected peers a node must satisfy in each family (0: all of them), `fraction` the
    percentage of nodes that must pass. Nothing passes while a BIRD is in graceful-restart recovery. `expected` is how
    long it usually takes.
    """

    kind: GateKind
    title: str
    expectations: tuple[Expectation, ...] = ()
    node: NodeName | None = None
    timeout: int = 120
    recovery_timeout: int = 270
    stable: int = 10
    fraction: int = 100
    minimum: int = 0
    expected: int = 15
    eviction: Eviction | None = None
    """Of a drain."""
    daemonset: ResourceKey | None = None
    """Of a rollout."""
    pods: int = 0
    """Pods of the DaemonSet that must be available; 0: this gate does not ask for any."""
