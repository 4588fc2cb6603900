"""The hint of a refusal comes from the facts of its violations."""

from dataclasses import replace

import pytest

from rrplan.bgp.outside import Fate
from rrplan.bgp.routes import NoRoute, Obstacle
from rrplan.ids import ActionName, NodeName, StepId
from rrplan.planning.remedy import remedy
from rrplan.plans.plan import FINAL_STATE, Invariant, Proof, Step, Violation
from rrplan.specs import Spec, load
from tests.support.clusters import HEAD, TO_REFLECTORS
from tests.support.plans import plan_of

STEPS = (
    Step(StepId("promote/r1"), ActionName.PROMOTE_REFLECTOR, "promote"),
    Step(StepId("options"), ActionName.UPDATE_PEER, "update"),
    Step(StepId("theirs"), ActionName.DELETE_PEER, "delete"),
)
SURVIVING = Violation(Invariant.SURVIVING, StepId("promote/r1"), "ipv4", "a", "b", 1, 14)
CONVERGED = Violation(Invariant.CONVERGED, FINAL_STATE, "ipv4", "a", "b", 1, reason=NoRoute(Obstacle.NOT_CONNECTED))
FILTERED = replace(CONVERGED, reason=NoRoute(Obstacle.FILTERED, "r1", "a", filters=("f",)))
LOST = Violation(Invariant.OUTSIDE, StepId("promote/r1"), "ipv4", "a", "switch", 1, fate=Fate.LOST)
ALIVE = replace(CONVERGED, every_node_alive=True)
GATED = Violation(Invariant.GATED, StepId("promote/r1"))
WAVES = "rollout: {waves: [1]}"


def spec(more: str) -> Spec:
    """A spec with reflectors."""
    return load(f"{HEAD}spec: {{{TO_REFLECTORS}, {more}}}\n".encode(), "spec.yaml")


@pytest.mark.parametrize(
    ("violations", "more", "words"),
    [
        ((SURVIVING, LOST), "drain: true", "a session to the outside serves the whole cluster"),
        ((replace(LOST, fate=Fate.RESTARTED),), "drain: false", "set `drain: true`"),
        ((ALIVE,), "drain: true", "a node that is not Ready may serve routes all the same"),
        ((ALIVE, CONVERGED), "drain: true", "give every client a session to every reflector"),
        ((SURVIVING,), "drain: false", "set `drain: true`"),
        ((SURVIVING, FILTERED), "drain: true", "let the BGPFilters that are named accept the pool"),
        ((SURVIVING,), "drain: true", "give every client a session to every reflector"),
        ((replace(SURVIVING, step=StepId("options")),), "drain: true", "sessions restart when their options change"),
        (
            (replace(SURVIVING, step=StepId("theirs")),),
            "drain: true",
            "sessions restart when the mesh or another BGPPeer",
        ),
        ((GATED,), "drain: true", "gates ask for sessions of the node-to-node mesh and with reflectors alone"),
        ((GATED, CONVERGED), "drain: true", "give every client a session to every reflector"),
        ((Violation(Invariant.RESILIENCE, FINAL_STATE, at="r1"),), "drain: true", "add reflectors"),
        ((CONVERGED,), f"drain: false, {WAVES}", "waves need reflectors whose own routes nobody needs"),
        ((CONVERGED,), f"drain: true, {WAVES}", "give every client a session to every reflector"),
    ],
)
def test_hints(violations: tuple[Violation, ...], more: str, words: str) -> None:
    """What stands in the way decides, not how it is worded nor how a step is called."""
    plan = plan_of(STEPS, proof=Proof((), (), violations))
    assert remedy(spec(more), plan).startswith(words)


def test_fallback_tables_are_offered() -> None:
    """Where a role changes and pairs of nodes alone are exposed; not where sessions to the outside restart."""
    words = "let fallback tables carry the routes meanwhile (`policy: {inUse: fallback-table}`), or accept it with"
    restarted = replace(LOST, fate=Fate.RESTARTED)
    for steps, violations, offered in (
        (STEPS, (SURVIVING,), True),
        (STEPS, (SURVIVING, restarted), False),
        (STEPS[1:], (SURVIVING,), False),
    ):
        hint = remedy(spec("drain: false"), plan_of(steps, proof=Proof((), (), violations)))
        assert (words in hint) is offered


def test_nodes_that_are_down() -> None:
    """Where nodes are down, they may be why nobody can be asked."""
    plan = replace(plan_of(STEPS, proof=Proof((), (), (GATED,))), down=(NodeName("c"),))
    assert remedy(spec("drain: true"), plan).startswith("a gate asks nodes that are up: bring the nodes up first")
