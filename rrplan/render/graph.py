"""The action graph as dot, Mermaid or JSON."""

from __future__ import annotations

import json

from rrplan.plans.plan import Plan


def dot(plan: Plan) -> str:
    """The graph of a plan in the language of Graphviz."""
    lines = ["digraph plan {", "  rankdir=LR; node [shape=box, fontname=sans-serif];"]
    lines += [f"  {json.dumps(step.id)} [label={json.dumps(step.summary)}];" for step in plan.steps]
    lines += [
        f"  {json.dumps(edge.before)} -> {json.dumps(edge.after)} [tooltip={json.dumps(edge.reason)}];"
        for edge in plan.edges
    ]
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(plan: Plan) -> str:
    """Mermaid, as GitHub and GitLab draw it."""
    number = {step.id: f"s{index}" for index, step in enumerate(plan.steps)}
    lines = ["flowchart LR"]
    lines += [f'  {number[step.id]}["{step.summary}"]' for step in plan.steps]
    lines += [f"  {number[edge.before]} --> {number[edge.after]}" for edge in plan.edges]
    return "\n".join(lines) + "\n"


def graph_json(plan: Plan) -> str:
    """Nodes and edges with their reasons."""
    value = {
        "format_version": "1.0",
        "nodes": [{"id": step.id, "action": step.action, "summary": step.summary} for step in plan.steps],
        "edges": [{"from": edge.before, "to": edge.after, "reason": edge.reason} for edge in plan.edges],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
