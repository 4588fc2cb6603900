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
    STOPPED = "stopped"
    """Between two states: it can be resumed or taken back."""
    DONE = "done"
    UNDONE = "undone"


class Result(StrEnum):
    """How a run ended; `state` is the run's."""

    DONE = "done"
    UNDONE = "undone"
    STOPPED = "stopped"
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
    steps: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins; `index` counts from 1, `left` is how many seconds it and those after it usually take."""

    step: StepId
    index: int
    total: int
    summary: str
    left: int = 0


@dataclass(frozen=True, slots=True)
class GateWaiting:
    """A gate is not passed yet: what it waits for, since when, and how long it usually takes (seconds)."""

    step: StepId
    gate: str
    lack: Waiting
    waited: int
    expected: int
    timeout: int

    @property
    def holding(self) -> bool:
        """Whether nothing is missing but time: the gate must go on holding."""
        return isinstance(self.lack, StillHolding)


@dataclass(frozen=True, slots=True)
class StepSettled:
    """All gates of a step passed."""

    step: StepId
    seconds: int


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step did not begin, did not apply, or did not settle."""

    step: StepId
    why: Reason


@dataclass(frozen=True, slots=True)
class UndoStarted:
    """A step is being undone."""

    step: StepId


@dataclass(frozen=True, slots=True)
class StepUndone:
    """A step is undone, and its undo gates passed."""

    step: StepId
    seconds: int


@dataclass(frozen=True, slots=True)
class UndoFailed:
    """A step could not be undone."""

    step: StepId
    why: Reason


@dataclass(frozen=True, slots=True)
class Retrying:
    """A request was turned away and is tried again in `delay` seconds."""

    step: StepId
    why: DatastoreFailed | MayStillLand
    delay: int


@dataclass(frozen=True, slots=True)
class HookRan:
    """A hook ended; `code` None means a timeout or a command that could not be started."""

    name: str
    point: str
    code: int | None


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over.

    `why` has the reasons of a run that stopped or took everything back, the first failure first. `difference` is of a
    run that took everything back: how the cluster differs from what it was before, as far as that could be seen; None
    where it does not.
    """

    result: Result
    seconds: int
    difference: DatastoreFailed | Drifted | None = None
    why: tuple[Reason, ...] = ()


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
