"""A plan as Markdown, for change tickets."""

from __future__ import annotations

from rrplan.plans.diff import fields
from rrplan.plans.plan import Plan
from rrplan.render.checks import finding_text
from rrplan.render.proof import NOT_PROVED, proof_lines
from rrplan.render.rehearsal import headline, result_lines
from rrplan.render.words import (
    SYMBOL,
    folded,
    folded_changes,
    gate_text,
    notices,
    observed_lines,
    totals,
    ungated_text,
    value_text,
)
from rrplan.text import and_alike, and_more


def plan_markdown(plan: Plan) -> str:
    """A plan as Markdown, for a review or a ticket."""
    lines = [f"# rrplan: {plan.name}", "", f"**{totals(plan)}**", ""]
    if plan.steps:
        lines += ["## Changes", "", "| | resource | field | before | after |", "|---|---|---|---|---|"]
        for step, count in folded(plan.writing):
            for change, alike in folded_changes(step):
                symbol, key = SYMBOL[change.action], f"`{change.key}`"
                more = and_more(max(count, alike))
                if more:
                    lines.append(f"| {symbol} | {key}{more} | | | |")
                    continue
                for field in fields(change):
                    before, after = (value_text(value).replace("|", "\\|") for value in (field.before, field.after))
                    lines.append(f"| {symbol} | {key} | `{field.name}` | `{before}` | `{after}` |")
        lines += ["", "## Order", ""]
        for number, (step, count) in enumerate(folded(plan.steps), 1):
            lines.append(f"{number}. {step.summary}{and_alike(count)}")
            lines += [f"   - {gate_text(gate)}" for gate in step.gates]
            lines += [f"   - {ungated_text(step)}"] if step.ungated else []
        lines += ["", "## Proof", "", *(f"- {line}" for line in proof_lines(plan)), "", NOT_PROVED, ""]
    if plan.observed:
        lines += ["## Sessions now", "", *(f"- {line}" for line in observed_lines(plan)), ""]
    if noticed := notices(plan):
        lines += ["## Notices", "", *(f"- {notice}" for notice in noticed), ""]
    if plan.findings:
        lines += ["## Checks", "", *(f"- {finding_text(finding)}" for finding in plan.findings), ""]
    if plan.rehearsal:
        results = [headline(plan.rehearsal), *result_lines(plan.rehearsal)]
        lines += ["## Rehearsal", "", *(f"- {text}" for text in results), ""]
    return "\n".join(lines).rstrip() + "\n"
