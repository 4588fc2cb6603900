"""A plan that is refused: what it lacks, step by step, and what to do about each kind; for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rrplan.checks.finding import Finding
from rrplan.digest import digest
from rrplan.errors import UnsafePlanError
from rrplan.plans.plan import FINAL_STATE, Invariant, Plan, Violation
from rrplan.render.checks import named
from rrplan.render.detail import Detail
from rrplan.render.folding import folded_lines
from rrplan.render.plan_json import plan_document
from rrplan.render.proof import violation_text
from rrplan.render.routes import no_route_text
from rrplan.text import Paint, one_line


def refused_text(
    error: UnsafePlanError, detail: Detail = Detail.FOLDED, paint: Paint = lambda text, _colour: text
) -> str:
    """The refusal, its violations by step, what checks found, and the hints."""
    violations = [violation for violation in error.violations if isinstance(violation, Violation)]
    groups: dict[str, list[Violation]] = {}
    for violation in violations:
        groups.setdefault(violation.step, []).append(violation)
    lines = [f"{paint('error:', 'red')} {one_line(str(error))}"]
    for step, group in groups.items():
        lines += ["", "in the end:" if step == FINAL_STATE else f"step `{one_line(step)}`:"]
        lines += [f"  - {one_line(text)}" for text in folded_lines(_texts(group), detail, "more violations")]
    if findings := [named(finding) for finding in error.findings if isinstance(finding, Finding)]:
        lines += ["", "what checks found:", *(f"  - {one_line(text)}" for text in folded_lines(findings, detail))]
    for hint in error.hints:
        lines += ["", f"hint: {one_line(hint)}"]
    return "\n".join(lines) + "\n"


def _texts(violations: Iterable[Violation]) -> list[str]:
    """A sentence for each; what is lacking in both families alike is told once."""
    families: dict[Violation, list[str]] = {}
    for violation in violations:
        families.setdefault(replace(violation, family=""), []).append(violation.family)
    return [_text(violation, found) for violation, found in families.items()]


def _text(violation: Violation, families: list[str]) -> str:
    """A violation where its step is named already."""
    where = " in both families" if len(families) > 1 else ""
    at, origin = violation.at, violation.origin
    lead = "with every node alive, " if violation.every_node_alive else ""
    more = f" (same for {violation.pairs - 1} more pair{'' if violation.pairs == 2 else 's'})"
    same = more if violation.pairs > 1 else ""
    match violation.invariant:
        case Invariant.SURVIVING:
            return f"{lead}{at} loses its route to {origin} for up to {violation.seconds} s{where}{same}"
        case Invariant.CONVERGED:
            reason = violation.reason
            why = f": {no_route_text(reason, at, origin, families[0])}" if reason is not None else ""
            return f"{lead}{at} loses its route to {origin} for good{where}{same}{why}"
        case _:
            return violation_text(replace(violation, family=families[0]))


def refused_document(error: UnsafePlanError) -> dict[str, Any]:
    """The plan that was refused, with its violations and the hints; it is `errored`, and nobody can apply it."""
    assert isinstance(error.plan, Plan), "whoever refuses a plan says which"
    document = plan_document(error.plan)
    del document["digest"]
    body = {**document, "hints": list(error.hints)}
    return {**body, "digest": digest(body)}
