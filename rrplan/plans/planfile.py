"""The plan file is read: its own digest first, then what its keys say; `rrplan.render.plan_json` writes it.

It is JSON, readable and applyable in one. Sentences in it (`text`, `checks`, `restarts`, `fallback`) are for readers:
they are covered by the digest, and made again from the facts beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from rrplan.checks.finding import BEFORE, Finding
from rrplan.digest import digest
from rrplan.errors import FileFormatError, PlanMismatch, Problem
from rrplan.ids import NodeName
from rrplan.plans.change import ChangeAction
from rrplan.plans.consistency import inconsistencies
from rrplan.plans.graph import ActionGraph, Contradiction
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Edge, Observed, Plan, Proof, SnapshotReference, Step, Tolerance
from rrplan.plans.rehearsal import read_rehearsal
from rrplan.resources import CalicoVersion, ClusterIdentity
from rrplan.resources.reading import brief, is_subdomain
from rrplan.snapshots.file import means, read_versioned
from rrplan.specs import from_document
from rrplan.specs.model import Hook, OnFailure

T = TypeVar("T")

FORMAT_VERSION = "2.4"
"""2.3: the snapshot says which cluster it is of.

2.2: a change says its action, a step which one puts back what it changes, and findings hold facts.

2.1: the proof holds facts beside its sentences.

2.0: a step has a list of `changes`, and the edges decide the order; 1.x had `change` and, before it, `cascade`.

A reader of 1.x would take a step of many changes for one without any, so the major version is another one.
"""
OLDER = ("1",)
"""Major versions that are read too."""
KIND = "Plan"
AGAIN = "make a new plan"
BESIDE = "rehearsal"
"""The key of what is kept beside the plan, with a digest of its own."""
STEPS: TypeAdapter[tuple[Step, ...]] = TypeAdapter(tuple[Step, ...])
EDGES: TypeAdapter[tuple[Edge, ...]] = TypeAdapter(tuple[Edge, ...])
PROOF: TypeAdapter[Proof] = TypeAdapter(Proof)
OBSERVED: TypeAdapter[Observed] = TypeAdapter(Observed)
CLUSTER: TypeAdapter[ClusterIdentity] = TypeAdapter(ClusterIdentity)
FINDING: TypeAdapter[Finding] = TypeAdapter(Finding)
TEXT: TypeAdapter[str] = TypeAdapter(str)
TEXTS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])
TEXT_BY_NAME: TypeAdapter[Mapping[str, str]] = TypeAdapter(Mapping[str, str])
NODE_SETS: TypeAdapter[Mapping[str, tuple[NodeName, ...]]] = TypeAdapter(Mapping[str, tuple[NodeName, ...]])
FINDINGS: TypeAdapter[tuple[Finding, ...]] = TypeAdapter(tuple[Finding, ...])


def is_plan(data: bytes) -> bool:
    """Whether a file means to be a plan, however its JSON is laid out; a spec may be JSON too."""
    return means(data, KIND)


def read_plan(data: bytes, name: str) -> tuple[Plan, str]:
    """A plan and its digest; `name` is the file name for messages.

    Raises FileFormatError, DigestMismatch for a plan that was edited, or PlanMismatch for one that was edited and given
    a new digest, as far as that shows without the cluster.
    """
    body: dict[str, Any] = read_versioned(data, name, KIND, FORMAT_VERSION, beside=[BESIDE], older=OLDER)
    rehearsal = body.pop(BESIDE, None)
    plan_digest = digest(body)
    try:
        plan = Plan(
            name=_part(TEXT, "name", body["name"]),
            steps=_part(STEPS, "steps", _present_steps(body)),
            edges=_part(EDGES, "edges", body["edges"]),
            proof=_part(PROOF, "proof", _present_proof(body["proof"])),
            node_sets=_part(NODE_SETS, "node_sets", body["node_sets"]),
            fingerprints=_part(TEXT_BY_NAME, "fingerprints", body["fingerprints"]),
            spec=from_document(body["spec"]["document"]),
            snapshot=_snapshot(body["snapshot"]),
            notices=_part(TEXTS, "notices", body["notices"]),
            findings=_part(FINDINGS, "findings", [_present_finding(finding) for finding in body["findings"]]),
            reasons=_part(TEXTS, "reasons", body["reasons"]),
            down=tuple(NodeName(name) for name in _part(TEXTS, "down", body.get("down", ()))),
            observed=None if body.get("observed") is None else _part(OBSERVED, "observed", body["observed"]),
            on_failure=OnFailure(body["on_failure"]),
            hooks=tuple(Hook.model_validate(hook) for hook in body["hooks"]),
            rehearsal=None if rehearsal is None else read_rehearsal(rehearsal, name, plan_digest),
            written_as=str(body["format_version"]),
            file_digest=plan_digest,
        )
        told = _other_words(plan, body)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise FileFormatError.one(f"the plan file is incomplete: {_lack(error)}", file=name, hint=AGAIN) from error
    _check_names(plan, name)
    _check_order(plan, name)
    faults = [*told, *inconsistencies(plan)]
    if body["spec"].get("digest") != digest(body["spec"]["document"]):
        faults.insert(0, "the digest of its spec is not that of the spec")
    if faults:
        raise PlanMismatch([Problem(f"the plan does not hold together: {fault}", name, hint=AGAIN) for fault in faults])
    return plan, plan_digest


def _other_words(plan: Plan, body: Mapping[str, Any]) -> list[str]:
    """What the file tells its readers (Terraform's tools, a board's policy) other than what it does."""
    if not str(body["format_version"]).startswith(FORMAT_VERSION.partition(".")[0]):
        return []
    written = [(str(change.key), change.before, change.after, step.id) for step, change in plan.writes]
    told = [
        (row["address"], row["change"]["before"], row["change"]["after"], row["step"])
        for row in body["resource_changes"]
    ]
    order = [step.id for step in reversed(plan.steps)]
    refused = bool(plan.steps and plan.proof.violations)
    wrong = {
        "`resource_changes` lists other changes than its steps make": told != written,
        "`rollback` has another order than its steps": body["rollback"]["order"] != order,
        "`errored` does not fit its proof": body["errored"] is not refused,
    }
    return [text for text, is_wrong in wrong.items() if is_wrong]


def _lack(error: Exception) -> str:
    """What a plan file lacks, in a line: where, and what is wrong there."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        return ": ".join(part for part in (".".join(map(str, first["loc"])), first["msg"]) if part)
    return f"`{error.args[0]}` is missing" if isinstance(error, KeyError) and error.args else str(error)


