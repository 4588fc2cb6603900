"""What a run tells its listeners: journal, terminal and JSON all hear the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from rrplan.ids import StepId


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins, or goes on."""

    run_id: str
    steps: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins; `index` counts from 1."""

    step: StepId
    index: int
    total: int
    summary: str


@dataclass(frozen=True, slots=True)
class GateWaiting:
    """A gate is not passed yet: what is missing, since when, and how long it usually takes (seconds).

    `holding` says that nothing is missing but time: the gate must go on holding.
    """

    step: StepId
    gate: str
    missing: str
    waited: int
    expected: int
    timeout: int
    holding: bool = False


@dataclass(frozen=True, slots=True)
class StepSettled:
    """All gates of a step passed."""

    step: StepId
    seconds: int


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step did not apply, or did not settle."""

    step: StepId
    reason: str


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
    reason: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """A request was turned away and is tried again in `delay` seconds."""

    step: StepId
    reason: str
    delay: int


@dataclass(frozen=True, slots=True)
class HookRan:
    """A hook ended; `code` None means a timeout or a command that could not be started."""

    name: str
    point: str
    code: int | None


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over."""

    result: str
    seconds: int
    hint: str


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
        """Take notice."""
        ...


class _Silent:
    def report(self, event: RunEvent) -> None:
        """Nobody is told."""


SILENT: Listener = _Silent()
"""Hears nothing."""
