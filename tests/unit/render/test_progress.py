"""What a run says while several steps are under way, and while a gate waits: each line names its own step."""

import io

import pytest

from rrplan.ids import StepId
from rrplan.render.progress import TextProgress
from rrplan.runs import events

ONE, TWO = StepId("drain/a"), StepId("drain/b")


def said(*happened: events.RunEvent) -> list[str]:
    """The lines of these events."""
    stream = io.StringIO()
    progress = TextProgress(stream, live=False)
    for event in happened:
        progress.report(event)
    return stream.getvalue().splitlines()


def waiting(step: StepId, missing: str) -> events.GateWaiting:
    """A gate that is not passed."""
    return events.GateWaiting(step, "no pod is left", missing, 0, 30, 600)


def test_steps_beside_each_other() -> None:
    """The second began before the first was done; what each waits for is said once."""
    assert said(
        events.StepStarted(ONE, 1, 5, "drain node a"),
        events.StepStarted(TWO, 2, 5, "drain node b"),
        waiting(ONE, "3 pods"),
        waiting(TWO, "2 pods"),
        waiting(ONE, "1 pod"),
        events.StepSettled(ONE, 12),
        events.StepSettled(TWO, 0),
    ) == [
        "    waiting (usually 30 s): 3 pods",
        "    waiting (usually 30 s): 2 pods",
        "[1/5] drain node a: done after 12 s",
        "[2/5] drain node b: done",
    ]


def test_where_a_run_stopped() -> None:
    """The step that it stopped at, there or on the way back."""
    began = events.StepStarted(TWO, 2, 5, "drain node b")
    assert said(began, events.RunFinished("partial", 9, "go on"))[-1] == "run stopped at step 2 of 5 after 9 s; go on"
    assert said(began, events.RunFinished("interrupted", 9, ""))[-1] == "run interrupted at step 2 of 5 after 9 s"
    back = said(began, events.UndoStarted(TWO), events.UndoFailed(TWO, "no"), events.RunFinished("partial", 9, ""))
    assert back == ["drain/b: cannot be undone: no", "run stopped at undo drain/b after 9 s"]
    assert said(events.RunFinished("done", 9, "")) == ["run done after 9 s"]


@pytest.mark.parametrize(("holding", "lines"), [(False, ["    waiting (usually 24 s): holds nothing yet"]), (True, [])])
def test_only_what_is_missing_is_said(holding: bool, lines: list[str]) -> None:
    """While a gate holds for its stability time nothing is said; the event decides, not its words."""
    assert said(events.GateWaiting(ONE, "every client", "holds nothing yet", 3, 24, 120, holding=holding)) == lines
