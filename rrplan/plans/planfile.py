"""The plan file: canonical JSON, readable and applyable in one, with its own digest.

Keys that mean the same as in Terraform's plan format have its names (`format_version`, `resource_changes`,
`applyable`, `complete`, `errored`, `checks`, `timestamp`); ours are `steps`, `edges`, `proof`, `rollback`,
`node_sets`, `findings`, `snapshot`, `spec` and `fingerprints`; `rehearsal` is kept beside them.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rrplan.digest import canonical, digest
from rrplan.errors import FileFormatError
from rrplan.ids import NodeName
from rrplan.plans.change import Change
from rrplan.plans.graph import ActionGraph, Contradiction
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Edge, Finding, Observed, Plan, Proof, Step
from rrplan.plans.rehearsal import json_schema as rehearsal_schema
from rrplan.plans.rehearsal import read_rehearsal, rehearsal_document
from rrplan.snapshots.file import read_versioned

FORMAT_VERSION = "2.0"
"""2.0: a step has a list of `changes`, and the edges decide the order; 1.x had `change` and, before it, `cascade`.

A reader of 1.x would take a step of many changes for one without any, so the major version is another one.
"""
OLDER = ("1",)
"""Major versions that are read too."""
KIND = "Plan"
AGAIN = "make a new plan"
BESIDE = "rehearsal"
"""The key of what is kept beside the plan, with a digest of its own."""
_STEPS: TypeAdapter[tuple[Step, ...]] = TypeAdapter(tuple[Step, ...])
_EDGES: TypeAdapter[tuple[Edge, ...]] = TypeAdapter(tuple[Edge, ...])
_PROOF: TypeAdapter[Proof] = TypeAdapter(Proof)
_OBSERVED: TypeAdapter[Observed] = TypeAdapter(Observed)
_FINDINGS: TypeAdapter[tuple[Finding, ...]] = TypeAdapter(tuple[Finding, ...])
_VERBS = {"create": ["create"], "update": ["update"], "delete": ["delete"]}


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as a JSON value, its digest included."""
    body: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "name": plan.name,
        "timestamp": plan.snapshot.get("taken_at"),
        "applyable": bool(plan.steps),
        "complete": True,
        "errored": False,
        "resource_changes": [_resource_change(step, change) for step, change in plan.writes],
        "resource_drift": [],
        "checks": [{"status": "pass", "text": text} for text in plan.proof.checks],
        "steps": _STEPS.dump_python(plan.steps, mode="json"),
        "edges": _EDGES.dump_python(plan.edges, mode="json"),
        "proof": _PROOF.dump_python(plan.proof, mode="json"),
        "rollback": {"order": [step.id for step in reversed(plan.steps)]},
        "node_sets": {name: list(nodes) for name, nodes in plan.node_sets.items()},
        "fingerprints": dict(plan.fingerprints),
        "spec": dict(plan.spec),
        "snapshot": dict(plan.snapshot),
        "notices": list(plan.notices),
        "findings": _FINDINGS.dump_python(plan.findings, mode="json"),
        "reasons": list(plan.reasons),
        "down": list(plan.down),
        "observed": None if plan.observed is None else _OBSERVED.dump_python(plan.observed, mode="json"),
        "on_failure": plan.on_failure,
        "hooks": [dict(hook) for hook in plan.hooks],
    }
    found = {**body, "digest": digest(body)}
    return found if plan.rehearsal is None else {**found, BESIDE: rehearsal_document(plan.rehearsal)}


def _resource_change(step: Step, change: Change) -> dict[str, Any]:
    return {
        "address": str(change.key),
        "type": change.key.kind,
        "name": change.key.name,
        "change": {"actions": _VERBS[change.verb], "before": change.before, "after": change.after},
        "action_reason": step.summary,
        "step": step.id,
    }


def write_plan(plan: Plan) -> bytes:
    """The file's bytes; the same plan gives the same bytes."""
    return canonical(plan_document(plan)) + b"\n"


