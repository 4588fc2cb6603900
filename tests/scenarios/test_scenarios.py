"""Every scenario folder: data in, plan out, carried out on the embedded cluster and taken back."""

from pathlib import Path

import pytest
import yaml

from rrplan import api
from rrplan.adapters.hooks import CommandHooks
from rrplan.adapters.lock import FileLock
from rrplan.errors import RRPlanError
from rrplan.plans import Plan, write_plan
from rrplan.render.terminal import plan_text
from rrplan.render.words import exposure
from rrplan.resources import Pod
from rrplan.runs import FileJournal, Result, Runner
from rrplan.runs.events import RunEvent
from rrplan.runs.runner import World
from rrplan.sandbox import Sandbox
from rrplan.snapshots import capture, documents_in, read_snapshot, snapshot_of_manifests, write_snapshot
from rrplan.specs import Spec, load

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios"
SCENARIOS = sorted(path for path in FOLDER.iterdir() if path.is_dir())


class Silent:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def report(self, event: RunEvent) -> None:
        """Remember."""
        self.events.append(event)


def parts(folder: Path) -> tuple[bytes, bytes, dict[str, object]]:
    """Cluster, spec and expectation of a scenario."""
    expect = yaml.safe_load((folder / "expect.yaml").read_text())
    return (folder / "cluster.yaml").read_bytes(), (folder / "spec.yaml").read_bytes(), expect


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
        assert refusal.value.exit_code == 7
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
    assert plan.proof.violations == ()
    keys = {str(step.change.key) for step in plan.changes if step.change}
    assert not keys & set(expect.get("untouched", []))
    if "untouched_label" in expect:
        assert expect["untouched_label"] not in str([step.change for step in plan.changes])
    assert write_plan(plan) == write_plan(api.plan(spec, read_snapshot(write_snapshot(snapshot), "snapshot")))

    _carried_out_and_back(plan, spec, cluster, tmp_path)


def _carried_out_and_back(plan: Plan, spec: Spec, cluster: bytes, path: Path) -> None:
    documents = [found.document for found in documents_in("cluster.yaml", cluster)]
    sandbox = Sandbox.make(path / "sandbox", documents)
    before = capture(sandbox).state
    runner = _runner(plan, sandbox, path)
    assert runner.apply() is Result.DONE
    after = capture(sandbox)
    assert [step.id for step in api.plan(spec, after).steps] == []
    assert runner.rollback() is Result.UNDONE
    left = capture(sandbox).state
    assert (before.nodes, before.peers, before.configurations) == (left.nodes, left.peers, left.configurations)
    assert [one for one in before if not isinstance(one, Pod)] == [one for one in left if not isinstance(one, Pod)]


def _runner(plan: Plan, sandbox: Sandbox, path: Path) -> Runner:
    lock = FileLock(path / "lock")
    lock.acquire({"who": "test"})
    world = World(sandbox, sandbox, sandbox.clock, lock, CommandHooks(), Silent())
    return Runner(plan, "run", world, FileJournal.create(path / "journal.jsonl", "digest"), lambda: False)
