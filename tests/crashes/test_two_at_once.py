"""Two real processes on one cluster: one runs, the other is told who does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import prepared, rrplan

pytestmark = pytest.mark.crash


def test_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    """Exit code 6 for apply, resume, rollback and unlock; afterwards the lock is free."""
    cluster, spec = prepared(tmp_path)
    words = [sys.executable, "-m", "rrplan", "apply", str(spec), "--sandbox", str(cluster), "--auto-approve"]
    run = subprocess.Popen([*words, "-o", "json", "--pace", "2"], stdout=subprocess.PIPE)
    assert run.stdout is not None
    started = json.loads(next(iter(run.stdout)))
    assert started["event"] == "RunStarted"
    try:
        for verb in (["apply", str(spec), "--auto-approve"], ["resume"], ["rollback"], ["unlock"]):
            other = rrplan(*verb, "--sandbox", str(cluster))
            assert other.returncode == 6
            assert other.stderr.startswith("error: locked: ")
            assert f"(pid {run.pid})" in other.stderr
            assert f"apply (run {started['run_id']})" in other.stderr
            assert "hint: wait for it to end; `rrplan unlock` shows the holder" in other.stderr
    finally:
        run.kill()
        run.communicate()
    asked = rrplan("unlock", "--sandbox", str(cluster))
    assert asked.returncode == 1
    assert f"(pid {run.pid})" in asked.stderr
    assert "which is not alive any more" in asked.stderr
    assert "error: nobody is there to approve\n\nhint: give `--auto-approve`" in asked.stderr
    cleared = rrplan("unlock", "--sandbox", str(cluster), "--auto-approve")
    assert cleared.returncode == 0
    assert cleared.stdout.startswith("cleared: ")
    assert rrplan("resume", "--sandbox", str(cluster)).returncode == 0
