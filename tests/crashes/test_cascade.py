"""A run that dies at any entry of a step of several writes, after any number of them."""

import json
from pathlib import Path

import pytest

from rrplan.adapters.local.runs import FileLog
from rrplan.plans.plan import Step
from rrplan.reports.reasons import Outcome
from rrplan.resources import CalicoVersion
from rrplan.runs import Journal, Result
from rrplan.runs.writing import Writer
from tests.support import Bench
from tests.support.cascade import STEP, cluster
from tests.support.dying import Crash, DyingLog
from tests.support.specs import STANDALONE

pytestmark = pytest.mark.crash

WRITES = 5


def dead(path: Path, event: str, writes: int) -> tuple[Bench, list[object]]:
    """A run, or its rollback, that died at an entry of the step; so many of the writes that it announced came through.

    With the cluster as it was in the beginning.
    """
    bench = Bench(path, STANDALONE, documents=cluster(CalicoVersion(3, 18, 0)))
    before = calicos(bench)
    step = next(one for one in bench.plan.steps if one.id == STEP)
    assert len(step.changes) == WRITES
    log = FileLog(path / "journal.jsonl")
    dying = Journal.open(DyingLog(log, lambda line: says(line, event)), "digest")
    runner = bench.runner(journal=dying)
    if event.startswith("undo"):
        assert runner.apply() is Result.DONE
    with pytest.raises(Crash):
        runner.rollback() if event.startswith("undo") else runner.apply()
    log.close()
    send(bench, step, event, writes)
    bench.reopen()
    return bench, before


def calicos(bench: Bench) -> list[object]:
    """All of Calico's own objects."""
    return [one for one in bench.documents() if one["apiVersion"] == "projectcalico.org/v3"]


def says(line: bytes, event: str) -> bool:
    """Whether a line says this of the step."""
    entry = json.loads(line)
    return bool(entry.get("step") == STEP and entry.get("event") == event)


def send(bench: Bench, step: Step, event: str, writes: int) -> None:
    """The first writes of the step or of its undo, as the run would have sent them."""
    writer = Writer(bench.sandbox, bench.sandbox.clock, lambda *_: None)
    for change in (step.undo_changes if event.startswith("undo") else step.changes)[:writes]:
        written = writer.write(change)
        assert written.outcome is Outcome.LANDED, written


CASES = [
    *(("started", writes) for writes in range(WRITES + 1)),
    ("applied", 0),
    ("settled", 0),
]
BACK = [*(("undo-started", writes) for writes in range(WRITES + 1)), ("undone", 0)]


@pytest.mark.parametrize(("event", "writes"), CASES)
def test_resumed_and_rolled_back(event: str, writes: int, tmp_path: Path) -> None:
    """It ends where an unbroken run ends, and the rollback where it began."""
    bench, before = dead(tmp_path, event, writes)
    assert bench.runner().apply() is Result.DONE, bench.listener.events[-3:]
    assert bench.left() == ()
    assert bench.runner().rollback() is Result.UNDONE, bench.listener.events[-3:]
    assert calicos(bench) == before


@pytest.mark.parametrize(("event", "writes"), [*CASES, *BACK])
def test_rolled_back_at_once(event: str, writes: int, tmp_path: Path) -> None:
    """Whatever part of the step, or of its undo, had landed."""
    bench, before = dead(tmp_path, event, writes)
    assert bench.runner().rollback() is Result.UNDONE, bench.listener.events[-3:]
    assert calicos(bench) == before
