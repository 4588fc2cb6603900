"""What a look at the nodes costs, by the audit log of a real API server, and what becomes of nodes that are odd."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rrplan import api, operations
from rrplan.adapters.kubernetes.server import EXEC_TRIES
from rrplan.adapters.nodes.birdcl import Birds, Wanted
from rrplan.adapters.nodes.pods import PodCommands
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName
from rrplan.plans.cost import gates_cost
from rrplan.plans.gate import Gate, GateKind
from rrplan.ports import Asking, NodeReading, Probe, Survey, unheard
from rrplan.reports.gates import NodesShort, Shortfall
from rrplan.runs import Result
from rrplan.runs.gates import Extent, Watch, settle
from tests.real.agent import REPLACED
from tests.real.server import RealServer
from tests.support import processes
from tests.support.live import AgentClock, LiveBench

pytestmark = [pytest.mark.real, pytest.mark.slow]

CLIENTS, REFLECTORS = 24, 2
EXEC = "get pods/exec"
LINES = "  gates: {stable: 10s, routes: 30s}\n"


@pytest.fixture
def bench(crd_server: RealServer, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster whose clients have two reflectors, and nothing waits."""
    made = LiveBench(crd_server, tmp_path, nodes=CLIENTS + REFLECTORS)
    made.plan(spec_lines=LINES)
    assert made.apply() is Result.DONE, made.told()
    yield made
    made.agent.stop()
    crd_server.clear()


def routes_gate(bench: LiveBench) -> Gate:
    """The gate of the plan that asks most nodes, as it is at the end."""
    gates = [gate for step in bench.made.steps for gate in step.gates if gate.kind is GateKind.ROUTES]
    return max(gates, key=lambda gate: sum(len(bench.made.node_sets[one.nodes]) for one in gate.expectations))


def asked(bench: LiveBench, gate: Gate) -> tuple[int, int]:
    """How many clients and reflectors a gate asks."""
    peers = {one.peer for one in gate.expectations if one.peer}
    nodes = {name for one in gate.expectations for name in bench.made.node_sets[one.nodes]}
    return len(nodes - peers), len(peers)


def waited(bench: LiveBench, gate: Gate) -> Counter[str]:
    """The requests of a gate that a new process waits for, and that passes."""
    cluster = bench.cluster()
    watch = Watch(gate, bench.made.node_sets, cluster.datastore, cluster.probe)
    moment = bench.server.moment()
    assert settle(gate, watch.look, AgentClock(bench.agent), lambda *_: None) is None
    return bench.server.requests(moment)


def test_gate_that_passes_at_once(bench: LiveBench) -> None:
    """Every client is asked twice, in one request each; pods are listed once for each of the two looks."""
    gate = routes_gate(bench)
    clients, reflectors = asked(bench, gate)
    assert (clients, reflectors) == (CLIENTS, REFLECTORS)
    requests = waited(bench, gate)
    assert requests.total() <= 2 * clients + 20 * reflectors + 50, requests
    assert requests["list pods"] == 2
    assert requests[EXEC] == 2 * clients + 6 * reflectors
    alone = replace(bench.made, steps=(replace(bench.made.steps[-1], gates=(gate,)),))
    assert gates_cost(alone).requests == pytest.approx(requests.total(), abs=10)


def test_status(bench: LiveBench) -> None:
    """One look: every node is asked once."""
    moment = bench.server.moment()
    standings = operations.standings(bench.cluster())
    assert all(standing.complete == standing.expected for standing in standings)
    requests = bench.server.requests(moment)
    assert requests.total() <= CLIENTS + 10 * REFLECTORS + 50, requests
    assert requests[EXEC] == CLIENTS + REFLECTORS


def test_containers_without_a_shell(bench: LiveBench) -> None:
    """`birdcl` itself is called, twice for a client; one node says so for all."""
    names = sorted(bench.agent.twin.state.nodes)
    with_shell = [bench.cluster().probe.read(Survey([NodeName("node-001")], [NodeName("rr-1")]))]
    bench.agent.bare |= set(names)
    birds = Birds(PodCommands(bench.server.connect()))
    bench.agent.asked.clear()
    first = birds.ask(NodeName("node-001"), Wanted.SESSIONS)
    second = birds.ask(NodeName("node-002"), Wanted.SESSIONS)
    assert bench.agent.asked == ["node-001"] * 3 + ["node-002"] * 2
    assert all(
        session.established for end in (first, second) for each in end.values() for session in each.sessions.values()
    )
    assert [bench.cluster().probe.read(Survey([NodeName("node-001")], [NodeName("rr-1")]))] == with_shell


