"""What a run says while several steps are under way, and while a gate waits: each line names its own step."""

import io
import json
from datetime import UTC, datetime

import pytest

from rrplan.ids import NodeName, StepId
from rrplan.render.progress import JsonProgress, TextProgress
from rrplan.reports import events
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.events import Result
from rrplan.reports.gates import (
    GateUnknown,
    Lack,
    NodeShort,
    NodesShort,
    PodLeft,
    PodsLeft,
    PodState,
    Shortfall,
    StillHolding,
)
from rrplan.reports.reasons import DatastoreFailed, Drifted

ONE, TWO = StepId("drain/a"), StepId("drain/b")


def said(*happened: events.RunEvent) -> list[str]:
    """The lines of these events."""
    stream = io.StringIO()
    progress = TextProgress(stream, live=False, width=200)
    for event in happened:
        progress.report(event)
    return stream.getvalue().splitlines()


def waiting(step: StepId, pods: int) -> events.GateWaiting:
    """A gate that is not passed: so many pods are left."""
    left = PodsLeft(tuple(PodLeft("x", f"p{number}", PodState.TERMINATING) for number in range(pods)))
    return events.GateWaiting(step, "no pod is left", left, 0, 30, 600)


def test_steps_beside_each_other() -> None:
    """The second began before the first was done; what each waits for is said once."""
    assert said(
        events.StepStarted(ONE, 1, 5, "drain node a"),
        events.StepStarted(TWO, 2, 5, "drain node b"),
        waiting(ONE, 2),
        waiting(TWO, 1),
        waiting(ONE, 1),
        events.StepSettled(ONE, 12),
        events.StepSettled(TWO, 0),
    ) == [
        "    waiting (usually 30 s): 2 of its pods are left: x/p0 is terminating, x/p1 is terminating",
        "    waiting (usually 30 s): 1 of its pods are left: x/p0 is terminating",
        "[1/5] drain node a: done after 12 s",
        "[2/5] drain node b: done",
    ]


def test_where_a_run_stopped() -> None:
    """The step that it stopped at, there or on the way back."""
    began = events.StepStarted(TWO, 2, 5, "drain node b")
    on = "`rrplan resume` goes on, `rrplan rollback` takes everything back"
    stopped, interrupted = (events.RunFinished(result, 9) for result in (Result.STOPPED, Result.INTERRUPTED))
    assert said(began, stopped) == [f"run stopped at step 2 of 5 after 9 s; {on}"]
    assert said(began, interrupted) == [f"run stopped at step 2 of 5, as you asked, after 9 s; {on}"]
    back = said(began, events.UndoStarted(TWO), events.UndoFailed(TWO, DatastoreFailed("no")), stopped)
    assert back == [
        "drain/b: cannot be undone: no",
        f"run stopped at undo drain/b after 9 s; {on}",
    ]
    assert said(events.RunFinished(Result.DONE, 9)) == ["run done after 9 s"]


@pytest.mark.parametrize(
    ("lack", "lines"),
    [(GateUnknown("holds nothing yet"), ["    waiting (usually 24 s): holds nothing yet"]), (StillHolding(10), [])],
)
def test_only_what_is_missing_is_said(lack: Lack | StillHolding, lines: list[str]) -> None:
    """While a gate holds for its stability time nothing is said; the type decides, not the words."""
    assert said(events.GateWaiting(ONE, "every client", lack, 3, 24, 120)) == lines


def test_facts_stand_beside_sentences() -> None:
    """A program reads fields, a person the sentence; nested facts say what they are."""
    stream = io.StringIO()
    drift = Drift("BGPPeer/p", DriftKind.OVERWRITTEN, "spec.node", None, "a")
    JsonProgress(stream, lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)).report(
        events.StepFailed(ONE, Drifted((drift,)))
    )
    assert json.loads(stream.getvalue()) == {
        "event": "StepFailed",
        "time": "2026-01-02T03:04:05.000000Z",
        "run": "",
        "step": "drain/a",
        "reason": 'somebody else changed the cluster: BGPPeer/p has spec.node none, the run wrote `"a"`',
        "why": {
            "fact": "Drifted",
            "drifts": [
                {
                    "fact": "Drift",
                    "key": "BGPPeer/p",
                    "kind": "overwritten",
                    "path": "spec.node",
                    "found": None,
                    "written": "a",
                    "node": "",
                }
            ],
        },
    }


def test_the_live_line_fits() -> None:
    """No word of it is cut, it says how much time is left, and colours are no part of its width."""
    stream = io.StringIO()
    progress = TextProgress(stream, live=True, width=60, paint=lambda text, colour: f"<{colour}>{text}</>")
    progress.report(events.StepStarted(TWO, 2, 5, "drain node b", 900))
    short = NodesShort(3, 118, NodeShort(NodeName("node-017"), Shortfall.NO_ANSWER, "ipv4"))
    progress.report(events.GateWaiting(TWO, "gate", short, 7, 24, 120))
    line = stream.getvalue().split("\r\x1b[K")[-1]
    assert line == "[2/5] drain/b 7/24 s, about 15 min left: <yellow>3 of 118 nodes ...</>"
    assert len(line) - len("<yellow></>") < 60
    progress.report(events.StepSettled(TWO, 24))
    assert stream.getvalue().split("\r\x1b[K")[-1] == "[2/5] drain node b<green>: done</> after 24 s\n"
