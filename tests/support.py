"""What several tests need: a listener that remembers, and a run on an embedded cluster."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from rrplan import api
from rrplan.adapters.hooks import CommandHooks
from rrplan.adapters.lock import FileLock
from rrplan.adapters.run_directory import FileLog
from rrplan.plans import Plan
from rrplan.ports import Document, Probe
from rrplan.runs import Journal, Runner
from rrplan.runs.events import RunEvent
from rrplan.runs.runner import World
from rrplan.sandbox import Sandbox, demo_cluster, parse_fault
from rrplan.snapshots import capture
from rrplan.specs import Spec, load

E = TypeVar("E", bound=RunEvent)
SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: test}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
"""


class JumpingClock:
    """Time that passes when somebody waits; with each wait the date jumps an hour, forth and back."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._now = 1000.0

    def now(self) -> float:
        """Seconds, evenly."""
        return self._now

    def wall(self) -> datetime:
        """The date: an hour late after every second wait."""
        hours = len(self.waits) % 2
        return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=self._now, hours=hours)

    def sleep(self, seconds: float) -> None:
        """Time passes, the date jumps."""
        assert len(self.waits) < 5000, "somebody waits for ever"
        self.waits.append(seconds)
        self._now += seconds


class Remembering:
    """A listener that remembers every event."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def report(self, event: RunEvent) -> None:
        """Remember it."""
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Bench:
    """One plan on one embedded cluster; `runner` may be asked again and again, as after a crash."""

    def __init__(
        self,
        path: Path,
        spec: str | Spec = SPEC,
        *,
        documents: Iterable[Document] = (),
        faults: Sequence[str] = (),
        nodes: int = 8,
    ) -> None:
        self.path = path
        self.spec = load(spec.encode(), "spec.yaml") if isinstance(spec, str) else spec
        Sandbox.make(path / "cluster", list(documents) or demo_cluster(nodes, 2)).close()
        self.sandbox = Sandbox.open(path / "cluster", [parse_fault(fault) for fault in faults])
        self.before = self.objects()
        self.plan: Plan = api.plan(self.spec, capture(self.sandbox))
        self.listener = Remembering()
        self._lock = FileLock(path / "lock")

    def objects(self) -> dict[str, object]:
        """The cluster without its pods: an eviction is not taken back."""
        state = capture(self.sandbox).state
        return {"nodes": state.nodes, "peers": state.peers, "configurations": state.configurations}

    def reopen(self, faults: Sequence[str] = ()) -> None:
        """As another process would find the cluster."""
        self.sandbox.close()
        self.sandbox = Sandbox.open(self.path / "cluster", [parse_fault(fault) for fault in faults])

    def runner(
        self,
        stop: Callable[[], bool] = lambda: False,
        journal: Journal | None = None,
        probe: Probe | None = None,
    ) -> Runner:
        """A runner over what the journal says."""
        if journal is None:
            journal = Journal.open(FileLog(self.path / "journal.jsonl"), "digest")
        self._lock.release()
        self._lock.acquire({"who": "test"})
        world = World(
            self.sandbox, probe or self.sandbox, self.sandbox.clock, self._lock, CommandHooks(), self.listener
        )
        return Runner(self.plan, "run", world, journal, stop)
