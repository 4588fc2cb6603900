"""Runs on a real API server whose stories mix faults, crashes, restarts and colleagues.

Whatever comes: nothing is written that was not in the plan (by the API server's audit log), and every run ends in the
desired state, in the snapshot, or halted where its journal says that it is.
"""

import os
from collections.abc import Iterator

import pytest

from tests.real.audit import outside
from tests.real.proxy import Proxy
from tests.real.server import RealServer
from tests.real.stories import CHOSEN, SPEC, Choice, Chosen, Drawn, Plot, Story
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.slow]

SEEDS = "RRPLAN_SOAK_SEEDS"
"""`FIRST:COUNT`: so many stories drawn from seeds, beside the chosen ones."""
FIRST, COUNT = (int(word) for word in os.environ.get(SEEDS, "0:0").split(":"))


@pytest.fixture(scope="module")
def bench(crd_server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveBench, Proxy]]:
    """A cluster of four nodes behind a proxy."""
    folder = tmp_path_factory.mktemp("random")
    made = LiveBench(crd_server, folder, nodes=4)
    proxy = Proxy(crd_server.kubeconfig, folder)
    made.kubeconfig = proxy.kubeconfig
    made.plan(SPEC)
    yield made, proxy
    proxy.stop()
    made.agent.stop()
    crd_server.clear()


def carried_out(plot: Plot, bench: tuple[LiveBench, Proxy]) -> str:
    """One story to its end: the cluster is as before, and nothing but the plan was written. How it went."""
    live, proxy = bench
    live.forget_written()
    try:
        told = Story(plot, live, proxy).tell()
        assert live.objects() == live.before, told
        assert outside(live.made, live.written()) == [], told
    finally:
        live.server.forget_runs()
    return told


@pytest.mark.parametrize("choice", CHOSEN, ids=str)
def test_chosen_runs(choice: Choice, bench: tuple[LiveBench, Proxy]) -> None:
    """Under faults the run is resumed or rolled back until it has ended, then taken back; all that was chosen came."""
    plot = Chosen(choice)
    told = carried_out(plot, bench)
    assert plot.happened >= plot.promised(), told


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_drawn_runs(seed: int, bench: tuple[LiveBench, Proxy]) -> None:
    """The same with everything drawn from a seed."""
    again = f"to repeat: {SEEDS}={seed}:1 python -m pytest tests/real/test_random.py -k test_drawn_runs"
    try:
        carried_out(Drawn(seed), bench)
    except Exception as error:
        raise AssertionError(f"seed {seed}; {again}") from error
