"""Seeded random runs on a real API server: faults, crashes, restarts and colleagues, mixed.

Whatever comes: nothing is written that was not in the plan (by the API server's audit log), and every run ends in the
desired state, in the snapshot, or halted where its journal says that it is.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest

from rrplan import api
from rrplan.adapters import api_server
from rrplan.api import Cluster, Control
from rrplan.errors import RRPlanError
from rrplan.plans import plan_document
from rrplan.plans.change import decisive
from rrplan.ports import Log
from rrplan.resources import ResourceKey
from rrplan.resources.documents import at, leaves
from rrplan.runs import Journal, Result, Status, events, replay
from rrplan.runs.status import LANDED
from tests.real.audit import outside
from tests.real.proxy import Fault, Proxy
from tests.real.server import RealServer
from tests.real.test_failures import FAULTS, Acting
from tests.real.test_run import LiveBench

SEEDS = 200 if os.environ.get("RRPLAN_REQUIRE_REAL") else 40
"""All of them where CI asks for every real part: some minutes."""
BATCH = 10
ATTEMPTS = 4
"""Under faults; then the weather clears."""
SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: random}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
  gates: {stable: 0s, routes: 60s, sessions: 60s}
"""


class Crash(BaseException):
    """The process is gone."""


class Mortal:
    """A log whose process dies after some lines, as `kill -9` would: nothing is sent, nothing is given back."""

    def __init__(self, log: Log, left: int, cluster: Cluster) -> None:
        self._log, self._left, self._cluster = log, left, cluster
        self.place = log.place

    def lines(self) -> Sequence[bytes]:
        """As they are."""
        return self._log.lines()

    def append(self, line: bytes, *, durable: bool) -> None:
        """Write, or die."""
        self._log.append(line, durable=durable)
        self._left -= 1
        if self._left == 0:
            lock = self._cluster.lock
            lock._stop.set()  # type: ignore[attr-defined]
            lock._renewing.join()  # type: ignore[attr-defined]
            lock._identity = ""  # type: ignore[attr-defined]
            raise Crash

    def close(self) -> None:
        """Nothing."""


class Story:
    """One seed: what goes wrong in it."""

    def __init__(self, seed: int, bench: LiveBench, proxy: Proxy) -> None:
        self.dice = random.Random(seed)
        self.bench = bench
        self.proxy = proxy
        self.rate = self.dice.choice([0.0, 0.01, 0.03, 0.06])
        self.faults = self.dice.sample(FAULTS, self.dice.randint(1, len(FAULTS)))
        self.meddles = self.dice.random() < 0.25
        self.restarts = self.dice.random() < 0.06
        self.meddled: tuple[str, dict[str, object]] | None = None
        """Where a colleague was, and the patch that takes the edit back."""

    def choose(self, method: str, path: str) -> Fault | None:
        """A fault now and then."""
        if self.dice.random() >= self.rate:
            return None
        fault = self.dice.choice(self.faults)
        fits = {409: method != "GET", 410: "limit=" in path}.get(fault.status, True)
        return fault if fits else None

    def happen(self, event: events.RunEvent) -> None:
        """A restart of the server, or a colleague, between two steps."""
        if not isinstance(event, events.StepSettled):
            return
        if self.restarts and self.dice.random() < 0.3:
            self.restarts = False
            self.bench.server.restart(self.dice.choice(["kube-apiserver", "etcd"]))
        if self.meddles and self.dice.random() < 0.3:
            self.meddles = False
            path, patch, back = self.dice.choice(
                [
                    ("/api/v1/nodes/node-001", {"metadata": {"labels": {"team": "x"}}}, {"labels": {"team": None}}),
                    (
                        "/api/v1/nodes/rr-2",
                        {"metadata": {"annotations": {"example.com/note": "x"}}},
                        {"annotations": {"example.com/note": None}},
                    ),
                    ("/api/v1/nodes/node-001", {"spec": {"unschedulable": True}}, {}),
                ]
            )
            with suppress(RRPlanError):
                self.bench.server.api.patch(path, patch)
                undo = {"metadata": back} if back else {"spec": {"unschedulable": None}}
                self.meddled = (path, undo)

    def clear(self) -> None:
        """The weather clears, and the colleague takes the edit back."""
        self.rate = 0.0
        self.meddles = self.restarts = False
        if self.meddled:
            patiently(lambda: self.bench.server.api.patch(*self.meddled))  # type: ignore[misc]
            self.meddled = None

    def attempt(self, act: Callable[[Cluster, Control], Result]) -> Result | None:
        """One process: its result, or None where it died or ended with an error in words."""
        try:
            cluster = self.bench.cluster()
        except RRPlanError:
            return None
        left = self.dice.randint(1, 40) if self.rate and self.dice.random() < 0.5 else 0
        self.bench.listener = Acting(self.happen)
        control = Control(self.bench.listener, wrap=lambda log: Mortal(log, left, cluster))
        try:
            return act(cluster, control)
        except Crash:
            return None
        except RRPlanError:
            return None


