"""The verbs on a cluster: plan, apply, resume, rollback, verify; who holds the lock, which run is meant."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import dropwhile

from rrplan.adapters.local.clock import timestamp
from rrplan.adapters.local.hooks import CommandHooks
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.checks.finding import Finding
from rrplan.errors import ChecksFailed, PreflightError, RRPlanError
from rrplan.planning import build_plan, draft_plan
from rrplan.planning.expected import expected
from rrplan.plans import Plan, read_plan
from rrplan.plans.plan import SnapshotReference
from rrplan.ports import KeptRun, Log, Probe
from rrplan.render.checks import named
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.reports.entry import JournalEvent
from rrplan.reports.events import SILENT, Listener
from rrplan.reports.standing import Standing
from rrplan.resources import CalicoVersion, ClusterState
from rrplan.runs import Journal, Result, Runner
from rrplan.runs.observation import observe
from rrplan.runs.preflight import Situation, When, check_before_run
from rrplan.runs.runner import PARALLELISM
from rrplan.runs.standing import standings as runs_standings
from rrplan.runs.step_run import RunPorts
from rrplan.runs.verification import Verdict, verified
from rrplan.snapshots import Snapshot, capture
from rrplan.specs import Spec
from rrplan.wiring import Cluster


def plan(spec: Spec, snapshot: Snapshot, *, version: CalicoVersion | None = None) -> Plan:
    """The proved plan from a snapshot to a spec; raises PolicyRefusal, ChecksFailed or UnsafePlanError."""
    versions = calico_versions(snapshot.state, version)
    try:
        return build_plan(spec, snapshot.state, versions, _about(snapshot, versions))
    except ChecksFailed as error:
        raise _in_words(error) from error


def _in_words(error: ChecksFailed) -> ChecksFailed:
    """The planner knows facts alone; whoever catches the error reads sentences."""
    texts = [named(finding) for finding in error.findings if isinstance(finding, Finding)]
    return ChecksFailed(error.findings, texts, hint=error.hint)


def _about(snapshot: Snapshot, versions: Versions) -> SnapshotReference:
    """What a plan says of where its state came from."""
    return SnapshotReference(snapshot.digest, snapshot.taken_at or None, versions.default)


@dataclass(frozen=True, slots=True)
class Control:
    """Who hears of a run, who can stop it between steps, and what stands between it and its journal's log."""

    listener: Listener = SILENT
    stop: Callable[[], bool] = lambda: False
    wrap: Callable[[Log], Log] = lambda log: log
    accept_down: frozenset[str] = frozenset()
    """Nodes, and addresses outside the cluster, whose sessions may be down when a plan begins."""
    parallelism: int = PARALLELISM
    """Steps that may be under way at the same time, where none of them touches sessions."""


DEFAULT = Control()
"""Nobody hears, nobody stops it."""


def apply(plan: Plan, cluster: Cluster, control: Control = DEFAULT) -> Result:
    """Carry a plan out; raises StalePlanError or PreflightError before anything is written."""
    now = cluster.clock.wall()
    run = now.strftime("%Y%m%dt%H%M%S-%f") + uuid.uuid4().hex[:2]
    digest = str(plan_document(plan)["digest"])
    situation = Situation(plan, cluster.datastore, cluster.probe, accepted=control.accept_down)
    check_before_run(cluster.checks, When.UNLOCKED, situation, cluster.tell)
    cluster.lock.acquire(_holder(run, "apply", digest, now))
    try:
        situation = replace(situation, state=capture(cluster.datastore).state)
        check_before_run(cluster.checks, When.LOCKED, situation, cluster.tell)
        kept = KeptRun(run, plan.name, getpass.getuser(), timestamp(now))
        cluster.runs.begin(kept, write_plan(plan))
        return _run(plan, digest, run, cluster, control, back=False)
    finally:
        cluster.lock.release()


def resume(cluster: Cluster, control: Control = DEFAULT, run: str | None = None) -> Result:
    """Go on with a run, the last one where none is named."""
    return _again(cluster, control, run, back=False)


def rollback(cluster: Cluster, control: Control = DEFAULT, run: str | None = None) -> Result:
    """Take a run back, the last one where none is named."""
    return _again(cluster, control, run, back=True)


def _again(cluster: Cluster, control: Control, run: str | None, *, back: bool) -> Result:
    name = run or last_run(cluster)
    plan, digest = read_plan(cluster.runs.plan(name), f"the plan of run {name}")
    _check_newest(cluster, name)
    cluster.lock.acquire(_holder(name, "rollback" if back else "resume", digest, cluster.clock.wall()))
    try:
        return _run(plan, digest, name, cluster, control, back=back)
    finally:
        cluster.lock.release()


def _run(plan: Plan, digest: str, run: str, cluster: Cluster, control: Control, *, back: bool) -> Result:
    with Journal.open(control.wrap(cluster.runs.log(run)), digest) as journal:
        listener = cluster.record(plan, control.listener)
        ports = RunPorts(cluster.datastore, cluster.probe, cluster.clock, cluster.lock, CommandHooks(), listener)
        runner = Runner(plan, run, ports, journal, control.stop, control.parallelism)
        return runner.rollback() if back else runner.apply()


def observed(plan: Plan, snapshot: Snapshot, probe: Probe, *, version: CalicoVersion | None = None) -> Plan:
    """The plan with what the nodes say of the sessions that it counts on; raises DatastoreError."""
    seen = observe(snapshot.state, calico_versions(snapshot.state, version), probe)
    return replace(plan, observed=seen)


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
    try:
        draft = draft_plan(spec, state, versions, _about(snapshot, versions))
    except ChecksFailed as error:
        raise _in_words(error) from error
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
    later = [run for run in since if run.run != name and run.last != JournalEvent.RUN_UNDONE]
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
