"""What a program can do with rrplan: plan, apply, resume, rollback."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from itertools import dropwhile
from pathlib import Path

from rrplan.adapters.local.clock import SystemClock, timestamp
from rrplan.adapters.local.hooks import CommandHooks
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.errors import PreflightError, RRPlanError
from rrplan.plans import Plan, build_plan, draft_plan, read_plan
from rrplan.plans.expected import expected
from rrplan.plans.rehearsal import Rehearsal
from rrplan.ports import KeptRun, Log, Probe
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.resources import CalicoVersion, ClusterState, encode
from rrplan.runs import Journal, Result, Runner, preflight
from rrplan.runs.events import Listener
from rrplan.runs.observation import await_sessions, observe
from rrplan.runs.preflight import Situation, When, check_before_run
from rrplan.runs.runner import PARALLELISM
from rrplan.runs.standing import Standing
from rrplan.runs.standing import standings as runs_standings
from rrplan.runs.step_run import RunPorts
from rrplan.runs.verification import Verdict, verified
from rrplan.sandbox import Sandbox
from rrplan.snapshots import Snapshot, capture, write_snapshot
from rrplan.specs import Spec
from rrplan.wiring import Cluster, embedded, live, live_on

__all__ = [
    "KINDS",
    "Cluster",
    "Control",
    "apply",
    "check_fresh",
    "embedded",
    "last_run",
    "live",
    "live_on",
    "observed",
    "plan",
    "rehearse",
    "resume",
    "rollback",
    "schema_of",
    "standings",
    "verify",
]


def plan(spec: Spec, snapshot: Snapshot, *, version: CalicoVersion | None = None) -> Plan:
    """The proved plan from a snapshot to a spec; raises PolicyRefusal or UnsafePlanError."""
    versions = calico_versions(snapshot.state, version)
    return build_plan(spec, snapshot.state, versions, _about(snapshot, versions))


def _about(snapshot: Snapshot, versions: Versions) -> dict[str, object]:
    """What a plan says of where its state came from."""
    return {
        "digest": snapshot.digest,
        "taken_at": snapshot.taken_at or None,
        "calico_version": str(versions.default),
    }


@dataclass(frozen=True, slots=True)
class Control:
    """Who hears of a run, who can stop it between steps, and what stands between it and its journal's log."""

    listener: Listener
    stop: Callable[[], bool] = lambda: False
    wrap: Callable[[Log], Log] = lambda log: log
    accept_down: frozenset[str] = frozenset()
    """Nodes, and addresses outside the cluster, whose sessions may be down when a plan begins."""
    parallelism: int = PARALLELISM
    """Steps that may be under way at the same time, where none of them touches sessions."""


def check_fresh(made: Plan, snapshot: Snapshot) -> None:
    """Raise StalePlanError where the cluster is not what the plan was made for."""
    preflight.check_fresh(made, snapshot.state)


def apply(made: Plan, cluster: Cluster, control: Control) -> Result:
    """Carry a plan out; raises StalePlanError or PreflightError before anything is written."""
    now = cluster.clock.wall()
    run = now.strftime("%Y%m%dt%H%M%S-%f") + uuid.uuid4().hex[:2]
    digest = str(plan_document(made)["digest"])
    situation = Situation(made, cluster.datastore, cluster.probe, accepted=control.accept_down)
    check_before_run(cluster.checks, When.UNLOCKED, situation, cluster.tell)
    cluster.lock.acquire(_holder(run, "apply", digest, now))
    try:
        situation = replace(situation, state=capture(cluster.datastore).state)
        check_before_run(cluster.checks, When.LOCKED, situation, cluster.tell)
        kept = KeptRun(run, made.name, getpass.getuser(), timestamp(now))
        cluster.runs.begin(kept, write_plan(made))
        return _run(made, digest, run, cluster, control, back=False)
    finally:
        cluster.lock.release()


def resume(cluster: Cluster, control: Control, run: str | None = None) -> Result:
    """Go on with a run, the last one where none is named."""
    return _again(cluster, control, run, back=False)


def rollback(cluster: Cluster, control: Control, run: str | None = None) -> Result:
    """Take a run back, the last one where none is named."""
    return _again(cluster, control, run, back=True)


def _again(cluster: Cluster, control: Control, run: str | None, *, back: bool) -> Result:
    name = run or last_run(cluster)
    made, digest = read_plan(cluster.runs.plan(name), f"the plan of run {name}")
    _check_newest(cluster, name)
    cluster.lock.acquire(_holder(name, "rollback" if back else "resume", digest, cluster.clock.wall()))
    try:
        return _run(made, digest, name, cluster, control, back=back)
    finally:
        cluster.lock.release()


def _run(made: Plan, digest: str, run: str, cluster: Cluster, control: Control, *, back: bool) -> Result:
    with Journal.open(control.wrap(cluster.runs.log(run)), digest) as journal:
        listener = cluster.record(made, control.listener)
        ports = RunPorts(cluster.datastore, cluster.probe, cluster.clock, cluster.lock, CommandHooks(), listener)
        runner = Runner(made, run, ports, journal, control.stop, control.parallelism)
        return runner.rollback() if back else runner.apply()


def observed(made: Plan, snapshot: Snapshot, probe: Probe, *, version: CalicoVersion | None = None) -> Plan:
    """The plan with what the nodes say of the sessions that it counts on; raises DatastoreError."""
    seen = observe(snapshot.state, calico_versions(snapshot.state, version), probe)
    return replace(made, observed=seen)


def standings(cluster: Cluster) -> list[Standing]:
    """Sessions expected against sessions seen, now, in a cluster as it is."""
    state = capture(cluster.datastore).state
    return _standings(state, cluster)


