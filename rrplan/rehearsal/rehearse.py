"""A rehearsal from end to end: sample, laboratory, the run there and back, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rrplan import operations
from rrplan.adapters.local.clock import SystemClock
from rrplan.adapters.nodes.birdcl import Birds, OneByOne
from rrplan.adapters.nodes.fallback import NodeTables, OneShell
from rrplan.adapters.nodes.probe import LiveProbe
from rrplan.bgp.next_hops import next_hops
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.bgp.sessions import Speakers
from rrplan.digest import digest
from rrplan.errors import DatastoreRefused, PolicyRefusal, UnsafePlanError
from rrplan.operations import Control, apply, rollback
from rrplan.planning.promise import held_pairs, needed, promises, reflecting, states
from rrplan.plans import Plan
from rrplan.plans.rehearsal import Rehearsal, Repetition, Subject, Verdict
from rrplan.rehearsal.isolation import isolated
from rrplan.rehearsal.judging import Judge, Timeline
from rrplan.rehearsal.namespaces import check_parts
from rrplan.rehearsal.portrait import Portrait, differences
from rrplan.rehearsal.sample import sample, shortened
from rrplan.rehearsal.stage import ObservedDatastore, Stage
from rrplan.rehearsal.subject import subject_of
from rrplan.rehearsal.unsettled import Unsettled
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.render.run import reason_text
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

    `folder` gets all that a repetition needs. `unsettled` of the result says what kept the laboratory from an answer.
    Raises StalePlanError where the snapshot is not what the plan was made for, UsageProblem where `nodes` are too few,
    PreflightError where there can be no laboratory.
    """
    check_parts()
    check_fresh(plan, snapshot.state)
    sampled = sample(plan, snapshot.state, calico_versions(snapshot.state, version), nodes, seed)
    versions = calico_versions(sampled.state, version)
    about = Rehearsal(
        Subject(str(plan_document(plan)["digest"]), digest(plan.spec.to_document()), plan.snapshot.digest),
        seed=seed,
        nodes=len(sampled.state.nodes),
        kept=sampled.kept,
        left_out=(),
    )
    try:
        small = operations.plan(plan.spec, Snapshot(sampled.state), version=version)
    except (PolicyRefusal, UnsafePlanError) as refusal:
        # What can be proved for all nodes cannot be for these.
        return replace(about, unsettled=(f"the sample cannot be planned: {refusal}",))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "snapshot.json").write_bytes(write_snapshot(Snapshot(sampled.state)))
    (folder / "plan.json").write_bytes(write_plan(small))
    short, left_out = shortened(small, plan.spec.gates.stable)
    *_, end = states(short, sampled.state)
    subject = subject_of(plan, snapshot.state, small, (sampled.state, end), versions)
    about = replace(about, subject=subject, left_out=left_out)
    return isolated(lambda: _rehearsed(short, (sampled.state, end), versions, about, listener, folder))


def repeated(rehearsals: Sequence[Rehearsal]) -> Rehearsal:
    """The repetitions of a rehearsal as one: the worst of them, which knows of the others."""
    worst = max(rehearsals, key=lambda each: _WORSE.index(each.own_verdict))
    others = [each for each in rehearsals if each is not worst]
    return replace(worst, others=tuple(Repetition(each.seed, each.own_verdict) for each in others))


_WORSE = (Verdict.MATCHES, Verdict.INCONCLUSIVE, Verdict.CONTRADICTS)


def expected_seconds(plan: Plan) -> int:
    """About how long a rehearsal of a plan takes: gates there and back, and what stands before and after them."""
    ways = [gates for step in plan.steps for gates in (step.gates, step.undo_gates) if gates]
    stable = plan.spec.gates.stable
    return AROUND_SECONDS + sum(SESSION_SECONDS + min(stable, max(gate.stable for gate in gates)) for gates in ways)


AROUND_SECONDS = 60
"""To start all speakers, at the beginning and once more from cold at the end."""
SESSION_SECONDS = 4
"""Most sessions come up in that time (docs/reliability.md)."""

NO_ANSWER = (Unsettled, DatastoreRefused)
"""The laboratory did not do what it should, or one of its BIRDs does not answer: nothing follows."""


