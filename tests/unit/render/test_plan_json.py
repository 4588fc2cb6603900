"""A plan as JSON: facts and sentences; what is read of it, also where an earlier version wrote it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from rrplan.digest import digest
from rrplan.errors import DigestMismatch, FileFormatError
from rrplan.planning import draft_plan
from rrplan.plans import Plan, read_plan
from rrplan.plans.plan import Proof
from rrplan.render.checks import sentence
from rrplan.render.markdown import plan_markdown
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.render.proof import exposure, violation_text
from rrplan.render.terminal import plan_text
from rrplan.resources import ClusterState
from rrplan.specs import load
from tests.support.clusters import HEAD, TO_REFLECTORS, VERSIONS, meshed, peer, planned, reflected
from tests.support.plans import REFERENCE

DRAINED = f"{TO_REFLECTORS}, drain: true"
HOOK = "{name: ticket, on: before-step, action: DisableMesh, command: [notify, x], timeout: 90s, required: true}"


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON, without its digest."""
    return {name: value for name, value in plan_document(plan).items() if name != "digest"}


def again(body: dict[str, Any]) -> Plan:
    """What is read of a plan file."""
    return read_plan(json.dumps({**body, "digest": digest(body)}).encode(), "plan.json")[0]


def draft(cluster: ClusterState, spec: str) -> Plan:
    """A plan that keeps its counterexamples."""
    return draft_plan(
        load(f"{HEAD}spec: {{{spec}}}\n".encode(), "spec.yaml"),
        cluster,
        VERSIONS,
        REFERENCE,
    )


def test_json_has_facts_and_sentences() -> None:
    """Each violation with its fields and its text; what holds in the end as facts and as sentences."""
    plan = draft(meshed(peer("leftover", peerIP="10.0.0.3", asNumber=65001)), DRAINED)
    body = document(plan)
    assert plan.proof.violations
    for told, violation in zip(body["proof"]["violations"], plan.proof.violations, strict=True):
        assert told["text"] == violation_text(violation)
        assert (told["invariant"], told["step"], told["at"]) == (violation.invariant, violation.step, violation.at)
    reasons = [told["reason"] for told in body["proof"]["violations"] if told["reason"]]
    assert {"no-session"} == {reason["obstacle"] for reason in reasons}
    good = document(planned(meshed(), DRAINED))
    assert [check["text"] for check in good["checks"]] == good["proof"]["checks"]
    assert [fact["invariant"] for fact in good["proof"]["final"]] == [
        "converged",
        "reflectors-per-client",
        "resilience",
    ]


def test_a_violation_is_shown_once_after_it_was_written() -> None:
    """A plan without steps may be written with what its policy lacks; it is read as it was, and shown the same."""
    plan = draft(reflected(dead="r2"), DRAINED)
    assert plan.proof.violations
    assert not plan.steps
    read = again(document(plan))
    assert read.proof == plan.proof
    sentence = violation_text(plan.proof.violations[0])
    for text in (plan_text(read, width=500), plan_markdown(read)):
        assert text.count(sentence) == 1


def test_proofs_of_before_are_read() -> None:
    """Version 2.0 had sentences alone, told violations as notices too, and gave the seconds with `brief`."""
    switch = peer("switch", node="r1", peerIP="10.0.0.254", asNumber=64512)
    plan = planned(meshed(switch), TO_REFLECTORS + ", policy: {exposure: {brief: 30s}}")
    assert exposure(plan).endswith("ordered pairs, up to 22 s each")
    body = {**document(plan), "format_version": "2.0"}
    proof = body["proof"]
    del proof["final"]
    proof["violations"] = [{"invariant": "resilience", "step": "final state", "text": "the loss of r1 ..."}]
    body["notices"] = [*body["notices"], "the loss of r1 ..."]
    for step in proof["steps"]:
        for fact in (*step["exposures"], *step["outside"]):
            assert fact["tolerated"] == "brief"
            fact["tolerated"] = "brief: 30 s"
    read = again(body)
    assert read.proof == Proof(plan.proof.steps, ())
    assert any(step.outside for step in read.proof.steps)
    assert exposure(read) == exposure(plan)
    assert plan_text(read).count("the loss of r1 ...") == 1
    assert read_plan(write_plan(read), "plan.json")[0] == read


def test_changes_of_before_are_read() -> None:
    """Before 2.2 the documents of a change alone said what it does."""
    plan = planned(meshed(), f"{TO_REFLECTORS}, drain: true")
    body = {**document(plan), "format_version": "2.1"}
    for step in body["steps"]:
        del step["until"]
        for change in step["changes"]:
            del change["action"]
    read = again(body)
    assert read.writes == [(replace(step, until=None), change) for step, change in plan.writes]


def test_findings_of_before_are_read() -> None:
    """Before 2.2 a finding was a sentence, which is shown as it was."""
    plan = planned(meshed(peer("none", nodeSelector="x == 'y'")), f"{TO_REFLECTORS}, drain: true")
    body = {**document(plan), "format_version": "2.1"}
    for finding in body["findings"]:
        finding["text"] = "as it was"
        del finding["problem"], finding["facts"]
    read = again(body)
    assert [sentence(finding) for finding in read.findings] == ["as it was"] * len(plan.findings)
    assert plan.findings
    assert plan_text(read, width=500).count("as it was") == len(plan.findings)
    assert again(document(read)) == read


def test_a_change_that_contradicts_itself() -> None:
    """What its documents are must fit what it does."""
    body = document(planned(meshed(), f"{TO_REFLECTORS}, drain: true"))
    (change,) = next(step for step in body["steps"] if step["id"] == "mesh-off")["changes"]
    change["action"] = "delete"
    with pytest.raises(FileFormatError, match=r"the change of BGPConfiguration/default is no delete") as error:
        again(body)
    assert error.value.problems[0].summary.startswith("the plan file is incomplete: `steps.7.changes.0`: ")
    assert error.value.problems[0].hint == "make a new plan"


def test_the_digest_covers_the_sentences() -> None:
    """Who reviews a plan reads sentences: one that was edited is found out."""
    body = plan_document(draft(reflected(dead="r2"), DRAINED))
    body["proof"]["violations"][0]["text"] = "all is well"
    with pytest.raises(DigestMismatch, match="the file was changed after it was written"):
        read_plan(json.dumps(body).encode(), "plan.json")


def test_what_an_operator_asked_for_on_the_way() -> None:
    """Hooks and `on_failure` are written as in the spec, and read as they were; anything else is refused."""
    plan = planned(meshed(), f"{DRAINED}, hooks: [{HOOK}]")
    body = document(plan)
    assert [hook["timeout"] for hook in body["hooks"]] == ["90s"]
    assert again(body).hooks == plan.hooks
    assert [hook.timeout for hook in plan.hooks] == [90]
    with pytest.raises(FileFormatError, match="the plan file is incomplete: 'undoo' is not a valid OnFailure"):
        again({**body, "on_failure": "undoo"})
    del body["hooks"][0]["command"]
    with pytest.raises(FileFormatError, match="the plan file is incomplete"):
        again(body)