@pytest.mark.parametrize("how", ["breaking", "no pod"])
def test_one_node_that_does_not_answer(bench: LiveBench, how: str) -> None:
    """It fails the gate by name; all others were asked, and it alone is asked again."""
    gate = routes_gate(bench)
    if how == "breaking":
        bench.agent.breaking.add("node-003")
    else:
        bench.server.force("/api/v1/namespaces/kube-system/pods/calico-node-node-003")
    cluster = bench.cluster()
    watch = Watch(gate, bench.made.node_sets, cluster.datastore, cluster.probe)
    bench.agent.asked.clear()
    lack = watch.look().lack
    assert isinstance(lack, NodesShort)
    assert lack.nodes - lack.ready == 1
    assert (lack.example.node, lack.example.shortfall) == ("node-003", Shortfall.NO_ANSWER)
    assert bench.agent.asked.count(NodeName("node-003")) == (EXEC_TRIES if how == "breaking" else 0)
    bench.agent.asked.clear()
    watch.look(Extent.REST)
    assert set(bench.agent.asked) <= {"node-003", "rr-1", "rr-2"}
    assert bench.agent.asked.count(NodeName("node-003")) <= 1


@pytest.mark.parametrize("at_once", [3, 11])
def test_nodes_asked_at_the_same_time(bench: LiveBench, at_once: int) -> None:
    """As many as `--probe-parallelism` says, and never more."""
    kubelet = bench.agent.kubelet
    kubelet.delay, kubelet.most = 0.05, 0
    operations.standings(bench.cluster(at_once))
    assert kubelet.most == at_once


def test_the_option_reaches_the_probe(bench: LiveBench) -> None:
    """The command line's number is the one that kubelets see."""
    kubelet = bench.agent.kubelet
    kubelet.delay, kubelet.most = 0.05, 0
    where = ["--kubeconfig", str(bench.kubeconfig), "--context", "operator", "--probe-parallelism", "5"]
    done = processes.rrplan("status", *where)
    assert done.returncode == 0, done.stderr
    assert kubelet.most == 5


def test_pod_that_is_replaced(bench: LiveBench) -> None:
    """A pod that went between the list and the command is looked up once more; the answer comes from the new one."""
    way = PodCommands(bench.server.connect("operator"))
    birds = Birds(way)
    names = [NodeName("node-001"), NodeName("node-002"), NodeName("node-003")]
    before = [birds.ask(name, Wanted.SESSIONS) for name in names]
    pods = "/api/v1/namespaces/kube-system/pods"
    for name in names[:2]:
        made = bench.server.api.get(f"{pods}/calico-node-{name}")
        assert made is not None
        bench.server.force(f"{pods}/calico-node-{name}")
        head = {field: made["metadata"][field] for field in ("labels", "ownerReferences")}
        bench.server.api.create(pods, {**made, "metadata": {**head, "name": f"calico-node-{name}{REPLACED}"}})
    moment = bench.server.moment()
    assert [birds.ask(name, Wanted.SESSIONS) for name in names] == before
    requests = bench.server.requests(moment)
    assert requests["list pods"] == 1
    assert requests[EXEC] == 4
    bench.server.force(f"{pods}/calico-node-node-003")
    with pytest.raises(
        DatastoreRefused, match=r"nothing can be run in the calico-node pod of node node-003: .*not found"
    ):
        birds.ask(names[2], Wanted.SESSIONS)
    birds.look(anew=False)
    with pytest.raises(DatastoreRefused, match="node node-003 has no calico-node pod"):
        birds.ask(names[2], Wanted.SESSIONS)


class Counted:
    """A probe whose every look is counted: the nodes to be asked, the reflectors, and the requests that it took."""

    def __init__(self, probe: Probe, server: RealServer) -> None:
        self._probe = probe
        self._server = server
        self.quiet, self.sessions = probe.quiet, probe.sessions
        self.looks: list[tuple[int, int, int]] = []

    def read(self, survey: Survey, asking: Asking = unheard) -> Sequence[NodeReading]:
        """What the probe behind it reads."""
        moment = self._server.moment()
        try:
            return self._probe.read(survey, asking)
        finally:
            asked = len({*survey.nodes, *survey.peers} - set(survey.spared))
            self.looks.append((asked, len(set(survey.peers)), self._server.requests(moment).total()))


def test_every_look_of_a_run_keeps_the_budget(bench: LiveBench) -> None:
    """Back to the mesh and to reflectors again: no gate times out, and no look costs more than half of a gate's."""
    taken = [bench.cluster(), bench.cluster()]
    probes = [Counted(cluster.probe, bench.server) for cluster in taken]
    back, forth = (replace(cluster, probe=probe) for cluster, probe in zip(taken, probes, strict=True))
    assert api.rollback(back, bench.control()) is Result.UNDONE, bench.told()
    assert bench.objects() == bench.before
    bench.plan(spec_lines=LINES)
    assert api.apply(bench.made, forth, bench.control()) is Result.DONE, bench.told()
    looks = [look for probe in probes for look in probe.looks]
    assert max(asked for asked, _, _ in looks) == CLIENTS + REFLECTORS
    beyond = [look for look in looks if look[2] > look[0] + 10 * look[1] + 25]
    assert not beyond, looks
