"""A large live cluster to reflectors and back, by `rrplan apply` and `rrplan rollback` in processes of their own.

`python -m tests.bench.journey [NODES]`. The nodes' sessions take real time. It is checked that no gate timed out, that
nothing but the plan was written, and that the cluster is in the end what it was. What is printed for a look is all from
one list of calico-node pods to the next: the looks at the rest, writes and the lock are among it. That each look by
itself keeps its budget is a test (`tests/real/test_look.py`).
"""

import json
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rrplan import api
from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.adapters.kubernetes.runs import ClusterRuns
from rrplan.adapters.local.clock import SystemClock
from rrplan.exit_codes import ExitCode
from rrplan.plans.plan import Plan
from rrplan.render.plan_json import write_plan
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.bench.__main__ import RRPLAN, cost
from tests.bench.looks import EXEC, filled, roomy
from tests.real.agent import NodeAgent
from tests.real.audit import outside
from tests.real.server import RealServer
from tests.support import SPEC

NODES, REFLECTORS = 2_000, 2
STEP_SECONDS = 0.5
"""Between two moments of the twin."""
POD_LIST = "list pods"


@contextmanager
def passing(agent: NodeAgent) -> Iterator[None]:
    """The twin's time is the real one."""
    done = threading.Event()

    def follow() -> None:
        before = time.monotonic()
        while not done.wait(STEP_SECONDS):
            now = time.monotonic()
            agent.tick(now - before)
            before = now

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield
    done.set()
    thread.join()


def objects(server: RealServer) -> dict[str, object]:
    """What a plan changes."""
    state = capture(in_kubernetes(server.connect())).state
    return {"nodes": state.nodes, "peers": state.peers, "configurations": state.configurations}


def walked(what: str, command: list[str], code: ExitCode, server: RealServer, folder: Path, plan: Plan) -> None:
    """One way: what it cost, and how much of it was looks at nodes."""
    since = server.moment()
    where = ["--kubeconfig", str(server.kubeconfig), "--context", "operator", "-o", "json"]
    took = cost([*RRPLAN, *command, *where], folder, (code,))
    asked = server.requests(since)
    events = [json.loads(line) for line in (folder / "output").read_text().splitlines() if line.startswith("{")]
    kinds = Counter(str(event.get("type") or event.get("event")) for event in events)
    print(
        f"{what}: {took.wall:,.0f} s, CPU {took.cpu:,.0f} s, {took.memory:,.0f} MB; {asked.total():,} requests, "
        f"{asked[EXEC]:,} of them commands in pods",
        flush=True,
    )
    print("  " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())))
    wrong = outside(plan, server.writes(since))
    assert not wrong, wrong[:5]
    for look in looks(server, since):
        print(f"  look: {look.total():,} requests, {look[EXEC]:,} commands", flush=True)


def looks(server: RealServer, since: int) -> list[Counter[str]]:
    """The requests from one list of calico-node pods to the next: a look at everybody, and those at the rest."""
    found: list[Counter[str]] = []
    with (server.folder / "audit.log").open("rb") as log:
        log.seek(since)
        for line in log:
            with suppress(ValueError):
                entry: dict[str, Any] = json.loads(line)
                if entry["user"]["username"] == "operator":
                    _count(found, entry)
    return found


def _count(found: list[Counter[str]], entry: Mapping[str, Any]) -> None:
    about = entry.get("objectRef") or {"resource": entry["requestURI"]}
    name = f"{entry['verb']} {'/'.join(str(about[key]) for key in ('resource', 'subresource') if key in about)}"
    if name == POD_LIST and re.search("resourceVersion=0", entry["requestURI"]):
        found.append(Counter())
    again = entry["stage"] == "ResponseComplete" and entry["responseStatus"]["code"] == 101
    if found and not again:
        found[-1][name] += 1


def _last_run(server: RealServer) -> str:
    return ClusterRuns(server.connect(), SystemClock()).runs()[-1].run


def main(nodes: int) -> None:
    """There and back."""
    folder = Path(tempfile.mkdtemp(prefix="rrplan-journey-"))
    server = RealServer(folder / "server", "crd-v1.yaml")
    try:
        filled(server, roomy(demo_cluster(nodes, REFLECTORS)))
        agent = NodeAgent(server.api, server.calico, folder)
        before = objects(server)
        plan = api.plan(load(SPEC.encode(), "spec.yaml"), capture(in_kubernetes(server.connect())))
        (folder / "plan.json").write_bytes(write_plan(plan))
        print(f"{nodes:,} nodes, {REFLECTORS} of them to be reflectors, {len(plan.steps)} steps", flush=True)
        with passing(agent):
            walked("to reflectors", ["apply", "plan.json", "--auto-approve"], ExitCode.DONE, server, folder, plan)
            walked("and back", ["rollback", _last_run(server), "--auto-approve"], ExitCode.DONE, server, folder, plan)
        assert objects(server) == before
        print("the cluster is what it was")
        agent.stop()
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else NODES)
