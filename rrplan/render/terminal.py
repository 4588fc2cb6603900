"""A plan for the terminal, in Terraform's conventions, readable at 80 columns and without colour."""

from __future__ import annotations

from rrplan.plans.change import Change, ChangeAction
from rrplan.plans.diff import fields
from rrplan.plans.plan import Plan
from rrplan.render.checks import finding_text
from rrplan.render.detail import Detail
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
from rrplan.text import one_line, wrapped

_COLOR = {"+": "\x1b[32m", "~": "\x1b[33m", "-": "\x1b[31m"}
_RESET = "\x1b[0m"
MEANING = {"+": "create", "~": "change", "-": "destroy"}


def plan_text(plan: Plan, *, width: int = 80, color: bool = False, detail: Detail = Detail.FOLDED) -> str:
    """The whole plan as text."""
    lines: list[str] = []
    if plan.steps:
        lines += _legend(plan, color=color)
        lines += ["", "Changes:", ""]
        for step, count in folded(plan.writing, detail):
            for change, alike in folded_changes(step, detail):
                more = and_folded(max(count, alike))
                lines += _change(change, f"{more}: {step.action}" if more else "", color=color)
        lines += ["", "Order:", ""]
        lines += _order(plan, width, detail)
        lines += ["", "Proof:", ""]
        proved = proof_lines(plan, outside_texts(plan, detail))
        lines += [line for text in proved for line in wrapped(text, width, "  - ")]
        lines += wrapped(NOT_PROVED, width, "  ")
    if plan.observed:
        lines += ["", "Sessions now:", ""]
        lines += [line for text in observed_lines(plan) for line in wrapped(text, width, "  - ")]
    if plan.reasons and plan.steps:
        lines += ["", "Reflectors:", ""]
        lines += [line for text in reflector_lines(plan, detail) for line in wrapped(text, width, "  - ")]
    if noticed := notices(plan, detail):
        lines += ["", "Notices:", ""]
        lines += [line for text in noticed for line in wrapped(text, width, "  ! ")]
    if plan.findings:
        lines += ["", "Checks:", ""]
        findings = folded_lines([*map(finding_text, plan.findings)], detail)
        lines += [line for text in findings for line in wrapped(text, width, "  ! ")]
    if plan.rehearsal:
        lines += ["", "Rehearsal:", ""]
        results = [headline(plan.rehearsal), *result_lines(plan.rehearsal)]
        lines += [line for text in results for line in wrapped(text, width, "  - ")]
    lines += ["", "This plan:", ""]
    lines += [line for row in overview(plan, detail) for line in wrapped(": ".join(row), width, "  - ")]
    lines += ["", *wrapped(totals(plan), width, "")]
    return "\n".join(lines).lstrip("\n") + "\n"


def _paint(symbol: str, *, color: bool) -> str:
    return f"{_COLOR[symbol]}{symbol}{_RESET}" if color else symbol


def _legend(plan: Plan, *, color: bool) -> list[str]:
    used = {SYMBOL[change.action] for _, change in plan.writes}
    return ["rrplan will do the following. Symbols:"] + [
        f"  {_paint(symbol, color=color)} {MEANING[symbol]}" for symbol in "+~-" if symbol in used
    ]


def _change(change: Change, more: str, *, color: bool) -> list[str]:
    lines = [f"  {_paint(SYMBOL[change.action], color=color)} {one_line(f'{change.key}{more}')}"]
    for field in fields(change) if not more else ():
        if change.action is ChangeAction.CREATE:
            text = value_text(field.after)
        elif change.action is ChangeAction.DELETE:
            text = value_text(field.before)
        else:
            text = f"{value_text(field.before)} -> {value_text(field.after)}"
        lines.append(one_line(f"      {field.name}: {text}"))
    return lines


def _order(plan: Plan, width: int, detail: Detail) -> list[str]:
    reasons = step_reasons(plan)
    lines: list[str] = []
    number, last = 0, ""
    for step, count in folded(plan.steps, detail):
        number += 1
        lines += wrapped(f"{step.summary}{and_alike_folded(count)}", width, f"{number:>4}. ")
        number += count - 1
        for reason in reasons.get(step.id, []):
            if reason != last:
                lines += wrapped(f"because {reason}", width, "        ")
            last = reason
        for gate in step.gates:
            lines += wrapped(gate_text(gate), width, "      > ")
        if step.ungated:
            lines += wrapped(ungated_text(step), width, "      > ")
    return lines
