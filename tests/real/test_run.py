"""Runs on a real API server: applied, taken back, resumed elsewhere; simulated time, real objects."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rrplan import api
from rrplan.api import Cluster, Control
from rrplan.plans import Plan
from rrplan.runs import Result
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.real.agent import NodeAgent
from tests.real.server import RealServer
from tests.support import SPEC, Remembering


class AgentClock:
    """Simulated time of the agent's twin."""

    def __init__(self, agent: NodeAgent) -> None:
        self.agent = agent

    def now(self) -> float:
        """The twin's time."""
        return self.agent.twin.clock.now()

    def sleep(self, seconds: float) -> None:
        """It passes at once."""
        self.agent.tick(seconds)


class LiveBench:
    """A live cluster with its nodes' agent, and what a run on it told."""

    def __init__(self, server: RealServer, folder: Path, nodes: int = 8) -> None:
        server.fill(demo_cluster(nodes, 2))
        self.server = server
        self.agent = NodeAgent(server.api, server.calico, folder)
        self.listener = Remembering()
        self.notices: list[str] = []
        self.before = self.objects()

    def cluster(self) -> Cluster:
        """The cluster as a new process would find it."""
        return api.live_on(self.server.connect(), AgentClock(self.agent), self.notices.append)

    def plan(self, spec: str = SPEC) -> Plan:
        """A plan from what is there."""
        return api.plan(load(spec.encode(), "spec.yaml"), capture(self.cluster().datastore))

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


def test_applied_and_taken_back(bench: LiveBench) -> None:
    """All steps settle; nothing is left to do; the rollback restores what was there before."""
    plan = bench.plan()
    result = api.apply(plan, bench.cluster(), bench.control())
    assert result is Result.DONE, bench.told()
    assert not bench.plan().steps
    assert api.rollback(bench.cluster(), bench.control()) is Result.UNDONE
    assert bench.objects() == bench.before
