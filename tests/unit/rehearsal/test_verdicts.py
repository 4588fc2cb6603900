"""A rehearsal that could not be compared to the end, and repetitions of one."""

from dataclasses import replace
from typing import cast

import pytest

from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName
from rrplan.plans.rehearsal import Rehearsal, Repetition, Subject, Verdict
from rrplan.rehearsal.portrait import Item, Portrait
from rrplan.rehearsal.rehearse import _seen, repeated
from rrplan.rehearsal.stage import Stage
from rrplan.rehearsal.unsettled import Unsettled

SEEN: Portrait = {Item(NodeName("a"), "ipv4", "session", "Mesh_10_0_0_2"): "Established"}


class Camera:
    """A stage that is calm, or is not."""

    def __init__(self, problem: Exception | None) -> None:
        self._problem = problem

    def portrait(self) -> Portrait:
        """What can be seen; raises Unsettled, or what is wrong with a BIRD."""
        if self._problem:
            raise self._problem
        return SEEN


@pytest.mark.parametrize(
    "problem",
    [
        None,
        Unsettled("the speakers do not settle within 60 s: routes come and go"),
        DatastoreRefused("BIRD on node-1 does not answer: not within 10 s"),
    ],
)
def test_what_does_not_settle_hides_nothing(problem: Exception | None) -> None:
    """The comparison is missing and is named; the run goes on, and what was measured stays."""
    unseen: list[str] = []
    seen = _seen(cast(Stage, Camera(problem)), "the end of the plan", unseen)
    text = f"the end of the plan was not compared: {problem}"
    assert (seen, unseen) == ((None, [text]) if problem else (SEEN, []))


def test_the_worst_repetition_stands_for_all() -> None:
    """It knows of the others, so that a verdict that one of them alone has is not taken for that of all."""
    first = Rehearsal(Subject("sha256:0", "", ""), 1, 12, (), (), "done", "undone")
    second = replace(first, seed=2, contradictions=("a route was lost",))
    third = replace(first, seed=3, unsettled=("the recorder did not run for 2.0 s",))
    worst = repeated([first, second, third])
    assert worst.seed == 2
    assert worst.others == (Repetition(1, Verdict.MATCHES), Repetition(3, Verdict.INCONCLUSIVE))
    assert worst.verdict is Verdict.INCONCLUSIVE
    assert repeated([first, replace(first, seed=2)]).verdict is Verdict.MATCHES
