"""The run against a real embedded cluster whose faults are switched on one at a time."""

import json
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import pytest

from rrplan.adapters.local.runs import FileLog
from rrplan.errors import DatastoreTimeout, DatastoreUnreachable, LockHeldError, PreflightError, StalePlanError
from rrplan.ids import NodeName, StepId
from rrplan.ports import Asking, NodeReading, NodeSessions, Survey, unheard
from rrplan.render.run import ending_text, reason_text
from rrplan.reports import events
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.gates import GateFailed, NodesShort, Shortfall
from rrplan.reports.reasons import Drifted, NeitherState, NotWritten, Outcome
from rrplan.resources import Node, ResourceKey, encode
from rrplan.runs import Journal, Result
from rrplan.runs.writing import GIVE_UP_SECONDS, GaveUp, Writer
from rrplan.sandbox import Sandbox
from tests.support import SPEC, Bench, JumpingClock
from tests.support.dying import Crash, DyingLog
from tests.support.listeners import Acting

NODE = ResourceKey("Node", "rr-2")
LABEL = "rrplan.io/route-reflector"
THEIRS = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "theirs"},
    "spec": {"nodeSelector": "has(nothing)", "peerIP": "192.0.2.9", "asNumber": 65000},
}
"""A BGPPeer of others that selects no node."""


def hooks(*points: str, code: int = 0, required: bool = False, timeout: str = "10s", log: Path | None = None) -> str:
    """A spec with a hook at each point; the hook notes what it hears and ends with `code`."""
    script = f"import sys; open({str(log)!r}, 'a').write(sys.stdin.read() + '\\n'); sys.exit({code})"
    one = "".join(
        f"\n    - {{name: {point}, on: {point}, command: {json.dumps([sys.executable, '-c', script])},"
        f" timeout: {timeout}, required: {str(required).lower()}}}"
        for point in points
    )
    return SPEC + f"  hooks:{one}\n"


def test_all_steps_settle(tmp_path: Path) -> None:
    """Every step starts and settles, in the plan's order, and simulated time passes for the gates."""
    bench = Bench(tmp_path)
    began = bench.sandbox.clock.now()

    assert bench.runner().apply() is Result.DONE

    settled = [event.step for event in bench.listener.of(events.StepSettled)]
    assert settled == [step.id for step in bench.plan.steps]
    assert bench.sandbox.clock.now() - began > 3 * 10


@pytest.mark.parametrize("fault", ["lost-reply=3", "lost-reply=4", "conflict=3", "conflict=5", "api-away=4"])
def test_passing_trouble_is_outlived(tmp_path: Path, fault: str) -> None:
    """A lost reply is read back and not repeated, a conflict is tried again, an API that is away is waited for."""
    bench = Bench(tmp_path, faults=[fault])

    assert bench.runner().apply() is Result.DONE
    assert bench.sandbox.state.configurations["default"].mesh_enabled is False
    versions = {stored.version for stored in bench.sandbox.everything() if stored.document["kind"] == "BGPPeer"}
    assert versions == {"1"}
    if fault.startswith("api-away"):
        waits = [event.delay for event in bench.listener.of(events.Retrying)]
        assert waits == [1, 2, 4, 8, 16]


def test_slow_node_is_waited_for(tmp_path: Path) -> None:
    """A node that needs 40 s longer does not fail the gate."""
    quick, slow = Bench(tmp_path / "a"), Bench(tmp_path / "b", faults=["slow-node=node-003"])
    assert [bench.runner().apply() for bench in (quick, slow)] == [Result.DONE, Result.DONE]
    seconds = [bench.listener.of(events.RunFinished)[0].seconds for bench in (quick, slow)]
    assert seconds[1] >= seconds[0] + 40


@pytest.mark.parametrize("fault", ["session-never-up=rr-1", "session-never-up=rr-2"])
def test_lasting_trouble_is_undone(tmp_path: Path, fault: str) -> None:
    """The gate fails, everything is taken back in reverse order, and the words name the gate and the node."""
    bench = Bench(tmp_path, faults=[fault])

    assert bench.runner().apply() is Result.UNDONE
    assert bench.objects() == bench.before
    failed = bench.listener.of(events.StepFailed)[0]
    assert isinstance(failed.why, GateFailed)
    assert failed.why.timeout == 120
    assert isinstance(failed.why.lack, NodesShort)
    assert failed.why.lack.example.shortfall is Shortfall.SESSION
    assert failed.why.lack.example.peer == fault.partition("=")[2]
    done = [event.step for event in bench.listener.of(events.UndoStarted)]
    order = [step.id for step in bench.plan.steps]
    assert done == [step for step in reversed(order) if step in done]


