"""Sentences about a plan that every format shares."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rrplan.plans.change import Change
from rrplan.plans.gate import Gate, GateKind
from rrplan.plans.plan import Exposure, Finding, Plan, Step
from rrplan.text import SHOWN, and_more

NOT_PROVED = (
    "Not covered by the proof: BIRD bugs, missed reloads, nodes that fail later, TCP reachability, and what speakers "
    "outside the cluster do with routes; gates watch for these."
)
FOLDED = 10
"""Beyond so many, what is alike is told once."""
SYMBOL = {"create": "+", "update": "~", "delete": "-"}


def totals(plan: Plan) -> str:
    """The last line: what is added, changed and destroyed, gates, exposure."""
    if not plan.steps:
        return "No changes. The cluster is as the spec says."
    verbs = [change.verb for _, change in plan.writes]
    gates = sum(len(step.gates) for step in plan.steps)
    return (
        f"Plan: {verbs.count('create')} to add, {verbs.count('update')} to change, {verbs.count('delete')} to destroy. "
        f"{gates} gate{'' if gates == 1 else 's'}. Exposure: {exposure(plan)}."
    )


def exposures(plan: Plan) -> list[Exposure]:
    """All exposures of all steps."""
    return [one for proof in plan.proof.steps for one in proof.exposures]


def exposure(plan: Plan) -> str:
    """The exposure of a whole plan in a few words."""
    found = exposures(plan)
    if not found:
        return "none"
    pairs, seconds = sum(one.pairs for one in found), max(one.seconds for one in found)
    kinds = {one.tolerated.partition(":")[0] for one in found}
    if kinds <= {"drained", "down"}:
        return f"{' and '.join(sorted(kinds, reverse=True))} nodes only"
    return f"{pairs} ordered pair{'' if pairs == 1 else 's'}, up to {seconds} s each"


def proof_lines(plan: Plan) -> list[str]:
    """The proof in three lines: after every step, during every step, in the end."""
    found = exposures(plan)
    count = len(plan.proof.steps)
    after = f"each of the {count} steps that touch" if count > 1 else "the one step that touches"
    lines = [f"after {after} sessions: no node loses a route, in both families"]
    if not count:
        lines = ["no step touches a session"]
    elif found:
        pairs, seconds = sum(one.pairs for one in found), max(one.seconds for one in found)
        which = "accepted by the spec"
        if exposure(plan).endswith("nodes only"):
            kinds = [word for word in ("drained", "down") if word in {one.tolerated for one in found}]
            which = f"all end at a node that is {' or '.join(kinds)}"
        what = f"{pairs} ordered pair{'' if pairs == 1 else 's'}"
        lines.append(f"while a step takes effect: {what} without a path for up to {seconds} s, {which}")
    else:
        lines.append("while a step takes effect: every pair keeps a path over sessions that are left alone")
    lines += outside_lines(plan)
    return [*lines, "; ".join(plan.proof.checks)] if plan.proof.checks else lines


def observed_lines(plan: Plan) -> list[str]:
    """What nodes reported when the plan was made, and what of it stands against a run."""
    seen = plan.observed
    if seen is None:
        return []
    asked = f"{len(seen.asked)} node{'s were' if len(seen.asked) != 1 else ' was'} asked when this plan was made"
    if not seen.down and not seen.silent:
        return [f"{asked}: all {seen.sessions} sessions of theirs that the proof counts on are up"]
    lines = [f"{asked}: {len(seen.down)} of {seen.sessions} sessions that the proof counts on are down"]
    lines += [f"the session of {one.node} with {one.peer} ({one.family}): {one.why}" for one in seen.down[:SHOWN]]
    more = and_more(len(seen.down), SHOWN)
    lines += [more.lstrip()] if more else []
    lines += [f"no answer from {', '.join(seen.silent[:SHOWN])}"] if seen.silent else []
    return [*lines, "`rrplan apply` refuses while this is so, unless `--accept-down NODE` names one end"]


def outside_lines(plan: Plan) -> list[str]:
    """The sessions to the outside that a plan restarts, or adds."""
    found = []
    for proof in plan.proof.steps:
        for one in proof.outside:
            who = f"{one.node}{and_more(one.nodes, what='more nodes')}"
            if one.fate == "restarted":
                found.append(
                    f"while `{proof.step}` takes effect: the session of {who} to {one.speaker} restarts, for up to "
                    f"{one.seconds} s"
                )
            elif one.fate == "gained":
                found.append(
                    f"`{proof.step}` gives {who} a session to {one.speaker}; whether the other side accepts it is not "
                    "known, and nothing rests on it"
                )
    return found


def ungated_text(step: Step) -> str:
    """Why a step that touches sessions waits for nothing; "" where it does, or touches none."""
    return f"no gate: {step.ungated}" if step.ungated else ""


def gate_text(gate: Gate) -> str:
    """One gate in a line."""
    if gate.kind in (GateKind.DRAINED, GateKind.ROLLOUT):
        return f"gate: {gate.title} (within {gate.timeout} s)"
    share = "" if gate.fraction == 100 else f", {gate.fraction}% of the nodes"
    return f"gate: {gate.title} (within {gate.timeout} s, held {gate.stable} s{share})"


def finding_text(finding: Finding) -> str:
    """One finding of a check in a line."""
    return f"{finding.severity} {finding.check}: {finding.text}"


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