def _seen(stage: Stage, what: str, unseen: list[str]) -> Portrait | None:
    """Everything that can be seen now; None where it does not settle, which is added to `unseen`.

    What was measured so far counts all the same: a loss is a loss, whatever cannot be compared afterwards.
    """
    try:
        return stage.portrait()
    except NO_ANSWER as problem:
        unseen.append(f"{what} was not compared: {problem}")
        return None


def _rehearsed(
    plan: Plan,
    ends: tuple[ClusterState, ClusterState],
    versions: Versions,
    about: Rehearsal,
    listener: Listener,
    folder: Path,
) -> Rehearsal:
    state, end = ends
    promised = promises(plan, state, versions)
    reflectors = reflecting(plan, state)
    sandbox = Sandbox.make(folder / "sandbox", map(encode, state))
    stage = Stage([*states(plan, state)], versions, folder / "nodes", about.seed, SystemClock(), plan.spec.roles)
    try:
        here = embedded(sandbox, folder)
        birds = Birds(OneByOne(stage.laboratory.ask))
        probe = LiveProbe(birds, stage.laboratory, None, lambda _notice: None)
        heard = ObservedDatastore(sandbox, lambda: stage.hear(sandbox.state))
        tables = NodeTables(OneShell(stage.laboratory.execute))
        cluster = replace(here, datastore=heard, probe=probe, clock=SystemClock(), tables=tables)
        roles = needed(plan.spec.roles)
        pairs = stage.begin(held_pairs(state, versions, roles=roles), reflectors)
        await_sessions(state, versions, probe, cluster.clock)
        before = stage.portrait()
        timeline = Timeline(listener, stage.laboratory.waits)
        there = apply(plan, cluster, Control(timeline))
        unseen: list[str] = []
        after = _seen(stage, "the end of the plan", unseen) if there is Result.DONE else None
        back = rollback(cluster, Control(timeline)) if there is Result.DONE else None
        timeline.close()
        again = _seen(stage, "what is there after the way back", unseen) if back is Result.UNDONE else None
        recording = stage.end()
        laboratory = stage.laboratory
        through = next_hops(Speakers.of(state, versions), state.nodes) | next_hops(
            Speakers.of(end, versions), end.nodes
        )
        judge = Judge(plan, promised, laboratory.origins(), pairs, reflectors, laboratory.outside, through)
        findings = judge.findings(recording, timeline.windows)
        if there is not Result.DONE or back is not Result.UNDONE:
            why = "; ".join(map(reason_text, timeline.why)) or "no reason was given"
            ended = f"the plan was {there.value}" if back is None else f"the rollback was {back.value}"
            findings.contradictions.append(f"{ended}: {why}")
        measured = replace(
            about,
            left_out=(*about.left_out, *stage.left_out),
            there=there.value,
            back=back.value if back else "",
            steps=tuple(judge.measures(recording, timeline.windows)),
            owed=judge.count(recording, timeline.windows, exposed=False),
            exposed=judge.count(recording, timeline.windows, exposed=True),
            flows=len(recording.flows),
            probe_every_ms=round(stage.every * 1000),
            late_ms=round(recording.lateness * 1000),
            contradictions=tuple(findings.contradictions),
            unsettled=(*findings.unsettled, *unseen),
            transit=tuple(findings.transit),
            longer=tuple(judge.longer(recording, timeline.windows)),
        )
        undeclared = [*differences(before, again, "at the start", "after the way back")] if again is not None else []
        measured = replace(measured, differences=tuple(undeclared))
        if after is None:
            return measured
        try:
            stage.cold_start(end, held_pairs(end, versions, roles=roles))
            await_sessions(end, versions, probe, cluster.clock)
            fresh = stage.portrait()
        except NO_ANSWER as problem:
            text = f"the end of the plan was not compared with a cold start: {problem}"
            return replace(measured, unsettled=(*measured.unsettled, text))
        undeclared += differences(fresh, after, "after a cold start", "at the end of the plan")
        return replace(measured, differences=tuple(undeclared))
    except NO_ANSWER as problem:
        return replace(about, unsettled=(str(problem),))
    finally:
        stage.close()
        sandbox.close()
