"""Every scenario folder: data in, plan out, carried out on the embedded cluster and taken back."""

from pathlib import Path

import pytest

from rrplan import api
from rrplan.errors import RRPlanError
from rrplan.plans import Plan, write_plan
from rrplan.render.terminal import plan_text
from rrplan.render.words import exposure
from rrplan.resources import Pod
from rrplan.runs import Result
from rrplan.snapshots import capture, joined_documents, read_snapshot, snapshot_of_manifests, write_snapshot
from rrplan.specs import Spec, load
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
            [str(refusal.value), refusal.value.hint, *(v.text for v in getattr(refusal.value, "violations", ()))]
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
    keys = {str(step.change.key) for step in plan.changes if step.change}
    assert not keys & set(expect.get("untouched", []))
    if "untouched_label" in expect:
        assert expect["untouched_label"] not in str([step.change for step in plan.changes])
    assert write_plan(plan) == write_plan(api.plan(spec, read_snapshot(write_snapshot(snapshot), "snapshot")))

    _carried_out_and_back(plan, spec, cluster, tmp_path)


def _carried_out_and_back(plan: Plan, spec: Spec, cluster: bytes, path: Path) -> None:
    bench = Bench(path, spec, documents=joined_documents([("cluster.yaml", cluster)]))
    assert bench.plan.steps == plan.steps
    others = capture(bench.sandbox).state.others
    runner = bench.runner()
    assert runner.apply() is Result.DONE
    assert [step.id for step in api.plan(spec, capture(bench.sandbox)).steps] == []
    assert runner.rollback() is Result.UNDONE
    assert bench.objects() == bench.before
    left = capture(bench.sandbox).state.others
    assert [one for one in others.values() if not isinstance(one, Pod)] == [
        one for one in left.values() if not isinstance(one, Pod)
    ]
