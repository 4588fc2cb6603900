"""A live cluster for runs: a real API server, an agent that plays its nodes, and simulated time."""

import copy
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rrplan import api, wiring
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.nodes.calicoctl_status import NodeStatusTables
from rrplan.operations import Control
from rrplan.parallelism import PROBE_PARALLELISM
from rrplan.plans import Plan
from rrplan.ports import Document
from rrplan.resources.documents import at
from rrplan.runs import Result
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import Spec, load
from rrplan.wiring import Cluster
from tests.real.agent import Allocation, NodeAgent
from tests.real.server import RealServer
from tests.support.bench import SPEC
from tests.support.listeners import Remembering


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
        allocation: Allocation = Allocation.CALICO,
    ) -> None:
        server.fill(allocated(list(documents) or demo_cluster(nodes, 2), allocation))
        self.server = server
        self.agent = NodeAgent(server.api, server.calico, folder, quiet, allocation=allocation)
        self.listener = Remembering()
        self.kubeconfig = server.kubeconfig
        self.connection: ApiServer | None = None
        self.tables: NodeStatusTables | None = None
        self.notices: list[str] = []
        self.made: Plan
        self._since = 0
        self.before = self.objects()

    def cluster(self, at_once: int = PROBE_PARALLELISM) -> Cluster:
        """The cluster as a new process would find it."""
        connection = self.connection or ApiServer.connect(str(self.kubeconfig), "operator")
        clock, tell = AgentClock(self.agent), self.notices.append
        return wiring.live_on(connection, clock, tell, tables=self.tables, at_once=at_once)

    def plan(self, spec: str = SPEC, *, spec_lines: str = "", keep: bool = True) -> Plan:
        """A plan from what is there; kept, it is the one that `apply` carries out."""
        wanted = load((spec + spec_lines).encode(), "spec.yaml")
        return self.planned(wanted) if keep else api.plan(wanted, capture(self.cluster().datastore))

    def planned(self, spec: Spec) -> Plan:
        """The plan that `apply` carries out."""
        self.made = api.plan(spec, capture(self.cluster().datastore))
        self._since = self.server.moment()
        return self.made

    def written(self) -> list[dict[str, Any]]:
        """What the operator wrote since the plan was made, by the API server's own audit log."""
        return self.server.writes(self._since)

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
        state = capture(
            wiring.live_on(self.server.connect(), AgentClock(self.agent), lambda _text: None).datastore
        ).state
        return {"nodes": state.nodes, "peers": state.peers, "configurations": state.configurations}

    def told(self) -> str:
        """Everything that went wrong or had to wait, for the reader of a failure."""
        return "\n".join([*self.notices, *(str(event) for event in self.listener.events)])

    def control(self, stop: Callable[[], bool] = lambda: False) -> Control:
        """Who hears, who stops."""
        return Control(self.listener, stop)


def allocated(documents: Iterable[Document], allocation: Allocation) -> Iterator[Document]:
    """The documents of a cluster, where calico-node knows who gives addresses to pods."""
    for document in documents:
        body = copy.deepcopy(dict(document))
        if body["kind"] == "DaemonSet" and allocation is Allocation.HOST_LOCAL:
            spec = at(body, ("spec", "template", "spec"))
            assert isinstance(spec, dict)
            spec["containers"][0].setdefault("env", []).append({"name": "USE_POD_CIDR", "value": "true"})
        yield body
