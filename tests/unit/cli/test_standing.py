"""`rrplan status`, `rrplan verify` and `rrplan runs`: what is expected against what is there."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import SPEC, processes

TABLE = """\
REFLECTOR  FAMILY  NODES  COMPLETE
rr-1       ipv4       11        11
rr-1       ipv6       11        11
rr-2       ipv4       11        11
rr-2       ipv6       11        11
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """An embedded cluster of twelve nodes, and a spec beside it."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    assert rrplan(tmp_path, "sandbox", "one", "--nodes", "12").returncode == 0
    return tmp_path


def rrplan(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own, with more variables in its environment."""
    return processes.rrplan(*words, folder=folder, env={**os.environ, **(environment or {})})


def test_before_and_after(cluster: Path) -> None:
    """Before, every difference is named; after, nothing is."""
    before = rrplan(cluster, "verify", "spec.yaml", "--sandbox", "one")
    assert before.returncode == 2
    assert "BGPPeer/rrplan-main-clients: create BGPPeer rrplan-main-clients\n" in before.stdout
    assert "(mesh)     ipv4       12        12\n" in before.stdout
    assert before.stdout.endswith("the cluster is not as the spec says; `rrplan plan` shows the way there\n")
    assert rrplan(cluster, "runs", "--sandbox", "one").stdout == "no run is known\n"

    assert rrplan(cluster, "apply", "spec.yaml", "--sandbox", "one", "--auto-approve").returncode == 0
    after = rrplan(cluster, "verify", "spec.yaml", "--sandbox", "one")
    assert (after.returncode, after.stdout) == (0, TABLE + "the cluster is as the spec says\n")
    bare = rrplan(cluster, "verify", "spec.yaml", "--sandbox", "one", "--no-sessions")
    assert (bare.returncode, bare.stdout) == (0, "the cluster is as the spec says; no node was asked\n")
    status = rrplan(cluster, "status", "--sandbox", "one")
    assert status.returncode == 0
    about, table = status.stdout.split("\n\n")
    assert table == TABLE
    lines = about.splitlines()
    assert lines[0].startswith("cluster one: run ")
    assert lines[0].endswith(" of plan `test` is done")
    assert lines[-2] == "  to take this run back:"
    assert lines[-1].startswith("    rrplan rollback 2")
    assert lines[-1].endswith(" --sandbox one")
    head, row = rrplan(cluster, "runs", "--sandbox", "one").stdout.splitlines()
    assert head.split() == ["RUN", "PLAN", "STATE", "BEGUN", "BY"]
    assert row.split()[1:3] == ["test", "done"]


def test_broken_session(cluster: Path) -> None:
    """A session that went down is counted, and its row says why; exit code 2, in JSON too."""
    words = ("apply", "spec.yaml", "--sandbox", "one", "--auto-approve", "--fault", "kill-after-entry=18")
    assert rrplan(cluster, *words).returncode == -9
    status = rrplan(cluster, "status", "--sandbox", "one")
    assert status.returncode == 2
    assert "rr-1       ipv4       11         " in status.stdout
    assert "routes from rr-1 (ipv4)" in status.stdout
    assert "session with rr-2 is not established (ipv6)" in status.stdout
    told = json.loads(rrplan(cluster, "status", "--sandbox", "one", "-o", "json").stdout)
    first = told["sessions"][0]
    assert first["complete"] < first["expected"] == 11
    assert first["why"].endswith(" routes from rr-1 (ipv4)")
    assert (first["short"]["shortfall"], first["short"]["peer"]) == ("routes", "rr-1")
    verdict = json.loads(rrplan(cluster, "verify", "spec.yaml", "--sandbox", "one", "-o", "json").stdout)
    assert verdict["as_specified"] is False
    assert verdict["drift"]
    texts = [f"{one['key']}: {one['summary']}" for one in verdict["differences"]]
    assert verdict["drift"] == texts
    assert rrplan(cluster, "runs", "--sandbox", "one").stdout.splitlines()[1].split()[2] == "stopped"


def test_watch(cluster: Path) -> None:
    """Every change is one more table; Ctrl-C ends it."""
    command = [sys.executable, "-u", "-m", "rrplan", "status", "--sandbox", "one", "--watch"]
    pipe = subprocess.PIPE

    def listen() -> None:
        # A shell lets its jobs in the background ignore SIGINT, and their children too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(command, cwd=cluster, stdout=pipe, stderr=pipe, text=True, preexec_fn=listen) as watching:
        assert watching.stdout is not None
        head = [watching.stdout.readline() for _ in range(4)]
        assert head[0].endswith(" UTC\n")
        assert head[1:] == ["cluster one: no run is known\n", "\n", "REFLECTOR  FAMILY  NODES  COMPLETE\n"]
        watching.send_signal(2)
        watching.communicate(timeout=20)
    assert watching.returncode == 130


def test_watch_on_a_terminal(cluster: Path) -> None:
    """What stands there is drawn over, with the time, and with how much time a run that goes on still takes."""
    words = ("apply", "spec.yaml", "--sandbox", "one", "--auto-approve", "--pace", "0.2", "-o", "json")
    run = [sys.executable, "-m", "rrplan", *words]
    watch = [sys.executable, "-m", "rrplan", "status", "--sandbox", "one", "--watch"]
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(run, cwd=cluster, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            assert running.stdout is not None
            while "GateWaiting" not in running.stdout.readline():
                pass
            with subprocess.Popen(watch, cwd=cluster, stdout=inner, stderr=subprocess.DEVNULL) as watching:
                text = ""
                while text.count("\x1b[J") < 2:
                    text += os.read(outer, 65536).decode()
                watching.kill()
        finally:
            running.kill()
            os.close(outer)
            os.close(inner)
    first, second, *_ = text.split("\x1b[J")
    for look in (first.removeprefix("\x1b[2J\x1b[1;1H"), second):
        stamp, about, *rest = look.removeprefix("\x1b[H").replace("\x1b[K\r", "").splitlines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, again every 5 s; Ctrl-C ends it", stamp)
        assert about.startswith("cluster one: run ")
        assert about.endswith(" of plan `test` is running")
        assert any(re.fullmatch(r"  left: about \d+ (s|min)", line) for line in rest), rest


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["status"],
            "error: no cluster is given\n\nhint: give `--context NAME` for a live cluster, or `--sandbox DIR`",
        ),
        (["status", "--sandbox", "one", "--context", "x"], "error: `--sandbox` and `--context` exclude one another"),
        (["resume", "nothing", "--sandbox", "one"], "error: run `nothing` is not known in one"),
        (["apply", "spec.yaml", "--kubeconfig", "x", "--fault", "conflict=1"], "error: `--fault` is for `--sandbox`"),
        (["rbac", "spec.yaml"], "not a plan file: Expecting value: line 1 column 1 (char 0)\n  hint: `rrplan plan"),
    ],
)
def test_errors(words: list[str], text: str, cluster: Path) -> None:
    """What does not fit together is said in a sentence."""
    done = rrplan(cluster, *words)
    assert done.returncode != 0
    assert text in done.stderr
    assert "Traceback" not in done.stderr
