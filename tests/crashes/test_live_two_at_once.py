"""The command line on a live cluster, in real time: two processes, a death, and somebody who goes on."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rrplan.render.plan_json import write_plan
from tests.real.server import RealServer
from tests.support import processes
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.crash]

SPEED = 4
"""Simulated seconds per real one."""


def test_taken_over_by_hand(crd_server: RealServer, tmp_path: Path) -> None:
    """One applies, the other is told who does; it dies, and the lock says so; a third one resumes."""
    bench = LiveBench(crd_server, tmp_path, nodes=5)
    ended = threading.Event()

    def pass_time() -> None:
        while not ended.wait(0.25):
            bench.agent.tick(0.25 * SPEED)

    threading.Thread(target=pass_time, daemon=True).start()
    plan = tmp_path / "plan.json"
    plan.write_bytes(write_plan(bench.plan(spec_lines="  gates: {stable: 1s}\n")))
    where = ["--kubeconfig", str(crd_server.kubeconfig)]

    def rrplan(*words: str) -> subprocess.CompletedProcess[str]:
        return processes.rrplan(*words, *where)

    try:
        assert rrplan("runs").stdout == "no run is known\n"
        assert rrplan("unlock").stdout == "nobody holds the lock\n"
        words = [sys.executable, "-m", "rrplan", "apply", str(plan), "--auto-approve", "-o", "json", *where]
        run = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert run.stdout is not None
        try:
            started = json.loads(next(iter(run.stdout)))
            other = rrplan("apply", str(plan), "--auto-approve")
            assert other.returncode == 6
            assert f"(pid {run.pid})" in other.stderr
            assert f"apply (run {started['run_id']}); watching for 15 s whether that run is alive" in other.stderr
            assert "hint: wait for it to end; `rrplan unlock` shows the holder" in other.stderr
        finally:
            run.kill()
            run.communicate()

        listed = rrplan("runs").stdout.splitlines()
        assert listed[0].split() == ["RUN", "PLAN", "STATE", "BEGUN", "BY"]
        assert listed[1].startswith(f"{started['run_id']}  test  stopped  ")
        asked = rrplan("unlock")
        assert asked.returncode == 1
        assert "which is not alive any more" in asked.stderr
        assert "hint: give `--auto-approve`" in asked.stderr

        resumed = rrplan("resume", started["run_id"])
        assert resumed.returncode == 0, resumed.stderr
        assert "run done" in resumed.stderr
        assert json.loads(rrplan("runs", "-o", "json").stdout)["runs"][0]["state"] == "done"
        missing = rrplan("rollback", "20200101t000000-abcdef")
        assert missing.returncode == 1
        assert "error: run `20200101t000000-abcdef` is not known in this cluster" in missing.stderr
        events = [item["message"] for item in crd_server.api.items("/api/v1/namespaces/default/events")]
        assert "promote rr-1 to reflector of group main (cluster ID 224.0.0.1)" in events
    finally:
        ended.set()
        bench.agent.stop()
        crd_server.clear()
