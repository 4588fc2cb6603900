"""A plan as JSON: the plan file, and what `-o json` prints.

Canonical JSON with its own digest. Keys that mean the same as in Terraform's plan format have its names
(`format_version`, `resource_changes`, `applyable`, `complete`, `errored`, `checks`, `timestamp`); ours are `steps`,
`edges`, `proof`, `rollback`, `node_sets`, `findings`, `snapshot`, `spec` and `fingerprints`; `rehearsal` is kept beside
them. Facts have the names of the fields of `rrplan.plans.plan`; sentences beside them are made here.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from rrplan.checks.finding import Finding
from rrplan.digest import canonical, digest
from rrplan.plans.change import Change
from rrplan.plans.plan import Observed, Plan, SnapshotReference, Step
from rrplan.plans.planfile import (
    BESIDE,
    CLUSTER,
    EDGES,
    FINDING,
    FINDINGS,
    FORMAT_VERSION,
    KIND,
    OBSERVED,
    PROOF,
    STEPS,
)
from rrplan.plans.rehearsal import json_schema as rehearsal_schema
from rrplan.plans.rehearsal import rehearsal_document
from rrplan.render.checks import sentence
from rrplan.render.proof import check_text, fallback_lines, restarts, violation_text


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as a JSON value, its digest included."""
    refused = bool(plan.steps and plan.proof.violations)
    body: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "name": plan.name,
        "timestamp": plan.snapshot.taken_at,
        "applyable": bool(plan.steps) and not refused,
        "complete": True,
        "errored": refused,
        "resource_changes": [_resource_change(step, change) for step, change in plan.writes],
        "resource_drift": [],
        "checks": [{"status": "pass", "text": check_text(check)} for check in plan.proof.final],
        "steps": STEPS.dump_python(plan.steps, mode="json"),
        "edges": EDGES.dump_python(plan.edges, mode="json"),
        "proof": _proof(plan),
        "rollback": {"order": [step.id for step in reversed(plan.steps)]},
        "node_sets": {name: list(nodes) for name, nodes in plan.node_sets.items()},
        "fingerprints": dict(plan.fingerprints),
        "spec": {"digest": digest(plan.spec.to_document()), "document": plan.spec.to_document()},
        "snapshot": _snapshot(plan.snapshot),
        "notices": list(plan.notices),
        "findings": [_finding(finding) for finding in plan.findings],
        "reasons": list(plan.reasons),
        "down": list(plan.down),
        "observed": None if plan.observed is None else OBSERVED.dump_python(plan.observed, mode="json"),
        "on_failure": plan.on_failure.value,
        "hooks": [hook.model_dump(mode="json", by_alias=True) for hook in plan.hooks],
    }
    document = {**body, "digest": digest(body)}
    return document if plan.rehearsal is None else {**document, BESIDE: rehearsal_document(plan.rehearsal)}


