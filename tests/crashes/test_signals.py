"""Ctrl-C on the real process: the first stops after the step in flight, the second at once; both can be resumed."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.processes import end, prepared, rrplan

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]], ids=str)
def test_interrupted_then_resumed(signals: list[signal.Signals], tmp_path: Path) -> None:
    """Exit code 130, words that say how to go on, no lock left, and the same end as an unbroken run."""
    cluster, spec = prepared(tmp_path)
    words = [sys.executable, "-m", "rrplan", "apply", str(spec), "--sandbox", str(cluster), "--auto-approve"]
    run = subprocess.Popen([*words, "-o", "json", "--pace", "0.2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    for line in run.stdout:
        # A real process is being watched: the first gate that waits is the moment.
        if json.loads(line)["event"] == "GateWaiting" and b"promote" in line:
            break
    for one in signals:
        run.send_signal(one)
        time.sleep(0.3)
    rest, talk = run.communicate(timeout=60)
    assert run.returncode == 130
    assert b"Traceback" not in talk
    if len(signals) == 1:
        assert b"stops after the step in flight; once more stops at once" in talk
        assert json.loads(rest.splitlines()[-1])["result"] == "interrupted"
    else:
        assert b"interrupted; `rrplan resume` goes on with a run that had begun" in talk
    assert rrplan("unlock", "--sandbox", str(cluster)).stdout == "nobody holds the lock\n"

    before = end(cluster)
    done = rrplan("resume", "--sandbox", str(cluster))
    assert done.returncode == 0, done.stderr
    assert end(cluster) != before
    assert rrplan("plan", str(spec), "--sandbox", str(cluster), "--detailed-exitcode").returncode == 0
