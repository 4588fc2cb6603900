"""Where a cluster differs from a spec, as values."""

from __future__ import annotations

from dataclasses import dataclass

from rrplan.ids import StepId


@dataclass(frozen=True, slots=True)
class Difference:
    """A resource, by its key as text, that is not as the spec says; `step` of a new plan would change it."""

    key: str
    step: StepId
    summary: str
