"""A plan as Markdown, for change tickets."""

from __future__ import annotations

from rrplan.plans.diff import fields
from rrplan.plans.plan import Plan
from rrplan.render.checks import finding_text
from rrplan.render.detail import Detail
from rrplan.render.escaping import cell, code, prose
from rrplan.render.folding import and_alike_folded, and_folded, folded, folded_changes, folded_lines, outside_texts
from rrplan.render.proof import NOT_PROVED, proof_lines
from rrplan.render.rehearsal import headline, result_lines
from rrplan.render.words import (
    SYMBOL,
    gate_text,
    notices,
    observed_lines,
    totals,
    ungated_text,
    value_text,
)


def plan_markdown(plan: Plan, detail: Detail = Detail.FOLDED) -> str:
    """A plan as Markdown, for a review or a ticket."""
    lines = [f"# rrplan: {prose(plan.name)}", "", f"**{totals(plan)}**", ""]
    if plan.steps:
        lines += ["## Changes", "", "| | resource | field | before | after |", "|---|---|---|---|---|"]
        for step, count in folded(plan.writing, detail):
            for change, alike in folded_changes(step, detail):
                symbol, key = SYMBOL[change.action], cell(code(str(change.key)))
                more = and_folded(max(count, alike))
                if more:
                    lines.append(f"| {symbol} | {key}{more} | | | |")
                    continue
                for field in fields(change):
                    texts = (field.name, value_text(field.before), value_text(field.after))
                    lines.append(f"| {symbol} | {key} | {' | '.join(cell(code(text)) for text in texts)} |")
        lines += ["", "## Order", ""]
        for number, (step, count) in enumerate(folded(plan.steps, detail), 1):
            lines.append(f"{number}. {prose(f'{step.summary}{and_alike_folded(count)}')}")
            lines += [f"   - {prose(gate_text(gate))}" for gate in step.gates]
            lines += [f"   - {prose(ungated_text(step))}"] if step.ungated else []
        proved = proof_lines(plan, outside_texts(plan, detail))
        lines += ["", "## Proof", "", *(f"- {prose(line)}" for line in proved), "", NOT_PROVED, ""]
    if plan.observed:
        lines += ["## Sessions now", "", *(f"- {prose(line)}" for line in observed_lines(plan)), ""]
    if noticed := notices(plan, detail):
        lines += ["## Notices", "", *(f"- {prose(notice)}" for notice in noticed), ""]
    if plan.findings:
        findings = folded_lines([*map(finding_text, plan.findings)], detail)
        lines += ["## Checks", "", *(f"- {prose(text)}" for text in findings), ""]
    if plan.rehearsal:
        results = [headline(plan.rehearsal), *result_lines(plan.rehearsal)]
        lines += ["## Rehearsal", "", *(f"- {prose(text)}" for text in results), ""]
    return "\n".join(lines).rstrip() + "\n"