def patiently(act: Callable[[], object]) -> None:
    """Until a real server that was restarted is there again."""
    for _ in range(200):
        with suppress(RRPlanError):
            act()
            return
        api_server_wait()
    raise AssertionError("the server did not come back")


def api_server_wait() -> None:
    """A moment of real time: a real daemon is being watched."""
    from rrplan.adapters.clock import SystemClock

    SystemClock().sleep(0.1)


def untrue(bench: LiveBench, run: str) -> list[str]:
    """Where the cluster is not what the journal says; steps in doubt are not judged."""
    cluster = bench.cluster()
    digest = str(plan_document(bench.made)["digest"])
    statuses = replay(Journal.open(cluster.runs.log(run), digest).entries)
    doubtful = {
        step.change.key
        for step in bench.made.changes
        if step.change and statuses.get(step.id) in (Status.STARTED, Status.UNDO_STARTED, Status.UNDO_FAILED)
    }
    wanted: dict[ResourceKey, dict[tuple[str, ...], object] | None] = {}
    for step in bench.made.changes:
        change = step.change
        assert change is not None
        document = change.after if statuses.get(step.id, Status.PENDING) in LANDED else None
        if document is None and change.key not in wanted:
            wanted[change.key] = None if change.before is None else dict(leaves(decisive(change.before)))
        elif document is not None:
            wanted[change.key] = {**(wanted.get(change.key) or {}), **dict(leaves(decisive(document)))}
    found = []
    for key, paths in wanted.items():
        stored = cluster.datastore.get(key)
        if key in doubtful:
            continue
        if paths is None or stored is None:
            if (paths is None) is not (stored is None):
                found.append(f"{key}: {'there' if stored else 'gone'}")
        else:
            found += [
                f"{key}: {path} {at(stored.document, path)} {value}"
                for path, value in paths.items()
                if (at(stored.document, path) or None) != (value or None)
            ]
    return found


@pytest.fixture(scope="module")
def bench(crd_server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveBench, Proxy]]:
    """A cluster of four nodes behind a proxy."""
    folder = tmp_path_factory.mktemp("random")
    made = LiveBench(crd_server, folder, nodes=4)
    proxy = Proxy(crd_server.kubeconfig, folder)
    made.kubeconfig = proxy.kubeconfig
    made.plan(SPEC)
    yield made, proxy
    proxy.stop()
    made.agent.stop()
    crd_server.clear()


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_random_runs(first: int, bench: tuple[LiveBench, Proxy], monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply, resume and roll back under faults until the run has ended; then take it back."""
    monkeypatch.setattr(api_server, "READ_SECONDS", 1.0)
    live, proxy = bench
    for seed in range(first, first + BATCH):
        told = one_story(Story(seed, live, proxy))
        assert live.objects() == live.before, f"seed {seed}: {told}"
        wrong = outside(live.made, live.server.writes("operator")[live.writes :])
        assert wrong == [], f"seed {seed}: {told}"
        live.writes = len(live.server.writes("operator"))
        live.server.forget_runs()


def one_story(story: Story) -> str:
    """One seed to its end."""
    live = story.bench
    story.proxy.choose = story.choose
    act: Callable[[Cluster, Control], Result] = lambda cluster, control: api.apply(live.made, cluster, control)  # noqa: E731
    told = []
    result: Result | None = None
    for attempt in range(ATTEMPTS + 4):
        if attempt == ATTEMPTS:
            story.clear()
        result = story.attempt(act)
        told.append(f"{result}: {live.listener.events[-1:]}")
        if result in (Result.DONE, Result.UNDONE):
            break
        story.proxy.choose = lambda _method, _path: None
        known: list[str] = []
        patiently(lambda known=known: known.extend(one.run for one in live.cluster().runs.runs()))  # type: ignore[misc]
        assert len(known) <= 1, told
        if known and story.meddled is None:
            assert untrue(live, known[-1]) == [], f"{told}"
        story.proxy.choose = story.choose
        if known:
            act = api.rollback if story.dice.random() < 0.3 else api.resume
    story.clear()
    story.proxy.choose = lambda _method, _path: None
    assert result in (Result.DONE, Result.UNDONE), told
    if result is Result.DONE:
        assert not live.plan(SPEC, keep=False).steps, told
        assert story.attempt(api.rollback) is Result.UNDONE, told
    return " | ".join(told)
