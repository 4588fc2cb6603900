"""Looks at the nodes of live clusters of several sizes: `rrplan status` and a whole gate, by the audit log.

`python -m tests.bench.looks [SIZE ...]`. Wall and CPU are those of rrplan's own process, memory its peak; API server,
etcd and the program that plays all kubelets run beside it on the same cores.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rrplan import api, wiring
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.local.clock import SystemClock
from rrplan.plans import Plan
from rrplan.plans.gate import Gate, GateKind
from rrplan.plans.planfile import read_plan
from rrplan.ports import Document
from rrplan.render.plan_json import write_plan
from rrplan.runs import Result
from rrplan.runs.gates import Watch, settle
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.bench.__main__ import RRPLAN, SPEC, Cost, cost
from tests.real.agent import NodeAgent
from tests.real.server import RealServer
from tests.support import Remembering

SIZES = (200, 1_000, 5_000)
REFLECTORS = 6
POOL = "10.128.0.0/9"
"""Room for the blocks of more than a thousand nodes."""
EXEC = "get pods/exec"
HEAD = f"{'what':<30}{'requests':>9}{'budget':>8}{'ratio':>7}{'commands':>10}{'wall s':>9}{'CPU s':>8}{'MB':>6}"


def roomy(documents: Iterable[Document]) -> list[Document]:
    """A demo cluster whose IPv4 pool has a block for each of thousands of nodes."""
    return [
        {**document, "spec": {**document["spec"], "cidr": POOL}}  # type: ignore[dict-item]
        if document["kind"] == "IPPool" and "ipv4" in str(document["metadata"])
        else document
        for document in documents
    ]


def filled(server: RealServer, documents: Iterable[Document]) -> None:
    """All objects, eight at a time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda document: server.fill([document]), documents))


def moved(nodes: int, folder: Path) -> tuple[Plan, list[Document]]:
    """A plan from the mesh to reflectors, and the objects of the cluster when it is done."""
    place = folder / "sandbox"
    sandbox = Sandbox.make(place, roomy(demo_cluster(nodes, REFLECTORS)))
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), capture(sandbox))
    assert api.apply(plan, wiring.embedded(sandbox, place), api.Control(Remembering())) is Result.DONE
    documents = [stored.document for stored in sandbox.everything()]
    sandbox.close()
    shutil.rmtree(place)
    return plan, documents


def largest_gate(plan: Plan) -> Gate:
    """The gate that asks most nodes, of those that hold when the plan is done."""
    gates = [gate for step in plan.steps for gate in step.gates if gate.kind is GateKind.ROUTES]
    return max(gates, key=lambda gate: sum(len(plan.node_sets[one.nodes]) for one in gate.expectations))


def wait(kubeconfig: str, file: str) -> None:
    """Wait for that gate as a run does; for a process of its own."""
    plan, _ = read_plan(Path(file).read_bytes(), file)
    clock = SystemClock()
    cluster = wiring.live_on(ApiServer.connect(kubeconfig, "operator"), clock, print)
    gate = largest_gate(plan)
    watch = Watch(gate, plan.node_sets, cluster.datastore, cluster.probe)
    failed = settle(gate, watch.look, clock, lambda lack, _: print(lack, flush=True))
    assert failed is None, failed


def row(what: str, server: RealServer, since: int, budget: int, took: Cost) -> None:
    """One line of the table; the audit log since a moment says the requests."""
    asked = server.requests(since)
    ratio = asked.total() / budget
    print(
        f"{what:<30}{asked.total():>9,}{budget:>8,}{ratio:>7.2f}{asked[EXEC]:>10,}"
        f"{took.wall:>9.1f}{took.cpu:>8.1f}{took.memory:>6.0f}",
        flush=True,
    )


def looked(nodes: int, folder: Path) -> None:
    """Two lines for a cluster of so many nodes."""
    folder.mkdir()
    plan, documents = moved(nodes, folder)
    (folder / "plan.json").write_bytes(write_plan(plan))
    server = RealServer(folder / "server", "crd-v1.yaml")
    try:
        filled(server, documents)
        agent = NodeAgent(server.api, server.calico, folder)
        config, clients = str(server.kubeconfig), nodes - REFLECTORS
        since = server.moment()
        took = cost([*RRPLAN, "status", "--kubeconfig", config, "--context", "operator"], folder)
        row(f"rrplan status, {nodes:,} nodes", server, since, nodes + 10 * REFLECTORS + 50, took)
        since = server.moment()
        took = cost([sys.executable, "-m", "tests.bench.looks", "wait", config, str(folder / "plan.json")], folder)
        row(f"a gate, {clients:,} clients", server, since, 2 * clients + 20 * REFLECTORS + 50, took)
        agent.stop()
    finally:
        server.stop()


def looks(sizes: Iterable[int]) -> None:
    """The table."""
    print(f"{REFLECTORS} reflectors, both families; a gate that passes at once is stable for 10 s\n{HEAD}")
    folder = Path(tempfile.mkdtemp(prefix="rrplan-looks-"))
    try:
        for nodes in sizes:
            looked(nodes, folder / str(nodes))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["wait"]:
        wait(*sys.argv[2:])
    else:
        looks([int(word) for word in sys.argv[1:]] or SIZES)