def _snapshot(reference: SnapshotReference) -> dict[str, Any]:
    return {
        "digest": reference.digest,
        "taken_at": reference.taken_at,
        "calico_version": str(reference.calico_version),
        "other_calico_versions": [str(version) for version in reference.other_versions],
        "cluster": CLUSTER.dump_python(reference.cluster, mode="json"),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    facts: dict[str, Any] = FINDING.dump_python(finding, mode="json")
    return {**facts, "text": sentence(finding)}


def _proof(plan: Plan) -> dict[str, Any]:
    """The facts, and for readers a sentence for each."""
    proof = plan.proof
    facts: dict[str, Any] = PROOF.dump_python(proof, mode="json")
    for fact, step in zip(facts["steps"], proof.steps, strict=True):
        fact["restarts"] = restarts(step)
    for fact, violation in zip(facts["violations"], proof.violations, strict=True):
        fact["text"] = violation_text(violation)
    told = {**facts, "checks": [check_text(check) for check in proof.final]}
    fallback = fallback_lines(plan)
    return {**told, "fallback": fallback} if fallback else told


def _resource_change(step: Step, change: Change) -> dict[str, Any]:
    return {
        "address": str(change.key),
        "type": change.key.kind,
        "name": change.key.name,
        "change": {"actions": [change.action.value], "before": change.before, "after": change.after},
        "action_reason": step.summary,
        "step": step.id,
    }


def write_plan(plan: Plan) -> bytes:
    """The file's bytes; the same plan gives the same bytes."""
    return canonical(plan_document(plan)) + b"\n"


MEANINGS = {
    "format_version": "Major and minor version of the format; a minor version adds keys.",
    "kind": "What the file is.",
    "digest": "SHA-256 over everything but itself and `rehearsal`, in canonical JSON (RFC 8785).",
    "name": "The name of the spec.",
    "timestamp": "When the snapshot was taken (RFC 3339); null where it does not say.",
    "applyable": "Whether `rrplan apply` carries it out: it has steps, and is not refused.",
    "complete": "Always true: a plan goes all the way.",
    "errored": "Whether it is refused; `proof.violations` says why.",
    "resource_changes": "Every write in its order, as in Terraform's plan.",
    "resource_drift": "Always empty; it is here for readers of Terraform's plan.",
    "checks": "What holds in the final state, in sentences, as in Terraform's plan.",
    "steps": "The steps in the order of execution.",
    "edges": "Which step must happen after which, and why.",
    "proof": "What was proved.",
    "rollback": "`order`: the ids of the steps in the order in which they are taken back.",
    "node_sets": "Names of nodes by the name that gates have for them.",
    "fingerprints": "A digest of what the plan relies on, by resource; where one differs, the plan is stale.",
    "spec": "The spec it was made from, as `document`, and its `digest`.",
    "snapshot": "The snapshot it was made from: its digest, its time, Calico's version, and which cluster it is of.",
    "notices": "What a reader should know, in sentences.",
    "findings": "What the checks found.",
    "reasons": "Why the spec came to this, in sentences: which nodes were chosen, which options were kept.",
    "down": "Nodes that were down when the plan was made.",
    "observed": "What nodes of a live cluster said of the sessions that the proof counts on; null where nobody asked.",
    "on_failure": "What happens where a step fails: `undo` or `halt`.",
    "hooks": "Commands that the run executes.",
    "rehearsal": "What `rrplan rehearse --attach` measured, with a digest of its own.",
}
"""What each key of the file is for."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the plan file; keys of later minor versions are allowed."""
    parts: dict[str, TypeAdapter[Any]] = {
        "steps": STEPS,
        "edges": EDGES,
        "proof": PROOF,
        "findings": FINDINGS,
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
    _add_sentences(properties, definitions)
    beside = rehearsal_schema()
    definitions |= beside.pop("$defs", {})
    for name in ("node_sets", "fingerprints", "spec", "snapshot", "rollback"):
        properties[name] = {"type": "object"}
    for name in ("resource_changes", "notices", "reasons", "hooks"):
        properties[name] = {"type": "array"}
    required = sorted(properties)
    for name in ("name", "timestamp", "on_failure"):
        properties[name] = {"type": ["string", "null"] if name == "timestamp" else "string"}
    for name in ("applyable", "complete", "errored"):
        properties[name] = {"type": "boolean"}
    for name in ("resource_drift", "checks", "down"):
        properties[name] = {"type": "array"}
    properties[BESIDE] = {key: beside[key] for key in ("type", "required", "properties")}
    properties = {name: {"description": told, **properties[name]} for name, told in MEANINGS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/plan.schema.json",
        "title": "Plan",
        "type": "object",
        "required": required,
        "properties": properties,
        "$defs": definitions,
    }


def _add_sentences(properties: dict[str, Any], definitions: dict[str, Any]) -> None:
    """What a reader finds beside the facts of the proof."""
    sentence = {"type": "string"}
    sentences = {"type": "array", "items": sentence}
    parts = (
        (definitions["Violation"], "text", sentence),
        (definitions["StepProof"], "restarts", sentences),
        (definitions["Finding"], "text", sentence),
        (properties["proof"], "checks", sentences),
    )
    for part, name, schema in parts:
        part["properties"][name] = schema
        part["required"] = [*part["required"], name]
    # Only where a plan has fallback tables.
    properties["proof"]["properties"]["fallback"] = sentences
