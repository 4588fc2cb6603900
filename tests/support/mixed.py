"""A cluster for runs whose Calico keeps its data in etcd, with an agent that plays its nodes."""

from collections.abc import Callable, Iterable
from pathlib import Path

from rrplan import api, wiring
from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.adapters.kubernetes.containers import CONFIG_KEYS
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.operations import Control
from rrplan.plans import Plan
from rrplan.ports import Document, SeparateCalico
from rrplan.snapshots import capture
from rrplan.specs import load
from rrplan.wiring import Cluster
from tests.real.mixed import MixedCluster
from tests.real.mixed_agent import MixedAgent
from tests.real.server import RealServer
from tests.support.listeners import Remembering
from tests.support.live import AgentClock
from tests.support.specs import STANDALONE

MAPS, SECRETS = (f"/api/v1/namespaces/kube-system/{kind}" for kind in ("configmaps", "secrets"))


QUICK = STANDALONE + "  gates: {stable: 2s}\n"
"""Gates that hold for less time: fewer looks at the nodes, each of which costs real time."""


class MixedBench:
    """A cluster with its nodes' agent."""

    def __init__(self, mixed: MixedCluster, folder: Path, documents: Iterable[Document]) -> None:
        mixed.fill([document for document in documents if document["kind"] != "CalicoNode"])
        self.mixed = mixed
        self.agent = MixedAgent(mixed, folder)
        self.listener: Remembering = Remembering()
        self.notices: list[str] = []

    def cluster(self, connection: ApiServer | None = None, calico: SeparateCalico | None = None) -> Cluster:
        """The cluster as a new process would find it, or somebody with other rights or another way to etcd."""
        calico = calico or CalicoEtcd(self.mixed.etcd.connect())
        return wiring.live_on(
            connection or self.mixed.server.connect(), AgentClock(self.agent), self.notices.append, calico
        )

    def plan(self, spec: str = QUICK) -> Plan:
        """A plan from what is there."""
        return api.plan(load(spec.encode(), "spec.yaml"), capture(self.cluster().datastore))

    def control(self, stop: Callable[[], bool] = lambda: False) -> Control:
        """Who hears, who stops."""
        return Control(self.listener, stop)

    def state(self) -> dict[str, object]:
        """What a plan changes."""
        found = capture(self.cluster().datastore).state
        return {"nodes": found.nodes, "peers": found.peers, "configurations": found.configurations}

    def told(self) -> str:
        """Everything that went wrong or had to wait."""
        return "\n".join([*self.notices, *(str(event) for event in self.listener.events)])


def begin(server: RealServer) -> None:
    """ConfigMap and Secret of the containers."""
    server.api.create(MAPS, {"metadata": {"name": "calico-config"}, "data": dict.fromkeys(CONFIG_KEYS, "x")})
    server.api.create(SECRETS, {"metadata": {"name": "calico-etcd-secrets"}})
