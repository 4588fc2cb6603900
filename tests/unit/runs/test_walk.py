"""The walk over random graphs: whatever the edges allow ends in the desired state, also after a crash anywhere."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rrplan.adapters.local.clock import SystemClock
from rrplan.adapters.local.hooks import CommandHooks
from rrplan.adapters.local.lock import FileLock
from rrplan.adapters.local.runs import FileLog
from rrplan.errors import DatastoreConflict, DatastoreRefused, JournalError
from rrplan.ids import ActionName, NodeName, StepId
from rrplan.plans import Plan
from rrplan.plans.change import Change
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Edge, Step
from rrplan.ports import Document, Listed, Stored, Write
from rrplan.reports import events
from rrplan.reports.entry import JournalEvent
from rrplan.resources import Pod, ResourceKey
from rrplan.runs import Journal, Result, Runner
from rrplan.runs.step_run import RunPorts
from rrplan.sandbox import Sandbox
from tests.support.dying import Crash, DyingLog, after, buried
from tests.support.listeners import Remembering
from tests.support.plans import plan_of


class Shared:
    """A datastore of many writers, in memory; `entered` hears of each write while it is under way."""

    at_once = 8
    late_seconds = 0

    def __init__(self) -> None:
        self.documents: dict[ResourceKey, Stored] = {}
        self._mutex = threading.Lock()
        self.entered: Callable[[ResourceKey], None] = lambda _key: None

    def everything(self) -> Listed:
        """All there is."""
        with self._mutex:
            return Listed(tuple(self.documents.values()))

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        with self._mutex:
            return self.documents.get(key)

    def create(self, key: ResourceKey, document: Document) -> None:
        """Make a resource."""
        self.entered(key)
        with self._mutex:
            if key in self.documents:
                raise DatastoreConflict(f"{key} exists")
            self.documents[key] = Stored(document, "1")

    def patch(self, key: ResourceKey, patch: Document, version: str) -> None:
        """Nothing here is patched."""
        raise AssertionError(key, patch, version)

    def delete(self, key: ResourceKey, version: str) -> None:
        """Remove a resource."""
        self.entered(key)
        with self._mutex:
            del self.documents[key]

    def dry_run(self, writes: Sequence[Write]) -> Sequence[str]:
        """Nothing is refused."""
        return []

    def pods_to_evict(self, node: NodeName) -> Sequence[Pod]:
        """None."""
        return []

    def evict(self, pod: ResourceKey, grace: int | None = None) -> bool:
        """Nobody is."""
        raise AssertionError(pod)


def creation(name: str) -> Change:
    """A BGPPeer that selects nobody."""
    spec = {"nodeSelector": "has(nothing)", "peerSelector": "has(nothing)"}
    head = {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": name}}
    return Change.create(ResourceKey("BGPPeer", name), {**head, "spec": spec})


def drawn(dice: random.Random) -> Plan:
    """A plan of some steps, some of which touch sessions, with edges at random."""
    count = dice.randint(5, 12)
    steps = []
    for number in range(count):
        writes = tuple(creation(f"p{number}-{part}") for part in range(dice.choice((0, 1, 1, 2, 5))))
        topology = dice.random() < 0.3
        phase = Phase.PEERS if topology else Phase.PREPARE
        step = StepId(f"step/{number:02}")
        steps.append(
            Step(step, ActionName.CREATE_PEER, f"{number}", writes, topology=topology, phase=phase, unordered=True)
        )
    edges = [
        Edge(before.id, after.id, "drawn")
        for place, after in enumerate(steps)
        for before in steps[:place]
        if dice.random() < 0.25
    ]
    return plan_of(steps, edges)


class Walk:
    """One plan on one datastore; `runner` may be asked again, as after a crash."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.plan = plan
        self.path = path
        self.store = Shared()
        self.listener = Remembering()
        self.lock = FileLock(path / "lock")
        self.log: FileLog | None = None
        path.mkdir(exist_ok=True)
        self.probe = Sandbox.make(path / "cluster", [])

    def runner(self, *, dies_after: int = 0, parallelism: int = 4, stop: Callable[[], bool] = lambda: False) -> Runner:
        """A runner over what the journal says, which may die after some lines."""
        if self.log is not None:
            self.log.close()
        log = self.log = FileLog(self.path / "journal.jsonl")
        journal = Journal.open(DyingLog(log, after(dies_after)) if dies_after else log, "digest")
        self.lock.release()
        self.lock.acquire({"who": "test"})
        ports = RunPorts(self.store, self.probe, SystemClock(), self.lock, CommandHooks(), self.listener)
        return Runner(self.plan, "run", ports, journal, stop, parallelism)

    def check_order(self) -> None:
        """Whatever must come before a step was settled when it began; steps on sessions had nobody beside them."""
        settled: set[StepId] = set()
        begun: set[StepId] = set()
        before: dict[StepId, set[StepId]] = {}
        for edge in self.plan.edges:
            before.setdefault(edge.after, set()).add(edge.before)
        by_id = {step.id: step for step in self.plan.steps}
        for event in self.listener.events:
            if isinstance(event, events.StepStarted):
                assert before.get(event.step, set()) <= settled
                beside = begun - settled
                assert not beside or not any(by_id[one].topology for one in {*beside, event.step})
                begun.add(event.step)
            elif isinstance(event, events.StepSettled):
                settled.add(event.step)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_edges_allow(seed: int, tmp_path: Path) -> None:
    """All is done, in an order that keeps every edge; and taken back whole."""
    walk = Walk(tmp_path, drawn(random.Random(seed)))
    assert walk.runner().apply() is Result.DONE
    walk.check_order()
    assert set(walk.store.documents) == {change.key for _, change in walk.plan.writes}
    assert walk.runner().rollback() is Result.UNDONE
    assert walk.store.documents == {}


