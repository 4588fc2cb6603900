"""Runs on a real API server whose stories mix faults, crashes, restarts and colleagues.

Whatever comes: nothing is written that was not in the plan (by the API server's audit log), and every run ends in the
desired state, in the snapshot, or halted where its journal says that it is.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.audit import outside
from tests.real.proxy import Proxy
from tests.real.server import RealServer
from tests.real.stories import CHOSEN, SPEC, Choice, Chosen, Drawn, Story
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.slow]

SEEDS = "RRPLAN_SOAK_SEEDS"
"""`FIRST:COUNT` in the environment: stories drawn from so many seeds, instead of the chosen ones."""
FIRST, COUNT = (int(word) for word in os.environ.get(SEEDS, "0:0").split(":"))
STORIES: list[Choice | int] = [*range(FIRST, FIRST + COUNT)] if COUNT else [*CHOSEN]


@pytest.fixture
def bench(crd_server: RealServer, tmp_path: Path) -> Iterator[tuple[LiveBench, Proxy]]:
    """A cluster of four nodes behind a proxy; a story that fails leaves nothing to the next."""
    made = LiveBench(crd_server, tmp_path, nodes=4)
    proxy = Proxy(crd_server.kubeconfig, tmp_path)
    made.kubeconfig = proxy.kubeconfig
    made.plan(SPEC)
    yield made, proxy
    proxy.stop()
    made.agent.stop()
    crd_server.clear()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"seed-{story}" if isinstance(story, int) else str(story))
def test_stories(story: Choice | int, bench: tuple[LiveBench, Proxy]) -> None:
    """Under faults the run is resumed or rolled back until it has ended, then taken back; all that was chosen came."""
    live, proxy = bench
    plot = Drawn(story) if isinstance(story, int) else Chosen(story)
    try:
        told = Story(plot, live, proxy).tell()
        assert live.objects() == live.before, told
        assert outside(live.made, live.written()) == [], told
        if isinstance(plot, Chosen):
            assert plot.happened >= plot.promised(), told
    except Exception as error:
        command = "python -m pytest tests/real/test_random.py"
        again = f"{SEEDS}={story}:1 {command}" if isinstance(story, int) else f"{command} -k '{story}'"
        raise AssertionError(f"{error}\nto repeat: {again}") from error
