"""Random clusters, random specs: what is planned happens, can be taken back, and never loses a route on the way."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rrplan import api
from rrplan.adapters.local.runs import FileLog
from rrplan.errors import PolicyRefusal, UnsafePlanError
from rrplan.ids import NodeName
from rrplan.plans import Plan
from rrplan.plans.change import changed
from rrplan.ports import Document
from rrplan.render.plan_json import write_plan
from rrplan.resources import CalicoVersion, ClusterInformation, ClusterState, Node, encode
from rrplan.runs import Journal, Result
from rrplan.snapshots import Snapshot, capture, read_snapshot, write_snapshot
from rrplan.specs import Spec, load
from tests.properties.naive import naive
from tests.support import Bench
from tests.support.dying import Crash, DyingLog, after


@st.composite
def clusters(draw: st.DrawFn) -> list[Document]:
    """Four to ten nodes in up to three zones; some have a bad day."""
    documents: list[Document] = [encode(ClusterInformation("default", CalicoVersion.parse("v3.30.4")))]
    for index in range(draw(st.integers(4, 10))):
        labels = {"topology.kubernetes.io/zone": draw(st.sampled_from("abc"))}
        if draw(st.integers(0, 5)):
            labels["role"] = "rr"
        node = Node(
            NodeName(f"n{index}"),
            labels,
            ipv4=f"10.0.0.{index + 1}",
            ipv6=f"fd00::{index + 1:x}" if draw(st.integers(0, 3)) else "",
            ready=draw(st.integers(0, 9)) > 0,
        )
        documents.append(encode(node))
    return documents


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """One or two groups, shared or own cluster IDs, drained or not, in waves or not."""
    flag = st.sampled_from(["true", "false"])
    text = (
        "apiVersion: rrplan.io/v1\nkind: BGPTopology\nmetadata: {name: random}\nspec:\n  topology: route-reflectors\n"
    )
    groups = draw(st.integers(1, 2))
    if draw(st.booleans()):
        text += "  clusterID: 224.0.0.1\n"
        ids = [""] * groups
    else:
        ids = [f", clusterID: 224.0.0.{index + 1}" for index in range(groups)]
    text += "  groups:\n"
    wanted = draw(st.integers(1, 2))
    for index in range(groups):
        clients = "" if groups == 1 else f", clients: \"topology.kubernetes.io/zone in {{'{'ab' if index else 'c'}'}}\""
        clients = "" if draw(st.booleans()) else clients
        count = draw(st.integers(wanted, 3))
        spread = ", spreadOver: topology.kubernetes.io/zone" if draw(st.booleans()) else ""
        nodes = f"{{selector: role == 'rr', count: {count}{spread}}}"
        text += f"    - {{name: g{index}, nodes: {nodes}{ids[index]}{clients}}}\n"
    text += f"  drain: {draw(st.sampled_from(['true', 'true', 'false']))}\n  dedicated: {draw(flag)}\n"
    text += f"  policy: {{minReflectorsPerClient: {wanted}, exposure: {draw(EXPOSURES)}}}\n"
    if draw(st.booleans()):
        text += "  rollout: {waves: [1, 50%]}\n"
    note(text)
    return load(text.encode(), "spec.yaml")


pytestmark = pytest.mark.slow
EXPOSURES = st.sampled_from(["drained-only", "{brief: 30s}"])


def planned(spec: Spec, documents: list[Document], path: Path) -> Bench | None:
    """The plan on a cluster, or None where it is refused with a reason."""
    try:
        return Bench(path, spec, documents=documents)
    except (PolicyRefusal, UnsafePlanError) as refusal:
        event(str(refusal)[:60])
        return None


def states(start: ClusterState, plan: Plan) -> list[ClusterState]:
    """The states between the steps, first and last included."""
    found = [start]
    for step in plan.steps:
        state = found[-1]
        for change in step.changes:
            state = changed(state, change)
        found += [state] if step.changes else []
    return found


@settings(max_examples=200)
@given(clusters(), specs())
def test_planned_done_and_undone(documents: list[Document], spec: Spec) -> None:
    """Applied, it ends in desired and there is nothing left to do; taken back, it ends in the snapshot."""
    path = Path(tempfile.mkdtemp(prefix="rrplan-property-"))
    try:
        bench = planned(spec, documents, path)
        if bench is None:
            return
        event("planned")
        snapshot: Snapshot = capture(bench.sandbox)
        again = api.plan(spec, read_snapshot(write_snapshot(snapshot), "snapshot"))
        assert write_plan(again) == write_plan(bench.plan)
        marked = {str(step.node) for step in bench.plan.steps if step.action == "DrainNode" and step.changes}
        held = naive(bench.sandbox.state)
        for state in states(bench.sandbox.state, bench.plan):
            lost = {(holder, origin) for holder, origin in held - naive(state) if not {holder, origin} & marked}
            assert not lost
        assert held <= naive(states(bench.sandbox.state, bench.plan)[-1])

        assert bench.runner().apply() is Result.DONE
        assert not api.plan(spec, capture(bench.sandbox)).steps
        assert bench.runner().rollback() is Result.UNDONE
        assert bench.objects() == bench.before
        bench.sandbox.close()
    finally:
        shutil.rmtree(path)


class Runs(RuleBasedStateMachine):
    """Apply, crash, resume and roll back in any order, on one cluster."""

    @initialize(nodes=st.integers(5, 8), waves=st.booleans())
    def cluster(self, nodes: int, waves: bool) -> None:
        """A cluster and a plan."""
        self.path = Path(tempfile.mkdtemp(prefix="rrplan-property-"))
        text = """
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: random}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
  dedicated: true
