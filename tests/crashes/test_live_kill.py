"""A real `kill -9` after each journal entry of a run on a live cluster, then resume or rollback from elsewhere."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan.plans import write_plan
from tests.real.server import RealServer
from tests.support import SPEC
from tests.support.live import LiveBench

ENTRIES = 32
"""Lines of an unbroken run: 10 steps of three, a first and a last line."""


@pytest.fixture(scope="module")
def bench(crd_server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveBench, str, Path]]:
    """A small cluster, its clock, and a plan file."""
    folder = tmp_path_factory.mktemp("live")
    made = LiveBench(crd_server, folder, nodes=5)
    file = folder / "plan.json"
    file.write_bytes(write_plan(made.plan(SPEC + "  gates: {stable: 1s}\n")))
    yield made, made.agent.clock(), file
    made.agent.stop()
    crd_server.clear()


def driven(bench: LiveBench, clock: str, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    command = [sys.executable, "-m", "tests.real.driver", str(bench.server.kubeconfig), clock, verb, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("entry", range(1, ENTRIES))
def test_killed_then_taken_over(entry: int, bench: tuple[LiveBench, str, Path]) -> None:
    """The run that died is resumed to its end, or taken back, by a process that has only the kubeconfig."""
    live, clock, plan = bench
    killed = driven(live, clock, "apply", "--plan", str(plan), "--kill-after", str(entry))
    assert killed.returncode == -9, killed.stderr
    if entry % 2:
        resumed = driven(live, clock, "resume")
        assert resumed.returncode == 0, resumed.stderr + resumed.stdout[-2000:]
        assert "watching for 15 s whether that run is alive" in resumed.stderr
        assert not live.plan().steps
    back = driven(live, clock, "rollback")
    assert back.returncode == 3, back.stderr + back.stdout[-2000:]
    assert json.loads(back.stdout.splitlines()[-1])["result"] == "undone"
    assert live.objects() == live.before
