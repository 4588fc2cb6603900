"""Every way in which rrplan says no, on one page.

```
RRPlanError                  has a sentence, a `hint` and an exit code
├── InputError               what we were given cannot be read: one or more Problems with file, line, column
│   ├── SpecError            the spec is wrong
│   ├── ManifestError        Kubernetes or Calico YAML/JSON is wrong
│   └── FileFormatError      a snapshot, plan or journal file of ours is wrong, or of a newer major version
│       ├── DigestMismatch   the file was changed after rrplan wrote it                        (exit 5)
│       └── PlanMismatch     a plan is not what its own spec, or the cluster, comes to         (exit 5)
├── UsageProblem             the words on the command line do not fit together                  (exit 64)
├── UnsafePlanError          some step would lose routes; carries the counterexamples            (exit 7)
├── PolicyRefusal            the spec's policy or the cluster does not allow what was asked      (exit 7)
├── StalePlanError           the cluster moved on since the plan was made                        (exit 5)
├── LockHeldError            another run holds the cluster                                       (exit 6)
├── PreflightError           a check before the first write failed                               (exit 8)
│   └── ChecksFailed         preflight checks found errors; carries them
├── JournalError             the journal contradicts itself, the plan or the cluster             (exit 4)
│   └── JournalUnwritable    it cannot be written, so the run stops where it is
├── RunBroken                a run that had begun cannot go on here, as on a full disk           (exit 4)
└── DatastoreError           the place where resources live said no, or said nothing
    ├── DatastoreRefused     a definite no: invalid, forbidden
    ├── DatastoreConflict    a definite no: the object is not what we thought it is
    ├── DatastoreUnreachable a definite no: the request never left, or was turned away unprocessed
    └── DatastoreTimeout     no answer: the write may have landed
```

A bug is an `AssertionError` or whatever Python raises, never one of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rrplan.exit_codes import ExitCode
from rrplan.text import listed, one_line


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a document, and where.

    `line` and `column` count from 1; 0 means unknown. `text` is the offending piece of the document.
    """

    summary: str
    file: str = ""
    line: int = 0
    column: int = 0
    text: str = ""
    hint: str = ""
    path: str = ""

    def where(self) -> str:
        """`file:line:column`, as far as known."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        place = self.where()
        head = f"{place}: {self.summary}" if place else self.summary
        lines = [one_line(head)]
        if self.text:
            lines.append(f"    {one_line(self.text)}")
        if self.hint:
            lines.append(f"  hint: {one_line(self.hint)}")
        return "\n".join(lines)


class RRPlanError(Exception):
    """Base of all refusals; `hint` says what to do, `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        """An error comes out of another process as it went in."""
        return _again, (type(self), self.__dict__)


def _again(kind: type[RRPlanError], fields: dict[str, object]) -> RRPlanError:
    error = kind.__new__(kind)
    error.__dict__.update(fields)
    return error


class InputError(RRPlanError):
    """A document we were given is wrong; `problems` are all that is wrong with it (`Problem`)."""

    what: ClassVar[str] = "the input"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{count} problem{'' if count == 1 else 's'} in {self.what}")

    @classmethod
    def one(
        cls, summary: str, *, file: str = "", line: int = 0, column: int = 0, text: str = "", hint: str = ""
    ) -> InputError:
        """The common case: a single problem."""
        return cls([Problem(summary, file, line, column, text, hint)])

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class SpecError(InputError):
    """The operator's document is wrong."""

    what = "the spec"


class ManifestError(InputError):
    """Kubernetes or Calico YAML/JSON cannot be used."""

    what = "the manifests"


class FileFormatError(InputError):
    """A file that rrplan itself writes cannot be used."""

    what = "the file"


class DigestMismatch(FileFormatError):
    """A file of ours was changed after it was written."""

    exit_code = ExitCode.STALE


class PlanMismatch(FileFormatError):
    """A plan that does not hold together, or is not what its spec comes to, whatever its digest says."""

    exit_code = ExitCode.STALE


class UsageProblem(RRPlanError):
    """The words on the command line do not fit together."""

    exit_code = ExitCode.USAGE


class UnsafePlanError(RRPlanError):
    """Some step would lose routes, or expose more than the spec accepts.

    `violations` are the counterexamples as facts (`rrplan.plans.plan.Violation`); `rrplan.render.proof` has the words.
    `findings` are what preflight checks found that may be why (`rrplan.checks.finding.Finding`). `hints` are what to do
    about each kind of violation, and `plan` is what was refused (`rrplan.plans.plan.Plan`).
    """

    exit_code = ExitCode.REFUSED

    def __init__(
        self,
        violations: Sequence[object],
        *,
        findings: Sequence[object] = (),
        hints: Sequence[str] = (),
        plan: object = None,
    ) -> None:
        self.hints = tuple(hints)
        self.plan = plan
        self.violations = tuple(violations)
        self.findings = tuple(findings)
        count = len(self.violations)
        super().__init__(
            f"refused: {count} violation{'' if count == 1 else 's'} in the proof",
            hint=self.hints[0] if self.hints else "",
        )


class PolicyRefusal(RRPlanError):
    """What was asked is not allowed by the spec's policy, or cannot be had on this cluster."""

    exit_code = ExitCode.REFUSED


class StalePlanError(RRPlanError):
    """The cluster changed since the plan was made.

    `changed` are facts (`rrplan.reports.drift.Drift`), `texts` the sentences about them (`rrplan.render.run`).
    """

    exit_code = ExitCode.STALE

    def __init__(
        self,
        changed: Sequence[object],
        texts: Sequence[str],
        *,
        hint: str = "make a new plan from the cluster as it is now",
    ) -> None:
        self.changed = tuple(changed)
        count = len(self.changed)
        shown = listed(texts)
        super().__init__(
            f"stale plan: {count} resource{'' if count == 1 else 's'} changed since it was made: {shown}", hint=hint
        )


class LockHeldError(RRPlanError):
    """Another run holds the cluster; `holder` says who, where, since when and why."""

    exit_code = ExitCode.LOCKED

    def __init__(self, holder: str, *, hint: str) -> None:
        super().__init__(f"locked: {holder}", hint=hint)
        self.holder = holder


class PreflightError(RRPlanError):
    """A check that comes before the first write failed; `failures` are sentences."""

    exit_code = ExitCode.PREFLIGHT

    def __init__(self, failures: Sequence[str], *, hint: str = "") -> None:
        self.failures = tuple(failures)
        super().__init__("preflight: " + "; ".join(self.failures), hint=hint)


class ChecksFailed(PreflightError):
    """Preflight checks found errors: `findings` are the facts (`rrplan.checks.finding.Finding`)."""

    def __init__(self, findings: Sequence[object], failures: Sequence[str], *, hint: str = "") -> None:
        super().__init__(failures, hint=hint)
        self.findings = tuple(findings)


class JournalError(RRPlanError):
    """The journal contradicts itself, the plan or the cluster: nobody knows which steps were done."""

    exit_code = ExitCode.PARTIAL


class JournalUnwritable(JournalError):
    """The journal cannot be written, so the run stops where it is."""


class RunBroken(RRPlanError):
    """A run that had begun cannot go on, for a reason that has nothing to do with its steps, such as a full disk."""

    exit_code = ExitCode.PARTIAL


class DatastoreError(RRPlanError):
    """The place where resources live said no, or said nothing; the kinds of it say which."""


class DatastoreRefused(DatastoreError):
    """A definite no: the object is invalid, or we may not write it."""


class DatastoreConflict(DatastoreError):
    """A definite no: the object is not what we thought it is."""


class DatastoreUnreachable(DatastoreError):
    """A definite no: the request was not processed, so trying again is safe."""


class DatastoreTimeout(DatastoreError):
    """No answer: the write may or may not have landed."""
