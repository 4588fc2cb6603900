"""How much time a run that goes on still takes, in numbers and in words."""

from datetime import UTC, datetime, timedelta

import pytest

from rrplan.ids import StepId
from rrplan.ports import KeptRun
from rrplan.render.record import exposed_text, left_seconds, left_text, record_json, record_text
from rrplan.reports.events import RunState
from rrplan.reports.record import Moment, RunRecord, StepAt
from tests.support.clusters import TO_REFLECTORS, meshed, planned
from tests.unit.render.test_proof import planned_in

SINCE = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)


def record(state: RunState) -> RunRecord:
    """A run that waits at its first step; that and the others usually take 100 s."""
    plan = planned(meshed(), f"{TO_REFLECTORS}, drain: true")
    at = StepAt(plan.steps[0], 1, Moment.WAITING, SINCE)
    kept = KeptRun("r1", "test", "ada", "2026-01-01T10:00:00Z")
    return RunRecord(kept, plan, "sha256:0", state, {"who": "ada"}, (), (), at, back=False, left=100)


@pytest.mark.parametrize(
    ("passed", "left", "text"),
    [
        (0, 100, "about 2 min"),
        (60, 40, "about 40 s"),
        (100, 0, "not known, because this step takes longer than usual"),
        (300, -200, "not known, because this step takes longer than usual"),
    ],
)
def test_time_that_is_left(passed: int, left: int, text: str) -> None:
    """It grows less while a step waits, and is not made up where that takes longer than usual."""
    now, running = SINCE + timedelta(seconds=passed), record(RunState.RUNNING)
    assert left_seconds(running, now) == left
    assert left_text(left) == text
    assert f"  left: {text}" in record_text(running, None, "c", "--sandbox c", now).splitlines()
    assert record_json(running, None, now)["left_seconds"] == left


def test_nothing_is_left_to_say() -> None:
    """Of a run that stopped, and where nobody says what time it is."""
    assert left_seconds(record(RunState.STOPPED), SINCE) is None
    assert left_seconds(record(RunState.RUNNING), None) is None
    assert "left:" not in record_text(record(RunState.STOPPED), None, "c", "--sandbox c", SINCE)


def test_exposed_for_longer_than_a_step() -> None:
    """Drained nodes that stay without routes are told at every step until the one that waits for them."""
    plan = planned_in("mesh-to-two-levels")
    places = {step.id: place for place, step in enumerate(plan.steps)}

    def exposed(step: str) -> str:
        place = places[StepId(step)]
        at = StepAt(plan.steps[place], place + 1, Moment.WAITING, SINCE)
        kept = KeptRun("r1", "test", "ada", "2026-01-01T10:00:00Z")
        return exposed_text(
            RunRecord(kept, plan, "sha256:0", RunState.RUNNING, {"who": "ada"}, (), (), at, back=False, left=100)
        )

    lasting = "pairs of drained nodes have no route from `promote/core-1` on, until `await/drained` at the latest"
    assert exposed("promote/core-1").endswith(f", for up to 22 s after the write; up to 36 {lasting}")
    assert exposed("await/clients") == f"up to 100 {lasting}"
    assert exposed("uncordon/core-1") == "nothing: every pair keeps a route while this step takes effect"
    assert exposed("drain/core-1") == "nothing: every pair keeps a route while this step takes effect"
