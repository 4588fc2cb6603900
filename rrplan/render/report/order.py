"""The action graph as a picture: a row for each stage, in which steps may go on beside one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rrplan.ids import StepId
from rrplan.plans.plan import Edge, Plan, Step
from rrplan.text import one_line

WIDTH, LEFT = 960, 76
BOX_WIDTH, BOX_HEIGHT = 212, 46
ACROSS, DOWN = 8, 26
PER_ROW = 4
LETTERS = 32


@dataclass(frozen=True, slots=True)
class Node:
    """A step, or several that are alike."""

    id: str
    number: str
    x: float
    y: float
    lines: tuple[str, ...]
    whole: str
    gates: int
    writes: bool
    exposes: bool
    target: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """What must come first, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A row of steps."""

    number: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class OrderPicture:
    """The whole graph."""

    width: float
    height: float
    stages: tuple[Stage, ...]
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def stages_of(plan: Plan) -> Mapping[StepId, int]:
    """The stage of each step, counted from 1: one more than the last of those that must come before it."""
    before: dict[StepId, list[StepId]] = {}
    for edge in plan.edges:
        before.setdefault(edge.after, []).append(edge.before)
    stage: dict[StepId, int] = {}
    # Steps stand in the order of execution, so everything before a step is known.
    for step in plan.steps:
        stage[step.id] = 1 + max((stage.get(name, 0) for name in before.get(step.id, ())), default=0)
    return stage


def order_picture(
    plan: Plan,
    items: Sequence[tuple[Step, int]],
    numbers: Mapping[StepId, str],
    stages: Mapping[StepId, int],
    exposing: frozenset[StepId],
) -> OrderPicture:
    """The graph of steps as they are folded; `items` are the first of each run, and how many stand with it."""
    standing_for: dict[StepId, StepId] = {}
    place = 0
    for step, count in items:
        standing_for |= {alike.id: step.id for alike in plan.steps[place : place + count]}
        place += count
    rows: dict[int, list[tuple[Step, int]]] = {}
    for step, count in items:
        rows.setdefault(stages[step.id], []).append((step, count))
    y, nodes, drawn = 12.0, dict[StepId, Node](), list[Stage]()
    for number in sorted(rows):
        row = rows[number]
        lines = [row[start : start + PER_ROW] for start in range(0, len(row), PER_ROW)]
        top = y
        for line in lines:
            for index, (step, count) in enumerate(line):
                x = LEFT + index * (BOX_WIDTH + ACROSS)
                whole = one_line(step.summary) + (f", and {count - 1} more like it" if count > 1 else "")
                nodes[step.id] = Node(
                    one_line(step.id),
                    numbers[step.id],
                    x,
                    y,
                    _broken(whole, numbers[step.id]),
                    whole,
                    len(step.gates),
                    bool(step.changes),
                    step.id in exposing,
                    f"step-{numbers[step.id].partition(' ')[0]}",
                )
            y += BOX_HEIGHT + 8
        drawn.append(Stage(number, top, y - top - 8))
        y += DOWN - 8
    arrows = [*_arrows(plan.edges, standing_for, nodes)]
    return OrderPicture(WIDTH, y, tuple(drawn), tuple(nodes.values()), tuple(arrows))


def _arrows(edges: Sequence[Edge], standing_for: Mapping[StepId, StepId], nodes: Mapping[StepId, Node]) -> list[Arrow]:
    drawn: dict[tuple[StepId, StepId], Arrow] = {}
    for edge in edges:
        ends = standing_for[edge.before], standing_for[edge.after]
        if ends[0] == ends[1] or ends in drawn:
            continue
        upper, lower = nodes[ends[0]], nodes[ends[1]]
        ax, ay = upper.x + BOX_WIDTH / 2, upper.y + BOX_HEIGHT
        bx, by = lower.x + BOX_WIDTH / 2, lower.y
        bend = max(10.0, min(40.0, (by - ay) / 2))
        path = f"M{ax:.0f} {ay:.0f}C{ax:.0f} {ay + bend:.0f} {bx:.0f} {by - bend:.0f} {bx:.0f} {by:.0f}"
        drawn[ends] = Arrow(path, one_line(edge.reason))
    return [*drawn.values()]


def _broken(text: str, number: str) -> tuple[str, ...]:
    """A text in the two lines of a box."""
    words = f"{number}. {text}".split(" ")
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) >= LETTERS:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    short = [line if len(line) <= LETTERS else f"{line[: LETTERS - 3]}..." for line in lines]
    if len(short) > 2:
        short = [short[0], f"{short[1][: LETTERS - 3].rstrip()}..."]
    return tuple(short)
