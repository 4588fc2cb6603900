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
from rrplan.plans.plan import Edge, Finding, Observed, Plan, Proof, Step
from rrplan.plans.rehearsal import json_schema as rehearsal_schema
from rrplan.plans.rehearsal import read_rehearsal, rehearsal_document
from rrplan.snapshots.file import read_versioned

FORMAT_VERSION = "1.1"
"""1.1: `cascade` of a step; without it a step has none."""
KIND = "Plan"
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
    body: dict[str, Any] = read_versioned(data, name, KIND, FORMAT_VERSION, beside=[BESIDE])
    rehearsal = body.pop(BESIDE, None)
    found = digest(body)
    try:
        plan = Plan(
            name=body["name"],
            steps=_STEPS.validate_python(body["steps"]),
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
            f"the plan file is incomplete: {str(error).splitlines()[0]}", file=name, hint="make a new plan"
        ) from error
    return plan, found


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
        "format_version": {"type": "string", "pattern": "^1\\."},
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
