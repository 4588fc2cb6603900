"""What a check finds in a cluster or a spec."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
