"""The sentences of a proof, each from its facts."""

from dataclasses import replace

import pytest

from rrplan import api
from rrplan.bgp.outside import Fate
from rrplan.bgp.routes import NoRoute, Obstacle
from rrplan.ids import NodeName, StepId
from rrplan.plans import Plan
from rrplan.plans.plan import FINAL_STATE, FinalCheck, Invariant, OutsideEffect, StepProof, Tolerance, Violation
from rrplan.render.proof import check_text, proof_lines, restarts, violation_text
from rrplan.render.routes import no_route_text
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.support.scenarios import FOLDER


def planned_in(scenario: str) -> Plan:
    """The plan of a scenario."""
    folder = FOLDER / scenario
    files = [("cluster.yaml", (folder / "cluster.yaml").read_bytes())]
    return api.plan(load((folder / "spec.yaml").read_bytes(), "spec.yaml"), snapshot_of_manifests(files))


PROMOTE = StepId("promote/r1")
SWITCH = "outside 10.0.0.254 (AS 64512)"


@pytest.mark.parametrize(
    ("violation", "text"),
    [
        (
            Violation(Invariant.CONVERGED, PROMOTE, "ipv4", "a", "b", 1, reason=NoRoute(Obstacle.NODE_DOWN, "r1")),
            (
                "after `promote/r1`, a no longer holds the routes of b (ipv4, 1 ordered pair): r1 is down, which would "
                "pass them on"
            ),
        ),
        (
            Violation(Invariant.CONVERGED, FINAL_STATE, "ipv6", "a", "b", 6, reason=NoRoute(Obstacle.UNCERTAIN)),
            (
                "in the end a does not hold the routes of b (ipv6, 6 ordered pairs alike): no path between them is "
                "certain to be there"
            ),
        ),
        (
            Violation(
                Invariant.CONVERGED,
                FINAL_STATE,
                "ipv4",
                "a",
                "b",
                1,
                reason=NoRoute(Obstacle.NOT_CONNECTED),
                every_node_alive=True,
            ),
            (
                "with every node alive, in the end a does not hold the routes of b (ipv4, 1 ordered pair): nobody that "
                "holds the routes of b has a session with a"
            ),
        ),
        (
            Violation(Invariant.SURVIVING, PROMOTE, "ipv4", "a", "b", 7, seconds=22),
            (
                "while `promote/r1` takes effect, a is without the routes of b for up to 22 s (ipv4, 7 ordered pairs "
                "alike): no path between them is left over sessions that stay up"
            ),
        ),
        (
            Violation(Invariant.OUTSIDE, PROMOTE, "ipv4", "a", SWITCH, 3, fate=Fate.LOST),
            (
                f"`promote/r1` takes away the session of a and 2 more nodes to {SWITCH}, and with it the routes that "
                "it carries"
            ),
        ),
        (
            Violation(Invariant.OUTSIDE, PROMOTE, "ipv4", "a", SWITCH, 1, seconds=22, fate=Fate.RESTARTED),
            f"`promote/r1` restarts a session to the outside: a to {SWITCH}",
        ),
        (
            Violation(Invariant.GATED, PROMOTE, undo=True),
            "undoing `promote/r1` changes sessions, and no gate can tell when they are up",
        ),
        (
            Violation(Invariant.REFLECTORS_PER_CLIENT, FINAL_STATE, at="a", count=1, wanted=2),
            "a has 1 reflector, the policy wants 2",
        ),
        (
            Violation(Invariant.CLIENTS_PER_REFLECTOR, FINAL_STATE, at="r1", count=9, wanted=5),
            "r1 has 9 clients, the policy allows 5",
        ),
        (Violation(Invariant.RESILIENCE, FINAL_STATE, at="r1"), "the loss of r1 alone would lose routes"),
        (
            Violation(Invariant.ZONE_RESILIENCE, FINAL_STATE, zone="z1"),
            "the loss of zone z1 would lose routes of other zones",
        ),
        (Violation(Invariant.ZONE_RESILIENCE, FINAL_STATE), "no node has a zone label"),
    ],
    ids=lambda value: str(value.invariant) if isinstance(value, Violation) else "",
)
def test_violations(violation: Violation, text: str) -> None:
    """Each invariant, from the fields that it fills."""
    assert violation_text(violation) == text


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (NoRoute(Obstacle.NO_ADDRESS, "b"), "b has no ipv4 address, so it does not speak BGP there"),
        (NoRoute(Obstacle.BGP_IDLE, detail="it is off"), "BGP does not run: it is off"),
        (NoRoute(Obstacle.NO_SESSION, "a"), "a has no session that is certain to be up"),
        (
            NoRoute(Obstacle.NO_SESSION, "a", protocol="Mesh_10_0_0_1", detail="bad peer AS"),
            "a has no session that is certain to be up; Mesh_10_0_0_1: bad peer AS",
        ),
        (
            NoRoute(Obstacle.NO_SESSION, "a", detail="BIRD refuses it"),
            "a has no session that is certain to be up; BIRD refuses it",
        ),
        (
            NoRoute(Obstacle.SELECTS_NOBODY, "a", peer="p", detail="`has(rr)`"),
            "a has no session that is certain to be up; BGPPeer p: `has(rr)` selects no node",
        ),
        (
            NoRoute(Obstacle.FILTERED, "r1", "a", filters=("f", "g")),
            "BGPFilter f, g on the session of r1 and a rejects routes, or may",
        ),
        (
            NoRoute(Obstacle.FILTERED, "r1", "a", filters=("f",), pools=("p",)),
            "BGPFilter f on the session of r1 and a rejects routes of IPPool p, or may",
        ),
        (
            NoRoute(Obstacle.CLUSTER_LOOP, "r1"),
            (
                "r1 holds the routes of b and does not pass them to a: cluster-list loop: the route already went "
                "through this cluster ID"
            ),
        ),
        (
            NoRoute(Obstacle.AS_LOOP, "r1"),
            (
                "r1 holds the routes of b and does not pass them to a: AS-path loop: the route already went through "
                "this AS"
            ),
        ),
        (
            NoRoute(Obstacle.NOT_REFLECTED, "c"),
            (
                "c holds the routes of b and does not pass them to a: plain iBGP: a route from one iBGP peer is passed "
                "to another only by a reflector, from or to a client"
            ),
        ),
    ],
    ids=lambda value: str(value.obstacle) if isinstance(value, NoRoute) else "",
)
def test_why_there_is_no_route(reason: NoRoute, text: str) -> None:
    """Each obstacle, with what it names."""
    assert no_route_text(reason, "a", "b", "ipv4") == text


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (FinalCheck(Invariant.CONVERGED), "in the end every node holds the routes of every other node"),
        (
            FinalCheck(Invariant.CONVERGED, 3),
            "in the end every pair that held a route holds it; 3 ordered pairs hold none, as before",
        ),
        (
            FinalCheck(Invariant.CONVERGED, owed=False),
            "nodes owe one another no route: BIRD programs none of the pools of this cluster",
        ),
        (FinalCheck(Invariant.REFLECTORS_PER_CLIENT, 2), "every client has at least 2 reflectors"),
        (FinalCheck(Invariant.CLIENTS_PER_REFLECTOR, 9), "no reflector has more than 9 clients"),
        (FinalCheck(Invariant.RESILIENCE), "the loss of any one reflector keeps all routes"),
        (
            FinalCheck(Invariant.RESILIENCE, 1),
            "with 1 reflector down, the loss of any other one keeps all routes",
        ),
        (
            FinalCheck(Invariant.ZONE_RESILIENCE, 3),
            "the loss of any one of 3 zones keeps all routes of the others",
        ),
    ],
    ids=str,
)
def test_final_checks(check: FinalCheck, text: str) -> None:
    """What holds in the final state."""
    assert check_text(check) == text


