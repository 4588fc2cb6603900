"""Plans that carry nodes in use by fallback tables: steps, gates, proof, and what is refused."""

from dataclasses import replace

import pytest

from rrplan import api
from rrplan.bgp.profile import calico_versions
from rrplan.errors import PlanMismatch, PolicyRefusal, SpecError, UnsafePlanError
from rrplan.ids import NodeName, StepId
from rrplan.planning.promise import Pair, promises
from rrplan.plans import Plan, read_plan
from rrplan.plans.consistency import inconsistencies
from rrplan.plans.gate import GateKind
from rrplan.plans.plan import Tolerance
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.render.proof import exposure, fallback_lines, proof_lines
from rrplan.resources import ClusterState
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support.clusters import HEAD, VERSION, VERSIONS, mesh, node, peer, reflected, state

TO = (
    HEAD + "spec:\n  topology: route-reflectors\n  clusterID: 224.0.0.1\n  groups: [{name: main, nodes: {names: %s}}]\n"
)
IN_USE = "  policy: {inUse: fallback-table%s}\n"
SPEC = TO % "[a, b]" + IN_USE % ""
BACK = HEAD + "spec:\n  topology: full-mesh\n" + IN_USE % ""
FILL, GONE = GateKind.FALLBACK, GateKind.NO_FALLBACK


def five(**changed: object) -> ClusterState:
    """Five nodes in a mesh, with IPv6 on three of them."""
    nodes = [node(name, number, ipv6=name in "abc") for number, name in enumerate("abcde", 1)]
    return state(*(replace(one, **changed) if one.name == "e" else one for one in nodes), mesh(on=True))  # type: ignore[arg-type]


def plan_of(cluster: ClusterState, text: str = SPEC) -> Plan:
    """The plan."""
    return api.plan(load(text.encode(), "spec.yaml"), Snapshot(cluster), version=VERSION)


def tables(plan: Plan) -> dict[str, tuple[list[GateKind], list[GateKind]]]:
    """By step, the gates about fallback tables, there and back; steps without any are left out."""
    both = {
        step.id: tuple(
            [gate.kind for gate in gates if gate.kind in (FILL, GONE)] for gates in (step.gates, step.undo_gates)
        )
        for step in plan.steps
    }
    return {step: (there, back) for step, (there, back) in both.items() if there or back}


def test_there() -> None:
    """Filled first, again before each step that exposes, in both directions, and gone before clients are waited for."""
    plan = plan_of(five())
    assert [step.id for step in plan.steps] == [
        "fallback/fill",
        "create-peer/rrplan-main-clients",
        "create-peer/rrplan-reflectors",
        "promote/a",
        "promote/b",
        "fallback/remove",
        "await/clients",
        "mesh-off",
    ]
    assert tables(plan) == {
        "fallback/fill": ([FILL], [GONE]),
        "create-peer/rrplan-reflectors": ([FILL], []),
        "promote/a": ([FILL], []),
        "promote/b": ([], [FILL]),
        "fallback/remove": ([GONE], [FILL]),
    }
    # A gate is the last one of its step: BGP carries everything by then.
    assert [gate.kind for gate in next(step for step in plan.steps if step.id == "promote/a").gates][-1] is FILL
    assert inconsistencies(plan) == []


def test_back() -> None:
    """The same on the way back to the mesh."""
    plan = plan_of(reflected(), BACK)
    order = [step.id for step in plan.steps]
    assert order[:2] == ["mesh-on", "fallback/fill"]
    assert order.index(StepId("demote/r2")) < order.index(StepId("fallback/remove"))
    assert all(
        exposed.tolerated is Tolerance.CARRIED
        for proof in plan.proof.steps
        if proof.step.startswith("demote")
        for exposed in proof.exposures
    )


def test_who_is_asked() -> None:
    """Every node that is up, in the families that it has, with one route at least where others owe it some."""
    plan = plan_of(five(ready=False))
    gate = plan.steps[0].gates[0]
    asked = {each.family: (plan.node_sets[each.nodes], each.count) for each in gate.expectations}
    assert asked == {"ipv4": (tuple("abcd"), 1), "ipv6": (("a", "b", "c"), 1)}
    assert (gate.stable, gate.fraction) == (0, 100)
    end = next(step for step in plan.steps if step.id == "fallback/remove")
    assert {(each.family, each.count) for each in end.gates[0].expectations} == {("ipv4", 0), ("ipv6", 0)}
    assert end.gates[0].stable == plan.spec.gates.stable
    tolerated = {exposed.tolerated for proof in plan.proof.steps for exposed in proof.exposures}
    assert tolerated == {Tolerance.CARRIED, Tolerance.DOWN}