def _check_names(plan: Plan, name: str) -> None:
    """Raise FileFormatError for a name that Kubernetes has nowhere: it would reach shells and addresses of requests."""
    keys = (change.key for step in plan.steps for change in step.changes)
    names = [*plan.down, *(node for nodes in plan.node_sets.values() for node in nodes)]
    for text in [*names, *(part for key in keys for part in (key.name, key.namespace) if part)]:
        if not is_subdomain(text):
            raise FileFormatError.one(f"`{brief(text)}` is no name that Kubernetes accepts", file=name, hint=AGAIN)


def _part(adapter: TypeAdapter[T], key: str, value: object) -> T:
    """What a key holds; raises ValueError with the place inside it."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in (key, *first["loc"]))
        raise ValueError(f"`{place}`: {first['msg'].removeprefix('Value error, ')}") from error


def _snapshot(body: dict[str, Any]) -> SnapshotReference:
    version = CalicoVersion.parse(body["calico_version"])
    if version is None:
        raise ValueError(f"`calico_version` is `{body['calico_version']}`, which is no release of Calico")
    others = [CalicoVersion.parse(text) for text in body.get("other_calico_versions", ())]
    cluster = _part(CLUSTER, "snapshot.cluster", body.get("cluster", {}))
    return SnapshotReference(
        body["digest"], body["taken_at"], version, cluster, tuple(other for other in others if other is not None)
    )


def _present_steps(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps in the shape of today."""
    old = str(body["format_version"]).startswith("1.")
    steps = [_of_version_1(step) if old else step for step in body["steps"]]
    return [{**step, "changes": [_with_action(change) for change in step["changes"]]} for step in steps]


def _with_action(change: dict[str, Any]) -> dict[str, Any]:
    """Before 2.2 the documents alone said what a change does."""
    there = (change["before"] is not None, change["after"] is not None)
    implied = {(False, True): ChangeAction.CREATE, (True, False): ChangeAction.DELETE}.get(there, ChangeAction.UPDATE)
    return {"action": implied.value, **change}


def _present_finding(finding: dict[str, Any]) -> dict[str, Any]:
    """Before 2.2 a finding was a sentence."""
    if "problem" in finding:
        return finding
    return {**finding, "problem": BEFORE, "facts": {"text": finding["text"]}}


def _present_proof(proof: dict[str, Any]) -> dict[str, Any]:
    """A proof in the shape of today; before 2.1 it had sentences alone, and `notices` told its violations too."""
    if "final" in proof:
        return proof
    steps = [
        {
            **step,
            "exposures": [_tolerated_once(exposure) for exposure in step["exposures"]],
            "outside": [_tolerated_once(effect) for effect in step.get("outside", ())],
        }
        for step in proof["steps"]
    ]
    return {"steps": steps, "final": []}


def _tolerated_once(fact: dict[str, Any]) -> dict[str, Any]:
    """Before 2.1, `tolerated` was `brief: 15 s` where it is `brief` now."""
    brief = str(fact["tolerated"]).startswith(Tolerance.BRIEF)
    return {**fact, "tolerated": Tolerance.BRIEF} if brief else fact


def _of_version_1(step: dict[str, Any]) -> dict[str, Any]:
    """A step whose `change` came after its `cascade`; it goes on by itself, in the order of the file."""
    kept = {name: value for name, value in step.items() if name not in ("change", "cascade")}
    changes = [*step.get("cascade", ()), *([step["change"]] if step.get("change") else [])]
    about = changes[-1]["key"] if changes else {}
    node = about.get("name") if about.get("kind") in ("Node", "CalicoNode") else None
    return {**kept, "changes": changes, "node": node, "phase": Phase.RELEASE.value}


def _check_order(plan: Plan, name: str) -> None:
    """Raise PlanMismatch where edges and steps contradict each other."""
    try:
        ActionGraph(plan.steps, plan.edges)
    except Contradiction as error:
        raise PlanMismatch.one(f"the edges of the plan cannot be kept: {error}", file=name, hint=AGAIN) from error
    position = {step.id: index for index, step in enumerate(plan.steps)}
    for edge in plan.edges:
        if position[edge.before] > position[edge.after]:
            raise PlanMismatch.one(
                f"step `{edge.after}` stands before `{edge.before}`, and an edge says the reverse",
                file=name,
                hint=AGAIN,
            )
