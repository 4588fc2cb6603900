"""A plan as Markdown, for change tickets."""

from __future__ import annotations

from rrplan.plans.diff import fields
from rrplan.plans.plan import Plan
from rrplan.render.checks import finding_text
from rrplan.render.detail import Detail
from rrplan.render.escaping import cell, code, prose
from rrplan.render.folding import (
    and_alike_folded,
    and_folded,
    folded,
    folded_changes,
    folded_lines,
    outside_texts,
    reflector_lines,
)
from rrplan.render.overview import overview, step_reasons
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
    lines += [*(f"- **{title}**: {prose(text)}" for title, text in overview(plan, detail)), ""]
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
        reasons, last = step_reasons(plan), ""
        for number, (step, count) in enumerate(folded(plan.steps, detail), 1):
            lead = f"{number}. "
            lines.append(f"{lead}{prose(f'{step.summary}{and_alike_folded(count)}')}")
            # What stands under an item is indented by as much as its number takes.
            inner = " " * len(lead) + "- "
            for reason in reasons.get(step.id, []):
                lines += [f"{inner}because {prose(reason)}"] if reason != last else []
                last = reason
            lines += [f"{inner}{prose(gate_text(gate))}" for gate in step.gates]
            lines += [f"{inner}{prose(ungated_text(step))}"] if step.ungated else []
        proved = proof_lines(plan, outside_texts(plan, detail))
        lines += ["", "## Proof", "", *(f"- {prose(line)}" for line in proved), "", NOT_PROVED, ""]
    if plan.reasons and plan.steps:
        lines += ["## Reflectors", "", *(f"- {prose(line)}" for line in reflector_lines(plan, detail)), ""]
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
