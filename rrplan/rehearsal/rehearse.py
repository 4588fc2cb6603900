"""A rehearsal from end to end: sample, laboratory, the run there and back, and what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rrplan import operations
from rrplan.adapters.local.clock import SystemClock
from rrplan.adapters.nodes.birdcl import Birds, OneByOne
from rrplan.adapters.nodes.probe import LiveProbe
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.errors import PreflightError
from rrplan.operations import Control, apply, rollback
from rrplan.planning.promise import held_pairs, promises, reflecting, states
from rrplan.plans import Plan
from rrplan.plans.rehearsal import Rehearsal
from rrplan.rehearsal.isolation import isolated
from rrplan.rehearsal.judging import Judge, Timeline
from rrplan.rehearsal.namespaces import check_parts
from rrplan.rehearsal.sample import sample, shortened
from rrplan.rehearsal.stage import ObservedDatastore, Stage
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.reports.events import Listener
from rrplan.resources import CalicoVersion, ClusterState, encode
from rrplan.runs import Result
from rrplan.runs.observation import await_sessions
from rrplan.runs.preflight import check_fresh
from rrplan.sandbox import Sandbox
from rrplan.snapshots import Snapshot, write_snapshot
from rrplan.wiring import embedded


def rehearse(
    plan: Plan,
    snapshot: Snapshot,
    listener: Listener,
    folder: Path,
    *,
    nodes: int = 40,
    seed: int = 1,
    version: CalicoVersion | None = None,
) -> Rehearsal:
    """Carry a plan out and take it back on real BIRD speakers, in a sample of its cluster; measure what is lost.

    `folder` gets all that a repetition needs. Raises StalePlanError where the snapshot is not what the plan was plan
    for, UsageProblem where `nodes` are too few, PreflightError where there can be no laboratory.
    """
    _check_outside(plan)
    check_parts()
    check_fresh(plan, snapshot.state)
    sampled = sample(plan, snapshot.state, calico_versions(snapshot.state, version), nodes, seed)
    small = operations.plan(plan.spec, Snapshot(sampled.state), version=version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "snapshot.json").write_bytes(write_snapshot(Snapshot(sampled.state)))
    (folder / "plan.json").write_bytes(write_plan(small))
    short, left_out = shortened(small, plan.spec.gates.stable)
    about = Rehearsal(
        plan=str(plan_document(plan)["digest"]),
        seed=seed,
        nodes=len(sampled.state.nodes),
        kept=sampled.kept,
        left_out=left_out,
    )
    versions = calico_versions(sampled.state, version)
    return isolated(lambda: _rehearsed(short, sampled.state, versions, about, listener, folder))


def _check_outside(plan: Plan) -> None:
    """Raise PreflightError where a plan rests on speakers outside that pass routes on: here none does."""
    names = [role.name for role in plan.spec.roles if role.passes_on]
    if names:
        raise PreflightError(
            [f"`outside` of the spec: {', '.join(names)} pass routes on, and peers outside pass nothing on here"],
            hint="try the plan on an embedded cluster: `rrplan sandbox DIR -f ...`, `rrplan apply PLAN --sandbox DIR`",
        )


def _rehearsed(
    plan: Plan, state: ClusterState, versions: Versions, about: Rehearsal, listener: Listener, folder: Path
) -> Rehearsal:
    promised = promises(plan, state, versions)
    reflectors = reflecting(plan, state)
    sandbox = Sandbox.make(folder / "sandbox", map(encode, state))
    stage = Stage([*states(plan, state)], versions, folder / "nodes", about.seed, SystemClock())
    try:
        here = embedded(sandbox, folder)
        birds = Birds(OneByOne(stage.laboratory.ask))
        probe = LiveProbe(birds, stage.laboratory, None, lambda _notice: None)
        heard = ObservedDatastore(sandbox, lambda: stage.hear(sandbox.state))
        cluster = replace(here, datastore=heard, probe=probe, clock=SystemClock())
        pairs = stage.begin(held_pairs(state, versions), reflectors)
        await_sessions(state, versions, probe, cluster.clock)
        timeline = Timeline(listener)
        there = apply(plan, cluster, Control(timeline))
        back = rollback(cluster, Control(timeline)) if there is Result.DONE else None
        timeline.close()
        recording = stage.end()
        laboratory = stage.laboratory
        judge = Judge(plan, promised, laboratory.origins(), pairs, reflectors, laboratory.outside)
        return replace(
            about,
            there=there.value,
            back=back.value if back else "",
            steps=tuple(judge.measures(recording, timeline.windows)),
            safe=judge.count(recording, timeline.windows, exposed=False),
            exposed=judge.count(recording, timeline.windows, exposed=True),
            flows=len(recording.flows),
            probe_every_ms=round(stage.every * 1000),
            late_ms=round(recording.lateness * 1000),
            contradictions=tuple(judge.contradictions(recording, timeline.windows)),
            longer=tuple(judge.longer(recording, timeline.windows)),
        )
    finally:
        stage.close()
        sandbox.close()