def _standings(state: ClusterState, cluster: Cluster) -> list[Standing]:
    expectations, node_sets = expected(state, calico_versions(state))
    return runs_standings(expectations, node_sets, cluster.probe)


def verify(spec: Spec, cluster: Cluster, *, sessions: bool = True) -> Verdict:
    """Compare a cluster with a spec, also where the way there is unsafe; raises PolicyRefusal or PreflightError."""
    snapshot = capture(cluster.datastore)
    state = snapshot.state
    seen = _standings(state, cluster) if sessions else ()
    versions = calico_versions(state)
    draft = draft_plan(spec, state, versions, _about(snapshot, versions))
    return verified(spec, draft, state, versions, seen)


def last_run(cluster: Cluster) -> str:
    """The newest run; raises RRPlanError where there is none."""
    runs = cluster.runs.runs()
    if not runs:
        raise RRPlanError(f"no run is known in {cluster.name}", hint="`rrplan apply` starts one")
    return runs[-1].run


def _check_newest(cluster: Cluster, name: str) -> None:
    """Raise PreflightError where a later run built on this one and was not taken back."""
    since = dropwhile(lambda run: run.run != name, cluster.runs.runs())
    later = [run for run in since if run.run != name and run.last != "run-undone"]
    if later:
        raise PreflightError(
            [f"run {later[-1].run} of plan `{later[-1].plan}` came after run {name} and is not taken back"],
            hint=f"nothing was changed; `rrplan rollback {later[-1].run}` first, or make a new plan",
        )


def _holder(run: str, why: str, digest: str, since: datetime) -> Mapping[str, str]:
    return {
        "who": getpass.getuser(),
        "where": f"{socket.gethostname()} (pid {os.getpid()})",
        "since": since.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "why": why,
        "run": run,
        "plan": digest,
    }


def rehearse(
    made: Plan,
    snapshot: Snapshot,
    listener: Listener,
    folder: Path,
    *,
    nodes: int = 40,
    seed: int = 1,
    version: CalicoVersion | None = None,
) -> Rehearsal:
    """Carry a plan out and take it back on real BIRD speakers, in a sample of its cluster; measure what is lost.

    `folder` gets all that a repetition needs. Raises StalePlanError where the snapshot is not what the plan was made
    for, UsageProblem where `nodes` are too few, PreflightError where there can be no laboratory.
    """
    from rrplan.rehearsal.isolation import isolated
    from rrplan.rehearsal.namespaces import check_parts
    from rrplan.rehearsal.sample import sample, shortened
    from rrplan.specs import from_document

    check_parts()
    check_fresh(made, snapshot)
    document = made.spec["document"]
    assert isinstance(document, dict)
    spec = from_document(document)
    found = sample(made, snapshot.state, calico_versions(snapshot.state, version), nodes, seed)
    small = plan(spec, Snapshot(found.state), version=version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "snapshot.json").write_bytes(write_snapshot(Snapshot(found.state)))
    (folder / "plan.json").write_bytes(write_plan(small))
    short, left_out = shortened(small, spec.gates.stable)
    about = Rehearsal(
        plan=str(plan_document(made)["digest"]),
        seed=seed,
        nodes=len(found.state.nodes),
        kept=found.kept,
        left_out=left_out,
    )
    versions = calico_versions(found.state, version)
    return isolated(lambda: _rehearsed(short, found.state, versions, about, listener, folder))


def _rehearsed(
    made: Plan, state: ClusterState, versions: Versions, about: Rehearsal, listener: Listener, folder: Path
) -> Rehearsal:
    from rrplan.adapters.nodes.birdcl import Birds
    from rrplan.adapters.nodes.probe import LiveProbe
    from rrplan.plans.promise import held_pairs, promises, reflecting, states
    from rrplan.rehearsal.judging import Judge, Timeline
    from rrplan.rehearsal.stage import ObservedDatastore, Stage

    told = promises(made, state, versions)
    reflectors = reflecting(made, state)
    sandbox = Sandbox.make(folder / "sandbox", map(encode, state))
    stage = Stage([*states(made, state)], versions, folder / "nodes", about.seed, SystemClock())
    try:
        here = embedded(sandbox, folder)
        birds = Birds(lambda node: lambda family, words: stage.laboratory.ask(node, family, words))
        probe = LiveProbe(birds, stage.laboratory, None, lambda _notice: None)
        heard = ObservedDatastore(sandbox, lambda: stage.hear(sandbox.state))
        cluster = replace(here, datastore=heard, probe=probe, clock=SystemClock())
        pairs = stage.begin(held_pairs(state, versions), reflectors)
        await_sessions(state, versions, probe, cluster.clock)
        timeline = Timeline(listener)
        there = apply(made, cluster, Control(timeline))
        back = rollback(cluster, Control(timeline)) if there is Result.DONE else None
        timeline.close()
        recording = stage.end()
        laboratory = stage.laboratory
        judge = Judge(made, told, laboratory.origins(), pairs, reflectors, laboratory.outside)
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


KINDS = {
    "spec": "rrplan.specs",
    "snapshot": "rrplan.snapshots.file",
    "plan": "rrplan.render.plan_json",
    "journal": "rrplan.runs.journal",
    "report": "rrplan.render.progress",
    "sessions": "rrplan.render.sessions",
    "rehearsal": "rrplan.plans.rehearsal",
}
"""Kinds of files and of output, and where their JSON Schema comes from."""


def schema_of(kind: str) -> dict[str, object]:
    """The JSON Schema of a kind of file."""
    schema: dict[str, object] = import_module(KINDS[kind]).json_schema()
    return schema
