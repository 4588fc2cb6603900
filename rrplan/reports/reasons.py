"""Why a step does not begin, fails, or is not taken back, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from rrplan.ids import StepId
from rrplan.reports.drift import Drift
from rrplan.reports.gates import GateFailed


@dataclass(frozen=True, slots=True)
class Drifted:
    """Somebody else changed what the plan rests on."""

    drifts: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class DatastoreFailed:
    """The cluster could not be asked, or did not come back in time; `detail` is what it answered last."""

    detail: str


@dataclass(frozen=True, slots=True)
class HookObjected:
    """A hook of the operator ended with `code`, or (None) did not end in time; `output` is how its output begins."""

    hook: str
    code: int | None
    output: str


class Outcome(StrEnum):
    """How a write ended; always definite."""

    LANDED = "landed"
    REFUSED = "refused"
    DRIFTED = "drifted"
    AWAY = "away"
    """The datastore did not come back in time; nothing is known to have failed."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """A write of a step did not land or, where its outcome is AWAY, is not known to have landed; `detail` says why."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class NeitherState:
    """A resource, by its key as text, is neither as before nor as after the step that was cut off."""

    key: str
    step: StepId


Objection: TypeAlias = Drifted | DatastoreFailed | HookObjected
"""Why a step, or a run, does not begin."""
Reason: TypeAlias = Objection | GateFailed | NotWritten | NeitherState
"""Why a step does not begin, fails, or is not taken back."""


@dataclass(frozen=True, slots=True)
class MayStillLand:
    """The write of a resource, by its key as text, got no answer and may still land."""

    key: str


class ReadBack(StrEnum):
    """What was found of a step that was cut off while it was written, where not all of it landed."""

    IN_PART = "in-part"
    NOT_LANDED = "not-landed"
