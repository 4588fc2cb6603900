"""The verbs on a cluster: plan, apply, resume, rollback, verify; who holds the lock, which run is meant."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import dropwhile

from rrplan.adapters.local.clock import timestamp
from rrplan.adapters.local.hooks import CommandHooks
from rrplan.adapters.local.lock import UNLOCK, described, holder_of
from rrplan.adapters.local.login import login
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.bgp.roles import Roles
from rrplan.checks.finding import Finding
from rrplan.errors import (
    ChecksFailed,
    DatastoreError,
    JournalError,
    LockHeldError,
    PolicyRefusal,
    PreflightError,
    RRPlanError,
    RunBroken,
    StalePlanError,
)
from rrplan.exit_codes import ExitCode
from rrplan.ids import NodeName
from rrplan.parallelism import PARALLELISM
from rrplan.planning import build_plan, draft_plan
from rrplan.planning.expected import expected
from rrplan.plans import Plan, read_plan
from rrplan.plans.plan import SnapshotReference
from rrplan.ports import KeptRun, Log, Probe
from rrplan.render.checks import named
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.render.record import unfinished_text
from rrplan.render.run import GO_ON
from rrplan.reports.entry import JournalEvent
from rrplan.reports.events import SILENT, Listener, RunState
from rrplan.reports.gates import GateFailed
from rrplan.reports.record import Moment, RunRecord
from rrplan.reports.standing import Standing
from rrplan.resources import CalicoVersion, ClusterState
from rrplan.resources.redaction import withheld
from rrplan.runs import Journal, Result, Runner
from rrplan.runs.fallback import tables_left
from rrplan.runs.gates import glimpse
from rrplan.runs.guard import landed_by_sight
from rrplan.runs.observation import observe
from rrplan.runs.preflight import Situation, When, check_before_run
from rrplan.runs.record import recorded, run_state
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
        made = build_plan(spec, snapshot.state, versions, _about(snapshot, versions))
    except ChecksFailed as error:
        raise _in_words(error) from error
    _check_whole(made)
    return made


def _check_whole(made: Plan) -> None:
    """Raise PolicyRefusal for a deletion of an object that is known in part only: no undo could restore it."""
    for change in (change for step in made.steps for change in step.changes):
        if withheld(change.before):
            raise PolicyRefusal(
                f"the plan deletes {change.key}, and the snapshot file leaves out fields of it that may hold secrets",
                hint="plan from the live cluster with `--context`, or from its manifests with `-f`",
            )


def _in_words(error: ChecksFailed) -> ChecksFailed:
    """The planner knows facts alone; whoever catches the error reads sentences."""
    texts = [named(finding) for finding in error.findings if isinstance(finding, Finding)]
    return ChecksFailed(error.findings, texts, hint=error.hint)


def _about(snapshot: Snapshot, versions: Versions) -> SnapshotReference:
    """What a plan says of where its state came from."""
    others = {*versions.by_node.values()} - {versions.default}
    return SnapshotReference(
        snapshot.digest, snapshot.taken_at or None, versions.default, snapshot.cluster, tuple(sorted(others))
    )


@dataclass(frozen=True, slots=True)
class Control:
    """Who hears of a run, who can stop it between steps, and what stands between it and its journal's log."""

    listener: Listener = SILENT
    """Hears every event of the run."""
    stop: Callable[[], bool] = lambda: False
    """Asked between two steps; where it says True, the run stops and can be resumed."""
    wrap: Callable[[Log], Log] = lambda log: log
    accept_down: frozenset[str] = frozenset()
    """Nodes, and addresses outside the cluster, whose sessions may be down when a plan begins."""
    parallelism: int = PARALLELISM
    """Steps that may be under way at the same time, where none of them touches sessions."""
    approvers: tuple[str, ...] = ()
    """Who approved the plan, for the journal; `rrplan apply` has verified it."""


DEFAULT = Control()
"""Nobody hears, nobody stops it."""


def apply(plan: Plan, cluster: Cluster, control: Control = DEFAULT) -> Result:
    """Carry a plan out, and say how that ended: a step that fails raises nothing.

    Before anything is written it raises LockHeldError, StalePlanError, PlanMismatch, PreflightError or DatastoreError;
    once the run has begun, JournalUnwritable or RunBroken.
    """
    cluster.plays(plan.spec.roles)
    now = cluster.clock.wall()
    run = now.strftime("%Y%m%dt%H%M%S-%f") + uuid.uuid4().hex[:2]
    digest = str(plan_document(plan)["digest"])
    situation = Situation(
        plan, cluster.datastore, cluster.probe, accepted=control.accept_down, name=cluster.name, tables=cluster.tables
    )
    left = unfinished(cluster)
    if left is not None:
        cluster.tell(unfinished_text(left))
    check_before_run(cluster.checks, When.UNLOCKED, situation, cluster.tell)
    cluster.lock.acquire(holder_of(run, "apply", digest, now))
    try:
        situation = replace(situation, state=capture(cluster.datastore).state)
        try:
            check_before_run(cluster.checks, When.LOCKED, situation, cluster.tell)
        except StalePlanError as error:
            if left is not None:
                error.hint = f"{unfinished_text(left)}; only then make a new plan"
            raise
        kept = KeptRun(run, plan.name, login(), timestamp(now))
        cluster.runs.begin(kept, write_plan(plan))
        with _begun():
            return _Running(plan, digest, run, cluster, control).applied()
    finally:
        cluster.lock.release()


