"""The action graph as dot, Mermaid or JSON."""

from __future__ import annotations

import json

from rrplan.ids import StepId
from rrplan.plans.plan import Edge, Plan
from rrplan.render.detail import Detail
from rrplan.render.escaping import dot_text, mermaid_text
from rrplan.render.folding import and_alike_folded, folded


def dot(plan: Plan, detail: Detail = Detail.FOLDED) -> str:
    """The graph of a plan in the language of Graphviz; steps that are alike are one node of it."""
    steps, edges = _drawn(plan, detail)
    lines = ["digraph plan {", "  rankdir=LR; node [shape=box, fontname=sans-serif];"]
    lines += [f"  {dot_text(step)} [label={dot_text(text)}];" for step, text in steps.items()]
    lines += [
        f"  {dot_text(edge.before)} -> {dot_text(edge.after)} [tooltip={dot_text(edge.reason)}];" for edge in edges
    ]
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(plan: Plan, detail: Detail = Detail.FOLDED) -> str:
    """Mermaid, as GitHub and GitLab draw it; steps that are alike are one node of it."""
    steps, edges = _drawn(plan, detail)
    number = {step: f"s{index}" for index, step in enumerate(steps)}
    lines = ["flowchart LR"]
    lines += [f'  {number[step]}["{mermaid_text(text)}"]' for step, text in steps.items()]
    lines += [f"  {number[edge.before]} --> {number[edge.after]}" for edge in edges]
    return "\n".join(lines) + "\n"


def _drawn(plan: Plan, detail: Detail) -> tuple[dict[StepId, str], list[Edge]]:
    """What each node of the picture says, and the edges between them, each once."""
    drawn: dict[StepId, str] = {}
    standing_for: dict[StepId, StepId] = {}
    place = 0
    for step, count in folded(plan.steps, detail):
        drawn[step.id] = f"{step.summary}{and_alike_folded(count)}"
        standing_for |= {alike.id: step.id for alike in plan.steps[place : place + count]}
        place += count
    if len(drawn) == len(plan.steps):
        return drawn, [*plan.edges]
    edges: dict[tuple[StepId, StepId], Edge] = {}
    for edge in plan.edges:
        ends = standing_for[edge.before], standing_for[edge.after]
        if ends[0] != ends[1]:
            edges.setdefault(ends, Edge(*ends, edge.reason))
    return drawn, [*edges.values()]


def graph_json(plan: Plan) -> str:
    """Nodes and edges with their reasons."""
    value = {
        "format_version": "1.0",
        "nodes": [{"id": step.id, "action": step.action, "summary": step.summary} for step in plan.steps],
        "edges": [{"from": edge.before, "to": edge.after, "reason": edge.reason} for edge in plan.edges],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