def test_dead_reflector_leaves_a_run_that_can_be_taken_back(tmp_path: Path) -> None:
    """A node that is silent cannot prove that it is back in the mesh; once it answers, the rollback ends."""
    bench = Bench(tmp_path, faults=["reflector-dies=rr-1"])

    assert bench.runner().apply() is Result.STOPPED
    reasons = [reason_text(event.why) for event in bench.listener.of(events.UndoFailed)]
    assert reasons == [
        "gate timed out after 120 s: rr-1 has all its mesh sessions; 0 of 1 nodes ready; rr-1: does not answer"
    ]
    assert bench.sandbox.state.configurations.get("default") is None
    bench.reopen()
    assert bench.runner().rollback() is Result.UNDONE
    assert bench.objects() == bench.before


def test_taken_back_beside_the_change_of_another(tmp_path: Path) -> None:
    """Refused unless the operator accepts it; then the cluster is compared before it is called as it was."""
    bench = Bench(tmp_path)
    assert bench.runner().apply() is Result.DONE
    bench.sandbox.create(ResourceKey("BGPPeer", "theirs"), THEIRS)
    with pytest.raises(StalePlanError, match="changed since it was made: BGPPeer/theirs is new") as error:
        bench.runner().rollback()
    assert error.value.hint.startswith("nothing was taken back: the way back was proved for the cluster of the plan")
    assert bench.listener.of(events.UndoStarted) == []
    assert bench.runner().rollback(accept_drift=True) is Result.UNDONE
    finished = bench.listener.of(events.RunFinished)[-1]
    assert finished.difference == Drifted((Drift("BGPPeer/theirs", DriftKind.NEW),))
    assert (
        ending_text(finished) == "every step was taken back; somebody else changed the cluster: BGPPeer/theirs is new"
    )


def test_halt_leaves_all_as_it_is(tmp_path: Path) -> None:
    """`onFailure: halt`: nothing is taken back until the operator says so."""
    bench = Bench(tmp_path, SPEC + "  onFailure: halt\n", faults=["session-never-up=rr-2"])

    assert bench.runner().apply() is Result.STOPPED
    assert bench.sandbox.state.nodes[NodeName("rr-2")].cluster_id == "224.0.0.1"
    assert bench.listener.of(events.UndoStarted) == []
    text = "`rrplan resume` goes on, `rrplan rollback` takes everything back"
    assert ending_text(bench.listener.of(events.RunFinished)[0]) == text
    bench.reopen()
    assert bench.runner().apply() is Result.DONE


def test_strangers_edit_stops_the_step(tmp_path: Path) -> None:
    """A field that is not as the plan expects is not written over, and nothing else is written either."""
    bench = Bench(tmp_path)
    stored = bench.sandbox.get(NODE)
    assert stored is not None
    bench.sandbox.patch(NODE, {"metadata": {"labels": {LABEL: "theirs"}}}, stored.version)

    assert bench.runner().apply() is Result.STOPPED
    why = bench.listener.of(events.StepFailed)[0].why
    assert why == Drifted((Drift("Node/rr-2", DriftKind.CHANGED),))
    assert bench.sandbox.state.nodes[NodeName("rr-2")].labels[LABEL] == "theirs"
    assert not bench.sandbox.state.nodes[NodeName("rr-1")].cluster_id


def edited(key: ResourceKey, patch: dict[str, object] | None) -> Callable[[Sandbox], None]:
    """A colleague's patch, or deletion."""

    def act(sandbox: Sandbox) -> None:
        stored = sandbox.get(key)
        assert stored is not None
        if patch is None:
            sandbox.delete(key, stored.version)
        else:
            sandbox.patch(key, patch, stored.version)

    return act


def added(sandbox: Sandbox) -> None:
    """A colleague's new node."""
    sandbox.create(ResourceKey("Node", "node-new"), encode(Node(NodeName("node-new"), {}, ipv4="10.9.9.9")))


PEER = ResourceKey("BGPPeer", "rrplan-main-clients")
COLLEAGUES = [
    (
        edited(PEER, {"spec": {"peerSelector": "has(x)"}}),
        'BGPPeer/rrplan-main-clients has spec.peerSelector `"has(x)"`, the run',
    ),
    (edited(PEER, None), "BGPPeer/rrplan-main-clients is gone, the run made or changed it"),
    (
        edited(ResourceKey("Node", "rr-1"), {"metadata": {"labels": {LABEL: None}}}),
        f'Node/rr-1 has metadata.labels.{LABEL} none, the run wrote `"main"`',
    ),
    (edited(ResourceKey("Node", "node-001"), None), "Node/node-001 is gone"),
    (edited(ResourceKey("Node", "node-001"), {"spec": {"unschedulable": True}}), "Node/node-001 was changed"),
    (added, "Node/node-new is new"),
]


