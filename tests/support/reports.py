"""Reports for tests: of a plan from a small or a large cluster, with and without the cluster."""

from __future__ import annotations

from rrplan import api
from rrplan.bgp.profile import calico_versions
from rrplan.cli.demo import SPEC
from rrplan.ids import StepId
from rrplan.planning.picture import Picture, picture
from rrplan.planning.sketch import sketch
from rrplan.plans import Plan
from rrplan.ports import KeptRun
from rrplan.render.report.contents import Told, report, stops
from rrplan.render.report.document import Report, RunPart
from rrplan.render.report.happened import run_part
from rrplan.render.report.html import report_html
from rrplan.reports.entry import Entry, JournalEvent
from rrplan.reports.events import RunState
from rrplan.reports.record import RunRecord
from rrplan.resources import ClusterState
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.snapshots.snapshot import state_of
from rrplan.specs import load

DRAINED = SPEC.replace("  rollout: {bake: 30s}\n", "")
"""The spec of the demo, without the time in which its end is watched."""


def demo(nodes: int) -> tuple[Plan, Snapshot]:
    """The plan of the demo for a cluster of so many nodes, and its snapshot."""
    snapshot = Snapshot(state_of(demo_cluster(nodes)))
    return api.plan(load(DRAINED.encode(), "spec.yaml"), snapshot), snapshot


def drawn(plan: Plan, state: ClusterState | None) -> Picture:
    """What a report draws of a plan."""
    ends = stops(plan)
    return sketch(plan, ends) if state is None else picture(plan, state, calico_versions(state), ends)


def document(plan: Plan, state: ClusterState | None = None) -> Report:
    """What a report says."""
    return report(plan, Told(drawn(plan, state), None, "rrplan"))


def ran(plan: Plan) -> RunPart:
    """What happened in a run whose first step with a gate failed, so that it was taken back."""
    step = next(step for step in plan.steps if step.gates)
    entries = (
        Entry(1, StepId(""), JournalEvent.RUN_STARTED, 0, "", "", ""),
        Entry(2, step.id, JournalEvent.STARTED, 1000, "", "", ""),
        Entry(3, step.id, JournalEvent.APPLIED, 2000, "", "", ""),
        Entry(4, step.id, JournalEvent.SETTLE_FAILED, 95_000, f"<b>{step.node}</b>", "", ""),
    )
    kept = KeptRun("r1", "demo", "ada", "2026-01-01T10:00:00Z")
    return run_part(RunRecord(kept, plan, "sha256:0", RunState.UNDONE, {}, entries, (), None, back=True), "--sandbox c")


def page(plan: Plan, state: ClusterState | None = None) -> str:
    """The HTML."""
    return report_html(document(plan, state))
