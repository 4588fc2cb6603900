"""A run to standalone reflectors that dies after any journal entry, before or after the write that it announced."""

from pathlib import Path

import pytest

from rrplan.adapters.local.runs import FileLog
from rrplan.plans.change import Change
from rrplan.reports.reasons import Outcome
from rrplan.runs import Journal, Result
from rrplan.runs.writing import Writer
from rrplan.sandbox import ucp_cluster
from tests.support import Bench
from tests.support.dying import Crash, DyingLog, after
from tests.support.specs import STANDALONE as SPEC

pytestmark = pytest.mark.crash

STEPS = 16
ENTRIES = 3 * STEPS + 2


def died(path: Path, entry: int, *, written: bool) -> Bench:
    """A run that is dead; with `written`, the write that it announced last came through."""
    bench = Bench(path, SPEC, documents=ucp_cluster(4))
    assert len(bench.plan.steps) == STEPS
    log = FileLog(path / "journal.jsonl")
    with pytest.raises(Crash):
        bench.runner(journal=Journal.open(DyingLog(log, after(entry)), "digest")).apply()
    log.close()
    last = (path / "journal.jsonl").read_text().splitlines()[-1]
    if written and '"started"' in last:
        step = next(one for one in bench.plan.steps if f'"{one.id}"' in last)
        for change in step.changes:
            send(bench, change)
    bench.reopen()
    return bench


def send(bench: Bench, change: Change) -> None:
    """One write, as the run would have sent it."""
    outcome = Writer(bench.sandbox, bench.sandbox.clock, lambda *_: None).write(change)
    assert outcome.outcome is Outcome.LANDED, outcome


@pytest.mark.parametrize("written", [False, True], ids=["not-written", "written"])
@pytest.mark.parametrize("entry", range(1, ENTRIES))
def test_resumed_and_rolled_back(entry: int, written: bool, tmp_path: Path) -> None:
    """It ends where an unbroken run ends, and the rollback where it began."""
    bench = died(tmp_path, entry, written=written)
    assert bench.runner().apply() is Result.DONE, bench.listener.events[-3:]
    assert bench.runner().rollback() is Result.UNDONE, bench.listener.events[-3:]
    assert bench.objects() == bench.before
