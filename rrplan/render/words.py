"""Sentences about a plan that every format shares."""

from __future__ import annotations

import json
from collections import Counter

from rrplan.plans.gate import Gate, GateKind
from rrplan.plans.plan import Plan, Step
from rrplan.render.detail import Detail
from rrplan.render.folding import folded_lines
from rrplan.render.proof import exposure, violation_text
from rrplan.resources import ClusterIdentity
from rrplan.text import SHOWN, and_more

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


def cluster_text(cluster: ClusterIdentity) -> str:
    """Which cluster it is, as far as it is known: its name, its server, and what no other cluster has."""
    named = [f"`{cluster.name}`"] if cluster.name else []
    named += [f"at `{cluster.server}`"] if cluster.server else []
    identity = f"clusterGUID {cluster.guid}" if cluster.guid else ""
    if not identity and cluster.namespace_uid:
        identity = f"namespace kube-system with uid {cluster.namespace_uid}"
    return ", ".join(part for part in (" ".join(named), identity) if part)


def notices(plan: Plan, detail: Detail = Detail.ALL) -> list[str]:
    """What a reader should notice; counterexamples are the last."""
    violations = [violation_text(violation) for violation in plan.proof.violations]
    return [
        *folded_lines(plan.notices, detail, "more notices"),
        *folded_lines(violations, detail, "more counterexamples"),
    ]


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
    if gate.kind in (GateKind.DRAINED, GateKind.ROLLOUT, GateKind.FALLBACK):
        return f"gate: {gate.title} (within {gate.timeout} s)"
    share = "" if gate.fraction == 100 else f", {gate.fraction}% of the nodes"
    return f"gate: {gate.title} (within {gate.timeout} s, held {gate.stable} s{share})"


def value_text(value: object) -> str:
    """A value of a field."""
    return "(absent)" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
