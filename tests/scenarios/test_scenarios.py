"""Every scenario folder: data in, plan out, carried out on the embedded cluster and taken back."""

from pathlib import Path

import pytest

from rrplan import api
from rrplan.errors import RRPlanError
from rrplan.plans import Plan
from rrplan.render.plan_json import write_plan
from rrplan.render.proof import exposure, violation_text
from rrplan.render.terminal import plan_text
from rrplan.resources import Pod
from rrplan.runs import Result
from rrplan.sandbox import Sandbox
from rrplan.snapshots import capture, joined_documents, read_snapshot, snapshot_of_manifests, write_snapshot
from rrplan.specs import Spec, load
from tests.scenarios.agreement import check_routes, check_verify, left_out
from tests.support import Bench
from tests.support.scenarios import SCENARIOS, parts


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
def test_scenario(folder: Path, tmp_path: Path) -> None:
    """The plan is as expected; what it promises happens on the embedded cluster, and can be taken back."""
    cluster, document, expect = parts(folder)
    spec = load(document, "spec.yaml")
    snapshot = snapshot_of_manifests([("cluster.yaml", cluster)])
    if "refused" in expect:
        with pytest.raises(RRPlanError) as refusal:
            api.plan(spec, snapshot)
        text = " ".join(
            [str(refusal.value), refusal.value.hint, *map(violation_text, getattr(refusal.value, "violations", ()))]
        )
        assert refusal.value.exit_code == expect.get("exit_code", 7)
        assert [words for words in expect["refused"] if words not in text] == []
        return

    plan = api.plan(spec, snapshot)
    ids = [str(step.id) for step in plan.steps]
    if "steps" in expect:
        assert expect["steps"] == ids
    assert set(expect.get("contains", [])) <= set(ids)
    if "last" in expect:
        assert expect["last"] == ids[-1]
    if "exposure" in expect:
        assert expect["exposure"] == exposure(plan)
    shown = plan_text(plan)
    assert [words for words in expect.get("text", []) if words not in shown] == []
    assert [words for words in expect.get("not_text", []) if words in shown] == []
    assert plan.proof.violations == ()
    keys = {str(change.key) for _, change in plan.writes}
    assert not keys & set(expect.get("untouched", []))
    if "untouched_label" in expect:
        assert expect["untouched_label"] not in str([change for _, change in plan.writes])
    assert write_plan(plan) == write_plan(api.plan(spec, read_snapshot(write_snapshot(snapshot), "snapshot")))

    _carried_out_and_back(plan, spec, cluster, tmp_path, folder / "spec.yaml")


def _carried_out_and_back(plan: Plan, spec: Spec, cluster: bytes, path: Path, document: Path) -> None:
    bench = Bench(path, spec, documents=joined_documents([("cluster.yaml", cluster)]))
    assert bench.plan.steps == plan.steps
    _agrees(bench, document, drift=bool(plan.writing))
    others = capture(bench.sandbox).state.others
    runner = bench.runner()
    assert runner.apply() is Result.DONE
    assert [step.id for step in api.plan(spec, capture(bench.sandbox)).steps] == []
    _agrees(bench, document, drift=False)
    assert runner.rollback() is Result.UNDONE
    assert bench.objects() == bench.before
    left = capture(bench.sandbox).state.others
    assert [one for one in others.values() if not isinstance(one, Pod)] == [
        one for one in left.values() if not isinstance(one, Pod)
    ]


def _agrees(bench: Bench, spec: Path, *, drift: bool) -> None:
    """`routes` and `verify` say of the state that is there what the independent speaker says of it."""
    if not left_out(bench.spec, capture(bench.sandbox).state):
        documents = bench.documents()
        check_routes(documents, bench.path / "cluster", spec)
        check_verify(bench.spec, api.embedded(bench.sandbox, bench.path / "cluster"), documents, drift=drift)


@pytest.mark.parametrize("folder", [one for one in SCENARIOS if "refused" in parts(one)[2]], ids=lambda one: one.name)
def test_routes_of_what_is_refused(folder: Path, tmp_path: Path) -> None:
    """Where no plan is made, the state that is there is judged alike all the same."""
    cluster, document, _ = parts(folder)
    sandbox = Sandbox.make(tmp_path / "cluster", joined_documents([("cluster.yaml", cluster)]))
    try:
        if not left_out(load(document, "spec.yaml"), capture(sandbox).state):
            check_routes([stored.document for stored in sandbox.everything()], tmp_path / "cluster")
    finally:
        sandbox.close()


def test_what_the_independent_speaker_does_not_speak_of() -> None:
    """Standalone reflectors and one old Calico: everything else is compared."""
    found = []
    for folder in SCENARIOS:
        cluster, document, _ = parts(folder)
        if left_out(load(document, "spec.yaml"), snapshot_of_manifests([("cluster.yaml", cluster)]).state):
            found.append(folder.name)
    standalone = [name for name in found if name.startswith(("ucp-", "standalone-"))]
    assert [name for name in found if name not in standalone] == ["calico-older-than-3.21"]
    assert len(standalone) == 9
    assert len(SCENARIOS) - len(found) >= 45
