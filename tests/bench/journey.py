"""A large live cluster to reflectors and back, by `rrplan apply` and `rrplan rollback` in processes of their own.

`python -m tests.bench.journey [NODES]`. The nodes' sessions take real time. It is checked that no gate timed out, that
each gate that passed at once kept its budget, that nothing but the plan was written, and that the cluster is in the end
what it was. The requests of a gate are all from the beginning of its step to the end, less those of lock, journal and
Events. That each look by itself keeps its budget is a test (`tests/real/test_look.py`).
"""

import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rrplan import api
from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.adapters.kubernetes.runs import ClusterRuns
from rrplan.adapters.local.clock import SystemClock
from rrplan.exit_codes import ExitCode
from rrplan.plans.gate import Gate
from rrplan.plans.plan import Plan, Step
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
WITHIN = 0.02
"""Seconds within which an event of a run is noticed."""
BEGINS, ENDS = ("StepStarted", "UndoStarted"), ("StepSettled", "StepUndone")
OF_THE_RUN = ("leases", "configmaps", "events")
"""Lock, journal, and what is told to `kubectl get events`."""


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
    (folder / "output").unlink(missing_ok=True)
    where = ["--kubeconfig", str(server.kubeconfig), "--context", "operator", "-o", "json"]
    with followed(server, folder / "output") as heard:
        took = cost([*RRPLAN, *command, *where], folder, (code,))
    asked = server.requests(since)
    kinds = Counter(event["event"] for event, _ in heard)
    print(
        f"{what}: {took.wall:,.0f} s, CPU {took.cpu:,.0f} s, {took.memory:,.0f} MB; {asked.total():,} requests, "
        f"{asked[EXEC]:,} of them commands in pods",
        flush=True,
    )
    print("  " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())))
    wrong = outside(plan, server.writes(since))
    assert not wrong, wrong[:5]
    missed = [what for step in plan.steps for what in gate(step, plan, server, heard)]
    assert not missed, missed


@contextmanager
def followed(server: RealServer, output: Path) -> Iterator[list[tuple[dict[str, Any], int]]]:
    """The events that a run prints, each with the moment of the server's audit log when it was noticed."""
    done = threading.Event()
    heard: list[tuple[dict[str, Any], int]] = []

    def follow() -> None:
        rest = b""
        place = 0
        last = False
        while not last:
            last = done.wait(WITHIN)
            moment = server.moment()
            if output.exists():
                with output.open("rb") as printed:
                    printed.seek(place)
                    data = printed.read()
                place += len(data)
                *lines, rest = (rest + data).split(b"\n")
                heard.extend((json.loads(line), moment) for line in lines if line.startswith(b"{"))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield heard
    done.set()
    thread.join()


def gate(step: Step, plan: Plan, server: RealServer, heard: Sequence[tuple[Mapping[str, Any], int]]) -> Iterator[str]:
    """Print what the gates of a step cost that ask nodes; those that passed at once and cost too much."""
    own = [(event, moment) for event, moment in heard if event.get("step") == step.id]
    back = any(event["event"] == "UndoStarted" for event, _ in own)
    gates = [each for each in (step.undo_gates if back else step.gates) if each.expectations]
    if not gates:
        return
    budget = sum(budgeted(each, plan) for each in gates)
    begun = next(moment for event, moment in own if event["event"] in BEGINS)
    ended, seconds = next((moment, event["seconds"]) for event, moment in own if event["event"] in ENDS)
    requests = server.requests(begun, until=ended)
    asked = sum(number for name, number in requests.items() if name.split()[1] not in OF_THE_RUN)
    lacks = sum((event.get("lack") or {}).get("fact") == "NodesShort" for event, _ in own)
    how = f"after {lacks} looks at which something was missing" if lacks else "at once"
    text = f"{step.id}: passed {how}, {seconds} s; {asked:,} requests, {requests[EXEC]:,} of them commands in pods"
    print(f"  {text}; budget of a gate that passes at once {budget:,}: {asked / budget:.2f}", flush=True)
    if asked > budget and not lacks:
        yield text


def budgeted(each: Gate, plan: Plan) -> int:
    """What a gate may cost that passes at once."""
    peers = {expectation.peer for expectation in each.expectations if expectation.peer}
    nodes = {name for expectation in each.expectations for name in plan.node_sets[expectation.nodes]}
    return 2 * len(nodes - peers) + 20 * len(peers) + 50


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
