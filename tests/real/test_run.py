"""Runs on a real API server: applied, taken back, resumed elsewhere; simulated time, real objects."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rrplan import api
from rrplan.runs import Result
from tests.real.audit import outside
from tests.real.server import RealServer
from tests.support import SPEC
from tests.support.live import AgentClock, LiveBench

pytestmark = pytest.mark.real


@pytest.fixture(params=["crd", "v3"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of eight nodes, in either group of CRDs."""
    server: RealServer = request.getfixturevalue(f"{request.param}_server")
    made = LiveBench(server, tmp_path)
    yield made
    made.agent.stop()
    server.clear()


def test_newest_run_of_a_clock_that_was_set_back(bench: LiveBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run began an hour before the first, by its clock: it is the one that is taken back."""
    for spec, hour in ((SPEC, 12), (SPEC.replace("[rr-1, rr-2]", "[rr-1, rr-2, node-001]"), 11)):
        date = datetime(2026, 1, 1, hour, tzinfo=UTC)
        monkeypatch.setattr(AgentClock, "wall", lambda _clock, date=date: date)
        bench.plan(spec)
        assert bench.apply() is Result.DONE, bench.told()
    first, second = bench.cluster().runs.runs()
    assert (first.number, second.number) == (1, 2)
    assert first.since > second.since
    assert api.last_run(bench.cluster()) == second.run
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert [run.last for run in bench.cluster().runs.runs()] == ["run-done", "run-undone"]


def test_applied_and_taken_back(bench: LiveBench) -> None:
    """All steps settle; nothing is left to do; the rollback restores what was there before."""
    bench.plan()
    result = bench.apply()
    assert result is Result.DONE, bench.told()
    assert not bench.plan(keep=False).steps
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert bench.objects() == bench.before
    assert outside(bench.made, bench.written()) == []
