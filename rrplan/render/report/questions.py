"""The five questions that a board asks, each with its answer in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rrplan.plans.change import ChangeAction
from rrplan.plans.cost import duration, waiting
from rrplan.plans.plan import Plan
from rrplan.render.overview import FAILS, span
from rrplan.render.proof import exposure, outside_lines, proof_lines, violation_text
from rrplan.render.report.document import Question
from rrplan.render.report.halfway import affected
from rrplan.render.report.topology import TopologyPicture, reflectors_text
from rrplan.text import and_alike, listed

WORDS = {ChangeAction.CREATE: "created", ChangeAction.UPDATE: "changed", ChangeAction.DELETE: "deleted"}
MOST_LINES = 14


def questions(plan: Plan, topology: TopologyPicture | None, stages: int) -> tuple[Question, ...]:
    """All five, in the order in which they are asked."""
    return (
        Question("what", "What changes?", tuple(_what(plan, topology)), "changes"),
        Question("order", "In which order?", tuple(_order(plan, stages)), "order"),
        Question("exposed", "What is exposed meanwhile?", tuple(_exposed(plan)), "proof"),
        Question("back", "How do we go back?", tuple(_back(plan)), "way-back"),
        Question("halfway", "Who is affected if it stops half-way?", affected(plan), "steps"),
    )


def _what(plan: Plan, topology: TopologyPicture | None) -> Iterator[str]:
    if not plan.steps:
        yield "nothing: the cluster is as the spec says"
        return
    if topology is not None and len(topology.frames) > 1:
        for lead, frame in (("before", topology.frames[0]), ("after", topology.frames[-1])):
            named = "" if topology.exact else " (as far as the plan names them)"
            yield f"{lead}: {frame.mesh}, {reflectors_text(frame.reflectors)}, {frame.sessions:,} sessions{named}"
    changed: dict[tuple[str, str], dict[str, None]] = {}
    for _, change in plan.writes:
        changed.setdefault((WORDS[change.action], change.key.kind), {})[change.key.name] = None
    for (word, kind), names in sorted(changed.items()):
        one = len(names) == 1
        yield f"{len(names):,} {kind}{'' if one else 's'} {'is' if one else 'are'} {word}: {listed([*names])}"


def _order(plan: Plan, stages: int) -> Iterator[str]:
    if not plan.steps:
        yield "there are no steps"
        return
    takes = duration(plan)
    steps = f"{len(plan.steps):,} step{'' if len(plan.steps) == 1 else 's'}"
    yield (
        f"{steps} in {stages:,} stage{'' if stages == 1 else 's'}; about {span(takes.expected)}, at most "
        f"{span(takes.worst)} if every gate passes at its last moment"
    )
    runs = [(key, [*run]) for key, run in groupby(plan.steps, lambda step: (step.action, step.phase))]
    number = 1
    for place, (_, run) in enumerate(runs):
        if place == MOST_LINES:
            yield f"and {len(plan.steps) - number + 1:,} more steps, listed below"
            return
        last = number + len(run) - 1
        numbers = f"step {number}" if last == number else f"steps {number} to {last}"
        yield f"{numbers}: {run[0].summary}{and_alike(len(run))}"
        number = last + 1


def _exposed(plan: Plan) -> Iterator[str]:
    if plan.proof.violations:
        yield from (violation_text(violation) for violation in plan.proof.violations[:MOST_LINES])
        return
    yield f"exposure of the whole plan: {exposure(plan)}"
    if plan.steps:
        outside = outside_lines(plan)
        more = [f"and {len(outside) - 5} more sessions to the outside"] if len(outside) > 5 else []
        yield from proof_lines(plan, [*outside[:5], *more])


def _back(plan: Plan) -> Iterator[str]:
    if not plan.steps:
        yield "there is nothing to take back"
        return
    back = waiting([gate for step in plan.steps for gate in step.undo_gates])
    yield FAILS[plan.on_failure]
    yield (
        "`rrplan rollback` takes the whole run back, while no later run builds on it: the steps in reverse order, each "
        "with gates of its own; where others changed the cluster meanwhile, it stops before it writes over that"
    )
    yield f"the whole way back waits about {span(back.expected)}, at most {span(back.worst)}"
    yield "the proof holds for both directions: what no step forward loses, no step back loses"
