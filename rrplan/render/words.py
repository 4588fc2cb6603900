"""Sentences about a plan that every format shares."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from rrplan.plans.change import Change
from rrplan.plans.gate import Gate, GateKind
from rrplan.plans.plan import Plan, Step
from rrplan.render.proof import exposure, violation_text
from rrplan.text import SHOWN, and_more

FOLDED = 10
"""Beyond so many, what is alike is told once."""
SYMBOL = {"create": "+", "update": "~", "delete": "-"}


def totals(plan: Plan) -> str:
    """The last line: what is added, changed and destroyed, gates, exposure."""
    if not plan.steps:
        return "No changes. The cluster is as the spec says."
    actions = Counter(change.action.value for _, change in plan.writes)
    gates = sum(len(step.gates) for step in plan.steps)
    return (
        f"Plan: {actions['create']} to add, {actions['update']} to change, {actions['delete']} to destroy. "
        f"{gates} gate{'' if gates == 1 else 's'}. Exposure: {exposure(plan)}."
    )


def notices(plan: Plan) -> list[str]:
    """What a reader should notice; counterexamples are the last."""
    return [*plan.notices, *map(violation_text, plan.proof.violations)]


def observed_lines(plan: Plan) -> list[str]:
    """What nodes reported when the plan was made, and what of it stands against a run."""
    seen = plan.observed
    if seen is None:
        return []
    asked = f"{len(seen.asked)} node{'s were' if len(seen.asked) != 1 else ' was'} asked when this plan was made"
    if not seen.down and not seen.silent:
        return [f"{asked}: all {seen.sessions} sessions of theirs that the proof counts on are up"]
    lines = [f"{asked}: {len(seen.down)} of {seen.sessions} sessions that the proof counts on are down"]
    lines += [
        f"the session of {session.node} with {session.peer} ({session.family}): {session.why}"
        for session in seen.down[:SHOWN]
    ]
    more = and_more(len(seen.down), SHOWN)
    lines += [more.lstrip()] if more else []
    lines += [f"no answer from {', '.join(seen.silent[:SHOWN])}"] if seen.silent else []
    return [*lines, "`rrplan apply` refuses while this is so, unless `--accept-down NODE` names one end"]


def ungated_text(step: Step) -> str:
    """Why a step that touches sessions waits for nothing; "" where it does, or touches none."""
    return f"no gate: {step.ungated}" if step.ungated else ""


def gate_text(gate: Gate) -> str:
    """One gate in a line."""
    if gate.kind in (GateKind.DRAINED, GateKind.ROLLOUT):
        return f"gate: {gate.title} (within {gate.timeout} s)"
    share = "" if gate.fraction == 100 else f", {gate.fraction}% of the nodes"
    return f"gate: {gate.title} (within {gate.timeout} s, held {gate.stable} s{share})"


def value_text(value: object) -> str:
    """A value of a field."""
    return "(absent)" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _plain(step: Step) -> bool:
    return not step.gates and len(step.changes) < 2


def folded_changes(step: Step) -> list[tuple[Change, int]]:
    """The changes of a step with how many they stand for: many that are alike are told by the first of them."""
    if step.unordered and len(step.changes) > FOLDED:
        return [(step.changes[0], len(step.changes))]
    return [(change, 1) for change in step.changes]


def folded(steps: tuple[Step, ...] | list[Step]) -> Iterator[tuple[Step, int]]:
    """Steps with long runs of one action told once: (first step, how many); a step with a cascade is told by itself."""
    index = 0
    while index < len(steps):
        end = index
        while end < len(steps) and steps[end].action is steps[index].action and _plain(steps[end]):
            end += 1
        if end - index > FOLDED:
            yield steps[index], end - index
            index = end
        else:
            yield steps[index], 1
            index += 1
