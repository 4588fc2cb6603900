"""Runs on a real API server: applied, taken back, resumed elsewhere; simulated time, real objects."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rrplan import api
from rrplan.adapters.api_server import ApiServer
from rrplan.adapters.node_status_table import NodeStatusTables
from rrplan.api import Cluster, Control
from rrplan.plans import Plan
from rrplan.ports import Document
from rrplan.runs import Result
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import Spec, load
from tests.real.agent import NodeAgent
from tests.real.audit import outside
from tests.real.server import RealServer
from tests.support import SPEC, Remembering


class AgentClock:
    """Simulated time of the agent's twin."""

    def __init__(self, agent: NodeAgent) -> None:
        self.agent = agent

    def now(self) -> float:
        """The twin's time."""
        return self.agent.twin.clock.now()

    def wall(self) -> datetime:
        """The real date."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """It passes at once."""
        self.agent.wait(seconds)


class LiveBench:
    """A live cluster with its nodes' agent, and what a run on it told."""

    def __init__(
        self,
        server: RealServer,
        folder: Path,
        nodes: int = 8,
        documents: Iterable[Document] = (),
        quiet: Collection[str] = (),
    ) -> None:
        server.fill(list(documents) or demo_cluster(nodes, 2))
        self.server = server
        self.agent = NodeAgent(server.api, server.calico, folder, quiet)
        self.listener = Remembering()
        self.kubeconfig = server.kubeconfig
        self.connection: ApiServer | None = None
        self.tables: NodeStatusTables | None = None
        self.notices: list[str] = []
        self.made: Plan
        self.writes = 0
        self.before = self.objects()

    def cluster(self) -> Cluster:
        """The cluster as a new process would find it."""
        connection = self.connection or ApiServer.connect(str(self.kubeconfig), "operator")
        return api.live_on(connection, AgentClock(self.agent), self.notices.append, tables=self.tables)

    def plan(self, spec: str = SPEC, *, spec_lines: str = "", keep: bool = True) -> Plan:
        """A plan from what is there; kept, it is the one that `apply` carries out."""
        wanted = load((spec + spec_lines).encode(), "spec.yaml")
        return self.planned(wanted) if keep else api.plan(wanted, capture(self.cluster().datastore))

    def planned(self, spec: Spec) -> Plan:
        """The plan that `apply` carries out."""
        self.made = api.plan(spec, capture(self.cluster().datastore))
        self.writes = len(self.server.writes("operator"))
        return self.made

    def apply(self) -> Result:
        """Carry the plan out."""
        return api.apply(self.made, self.cluster(), self.control())

    def resume(self) -> Result:
        """Go on, as another process would."""
        return api.resume(self.cluster(), self.control())

    def rollback(self) -> Result:
        """Take it back, as another process would."""
        return api.rollback(self.cluster(), self.control())

    def objects(self) -> dict[str, object]:
        """What a plan changes."""
        state = capture(api.live_on(self.server.connect(), AgentClock(self.agent), str).datastore).state
        return {"nodes": state.nodes, "peers": state.peers, "configurations": state.configurations}

    def told(self) -> str:
        """Everything that went wrong or had to wait, for the reader of a failure."""
        return "\n".join([*self.notices, *(str(event) for event in self.listener.events)])

    def control(self, stop: Callable[[], bool] = lambda: False) -> Control:
        """Who hears, who stops."""
        return Control(self.listener, stop)


@pytest.fixture(params=["crd", "v3"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of eight nodes, in either group of CRDs."""
    server: RealServer = request.getfixturevalue(f"{request.param}_server")
    made = LiveBench(server, tmp_path)
    yield made
    made.agent.stop()
    server.clear()


def test_newest_run_of_a_clock_that_was_set_back(bench: LiveBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run began an hour before the first, by its clock: it is the one that is taken back."""
    for spec, hour in ((SPEC, 12), (SPEC.replace("[rr-1, rr-2]", "[rr-1, rr-2, node-001]"), 11)):
        date = datetime(2026, 1, 1, hour, tzinfo=UTC)
        monkeypatch.setattr(AgentClock, "wall", lambda _clock, date=date: date)
        bench.plan(spec)
        assert bench.apply() is Result.DONE, bench.told()
    first, second = bench.cluster().runs.runs()
    assert (first.number, second.number) == (1, 2)
    assert first.since > second.since
    assert api.last_run(bench.cluster()) == second.run
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert [run.last for run in bench.cluster().runs.runs()] == ["run-done", "run-undone"]


def test_applied_and_taken_back(bench: LiveBench) -> None:
    """All steps settle; nothing is left to do; the rollback restores what was there before."""
    bench.plan()
    result = bench.apply()
    assert result is Result.DONE, bench.told()
    assert not bench.plan(keep=False).steps
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert bench.objects() == bench.before
    assert outside(bench.made, bench.server.writes("operator")[bench.writes :]) == []
