"""What a check finds in a cluster or a spec, as facts; `rrplan.render.checks` has the sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Fact: TypeAlias = str | int | tuple[str, ...]
"""A name, a value, a number, or the names of all that are concerned."""


BEFORE = "before-2.2"
"""The problem of findings in plan files of before 2.2, which held a `text` alone."""

LEFT_BY_OTHERS = "left-by-others"
"""The check that says what stays of what others made."""


class Severity(StrEnum):
    """Whether a plan can be made all the same."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    `check` is its id, `problem` which of the things it can find, and `facts` what was found, by name: nodes, BGPPeers,
    values. `rrplan.render.checks.TEXTS` lists all problems of all checks with their facts.
    """

    check: str
    severity: Severity
    problem: str
    facts: Mapping[str, Fact] = field(hash=False)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A finding before it is known which check found it."""

    severity: Severity
    name: str
    facts: Mapping[str, Fact] = field(hash=False)


def error(name: str, **facts: Fact) -> CheckResult:
    """Something that a plan could not work with."""
    return CheckResult(Severity.ERROR, name, facts)


def warning(name: str, **facts: Fact) -> CheckResult:
    """Something for the operator to weigh."""
    return CheckResult(Severity.WARNING, name, facts)
