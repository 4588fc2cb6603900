"""The plan as a value: steps, edges, proof and everything a run needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rrplan.bgp.outside import Fate
from rrplan.bgp.routes import NoRoute
from rrplan.checks.finding import Finding
from rrplan.ids import ActionName, NodeName, StepId
from rrplan.plans.change import Change
from rrplan.plans.gate import Gate
from rrplan.plans.phase import Phase
from rrplan.plans.rehearsal import Rehearsal
from rrplan.resources import CalicoVersion, ClusterIdentity
from rrplan.specs.model import Hook, OnFailure, Spec


@dataclass(frozen=True, slots=True)
class Edge:
    """`after` must happen after `before`, because of `reason`."""

    before: StepId
    after: StepId
    reason: str


FINAL_STATE = StepId("final state")
"""Stands where a step is named, for what must hold once all steps are done."""


class Invariant(StrEnum):
    """What must hold: after each step, while it takes effect, and in the final state."""

    CONVERGED = "converged"
    """Whoever held a route holds it."""
    SURVIVING = "surviving"
    """While a step takes effect, pairs that the spec does not except keep a path over sessions that stay up."""
    OUTSIDE = "outside"
    """No session to a speaker outside the cluster is lost, and none restarts that the spec does not except."""
    GATED = "gated"
    """A gate can tell when the sessions that a step changes are up."""
    REFLECTORS_PER_CLIENT = "reflectors-per-client"
    CLIENTS_PER_REFLECTOR = "clients-per-reflector"
    RESILIENCE = "resilience"
    """The loss of any one reflector that is up keeps all routes."""
    ZONE_RESILIENCE = "zone-resilience"
    """The loss of any one zone keeps all routes of the others."""
    ANNOUNCED = "announced"
    """Every node holds what speakers outside announce to the cluster."""
    PATHS_PER_ROUTE = "paths-per-route"
    """No node holds many paths of each route, where these are many altogether: they fill BIRD's memory."""


class Tolerance(StrEnum):
    """Why an exposure is accepted; `NOT` is "" and false."""

    NOT = ""
    DRAINED = "drained"
    """All pairs end at a node that is drained."""
    DOWN = "down"
    """All pairs end at a node that is down."""
    CARRIED = "carried"
    """Without a route of BGP, and carried by fallback tables: all pairs are of nodes that had the route before."""
    BRIEF = "brief"
    """The spec accepts exposure that is as long as this one can be."""
    NOT_REQUIRED = "not-required"
    """Of a session to a speaker outside that the spec does not require."""
    BY_ROUTES = "by-routes"
    """Of a session to a reflector outside: the routes that it carries are proved pair by pair."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Ordered pairs with no surviving path while one step takes effect, and one of them as an example.

    `pairs` counts them; (`at`, `origin`) is the example. `seconds` is the longest that was measured for such a change;
    a `lasting` one goes on after the step, until a later step ends it: nobody needs the routes of a drained node.
    """

    family: str
    at: NodeName
    origin: NodeName
    pairs: int
    seconds: int
    tolerated: Tolerance
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class OutsideEffect:
    """What one step does to the session of `node`, and of `nodes` nodes like it, to one speaker outside the cluster.

    A session that restarts is away for up to `seconds`.
    """

    node: NodeName
    nodes: int
    speaker: str
    family: str
    fate: Fate
    seconds: int
    tolerated: Tolerance


