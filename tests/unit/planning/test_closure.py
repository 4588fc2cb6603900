"""Every difference is made by a step, and no step makes another."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rrplan import operations
from rrplan.bgp.profile import calico_versions
from rrplan.desired import compile_desired
from rrplan.ids import ActionName, NodeName, StepId
from rrplan.planning.closure import check_closed
from rrplan.planning.waves import end_of
from rrplan.plans.change import Change, changed
from rrplan.plans.plan import Step
from rrplan.resources import ClusterState, ResourceKey, decode
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support import SPEC

WAVES = SPEC + "  rollout: {waves: [2, 50%]}\n"
WAVE_LABEL = "rrplan.io/wave"


def cluster(count: int = 8) -> ClusterState:
    """An embedded cluster."""
    return ClusterState.of(resource for document in demo_cluster(count, 2) if (resource := decode(document)))


def check(state: ClusterState, steps: list[Step]) -> None:
    """Whether these steps are the account of what the spec with waves wants."""
    spec = load(WAVES.encode(), "spec.yaml")
    desired = compile_desired(spec, state, calico_versions(state))
    end = state
    for step in steps:
        for change in step.changes:
            end = changed(end, change)
    check_closed(state, end, end_of(state, desired, steps), steps)


def planned(state: ClusterState) -> list[Step]:
    """The steps that the planner makes."""
    return list(operations.plan(load(WAVES.encode(), "spec.yaml"), Snapshot(state)).steps)


def without(action: ActionName) -> Callable[[list[Step]], list[Step]]:
    """The steps less those of an action."""
    return lambda steps: [step for step in steps if step.action is not action]


def lasting(action: ActionName) -> Callable[[list[Step]], list[Step]]:
    """The steps, of which those of an action do not say what puts their changes back."""
    return lambda steps: [replace(step, until=None) if step.action is action else step for step in steps]


def beside(steps: list[Step]) -> list[Step]:
    """The steps and one that nobody wants."""
    key = ResourceKey("BGPPeer", "extra")
    document = {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "extra"}, "spec": {}}
    return [*steps, Step(StepId("extra"), ActionName.CREATE_PEER, "extra", (Change.create(key, document),))]


def there_and_back(steps: list[Step]) -> list[Step]:
    """The steps and two that cancel out each other, though none says so."""
    key = ResourceKey("Node", "node-001")
    there = Change.update(key, {"metadata": {"labels": {"x": None}}}, {"metadata": {"labels": {"x": "y"}}})
    return [
        *steps,
        Step(StepId("there"), ActionName.LABEL_CLIENT, "there", (there,)),
        Step(StepId("back"), ActionName.UNLABEL_CLIENT, "back", (there.inverse(),)),
    ]


def test_what_the_planner_makes() -> None:
    """Its own account adds up, with drains, waves and temporary BGPPeers; each names the step that ends it."""
    state = cluster()
    steps = planned(state)
    check(state, steps)
    temporary = {step.action: step.until for step in steps if step.until}
    assert temporary == {
        ActionName.DRAIN_NODE: "uncordon/rr-2",
        ActionName.LABEL_CLIENT: "unlabel/waves",
        ActionName.CREATE_PEER: "delete-peer/rrplan-main-wave",
    }


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (without(ActionName.PROMOTE_REFLECTOR), "Node/rr-1 ends otherwise than desired: metadata.annotations"),
        (without(ActionName.UNCORDON_NODE), "Node/rr-1 ends otherwise than desired: spec.unschedulable"),
        (beside, "BGPPeer/extra ends otherwise than desired: metadata.name"),
        (lasting(ActionName.DRAIN_NODE), "uncordon/rr-1 claims Node/rr-1 spec.unschedulable, which is no difference"),
        (lasting(ActionName.LABEL_CLIENT), "unlabel/waves claims Node/node-001 metadata.labels.rrplan.io/wave, which"),
        (there_and_back, "back claims Node/node-001 metadata.labels.x, which is no difference and not put back"),
    ],
)
def test_bugs_of_a_planner(broken: Callable[[list[Step]], list[Step]], words: str) -> None:
    """What no step makes, what nobody wants, and what is not put back is found when the plan is made."""
    state = cluster()
    with pytest.raises(AssertionError, match=words.replace("(", r"\(").replace(")", r"\)")):
        check(state, broken(planned(state)))


@pytest.mark.parametrize("value", ["in", "other"])
def test_leftover_of_a_wave(value: str) -> None:
    """A label of waves that is there before goes with the waves, whatever its value."""
    state = cluster()
    name = NodeName("node-001")
    end = state.put(replace(state.nodes[name], labels={**state.nodes[name].labels, WAVE_LABEL: value}))
    for step in planned(end):
        for change in step.changes:
            end = changed(end, change)
    assert WAVE_LABEL not in end.nodes[name].labels
