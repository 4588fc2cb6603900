"""What is alike, told once with a count, so that the text about thousands of nodes stays readable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rrplan.plans.change import Change
from rrplan.plans.plan import Plan, Step
from rrplan.render.detail import Detail
from rrplan.render.proof import outside_lines

FOLDED = 10
"""Beyond so many, what is alike is told once."""
UNFOLD = "`--all` shows them"
"""What a line says that stands for others."""


def and_folded(count: int, what: str = "more") -> str:
    """What follows the first of several that are folded; "" for only one."""
    return f" and {count - 1} {what} ({UNFOLD})" if count > 1 else ""


def and_alike_folded(count: int) -> str:
    """The same of those that differ in their name alone."""
    return f", and {count - 1} more like it ({UNFOLD})" if count > 1 else ""


def folded_changes(step: Step, detail: Detail = Detail.FOLDED) -> list[tuple[Change, int]]:
    """The changes of a step with how many they stand for: many that are alike are told by the first of them."""
    if detail is Detail.FOLDED and step.unordered and len(step.changes) > FOLDED:
        return [(step.changes[0], len(step.changes))]
    return [(change, 1) for change in step.changes]


def folded(steps: Sequence[Step], detail: Detail = Detail.FOLDED) -> Iterator[tuple[Step, int]]:
    """Steps with long runs that are alike told once: (first step, how many); one with a cascade is told by itself."""
    index = 0
    while index < len(steps):
        end = index + 1
        if detail is Detail.FOLDED and _foldable(steps[index]):
            shape = _shape(steps[index])
            while end < len(steps) and _foldable(steps[end]) and _shape(steps[end]) == shape:
                end += 1
        if end - index > FOLDED:
            yield steps[index], end - index
            index = end
        else:
            yield steps[index], 1
            index += 1


def _foldable(step: Step) -> bool:
    """Whether it may be one of many: it is about one node, or waits for nothing."""
    return len(step.changes) < 2 and (step.node is not None or not step.gates)


def _shape(step: Step) -> tuple[object, ...]:
    """What two steps have in common that differ in their node alone, for somebody who reads them."""
    name = step.node or ""
    gates = tuple(
        (gate.kind, gate.title.replace(name, "") if name else gate.title, gate.timeout, gate.stable, gate.fraction)
        for gate in step.gates
    )
    return step.action, gates, step.ungated


def folded_lines(lines: Sequence[str], detail: Detail, what: str = "more") -> list[str]:
    """The first lines of many, and how many more there are."""
    if detail is Detail.ALL or len(lines) <= FOLDED:
        return [*lines]
    return [*lines[:FOLDED], f"... and {len(lines) - FOLDED} {what} ({UNFOLD})"]


def folded_names(names: Sequence[str], detail: Detail) -> str:
    """The first names of many, and how many more there are."""
    if detail is Detail.ALL or len(names) <= FOLDED:
        return ", ".join(names)
    return f"{', '.join(names[:FOLDED])} and {len(names) - FOLDED} more ({UNFOLD})"


def reflector_lines(plan: Plan, detail: Detail) -> list[str]:
    """Why each reflector was chosen."""
    return folded_lines(plan.reasons, detail, "more reflectors")


def outside_texts(plan: Plan, detail: Detail) -> list[str]:
    """The sessions to the outside that a plan restarts, or adds."""
    return folded_lines(outside_lines(plan), detail, "more sessions to the outside")
