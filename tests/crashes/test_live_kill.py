"""A run on a live cluster that dies after any journal entry; then resume or rollback from elsewhere.

By a real `kill -9` of a real process once for each event of each kind of action; after the other entries the process is
simulated: it sends nothing more, renews no Lease and gives nothing back. Of these a quarter; all of them in a soak
(`RRPLAN_KILLS=all`).
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan import api
from rrplan.operations import Control
from rrplan.render.plan_json import write_plan
from rrplan.runs import Result
from tests.real.server import RealServer
from tests.support import SPEC, processes
from tests.support.dying import Crash, DyingLog, abandoned, after, buried
from tests.support.entries import KILLED, OTHERS, about, is_usual
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.crash, pytest.mark.slow]

SIMULATED = OTHERS if os.environ.get("RRPLAN_KILLS") == "all" else OTHERS[::4]
QUICK = SPEC + "  gates: {stable: 1s}\n"


@pytest.fixture(scope="module")
def bench(crd_server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveBench, str, Path]]:
    """A small cluster, its clock, and a plan file."""
    folder = tmp_path_factory.mktemp("live")
    made = LiveBench(crd_server, folder, nodes=5)
    file = folder / "plan.json"
    file.write_bytes(write_plan(made.plan(QUICK)))
    assert is_usual(made.made)
    yield made, made.agent.clock(), file
    made.agent.stop()
    crd_server.clear()


def driven(bench: LiveBench, clock: str, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    return processes.rrplan(str(bench.server.kubeconfig), clock, verb, *words, module="tests.real.driver")


@pytest.mark.parametrize("entry", KILLED)
def test_killed_then_taken_over(entry: int, bench: tuple[LiveBench, str, Path]) -> None:
    """The run that died is resumed to its end, or taken back, by somebody who has only the kubeconfig."""
    live, clock, plan = bench
    killed = driven(live, clock, "apply", "--plan", str(plan), "--kill-after", str(entry))
    assert killed.returncode == -9, killed.stderr
    if about(entry)[0] != "started":
        taken_over(live, resumes=bool(entry % 2))
        return
    # Whether the write went out is open here: a process of its own finds out.
    verb, code, result = ("resume", 0, "done") if KILLED.index(entry) % 2 else ("rollback", 3, "undone")
    other = driven(live, clock, verb)
    assert other.returncode == code, other.stderr + other.stdout[-2000:]
    assert "watching for 15 s whether that run is alive" in other.stderr
    assert json.loads(other.stdout.splitlines()[-1])["result"] == result
    if verb == "resume":
        assert not live.plan(QUICK, keep=False).steps
        assert live.rollback() is Result.UNDONE, live.told()
    assert live.objects() == live.before


def taken_over(live: LiveBench, *, resumes: bool) -> None:
    """Resumed and taken back, or taken back at once, over connections of their own."""
    live.notices.clear()
    if resumes:
        assert live.resume() is Result.DONE, live.told()
        assert not live.plan(QUICK, keep=False).steps
    assert live.rollback() is Result.UNDONE, live.told()
    assert any("watching for 15 s whether that run is alive" in notice for notice in live.notices)
    assert live.objects() == live.before


@pytest.mark.parametrize("entry", SIMULATED)
def test_died_then_taken_over(entry: int, bench: tuple[LiveBench, str, Path]) -> None:
    """The same, with a process that is simulated."""
    live = bench[0]
    cluster = live.cluster()
    control = Control(live.listener, wrap=lambda log: DyingLog(log, after(entry), abandoned(cluster.lock)))
    with pytest.raises(Crash):
        api.apply(live.made, cluster, control)
    buried()
    taken_over(live, resumes=bool(entry % 2))
