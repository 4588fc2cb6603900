"""What a run tells its listeners: journal, terminal and JSON all hear the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from rrplan.ids import StepId
from rrplan.reports.gates import StillHolding, Waiting
from rrplan.reports.reasons import DatastoreFailed, Drifted, MayStillLand, Reason


class RunState(StrEnum):
    """How a run is: the same word in every message, list, document and JSON."""

    RUNNING = "running"
    """A live process holds the lock for it."""
    STOPPED = "stopped"
    """Between two states: it can be resumed or taken back."""
    DONE = "done"
    """Every step is done, and every gate passed."""
    UNDONE = "undone"
    """Everything was taken back."""


class Result(StrEnum):
    """How a run ended; `state` is the run's."""

    DONE = "done"
    """Every step is done, and every gate passed."""
    UNDONE = "undone"
    """Everything was taken back, after a failure or by `rollback`."""
    STOPPED = "stopped"
    """Between two states: it can be resumed or taken back."""
    INTERRUPTED = "interrupted"
    """Stopped because the operator, or the end of the terminal, asked."""

    @property
    def state(self) -> RunState:
        """The state of a run that ended so."""
        return RunState.STOPPED if self is Result.INTERRUPTED else RunState(self.value)


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins, or goes on."""

    run_id: str
    """The name of the run, which `rrplan runs` and `rrplan rollback` take."""
    steps: int
    """How many steps its plan has."""
    resumed: bool
    """Whether it goes on with a run that stopped."""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins."""

    step: StepId
    """Its id in the plan."""
    index: int
    """Its place in the plan, counted from 1."""
    total: int
    """How many steps the plan has."""
    summary: str
    """What it does, for people."""
    left: int = 0
    """How many seconds it and the steps after it usually take; 0 where that is not known."""


@dataclass(frozen=True, slots=True)
class GateWaiting:
    """A gate is not passed yet; this comes again with each look at it."""

    step: StepId
    """The step whose gate it is."""
    gate: str
    """The title of the gate, for people."""
    lack: Waiting
    """What it waits for."""
    waited: int
    """Seconds since the gate began to wait."""
    expected: int
    """Seconds that it usually takes."""
    timeout: int
    """Seconds after which it fails; a first look that takes long is not counted."""

    @property
    def holding(self) -> bool:
        """Whether nothing is missing but time: the gate must go on holding."""
        return isinstance(self.lack, StillHolding)


@dataclass(frozen=True, slots=True)
class StepSettled:
    """All gates of a step passed."""

    step: StepId
    """Its id in the plan."""
    seconds: int
    """How long it took, gates and all."""


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step did not begin, did not apply, or did not settle."""

    step: StepId
    """Its id in the plan."""
    why: Reason
    """What went wrong."""


@dataclass(frozen=True, slots=True)
class UndoStarted:
    """A step is being undone."""

    step: StepId
    """Its id in the plan."""


@dataclass(frozen=True, slots=True)
class StepUndone:
    """A step is undone, and its undo gates passed."""

    step: StepId
    """Its id in the plan."""
    seconds: int
    """How long the undo took, gates and all."""


@dataclass(frozen=True, slots=True)
class UndoFailed:
    """A step could not be undone."""

    step: StepId
    """Its id in the plan."""
    why: Reason
    """What went wrong."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """A request got no answer, or was turned away unprocessed, and is tried again."""

    step: StepId
    """The step that makes the request."""
    why: DatastoreFailed | MayStillLand
    """What happened to the request."""
    delay: int
    """Seconds until it is tried again."""


@dataclass(frozen=True, slots=True)
class HookRan:
    """A hook ended."""

    name: str
    """Its name in the spec."""
    point: str
    """When it ran: the word after `on` in the spec."""
    code: int | None
    """Its exit code; None after a timeout, or for a command that could not be started."""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over: it is done, stopped, or everything was taken back."""

    result: Result
    """How it ended."""
    seconds: int
    """How long it took."""
    difference: DatastoreFailed | Drifted | None = None
    """After everything was taken back: how the cluster differs from before, as far as that could be seen, or None."""
    why: tuple[Reason, ...] = ()
    """The reasons of a run that stopped or took everything back, the first failure first."""


RunEvent: TypeAlias = (
    RunStarted
    | StepStarted
    | GateWaiting
    | StepSettled
    | StepFailed
    | UndoStarted
    | StepUndone
    | UndoFailed
    | Retrying
    | HookRan
    | RunFinished
)


class Listener(Protocol):
    """Hears every event, in order."""

    def report(self, event: RunEvent) -> None:
        """Hear of one event; they come one at a time, whichever threads steps run in."""
        ...


class _Silent:
    def report(self, event: RunEvent) -> None:
        """Do nothing with the event."""


SILENT: Listener = _Silent()
"""Hears nothing."""
