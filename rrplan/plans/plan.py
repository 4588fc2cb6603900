"""The plan as a value: steps, edges, proof and everything a run needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rrplan.ids import ActionName, NodeName, StepId
from rrplan.plans.change import Change
from rrplan.plans.gate import Gate
from rrplan.plans.phase import Phase
from rrplan.plans.rehearsal import Rehearsal


class Severity(StrEnum):
    """Whether a plan can be made all the same."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `check` is its id."""

    check: str
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Edge:
    """`after` must happen after `before`, because of `reason`."""

    before: StepId
    after: StepId
    reason: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """Ordered node pairs with no surviving path while one step takes effect, told by an example.

    `tolerated` says by which rule it is accepted ("" for not at all): `drained`, `down` or the spec's `brief`.
    `seconds` is the longest that was measured for such a change; `lasting` exposure ends only with a later step.
    """

    family: str
    at: NodeName
    origin: NodeName
    pairs: int
    seconds: int
    tolerated: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class OutsideEffect:
    """What one step does to the session of `node`, and of `nodes` nodes like it, to one speaker outside the cluster.

    `fate` is `lost`, `restarted` (for up to `seconds`) or `gained`.
    """

    node: NodeName
    nodes: int
    speaker: str
    family: str
    fate: str
    seconds: int
    tolerated: str


@dataclass(frozen=True, slots=True)
class StepProof:
    """What was proved for one step: nothing is lost for good, and this is exposed meanwhile.

    `restarts` are the sessions to the outside that it restarts, in words.
    """

    step: StepId
    exposures: tuple[Exposure, ...] = ()
    restarts: tuple[str, ...] = ()
    outside: tuple[OutsideEffect, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A counterexample: what does not hold, after or during which step.

    Where it speaks of routes, (`at`, `origin`) is one of the `pairs` that lack them, in `family`.
    """

    invariant: str
    step: StepId
    text: str
    family: str = ""
    at: str = ""
    origin: str = ""
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """Per step what was proved; `checks` are the sentences about the final state."""

    steps: tuple[StepProof, ...]
    checks: tuple[str, ...]
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

    @property
    def independent(self) -> bool:
        """Whether it touches no session and waits for none, so that others of its kind may go on beside it."""
        return not self.topology and self.phase in (Phase.PREPARE, Phase.FINISH)

    @property
    def undo_changes(self) -> tuple[Change, ...]:
        """The changes that take the step back, in the order of writing."""
        return tuple(change.inverse() for change in reversed(self.changes))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about one way from a snapshot to the desired state; `steps` are in the order of execution.

    `node_sets` are named by gates. `fingerprints` are digests of what the plan relied on, by resource key.
    """

    name: str
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    proof: Proof
    node_sets: Mapping[str, tuple[NodeName, ...]] = field(hash=False)
    fingerprints: Mapping[str, str] = field(hash=False)
    spec: Mapping[str, object] = field(hash=False)
    snapshot: Mapping[str, object] = field(hash=False)
    notices: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    reasons: tuple[str, ...] = ()
    on_failure: str = "undo"
    hooks: tuple[Mapping[str, object], ...] = field(default=(), hash=False)
    down: tuple[NodeName, ...] = ()
    """The nodes that were down when the plan was made."""
    observed: Observed | None = None
    """None where nobody looked."""
    rehearsal: Rehearsal | None = None
    """What was measured when it was rehearsed; no part of what is carried out, nor of the digest."""

    @property
    def writing(self) -> list[Step]:
        """The steps that write."""
        return [step for step in self.steps if step.changes]

    @property
    def writes(self) -> list[tuple[Step, Change]]:
        """Every change of the plan in the order of writing, with its step."""
        return [(step, change) for step in self.steps for change in step.changes]