@contextmanager
def _begun() -> Iterator[None]:
    """Once a run has begun nobody may say that nothing was changed: what else goes wrong leaves it stopped."""
    try:
        yield
    except RRPlanError as error:
        if error.exit_code != ExitCode.ERROR:
            raise
        raise RunBroken(str(error), hint=f"{error.hint}; {GO_ON}" if error.hint else GO_ON) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise RunBroken(f"{place}{error.strerror}", hint=f"make room or give the right; {GO_ON}") from error


def resume(cluster: Cluster, control: Control = DEFAULT, run: str | None = None) -> Result:
    """Go on with a run, the last one where none is named; one that is over is left alone.

    Raises LockHeldError while a run is alive, RRPlanError for an unknown run, PreflightError where a later run built on
    it, JournalError where the journal does not fit the cluster; and what `apply` raises once a run has begun.
    """
    found = record(cluster, run)
    if found.state in OVER:
        return OVER[found.state]
    return _again(cluster, control, found, back=False)


def rollback(
    cluster: Cluster, control: Control = DEFAULT, run: str | None = None, *, accept_drift: bool = False
) -> Result:
    """Take a run back, the last one where none is named; one that is taken back is left alone.

    Raises what `resume` raises and, unless `accept_drift`, StalePlanError where somebody else changed what its plan
    rests on.
    """
    found = record(cluster, run)
    if found.state is RunState.UNDONE:
        return Result.UNDONE
    return _again(cluster, control, found, back=True, accept_drift=accept_drift)


OVER = {RunState.DONE: Result.DONE, RunState.UNDONE: Result.UNDONE}
"""The states in which nothing is left to go on with."""


def record(cluster: Cluster, run: str | None = None) -> RunRecord:
    """What is known of a run, the last one where none is named.

    Raises LockHeldError while some run is alive, RRPlanError for an unknown run, JournalError for a damaged journal.
    """
    held = cluster.lock.holder()
    if held and cluster.lock.alive():
        raise LockHeldError(described(held), hint=UNLOCK)
    return sighted(cluster, run)


def sighted(cluster: Cluster, run: str | None = None) -> RunRecord:
    """What is known of a run, the last one where none is named, also while it goes on; raises as `record` does."""
    runs = {kept.run: kept for kept in cluster.runs.runs()}
    name = run or last_run(cluster)
    plan, digest = read_plan(cluster.runs.plan(name), f"the plan of run {name}")
    held = cluster.lock.holder()
    alive = bool(held) and cluster.lock.alive()
    try:
        journal = Journal.open(cluster.runs.log(name), digest)
    except JournalError as error:
        raise JournalError(f"{error}; {_in_sight(plan, cluster)}", hint=error.hint) from error
    kept = runs.get(name) or KeptRun(name, plan.name, "", "")
    return recorded(kept, plan, digest, journal, held if alive and held.get("run") == name else {})


def runs_with_states(cluster: Cluster) -> list[tuple[KeptRun, RunState]]:
    """All runs that a cluster knows, oldest first, each with its state."""
    held = cluster.lock.holder()
    running = held.get("run") if held and cluster.lock.alive() else None
    return [(kept, run_state(kept.last, running=kept.run == running)) for kept in cluster.runs.runs()]


def unfinished(cluster: Cluster) -> KeptRun | None:
    """The last run if it neither goes on nor is over; None where there is none, or where nobody may look."""
    try:
        runs = runs_with_states(cluster)
    except DatastoreError:
        return None
    return runs[-1][0] if runs and runs[-1][1] is RunState.STOPPED else None


def waiting_for(found: RunRecord, cluster: Cluster) -> GateFailed | None:
    """The gate that the run is waiting for at this moment, and what it lacks; None where it waits for none."""
    if found.at is None or found.at.moment not in (Moment.WAITING, Moment.UNDOING):
        return None
    step = found.at.step
    for gate in step.gates if found.at.moment is Moment.WAITING else step.undo_gates:
        lack = glimpse(gate, found.plan.node_sets, cluster.datastore, cluster.probe, cluster.tables)
        if lack is not None:
            return GateFailed(gate.kind, gate.title, lack, None)
    return None