@pytest.mark.parametrize("invariant", [Invariant.SURVIVING, Invariant.OUTSIDE, Invariant.GATED])
def test_what_is_no_matter_of_the_final_state(invariant: Invariant) -> None:
    """What speaks of single steps has no sentence about the end: such a fact is a bug."""
    with pytest.raises(AssertionError, match="speaks of steps"):
        check_text(FinalCheck(invariant))


def test_restarts_come_from_the_effects() -> None:
    """One sentence for each session to the outside that restarts, none for others."""
    effect = OutsideEffect(NodeName("r1"), 2, SWITCH, "ipv4", Fate.RESTARTED, 14, Tolerance.DRAINED)
    lost = replace(effect, fate=Fate.LOST)
    assert restarts(StepProof(PROMOTE, (), (effect, lost))) == [
        f"r1 and 1 more nodes: the session to {SWITCH} restarts"
    ]


def test_drained_nodes_stay_without_routes() -> None:
    """Whose routes stay away after a step is told, with the step that ends it, and not called a matter of seconds."""
    plan = planned_in("mesh-to-two-levels")
    first = {proof.step: proof for proof in plan.proof.steps}[StepId("promote/core-1")]
    # In two levels a first core reflector has no session at all, until there are others.
    assert {exposure.lasting for exposure in first.exposures} == {True}
    lasting = sum(each.pairs for proof in plan.proof.steps for each in proof.exposures if each.lasting)
    after, during, longer, *_ = proof_lines(plan, ())
    assert after.endswith("no node loses a route, in both families, but for those that are drained (below)")
    assert during.startswith("while a step takes effect: ")
    assert longer == (
        f"for longer: {lasting} of these pairs, from `promote/core-1` until `await/drained` at the latest; "
        "nobody needs the routes of a drained node meanwhile"
    )
    one_level = proof_lines(planned_in("mesh-options-are-carried-over"), ())
    assert not any("for longer" in line or "below" in line for line in one_level)
