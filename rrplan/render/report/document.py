"""What a report says, before it has a form: sections of texts, tables and pictures as values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rrplan.render.report.order import OrderPicture
from rrplan.render.report.topology import TopologyPicture

SHOWN = 10
"""Beyond so many lines, a list is folded until somebody opens it."""
MOST = 500
"""So many lines of a list are in the file."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines of which the first are shown at once; `left` counts those that are not in the file."""

    first: tuple[str, ...]
    more: tuple[str, ...] = ()
    left: int = 0

    @classmethod
    def of(cls, lines: Sequence[str]) -> Listing:
        """Of all lines that there are."""
        return cls(tuple(lines[:SHOWN]), tuple(lines[SHOWN:MOST]), max(0, len(lines) - MOST))

    def __bool__(self) -> bool:
        return bool(self.first)

    def __iter__(self) -> Iterator[str]:
        return iter((*self.first, *self.more))

    def __len__(self) -> int:
        return len(self.first) + len(self.more) + self.left


@dataclass(frozen=True, slots=True)
class Question:
    """One of the questions that a board asks, and its answer."""

    id: str
    asked: str
    answer: tuple[str, ...]
    link: str
    """The id of the section that says more."""


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a change; "" where there is nothing to say of it."""

    name: str
    before: str
    after: str
    masked: bool = False


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One resource that a step changes, and how many more are changed in the same way."""

    symbol: str
    word: str
    key: str
    fields: tuple[FieldRow, ...]
    alike: Listing = field(default_factory=lambda: Listing(()))


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step, or several that are alike, with its way back.

    `number` is the place of the first, `last` that of the last of them. Seconds are those of all of them together.
    """

    number: int
    last: int
    id: str
    action: str
    summary: str
    stage: int
    phase: str
    reasons: tuple[str, ...]
    gates: tuple[str, ...]
    changes: tuple[ChangeRow, ...]
    exposure: tuple[str, ...]
    pairs: int
    expected: int
    worst: int
    undo: tuple[str, ...]
    undo_gates: tuple[str, ...]
    undo_expected: int
    stopped: tuple[str, ...]
    """How things are, and for whom, if the run stops after it."""
    frame: int
    come: tuple[str, ...] = ()
    go: tuple[str, ...] = ()
    others: Listing = field(default_factory=lambda: Listing(()))
    """What the others of several that are alike are called."""

    @property
    def numbers(self) -> str:
        """Its place, or its places."""
        return str(self.number) if self.number == self.last else f"{self.number} to {self.last}"

    @property
    def count(self) -> int:
        """How many steps it stands for."""
        return self.last - self.number + 1


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with lines under it."""

    id: str
    title: str
    lines: Listing
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of a run's timeline; `kind` is `step`, `run`, `bad` or `undo`."""

    at: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Took:
    """How long a step took, and what was expected of it, in seconds; a share is of the longest, in thousandths."""

    number: int
    step: str
    took: int
    expected: int
    worst: int
    word: str
    share: int
    expected_share: int


@dataclass(frozen=True, slots=True)
class RunPart:
    """What happened: the heading, facts, the timeline, and durations beside what was expected."""

    heading: str
    good: bool
    facts: tuple[tuple[str, str], ...]
    next: tuple[tuple[str, str], ...]
    timeline: tuple[Moment, ...]
    left: int
    took: tuple[Took, ...]
    halted: str = ""


@dataclass(frozen=True, slots=True)
class Probes:
    """A row of a rehearsal: what was lost in a step, of pairs of one kind."""

    step: str
    took: str
    kind: str
    exposed: str
    away: str
    lost: str


@dataclass(frozen=True, slots=True)
class RehearsalPart:
    """What a rehearsal measured."""

    verdict: str
    good: bool
    headline: str
    results: tuple[str, ...]
    rows: tuple[Probes, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a file says, in the order in which it is read."""

    title: str
    total: str
    verdict: str
    proved: bool
    digest: str
    overview: tuple[tuple[str, str], ...]
    questions: tuple[Question, ...]
    topology: TopologyPicture | None
    order: OrderPicture | None
    steps: tuple[StepRow, ...]
    proof: Listing
    not_proved: str
    resilience: Listing
    expected: str
    worst: str
    back_expected: str
    sections: tuple[Section, ...]
    hooks: tuple[str, ...]
    rehearsal: RehearsalPart | None = None
    run: RunPart | None = None
    made_by: str = ""

    @property
    def longest(self) -> int:
        """The longest that any row of steps usually takes, 1 at least."""
        return max((step.expected for step in self.steps), default=0) or 1