"""
        self.bench = Bench(self.path, text + ("  rollout: {waves: [1, 50%]}\n" if waves else ""), nodes=nodes)
        self.held = naive(self.bench.sandbox.state)
        self.result: Result | None = None
        self.back = False

    def _run(self, *, back: bool, entries: int) -> None:
        log = FileLog(self.path / "journal.jsonl")
        journal = Journal.open(DyingLog(log, after(entries)), "digest")
        runner = self.bench.runner(journal=journal)
        # From the first line about a rollback on, resuming goes on with the rollback.
        self.back = self.back or back
        try:
            self.result = runner.rollback() if back else runner.apply()
        except Crash:
            self.result = None
        journal.close()
        self.bench.reopen()

    @rule(entries=st.integers(1, 40))
    def apply_or_resume(self, entries: int) -> None:
        """Begin, or go on, for some entries."""
        if self.result is None:
            self._run(back=False, entries=entries)

    @precondition(lambda self: (self.path / "journal.jsonl").exists())
    @rule(entries=st.integers(2, 40))
    def roll_back(self, entries: int) -> None:
        """Take back, for some entries."""
        self._run(back=True, entries=entries)

    @invariant()
    def no_route_is_lost(self) -> None:
        """Whatever happened: all pairs of undrained nodes hold their routes."""
        if hasattr(self, "bench"):
            lost = self.held - naive(self.bench.sandbox.state)
            assert not {pair for pair in lost if not {"rr-1", "rr-2"} & set(pair)}

    def teardown(self) -> None:
        """In the end the run is finished, forward or back, and the cluster is as that promises."""
        if not hasattr(self, "bench"):
            return
        if self.result is None:
            self._run(back=False, entries=0)
        if self.back:
            assert self.result is Result.UNDONE
            assert self.bench.objects() == self.bench.before
        else:
            assert self.result is Result.DONE
            assert not api.plan(self.bench.spec, capture(self.bench.sandbox)).steps
        self.bench.sandbox.close()
        shutil.rmtree(self.path)


Runs.TestCase.settings = settings(max_examples=60, stateful_step_count=8)
TestRuns = Runs.TestCase
