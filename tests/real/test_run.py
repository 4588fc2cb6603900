"""Runs on a real API server: applied, taken back, resumed elsewhere; simulated time, real objects."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan.runs import Result
from tests.real.audit import outside
from tests.real.server import RealServer
from tests.support.live import LiveBench

pytestmark = pytest.mark.real


@pytest.fixture(params=["crd", "v3"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of eight nodes, in either group of CRDs."""
    server: RealServer = request.getfixturevalue(f"{request.param}_server")
    made = LiveBench(server, tmp_path)
    yield made
    made.agent.stop()
    server.clear()


def test_applied_and_taken_back(bench: LiveBench) -> None:
    """All steps settle; nothing is left to do; the rollback restores what was there before."""
    bench.plan()
    result = bench.apply()
    assert result is Result.DONE, bench.told()
    assert not bench.plan(keep=False).steps
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert bench.objects() == bench.before
    assert outside(bench.made, bench.written()) == []
