"""The graph decides: rules give edges between steps in no order, and the order comes of them alone."""

import json
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from rrplan.bgp.profile import calico_versions
from rrplan.desired import compile_desired
from rrplan.digest import digest
from rrplan.errors import FileFormatError
from rrplan.ids import ActionName, StepId
from rrplan.planning.ordering import edges
from rrplan.planning.sequence import steps_between
from rrplan.plans import read_plan
from rrplan.plans.graph import ActionGraph, Contradiction
from rrplan.plans.plan import Edge, Step
from rrplan.render.plan_json import plan_document
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.support import Bench
from tests.support.scenarios import SCENARIOS, parts

PLANNED = [folder for folder in SCENARIOS if "refused" not in parts(folder)[2]]


@pytest.mark.parametrize("folder", PLANNED, ids=lambda folder: folder.name)
def test_the_order_of_the_input_does_not_matter(folder: Any) -> None:
    """Shuffled steps get the same edges, and the same order."""
    cluster, document, _ = parts(folder)
    state = snapshot_of_manifests([("cluster.yaml", cluster)]).state
    spec = load(document, "spec.yaml")
    steps = steps_between(spec, state, compile_desired(spec, state, calico_versions(state)))
    order = [step.id for step in ActionGraph(steps, edges(steps)).order()]
    dice = random.Random(7)
    for _ in range(3):
        dice.shuffle(steps)
        given = edges(steps)
        assert [step.id for step in ActionGraph(steps, given).order()] == order
        place = {step: index for index, step in enumerate(order)}
        assert all(place[edge.before] < place[edge.after] for edge in given)


@pytest.mark.parametrize("folder", PLANNED, ids=lambda folder: folder.name)
def test_steps_that_touch_sessions_are_totally_ordered(folder: Any) -> None:
    """Any two of them are joined by a path of edges: so the states between them are those that were proved."""
    cluster, document, _ = parts(folder)
    state = snapshot_of_manifests([("cluster.yaml", cluster)]).state
    spec = load(document, "spec.yaml")
    steps = steps_between(spec, state, compile_desired(spec, state, calico_versions(state)))
    graph = ActionGraph(steps, edges(steps))
    chain = [step for step in graph.order() if step.topology]
    for before, after in pairwise(chain):
        reached, waiting = set[StepId](), [before.id]
        while waiting:
            following = graph.after(waiting.pop()) - reached
            reached |= following
            waiting += following
        assert after.id in reached


def step(name: str) -> Step:
    """Any step."""
    return Step(StepId(name), ActionName.AWAIT, name)


def test_contradictions() -> None:
    """A cycle, an edge to nowhere, an id twice."""
    a, b = step("a"), step("b")
    there, back = Edge(a.id, b.id, "x"), Edge(b.id, a.id, "y")
    with pytest.raises(Contradiction, match="each of these steps must come before the next: a, b, a"):
        ActionGraph([a, b], [there, back])
    with pytest.raises(Contradiction, match="an edge names step `b`, which does not exist"):
        ActionGraph([a], [there])
    with pytest.raises(Contradiction, match="two steps have one id"):
        ActionGraph([a, a], [])


def cyclic(body: dict[str, Any]) -> None:
    """The last step before the first."""
    names = [step["id"] for step in body["steps"]]
    body["edges"] += [{"before": names[-1], "after": names[0], "reason": "x"}]


def unknown(body: dict[str, Any]) -> None:
    """An edge to nowhere."""
    body["edges"][0]["after"] = "nothing"


def turned(body: dict[str, Any]) -> None:
    """The steps the other way round."""
    body["steps"].reverse()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (cyclic, "the edges of the plan cannot be kept: each of these steps must come before the next"),
        (unknown, "the edges of the plan cannot be kept: an edge names step `nothing`, which does not exist"),
        (turned, "and an edge says the reverse"),
    ],
)
def test_a_plan_file_that_contradicts_itself(edit: Callable[[dict[str, Any]], None], words: str, tmp_path: Any) -> None:
    """It is refused when it is read, whoever made it and its digest."""
    body = plan_document(Bench(tmp_path).plan)
    edit(body)
    del body["digest"]
    with pytest.raises(FileFormatError, match=words) as error:
        read_plan(json.dumps({**body, "digest": digest(body)}).encode(), "plan.json")
    assert error.value.problems[0].hint == "make a new plan"