def test_what_is_said() -> None:
    """The proof says what is carried, what is not, and what it needs, in words and in JSON."""
    plan = plan_of(five())
    assert exposure(plan) == "24 ordered pairs carried by fallback tables"
    lines = proof_lines(plan, [])
    assert lines[1] == (
        "while a step takes effect: 24 ordered pairs without a route of BGP for up to 22 s, carried by the fallback "
        "tables of the nodes"
    )
    assert lines[2:4] == fallback_lines(plan)
    assert "nothing from or to speakers outside" in lines[2]
    assert "pods/exec" in lines[3]
    assert "32000 to 32765" in lines[3]
    assert plan_document(plan)["proof"]["fallback"] == fallback_lines(plan)
    drained = plan_of(five(), TO % "[a, b]" + "  drain: true\n")
    assert fallback_lines(drained) == []
    assert "fallback" not in plan_document(drained)["proof"]


def test_without_it() -> None:
    """Nothing of it is in a plan where the spec does not ask for it, or where no role changes."""
    accepted = plan_of(five(), TO % "[a, b]" + "  policy: {exposure: {brief: 25s}}\n")
    assert tables(accepted) == {}
    with pytest.raises(UnsafePlanError):
        plan_of(five(), TO % "[a, b]")
    plain = plan_of(
        reflected(), TO % "[r1, r2]" + "  peering: {maxRestartTime: 60s}\n" + IN_USE % ", exposure: {brief: 25s}"
    )
    assert tables(plain) == {}
    assert {Tolerance.CARRIED} not in [{each.tolerated for each in proof.exposures} for proof in plain.proof.steps]


def test_a_session_to_the_outside_is_not_carried() -> None:
    """A speaker outside has no fallback table: what its session carries is exposed all the same, and refused."""
    tor = peer("tor", peerIP="10.0.9.1", asNumber=64512)
    cluster = state(*(node(name, number) for number, name in enumerate("abc", 1)), mesh(on=True), tor)
    with pytest.raises(UnsafePlanError) as refused:
        plan_of(cluster, TO % "[a]" + IN_USE % ", minReflectorsPerClient: 1")
    assert "fallback tables carry the routes of nodes while roles change" in str(refused.value.hint)


def test_between_as_numbers() -> None:
    """There a route may lead by way of another node."""
    with pytest.raises(PolicyRefusal, match="needs one AS number for all nodes") as refused:
        plan_of(five(as_number=65001))
    assert "drain: true" in refused.value.hint


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("  drain: true\n", "`drain` empties the nodes that `inUse` keeps in use"),
        ("  asNumbers: [{asNumber: 65001, nodes: \"rack == 'a'\"}]\n", "`asNumbers` gives them others"),
        ("  flavor: standalone\n", "standalone reflectors take the place of calico-node"),
    ],
    ids=["drain", "AS numbers", "standalone"],
)
def test_what_excludes_it(more: str, text: str) -> None:
    """What a spec may not say beside it."""
    with pytest.raises(SpecError) as refused:
        load((SPEC + more).encode(), "spec.yaml")
    assert text in str(refused.value)


def test_a_plan_that_was_edited() -> None:
    """A plan file whose tables are not filled, never go, or miss a node is refused."""
    plan = plan_of(five())
    fill = next(step for step in plan.steps if step.id == "fallback/fill")

    def faults(*steps: object) -> list[str]:
        return inconsistencies(replace(plan, steps=tuple(steps)))  # type: ignore[arg-type]

    rest = [step for step in plan.steps if step.id != "fallback/fill"]
    assert "step `promote/a`: fallback tables carry what it exposes, and none are filled before" in faults(*rest)
    kept = [step for step in plan.steps if step.id != "fallback/remove"]
    assert "fallback tables are filled, and no step takes them away" in faults(*kept)
    assert "step `fallback/fill` is about fallback tables, and no gate asks for them" in faults(
        replace(fill, gates=()), *rest
    )
    some = replace(fill.gates[0], fraction=90)
    lax = "every node has its routes in table 20179 too` asks 90% of the nodes, and every node needs its table"
    assert any(fault.endswith(lax) for fault in faults(replace(fill, gates=(some,)), *rest))
    nobody = replace(fill.gates[0], expectations=())
    assert any(fault.endswith("expects nothing") for fault in faults(replace(fill, gates=(nobody,)), *rest))
    again, _ = read_plan(write_plan(plan), "plan.json")
    assert again.steps == plan.steps
    with pytest.raises(PlanMismatch):
        read_plan(write_plan(replace(plan, steps=tuple(kept))), "plan.json")


def test_what_a_rehearsal_owes() -> None:
    """Who is carried may lack a route of BGP, and loses no packet; pairs with speakers outside are not carried."""
    plan = plan_of(five())
    told = promises(plan, five(), calico_versions(five(), VERSION))
    first = told[next(step.id for step in plan.steps if step.id == "promote/a")]
    assert Pair("ipv4", NodeName("a"), NodeName("c")) in first.carried
    assert Pair("ipv4", NodeName("c"), NodeName("a")) in first.carried
    assert first.carried == first.exposed
    assert not told[next(step.id for step in plan.steps if step.id == "mesh-off")].carried
    brief = plan_of(five(), TO % "[a, b]" + "  policy: {exposure: {brief: 25s}}\n")
    assert not any(promise.carried for promise in promises(brief, five(), VERSIONS).values())