@pytest.mark.parametrize("seed", range(40))
def test_a_crash_anywhere(seed: int, tmp_path: Path) -> None:
    """A run that dies after any line of its journal, with several steps under way, is resumed or taken back."""
    dice = random.Random(1000 + seed)
    walk = Walk(tmp_path, drawn(dice))
    lines = 2 + sum(3 for _ in walk.plan.steps)
    with pytest.raises(Crash):
        walk.runner(dies_after=dice.randint(1, lines - 1)).apply()
    buried()
    if seed % 2:
        assert walk.runner().apply() is Result.DONE
        assert set(walk.store.documents) == {change.key for _, change in walk.plan.writes}
    assert walk.runner().rollback() is Result.UNDONE
    assert walk.store.documents == {}


def many(count: int, *, topology: bool = False) -> Plan:
    """Steps without edges."""
    plan = drawn(random.Random(0))
    phase = Phase.PEERS if topology else Phase.PREPARE
    steps = tuple(
        Step(StepId(f"s/{n}"), ActionName.CREATE_PEER, "", (creation(f"p{n}"),), topology=topology, phase=phase)
        for n in range(count)
    )
    return Plan("many", steps, (), plan.proof, {}, {}, plan.spec, plan.snapshot)


@pytest.mark.parametrize(("topology", "parallelism", "expected"), [(False, 4, 4), (False, 2, 2), (True, 4, 1)])
def test_so_many_at_a_time(topology: bool, parallelism: int, expected: int, tmp_path: Path) -> None:
    """As many as allowed are under way together, unless they touch sessions."""
    walk = Walk(tmp_path, many(8, topology=topology))
    mutex, under_way, most = threading.Lock(), [0], [0]
    together = threading.Barrier(expected)

    def entered(_key: ResourceKey) -> None:
        with mutex:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        together.wait(30)  # a busy machine starts threads late
        time.sleep(0.05)
        with mutex:
            under_way[0] -= 1

    walk.store.entered = entered
    assert walk.runner(parallelism=parallelism).apply() is Result.DONE
    assert most[0] == expected


def test_a_failure_lets_the_others_finish(tmp_path: Path) -> None:
    """Nobody is cut off; then everything is taken back, and what had not begun never begins."""
    walk = Walk(tmp_path, many(8))

    def entered(key: ResourceKey) -> None:
        if key.name == "p1" and not walk.listener.of(events.StepFailed):
            raise DatastoreRefused("no")
        time.sleep(0.05)

    walk.store.entered = entered
    assert walk.runner().apply() is Result.UNDONE
    assert walk.store.documents == {}
    begun = [event.step for event in walk.listener.of(events.StepStarted)]
    settled = [event.step for event in walk.listener.of(events.StepSettled)]
    failed = [event.step for event in walk.listener.of(events.StepFailed)]
    assert set(begun) == {*settled, *failed}
    assert len(begun) < 8


def test_stopped_at_once(tmp_path: Path) -> None:
    """Nobody waits for steps under way, they write nothing more, and the next process finds out about them."""
    walk = Walk(tmp_path, many(8))
    go_on = threading.Event()
    walk.store.entered = lambda _key: (go_on.wait(30), None)[1]
    asked = iter([False, False])

    def stop() -> bool:
        if next(asked, None) is None:
            raise KeyboardInterrupt
        return False

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        walk.runner(stop=stop).apply()
    assert time.monotonic() - began < 10
    lines = (tmp_path / "journal.jsonl").read_bytes()
    go_on.set()
    buried()
    assert (tmp_path / "journal.jsonl").read_bytes() == lines
    assert walk.runner().apply() is Result.DONE
    assert set(walk.store.documents) == {change.key for _, change in walk.plan.writes}


def test_a_journal_of_another_order(tmp_path: Path) -> None:
    """A step that began before one that the plan wants first: the journal is not of this plan."""
    walk = Walk(tmp_path, drawn(random.Random(3)))
    late = walk.plan.edges[0].after
    with Journal.open(FileLog(tmp_path / "journal.jsonl"), "digest") as journal:
        journal.append(late, JournalEvent.STARTED, SystemClock().wall())
    with pytest.raises(JournalError, match=f"step `{late}` began before `.*`, which the plan wants first") as error:
        walk.runner()
    assert error.value.hint == "the journal does not belong to this plan"