def _in_sight(plan: Plan, cluster: Cluster) -> str:
    """Which steps of a plan a cluster shows, where no journal says it."""
    try:
        state = capture(cluster.datastore).state
    except DatastoreError as error:
        return f"the cluster cannot be asked: {error}"
    done = [step for step in plan.writing if landed_by_sight(step, state)]
    last = f", the last of them `{done[-1].id}`" if done else ""
    return f"the cluster shows what {len(done)} of its {len(plan.writing)} steps do{last}"


def check_rollback(cluster: Cluster, found: RunRecord, *, named: bool) -> None:
    """Raise PreflightError where a run is not to be taken back: it is done and was not named, or others built on it."""
    name = found.kept.run
    if found.state is RunState.DONE and not named:
        raise PreflightError(
            [f"run {name} of plan `{found.plan.name}` is done"],
            hint=f"nothing was changed; `rrplan rollback {name}` takes it back",
        )
    _check_newest(cluster, name)


def _again(cluster: Cluster, control: Control, found: RunRecord, *, back: bool, accept_drift: bool = False) -> Result:
    name = found.kept.run
    _check_newest(cluster, name)
    holder = holder_of(name, "rollback" if back else "resume", found.digest, cluster.clock.wall())
    cluster.lock.acquire(holder)
    try:
        runner = _Running(found.plan, found.digest, name, cluster, control)
        with _begun():
            return runner.rolled_back(accept_drift=accept_drift) if back else runner.applied(again=True)
    finally:
        cluster.lock.release()


@dataclass(frozen=True, slots=True)
class _Running:
    """A run whose lock is ours."""

    plan: Plan
    digest: str
    run: str
    cluster: Cluster
    control: Control

    def applied(self, *, again: bool = False) -> Result:
        """Carry out what is left of it."""
        with Journal.open(self.control.wrap(self.cluster.runs.log(self.run)), self.digest) as journal:
            return self._runner(journal).apply(again=again)

    def rolled_back(self, *, accept_drift: bool) -> Result:
        """Take it back."""
        with Journal.open(self.control.wrap(self.cluster.runs.log(self.run)), self.digest) as journal:
            return self._runner(journal).rollback(accept_drift=accept_drift)

    def _runner(self, journal: Journal) -> Runner:
        cluster, control = self.cluster, self.control
        listener = cluster.record(self.plan, control.listener)
        ports = RunPorts(
            cluster.datastore, cluster.probe, cluster.clock, cluster.lock, CommandHooks(), listener, cluster.tables
        )
        return Runner(
            self.plan, self.run, ports, journal, control.stop, control.parallelism, approvers=control.approvers
        )


def observed(plan: Plan, snapshot: Snapshot, probe: Probe, *, version: CalicoVersion | None = None) -> Plan:
    """The plan with what the nodes say of the sessions that it counts on; raises DatastoreError."""
    seen = observe(snapshot.state, calico_versions(snapshot.state, version), probe)
    return replace(plan, observed=seen)


def standings(cluster: Cluster) -> list[Standing]:
    """Sessions expected against sessions seen, now, in a cluster as it is; raises DatastoreError."""
    state = capture(cluster.datastore).state
    return _standings(state, cluster, _roles_of_last_run(cluster))


def _roles_of_last_run(cluster: Cluster) -> Roles:
    """What the spec of the last run says of speakers outside; nothing where there is none that can be read."""
    last = _last_plan(cluster)
    return last.spec.roles if last is not None else ()


def _last_plan(cluster: Cluster) -> Plan | None:
    """The plan of the last run; None where there is none that can be read."""
    runs = cluster.runs.runs()
    try:
        return read_plan(cluster.runs.plan(runs[-1].run), "the plan of the last run")[0] if runs else None
    except RRPlanError:
        return None


def left_tables(cluster: Cluster, found: RunRecord) -> tuple[NodeName, ...]:
    """The nodes that have a fallback table of a run, unless it goes on; raises DatastoreError."""
    return () if found.state is RunState.RUNNING else tables_left(found.plan, cluster.tables)


def _standings(state: ClusterState, cluster: Cluster, roles: Roles) -> list[Standing]:
    expectations, node_sets = expected(state, calico_versions(state), roles)
    return runs_standings(expectations, node_sets, cluster.probe)


def verify(spec: Spec, cluster: Cluster, *, sessions: bool = True) -> Verdict:
    """Compare a cluster with a spec, also where the way there is unsafe; `sessions` asks the nodes too.

    Raises PolicyRefusal, ChecksFailed or DatastoreError.
    """
    cluster.plays(spec.roles)
    snapshot = capture(cluster.datastore)
    state = snapshot.state
    seen = _standings(state, cluster, spec.roles) if sessions else ()
    versions = calico_versions(state)
    try:
        draft = draft_plan(spec, state, versions, _about(snapshot, versions))
    except ChecksFailed as error:
        raise _in_words(error) from error
    last = _last_plan(cluster) if sessions else None
    tables = tables_left(last, cluster.tables) if last is not None else ()
    return verified(spec, draft, state, versions, seen, tables)


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
