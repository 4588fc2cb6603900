"""The example of a board's policy (docs/policies/rrplan.rego) on plans, by an interpreter of Rego."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from regopy import Interpreter  # type: ignore[import-untyped]

from rrplan.plans import Plan
from rrplan.plans.rehearsal import Rehearsal, Subject
from rrplan.render.plan_json import plan_document
from tests.support.clusters import TO_REFLECTORS, meshed, planned

POLICY = Path(__file__).parents[3] / "docs" / "policies" / "rrplan.rego"


def asked(plan: Plan, rule: str) -> set[str]:
    """What a rule of the policy says of a plan."""
    document: dict[str, Any] = plan_document(plan)
    interpreter = Interpreter()
    interpreter.add_module("rrplan", POLICY.read_text())
    interpreter.set_input(document)
    (texts,) = json.loads(str(interpreter.query(f"data.rrplan.{rule}")))["expressions"]
    return set(texts)


def test_what_a_board_asks() -> None:
    """Approvals, short exposure, a rehearsal that matched; what is missing is named."""
    bare = planned(meshed(), f"{TO_REFLECTORS}, drain: true")
    approvals = "the spec asks for no approvals: set `policy.approvals`"
    assert asked(bare, "deny") == {approvals}
    assert asked(bare, "warn") == {"the plan was not rehearsed"}
    policy = "policy: {approvals: {required: 2}, exposure: {brief: 30s}}"
    brief = planned(meshed(), f"{TO_REFLECTORS}, {policy}")
    assert asked(brief, "deny") == set()

    digest = str(plan_document(bare)["digest"])
    rehearsal = Rehearsal(Subject(digest, "", ""), 1, 2, (), (), "done", "undone")
    matched, failed = (
        replace(bare, rehearsal=replace(rehearsal, contradictions=contradictions))
        for contradictions in ((), ("a loss",))
    )
    assert asked(matched, "deny") == {approvals}
    assert asked(matched, "warn") == set()
    assert asked(failed, "deny") == {approvals, "the rehearsal of the plan: contradicts the plan"}


def test_exposure_that_is_too_long() -> None:
    """A pair that is accepted to be without a route for longer than the board accepts."""
    plan = planned(meshed(), f"{TO_REFLECTORS}, policy: {{exposure: {{brief: 30s}}}}")
    steps = tuple(
        replace(proof, exposures=tuple(replace(each, seconds=26) for each in proof.exposures))
        for proof in plan.proof.steps
    )
    denied = asked(replace(plan, proof=replace(plan.proof, steps=steps)), "deny")
    assert any("pairs without a route for up to 26 s" in text for text in denied)