@pytest.mark.parametrize(("act", "text"), COLLEAGUES, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_colleague_in_the_middle_of_a_run(act: Callable[[Sandbox], None], text: str, tmp_path: Path) -> None:
    """Noticed before the next step that touches sessions: the run stops, undoes nothing, and says what is different."""
    bench = Bench(tmp_path)
    promoted = next(n for n, step in enumerate(bench.plan.steps) if step.id == "promote/rr-2")
    asked = iter([False] * promoted + [True])
    assert bench.runner(stop=lambda: next(asked)).apply() is Result.INTERRUPTED
    act(bench.sandbox)

    assert bench.runner().apply() is Result.STOPPED
    reason = reason_text(bench.listener.of(events.StepFailed)[0].why)
    assert reason.startswith(f"somebody else changed the cluster: {text}")
    assert bench.listener.of(events.UndoStarted) == []
    assert not bench.sandbox.state.nodes[NodeName("rr-2")].cluster_id


def test_fields_of_others_survive(tmp_path: Path) -> None:
    """Unknown fields of the objects that the run changes are there afterwards, and after the rollback."""
    bench = Bench(tmp_path)
    stored = bench.sandbox.get(NODE)
    assert stored is not None
    strange = {"spec": {"providerID": "aws:///x"}, "metadata": {"annotations": {"example.com/owner": "network"}}}
    bench.sandbox.patch(NODE, strange, stored.version)
    for back, result in ((False, Result.DONE), (True, Result.UNDONE)):
        runner = bench.runner()
        assert (runner.rollback() if back else runner.apply()) is result
        stored = bench.sandbox.get(NODE)
        assert stored is not None
        document = json.loads(json.dumps(stored.document))
        assert document["spec"]["providerID"] == "aws:///x"
        assert document["metadata"]["annotations"]["example.com/owner"] == "network"


def test_interrupt_between_steps(tmp_path: Path) -> None:
    """The step in flight is finished; the run says how to go on, and goes on."""
    bench = Bench(tmp_path)
    asked = iter([False, False, False, True])

    assert bench.runner(stop=lambda: next(asked)).apply() is Result.INTERRUPTED
    assert len(bench.listener.of(events.StepSettled)) == 3
    bench.reopen()
    assert bench.runner().apply() is Result.DONE
    started = [event.step for event in bench.listener.of(events.StepStarted)]
    assert len(started) == len(set(started)) == len(bench.plan.steps)


def test_lock_taken_away_stops_before_the_next_write(tmp_path: Path) -> None:
    """Somebody removed the lock file: nothing more is written."""
    bench = Bench(tmp_path)
    asked = iter(range(100))

    def stop() -> bool:
        if next(asked) == 3:
            (tmp_path / "lock").unlink()
        return False

    with pytest.raises(LockHeldError, match="the lock was taken away from this run"):
        bench.runner(stop=stop).apply()
    assert len(bench.listener.of(events.StepStarted)) == 3
    assert "rrplan-reflectors" not in bench.sandbox.state.peers


class Silent:
    """A probe to which no node answers."""

    def read(self, survey: Survey, asking: Asking = unheard) -> Sequence[NodeReading]:
        """Nothing."""
        return []

    def sessions(self, nodes: Collection[NodeName]) -> Sequence[NodeSessions]:
        """Nothing."""
        return []

    def quiet(self, family: str) -> frozenset[NodeName]:
        """Nobody."""
        return frozenset()


def test_resume_looks_at_the_last_gate_again(tmp_path: Path) -> None:
    """What held when the run stopped may not hold any more; then nothing further is written."""
    bench = Bench(tmp_path, SPEC + "  onFailure: halt\n")
    asked = iter([False] * 5 + [True])
    assert bench.runner(stop=lambda: next(asked)).apply() is Result.INTERRUPTED
    assert bench.sandbox.state.nodes[NodeName("rr-1")].cluster_id
    started = len(bench.listener.of(events.StepStarted))

    assert bench.runner(probe=Silent()).apply() is Result.STOPPED
    why = bench.listener.of(events.StepFailed)[0].why
    assert isinstance(why, GateFailed)
    assert isinstance(why.lack, NodesShort)
    assert why.lack.example.shortfall is Shortfall.NO_ANSWER
    assert len(bench.listener.of(events.StepStarted)) == started
    assert bench.runner().apply() is Result.DONE


@pytest.mark.parametrize("settled", range(9))
def test_rollback_after_any_step(tmp_path: Path, settled: int) -> None:
    """A run that stopped anywhere can be taken back as a whole."""
    bench = Bench(tmp_path)
    asked = iter([False] * settled + [True])
    assert bench.runner(stop=lambda: next(asked)).apply() is Result.INTERRUPTED
    bench.reopen()

    assert bench.runner().rollback() is Result.UNDONE
    assert bench.objects() == bench.before


def test_announced_write_that_drifted_halts_the_rollback(tmp_path: Path) -> None:
    """Neither before nor after: nobody knows whose value it is, so it stays and the operator is told."""
    bench = Bench(tmp_path)
    dies = DyingLog(FileLog(tmp_path / "journal.jsonl"), lambda line: b'"promote/rr-2","event":"started"' in line)
    with pytest.raises(Crash):
        bench.runner(journal=Journal.open(dies, "digest")).apply()
    stored = bench.sandbox.get(NODE)
    assert stored is not None
    edit = {"metadata": {"annotations": {"projectcalico.org/RouteReflectorClusterID": "9.9.9.9"}}}
    bench.sandbox.patch(NODE, edit, stored.version)

    assert bench.runner().rollback() is Result.STOPPED
    why = bench.listener.of(events.UndoFailed)[0].why
    assert why == NeitherState("Node/rr-2", StepId("promote/rr-2"))
    assert bench.sandbox.state.nodes[NodeName("rr-2")].cluster_id == "9.9.9.9"


def test_api_that_stays_away_leaves_a_resumable_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five minutes the run stops without guessing; later it goes on."""
    monkeypatch.setattr("rrplan.sandbox.cluster.AWAY_SECONDS", 100_000)
    bench = Bench(tmp_path, faults=["api-away=4"])

    assert bench.runner().apply() is Result.STOPPED
    assert bench.listener.of(events.StepFailed)[0].why == NotWritten(Outcome.AWAY, "the API server refuses connections")
    bench.reopen()
    assert bench.runner().apply() is Result.DONE


def test_date_that_jumps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour forth and back between any two entries: the same events with the same durations."""
    steady, jumping = Bench(tmp_path / "steady"), Bench(tmp_path / "jumping")
    dates = cycle(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (12, 13, 11))
    monkeypatch.setattr(jumping.sandbox.clock, "wall", lambda: next(dates))

    assert jumping.runner().apply() is steady.runner().apply() is Result.DONE
    assert jumping.listener.events == steady.listener.events


def test_requests_are_repeated_for_five_minutes(tmp_path: Path) -> None:
    """However the date jumps meanwhile."""
    clock = JumpingClock()

    def away() -> None:
        raise DatastoreUnreachable("nobody is there")

    with pytest.raises(GaveUp):
        Writer(Bench(tmp_path).sandbox, clock, lambda *_: None).patiently(away)
    assert GIVE_UP_SECONDS <= sum(clock.waits) < GIVE_UP_SECONDS + 30


def test_hooks_run_at_their_points(tmp_path: Path) -> None:
    """Each hook hears about the run as JSON on stdin."""
    log = tmp_path / "log"
    bench = Bench(tmp_path, hooks("before-run", "before-step", "after-step", "after-run", "on-failure", log=log))
    assert bench.runner().apply() is Result.DONE
    heard = [json.loads(line) for line in log.read_text().splitlines()]

    steps = [step.id for step in bench.plan.steps]
    assert heard[0] == {"run": "run", "plan": "test", "point": "before-run", "step": None, "action": None}
    assert [one["step"] for one in heard if one["point"] == "before-step"] == steps
    assert [one["step"] for one in heard if one["point"] == "after-step"] == steps
    assert heard[-1]["point"] == "after-run"
    assert "on-failure" not in {one["point"] for one in heard}


def test_before_run_hook_vetoes(tmp_path: Path) -> None:
    """Nothing is written, and the error says which hook objected and how."""
    bench = Bench(tmp_path, hooks("before-run", code=3, log=tmp_path / "log"))
    with pytest.raises(PreflightError, match=r"preflight: hook `before-run` ended with 3") as error:
        bench.runner().apply()
    assert error.value.exit_code == 8
    assert bench.objects() == bench.before


@pytest.mark.parametrize(("required", "result"), [(False, Result.DONE), (True, Result.UNDONE)])
def test_after_step_hook_warns_unless_required(tmp_path: Path, required: bool, result: Result) -> None:
    """A non-zero exit code is told; only a required hook fails the step."""
    bench = Bench(tmp_path, hooks("after-step", code=1, required=required, log=tmp_path / "log"))
    assert bench.runner().apply() is result
    assert {event.code for event in bench.listener.of(events.HookRan)} == {1}
    assert (bench.objects() == bench.before) is required


def test_before_step_hook_vetoes_its_step(tmp_path: Path) -> None:
    """The veto of a step undoes the run."""
    log = tmp_path / "log"
    text = hooks("before-step", code=1, log=log).replace("on: before-step", "on: before-step, action: DisableMesh")
    bench = Bench(tmp_path, text)
    assert bench.runner().apply() is Result.UNDONE
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == ["mesh-off"]
    assert bench.objects() == bench.before


def test_hook_on_failure_and_on_rollback(tmp_path: Path) -> None:
    """They hear which step failed, and that a rollback begins."""
    log = tmp_path / "log"
    bench = Bench(tmp_path, hooks("on-failure", "on-rollback", log=log), faults=["session-never-up=rr-1"])
    assert bench.runner().apply() is Result.UNDONE
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == ["promote/rr-1"]
    log.unlink()
    other = Bench(tmp_path / "other", hooks("on-rollback", log=log))
    assert other.runner().apply() is Result.DONE
    assert other.runner().rollback() is Result.UNDONE
    assert json.loads(log.read_text())["point"] == "on-rollback"


def test_sandbox_evicts_pods_elsewhere(tmp_path: Path) -> None:
    """A drain is real: the pods of the reflectors run on other nodes afterwards."""
    bench = Bench(tmp_path)
    assert bench.sandbox.pods_to_evict(NodeName("rr-1"))
    assert bench.runner().apply() is Result.DONE
    assert not Sandbox.open(tmp_path / "cluster").pods_to_evict(NodeName("rr-1"))


def test_lost_reply_is_no_answer(tmp_path: Path) -> None:
    """The fault does what it says: the write is there, the reply is not."""
    sandbox = Bench(tmp_path, faults=["lost-reply=1"]).sandbox
    stored = sandbox.get(NODE)
    assert stored is not None
    with pytest.raises(DatastoreTimeout, match="no reply from the API server within 30 s"):
        sandbox.patch(NODE, {"metadata": {"labels": {"a": "b"}}}, stored.version)
    assert sandbox.state.nodes[NodeName("rr-2")].labels["a"] == "b"


@pytest.mark.parametrize("required", [True, False])
def test_required_hook_after_the_run(tmp_path: Path, required: bool) -> None:
    """Its failure stops the run, which a resume ends once the hook agrees; that of another hook is only told."""
    bench = Bench(tmp_path, hooks("after-run", code=1, required=required, log=tmp_path / "log"))
    assert bench.runner().apply() is (Result.STOPPED if required else Result.DONE)
    reasons = [*map(reason_text, bench.listener.of(events.RunFinished)[-1].why)]
    assert bool(reasons) is required
    assert all("ended with 1" in reason for reason in reasons)
    assert bench.left() == ()


@pytest.mark.parametrize("required", [True, False])
def test_required_hook_before_a_rollback(tmp_path: Path, required: bool) -> None:
    """Its failure stops the rollback before anything is taken back; that of another hook is only told."""
    bench = Bench(tmp_path, hooks("on-rollback", code=1, required=required, log=tmp_path / "log"))
    assert bench.runner().apply() is Result.DONE
    assert bench.runner().rollback() is (Result.STOPPED if required else Result.UNDONE)
    assert (bench.listener.of(events.UndoStarted) == []) is required


def test_what_the_run_wrote_is_there_again(tmp_path: Path) -> None:
    """Somebody makes our BGPPeer again while the rest is taken back: nobody says that the run is undone."""
    bench = Bench(tmp_path)
    assert bench.runner().apply() is Result.DONE
    key = ResourceKey("BGPPeer", "rrplan-reflectors")
    stored = bench.sandbox.get(key)
    assert stored is not None

    def colleague(event: events.RunEvent) -> None:
        if isinstance(event, events.StepUndone) and event.step == "drain/rr-1":
            bench.sandbox.create(key, stored.document)

    bench.listener = Acting(colleague)
    assert bench.runner().rollback() is Result.STOPPED
    [why] = bench.listener.of(events.RunFinished)[-1].why
    assert "BGPPeer/rrplan-reflectors" in reason_text(why)