@dataclass(frozen=True, slots=True)
class StepProof:
    """What was proved for one step: nothing is lost for good, and this is exposed meanwhile."""

    step: StepId
    exposures: tuple[Exposure, ...] = ()
    outside: tuple[OutsideEffect, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A counterexample: which invariant does not hold, after or during which step, and of whom.

    A field that an invariant says nothing about is "", 0, None or False. What the others mean:

    - converged, surviving: (`at`, `origin`) is one of `pairs` ordered pairs without a route, in `family`; for good and
      because of `reason`, or for up to `seconds`.
    - outside: the session of node `at`, and of `pairs` nodes like it, to the speaker `origin`; `fate` is what becomes
      of it, and away for up to `seconds` if it restarts.
    - reflectors-per-client, clients-per-reflector: `at` has `count`, the policy wants `wanted`.
    - paths-per-route: `at` holds `count` paths of a route on average, or more, the policy allows `wanted`.
    - resilience, zone-resilience: the loss of the reflector `at`, or of `zone`; "" where no node has a zone label.
    - announced: `at` and `pairs` nodes in all do not hold `origin`.
    """

    invariant: Invariant
    step: StepId
    family: str = ""
    at: str = ""
    origin: str = ""
    pairs: int = 0
    seconds: int = 0
    reason: NoRoute | None = None
    fate: Fate | None = None
    count: int = 0
    wanted: int = 0
    zone: str = ""
    undo: bool = False
    """Whether it is the undo of the step that does not hold it."""
    every_node_alive: bool = False
    """Whether it holds with the nodes that are down, and not if they serve routes all the same."""


@dataclass(frozen=True, slots=True)
class FinalCheck:
    """What was checked in the final state, and holds.

    - converged: whoever held a route holds it; `count` ordered pairs hold none, as before. If not `owed`, BGP
      carries no pool of the cluster, so no node is owed a route.
    - reflectors-per-client, clients-per-reflector: the fewest that a client has, the most that a reflector has.
    - paths-per-route: the most that a node holds of a route, on average.
    - resilience: while `count` reflectors are down.
    - zone-resilience: of `count` zones.
    - announced: `count` prefixes.
    """

    invariant: Invariant
    count: int = 0
    owed: bool = True


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved: for each step, and in the `final` state; `violations` are counterexamples."""

    steps: tuple[StepProof, ...]
    final: tuple[FinalCheck, ...]
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionDown:
    """A session that the proof counts on and that `node` says is not established; `peer` is a name or an address."""

    node: NodeName
    peer: str
    family: str
    why: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What nodes of the cluster reported when the plan was made: of `sessions` that the proof counts on, some `down`.

    `silent` are those of the `asked` nodes that did not answer.
    """

    asked: tuple[NodeName, ...]
    silent: tuple[NodeName, ...]
    sessions: int
    down: tuple[SessionDown, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Action, changes, gates and undo gates: the unit that is proved, journaled and undone.

    A step without changes waits for its gates only. Several changes are written in their order, or, where the step is
    `unordered`, in any order and at the same time; the proof covers every part of them. `node` is the node that the
    step is about, if it is about one.
    """

    id: StepId
    action: ActionName
    summary: str
    changes: tuple[Change, ...] = ()
    gates: tuple[Gate, ...] = ()
    undo_gates: tuple[Gate, ...] = ()
    topology: bool = False
    ungated: str = ""
    """Why it has no gate, where it may touch sessions and has none."""
    undo_ungated: str = ""
    """The same of its undo."""
    node: NodeName | None = None
    phase: Phase = Phase.PREPARE
    wave: int = 0
    """Which wave it moves, counted from 1; 0 for none."""
    unordered: bool = False
    until: StepId | None = None
    """The step that puts back what this one changes, where that is for the way only."""

    @property
    def independent(self) -> bool:
        """Whether it touches no session and waits for none, so that others of its kind may go on beside it."""
        return not self.topology and self.phase in (Phase.PREPARE, Phase.FINISH)

    @property
    def place(self) -> tuple[int, int, str]:
        """Where it stands among steps that no edge orders: by phase, by wave, by name."""
        return self.phase.place, self.wave, self.id

    @property
    def undo_changes(self) -> tuple[Change, ...]:
        """The changes that take the step back, in the order of writing."""
        return tuple(change.inverse() for change in reversed(self.changes))


@dataclass(frozen=True, slots=True)
class SnapshotReference:
    """Which snapshot a plan was made from, and the Calico version that it was made for.

    `taken_at` is the time as it stands in the snapshot; None where that has none.
    """

    digest: str
    taken_at: str | None
    calico_version: CalicoVersion
    cluster: ClusterIdentity = field(default_factory=ClusterIdentity)
    """Which cluster it is of; a plan is carried out on no other."""
    other_versions: tuple[CalicoVersion, ...] = ()
    """The releases of single nodes, where they are not `calico_version`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about one way from a snapshot to the desired state; `steps` are in the order of execution.

    `node_sets` are named by gates. `fingerprints` are digests of what the plan relied on, by resource key.
    """

    name: str
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    """What must happen after what, and why."""
    proof: Proof
    """What was proved of the steps."""
    node_sets: Mapping[str, tuple[NodeName, ...]] = field(hash=False)
    fingerprints: Mapping[str, str] = field(hash=False)
    spec: Spec
    """What it leads to."""
    snapshot: SnapshotReference
    """What it was made from."""
    notices: tuple[str, ...] = ()
    """What a reader should know, in words."""
    findings: tuple[Finding, ...] = ()
    """What the checks found."""
    reasons: tuple[str, ...] = ()
    """Why the spec came to this, in words."""
    on_failure: OnFailure = OnFailure.UNDO
    """What happens where a step fails."""
    hooks: tuple[Hook, ...] = ()
    """Commands that the run executes."""
    down: tuple[NodeName, ...] = ()
    """The nodes that were down when the plan was made."""
    observed: Observed | None = None
    """None where nobody looked."""
    rehearsal: Rehearsal | None = None
    """What was measured when it was rehearsed; no part of what is carried out, nor of the digest."""
    written_as: str = field(default="", compare=False)
    """The format version of the file that it was read from; "" where it was made here."""
    file_digest: str = field(default="", compare=False)
    """The digest of that file."""

    @property
    def writing(self) -> list[Step]:
        """The steps that write."""
        return [step for step in self.steps if step.changes]

    @property
    def writes(self) -> list[tuple[Step, Change]]:
        """Every change of the plan in the order of writing, with its step."""
        return [(step, change) for step in self.steps for change in step.changes]
