"""Runs on a live cluster that die at any instant, also in the middle of a request, up to three times.

Whoever comes next has only the kubeconfig. In the end the cluster is as after an unbroken run, or as it was before.
"""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rrplan.render.plan_json import write_plan
from rrplan.runs import Result
from tests.real.audit import outside
from tests.real.server import RealServer
from tests.support import SPEC
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.crash, pytest.mark.slow]

QUICK = SPEC + "  gates: {stable: 1s}\n"
FIRST, COUNT = (int(word) for word in os.environ.get("RRPLAN_SOAK_SEEDS", "1:3").split(":"))
"""`FIRST:COUNT` seeds; a soak takes others, and more of them."""
MOST_KILLS = 3
RUN_SECONDS = 4.0
"""An unbroken run on an idle machine takes about that long; a kill may also come after its end."""


@pytest.fixture(scope="module")
def bench(crd_server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveBench, Path]]:
    """A small cluster, and a plan file."""
    folder = tmp_path_factory.mktemp("live")
    made = LiveBench(crd_server, folder, nodes=5)
    file = folder / "plan.json"
    file.write_bytes(write_plan(made.plan(QUICK)))
    yield made, file
    made.agent.stop()
    crd_server.clear()


def killed(live: LiveBench, moment: float, verb: str, *words: str) -> int:
    """A verb in a process that is killed so many seconds after it first said something; its exit code."""
    command = [sys.executable, "-m", "tests.real.driver", str(live.server.kubeconfig), live.agent.clock(), verb, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        process.kill()
        process.communicate()
    return process.returncode


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_killed_at_random(seed: int, bench: tuple[LiveBench, Path]) -> None:
    """However often it dies, somebody else ends it; nothing was written that was not in the plan."""
    live, plan = bench
    dice = random.Random(seed)
    live.plan(QUICK)
    verb, words, story = "apply", ["--plan", str(plan)], []
    for _ in range(dice.randint(1, MOST_KILLS)):
        moment = dice.uniform(0, RUN_SECONDS)
        code = killed(live, moment, verb, *words)
        story.append(f"{verb}: {code} after {moment:.2f} s")
        if code != -9:
            break
        verb, words = "rollback" if verb == "rollback" or dice.random() < 0.3 else "resume", []
    try:
        if not live.cluster().runs.runs():
            assert live.apply() is Result.DONE
        elif code == -9:
            goes_on = verb != "rollback"
            result = live.resume() if goes_on else live.rollback()
            assert result is (Result.DONE if goes_on else Result.UNDONE)
        if verb != "rollback":
            assert not live.plan(QUICK, keep=False).steps
            assert live.rollback() is Result.UNDONE
        assert live.objects() == live.before
        assert outside(live.made, live.written()) == []
    except Exception as error:
        raise AssertionError(f"seed {seed}: {'; '.join(story)}: {error}\n{live.told()}") from error
