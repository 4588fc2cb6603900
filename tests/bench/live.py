"""`make bench-live`: reading and labelling 5,000 realistic nodes of a real API server, beside peers in the same run.

`python -m tests.bench.live [--nodes N] [--looks N ...]`; then the looks at nodes of `tests.bench.looks`.
Wall is seconds, memory the peak of the process in MB. The peers: a bare compressed GET of the same list, the typed
client's `list_node()`, and kubectl where it is there.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rrplan import api, wiring
from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.adapters.local.clock import SystemClock
from rrplan.ids import ActionName
from rrplan.ports import Document
from rrplan.render.plan_json import write_plan
from rrplan.runs import Result
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.bench.__main__ import RRPLAN, SPEC, WAVES, cost
from tests.bench.looks import SIZES, looks
from tests.real.parts import missing
from tests.real.server import RealServer
from tests.support import Remembering

IMAGES = 50
"""Names of images in a Node's status: the larger part of its 12 KB."""
TYPED = (
    "from kubernetes import client, config; config.load_kube_config({!r});"
    "print(len(client.CoreV1Api().list_node().items))"
)
BARE = (
    "import json; from rrplan.adapters.kubernetes.server import ApiServer;"
    "print(len((ApiServer.connect({!r}).get('/api/v1/nodes') or {{}})['items']))"
)


def realistic(document: Document) -> Document:
    """A Node with the status that a kubelet writes."""
    if document["kind"] != "Node":
        return document
    images = [
        {
            "names": [f"registry.example.com/team-{n % 7}/service-{n}@sha256:{n:064x}", f"registry.example.com/{n}:v1"],
            "sizeBytes": 10_000_000 + n,
        }
        for n in range(IMAGES)
    ]
    status = document.get("status")
    assert isinstance(status, dict)
    return {**document, "status": {**status, "images": images}}


def filled(server: RealServer, nodes: int) -> None:
    """All objects of a demo cluster, eight at a time."""
    documents = [realistic(document) for document in demo_cluster(nodes, 6) if document["kind"] != "Pod"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda document: server.fill([document]), documents))


def labelled(server: RealServer, folder: Path) -> tuple[float, int]:
    """Seconds for labelling all clients by a plan, journal and lock in the cluster included, and how many these are."""
    cluster = wiring.live_on(server.connect(), SystemClock(), print)
    # Nobody plays the nodes here.
    cluster = replace(cluster, checks=tuple(check for check in cluster.checks if check.name != "sessions"))
    made = api.plan(load(WAVES.encode(), "spec.yaml"), capture(cluster.datastore))
    steps = [replace(step, gates=(), undo_gates=()) for step in made.steps if step.action is ActionName.LABEL_CLIENT]
    part = replace(made, steps=tuple(steps), edges=())
    (folder / "labels.json").write_bytes(write_plan(part))
    began = time.perf_counter()
    result = api.apply(part, cluster, api.Control(Remembering()))
    assert result is Result.DONE
    return time.perf_counter() - began, sum(len(step.changes) for step in part.steps)


def read_again(server: RealServer) -> None:
    """What a guard reads before each step: everything at first, then what changed."""
    cluster = in_kubernetes(server.connect("operator"))
    for what, edited in (("everything", 0), ("again", 0), ("again, 20 nodes edited", 20)):
        for number in range(edited):
            server.api.patch(f"/api/v1/nodes/node-{number + 1:03d}", {"metadata": {"annotations": {"edited": what}}})
        since, began, cpu = server.moment(), time.perf_counter(), time.process_time()
        cluster.everything()
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        print(f"{what:30}{wall:8.2f} s, CPU {cpu:.2f} s, {server.requests(since).total()} requests", flush=True)


def main() -> None:
    """The tables."""
    parser = argparse.ArgumentParser(prog="make bench-live")
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--looks", type=int, nargs="*", default=SIZES, help="sizes of clusters whose nodes are asked")
    words = parser.parse_args()
    if missing():
        sys.exit(f"no real API server; missing: {'; '.join(missing())}")
    folder = Path(tempfile.mkdtemp(prefix="rrplan-bench-"))
    server = RealServer(folder / "server", "crd-v1.yaml")
    try:
        filled(server, words.nodes)
        one = json.dumps(server.api.get("/api/v1/nodes/node-001"))
        print(f"{words.nodes} nodes of {len(one) / 1024:.1f} KB\n")
        (folder / "spec.yaml").write_text(SPEC)
        config = str(server.kubeconfig)
        where = ["--kubeconfig", config]
        rows = {
            "bare compressed GET": [sys.executable, "-c", BARE.format(config)],
            "rrplan snapshot": [*RRPLAN, "snapshot", "--out", "snapshot.json", *where],
            "rrplan plan": [*RRPLAN, "plan", "spec.yaml", "--out", "plan.json", *where],
            "rrplan verify --no-sessions": [*RRPLAN, "verify", "spec.yaml", "--no-sessions", *where],
            "typed client list_node()": [sys.executable, "-c", TYPED.format(config)],
        }
        if shutil.which("kubectl"):
            rows["kubectl get nodes -o name"] = ["kubectl", "get", "nodes", "-o", "name", *where]
        print(f"{'':30}{'wall':>8}{'memory':>9}{'x bare':>8}")
        base = 0.0
        for name, command in rows.items():
            took = min((cost(command, folder, (0, 2)) for _ in range(2)), key=lambda one: one.wall)
            base = base or took.wall
            print(f"{name:30}{took.wall:8.2f}{took.memory:9.0f}{took.wall / base:8.1f}")
        print("\nwhat a guard reads before a step:")
        read_again(server)
        seconds, count = labelled(server, folder)
        print(f"\n{'label by a plan':30}{seconds:8.1f} s for {count} nodes: {count / seconds:.0f} a second")
        if shutil.which("kubectl"):
            took = cost(["kubectl", "label", "nodes", "--all", "bench=1", *where], folder)
            rate = words.nodes / took.wall
            print(f"{'kubectl label nodes --all':30}{took.wall:8.1f} s for {words.nodes} nodes: {rate:.0f} a second")
    finally:
        server.stop()
        shutil.rmtree(folder)
    print()
    looks(words.looks)


if __name__ == "__main__":
    main()