def is_plan(data: bytes) -> bool:
    """Whether a file means to be a plan, however its JSON is laid out; a spec may be JSON too."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and body.get("kind") == KIND


def read_plan(data: bytes, name: str) -> tuple[Plan, str]:
    """A plan and its digest; raises FileFormatError, or DigestMismatch for a plan that was edited."""
    body: dict[str, Any] = read_versioned(data, name, KIND, FORMAT_VERSION, beside=[BESIDE], older=OLDER)
    rehearsal = body.pop(BESIDE, None)
    found = digest(body)
    try:
        plan = Plan(
            name=body["name"],
            steps=_STEPS.validate_python(_present(body)),
            edges=_EDGES.validate_python(body["edges"]),
            proof=_PROOF.validate_python(body["proof"]),
            node_sets={name: tuple(nodes) for name, nodes in body["node_sets"].items()},
            fingerprints=body["fingerprints"],
            spec=body["spec"],
            snapshot=body["snapshot"],
            notices=tuple(body["notices"]),
            findings=_FINDINGS.validate_python(body["findings"]),
            reasons=tuple(body["reasons"]),
            down=tuple(NodeName(name) for name in body.get("down", ())),
            observed=None if body.get("observed") is None else _OBSERVED.validate_python(body["observed"]),
            on_failure=body["on_failure"],
            hooks=tuple(body["hooks"]),
            rehearsal=None if rehearsal is None else read_rehearsal(rehearsal, name, found),
        )
    except (KeyError, ValidationError, AttributeError, TypeError) as error:
        raise FileFormatError.one(
            f"the plan file is incomplete: {str(error).splitlines()[0]}", file=name, hint=AGAIN
        ) from error
    _check_order(plan, name)
    return plan, found


def _present(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps in the shape of today."""
    if not str(body["format_version"]).startswith("1."):
        steps: list[dict[str, Any]] = body["steps"]
        return steps
    return [_of_version_1(step) for step in body["steps"]]


def _of_version_1(step: dict[str, Any]) -> dict[str, Any]:
    """A step whose `change` came after its `cascade`; it goes on by itself, in the order of the file."""
    kept = {name: value for name, value in step.items() if name not in ("change", "cascade")}
    changes = [*step.get("cascade", ()), *([step["change"]] if step.get("change") else [])]
    about = changes[-1]["key"] if changes else {}
    node = about.get("name") if about.get("kind") in ("Node", "CalicoNode") else None
    return {**kept, "changes": changes, "node": node, "phase": Phase.RELEASE.value}


def _check_order(plan: Plan, name: str) -> None:
    """Raise FileFormatError where edges and steps contradict each other."""
    try:
        ActionGraph(plan.steps, plan.edges)
    except Contradiction as error:
        raise FileFormatError.one(f"the edges of the plan cannot be kept: {error}", file=name, hint=AGAIN) from error
    position = {step.id: index for index, step in enumerate(plan.steps)}
    for edge in plan.edges:
        if position[edge.before] > position[edge.after]:
            raise FileFormatError.one(
                f"step `{edge.after}` stands before `{edge.before}`, and an edge says the reverse",
                file=name,
                hint=AGAIN,
            )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the plan file; keys of later minor versions are allowed."""
    parts: dict[str, TypeAdapter[Any]] = {
        "steps": _STEPS,
        "edges": _EDGES,
        "proof": _PROOF,
        "findings": _FINDINGS,
        "observed": TypeAdapter(Observed | None),
    }
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {
        "format_version": {"type": "string", "pattern": "^2\\."},
        "kind": {"const": KIND},
        "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    }
    for name, adapter in parts.items():
        schema = adapter.json_schema(ref_template="#/$defs/{model}", mode="serialization")
        definitions |= schema.pop("$defs", {})
        properties[name] = schema
    beside = rehearsal_schema()
    definitions |= beside.pop("$defs", {})
    for name in ("node_sets", "fingerprints", "spec", "snapshot", "rollback"):
        properties[name] = {"type": "object"}
    for name in ("resource_changes", "notices", "reasons", "hooks"):
        properties[name] = {"type": "array"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/plan.schema.json",
        "title": "Plan",
        "type": "object",
        "required": sorted(properties),
        "properties": {**properties, BESIDE: {key: beside[key] for key in ("type", "required", "properties")}},
        "$defs": definitions,
    }
