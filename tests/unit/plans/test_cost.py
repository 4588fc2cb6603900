"""What the gates of a plan cost a live cluster."""

from dataclasses import replace
from pathlib import Path

from rrplan.ids import ActionName, NodeName
from rrplan.plans.cost import GatesCost, alike_writes, gates_cost
from rrplan.plans.gate import Expectation, Gate, GateKind
from rrplan.render.run import alike_writes_text, gates_cost_text
from tests.support import SPEC, Bench

R, S = NodeName("r"), NodeName("s")
NAMES = tuple(NodeName(f"n{number}") for number in range(4990))


def test_cost_grows_with_the_nodes_that_are_asked(tmp_path: Path) -> None:
    """Every client twice in one request, however many reflectors and families it is asked about."""
    plan = Bench(tmp_path).plan
    expectations = tuple(Expectation("all", family, 5, peer) for peer in (R, S) for family in ("ipv4", "ipv6"))
    routes = Gate(GateKind.ROUTES, "routes", expectations, stable=10)
    mesh = Gate(GateKind.MESH, "mesh", (Expectation("few", "ipv4", 5),), stable=0)
    drain = Gate(GateKind.DRAINED, "drained", node=R)
    step = plan.steps[0]
    sets = {"all": (*NAMES, R), "few": NAMES[:100]}
    steps = (replace(step, gates=(routes, drain)), replace(step, gates=(mesh,)))
    cost = gates_cost(replace(plan, steps=steps, node_sets=sets))
    assert cost == GatesCost(2, 2 * 4990 + 28 + 8 + 100 + 4, 4992, 100)
    assert gates_cost_text(cost) == (
        "the 2 gates ask the nodes in about 10,120 requests if each passes at once; one look at everybody asks up to "
        "4,992 nodes and takes about 100 s"
    )
    assert gates_cost_text(replace(cost, gates=1)).startswith("the gate asks the nodes")
    assert gates_cost(replace(plan, steps=())) == GatesCost(0, 0, 0, 0)


def test_alike_writes(tmp_path: Path) -> None:
    """The labels of a wave say the same of every node; what else is written to a node does not."""
    plan = Bench(tmp_path, SPEC + "  dedicated: true\n  rollout: {waves: [50%]}\n", nodes=30).plan
    labels = [step for step in plan.steps if step.action is ActionName.LABEL_CLIENT]
    assert alike_writes(plan) == sum(len(step.changes) for step in labels) == 28
    assert alike_writes(replace(plan, steps=())) == 0
    assert alike_writes_text(4994, 20) == (
        "before step 1 `rrplan apply` sends a dry-run of 20 of 4,994 alike writes to nodes, and of 20 more for each "
        "difference of their labels, taints and names of annotations"
    )
