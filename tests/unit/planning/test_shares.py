"""Clients that go from one share of reflectors to another keep their routes."""

from rrplan.planning.promise import states
from rrplan.resources import BGPConfiguration, ClusterState
from rrplan.specs.shares import CLIENTS_OF
from tests.support.clusters import node, planned

SPEC = (
    "topology: route-reflectors, drain: true, groups: [{{name: main, clusterID: 10.0.0.1, reflectorsPerClient: 2, "
    "nodes: {{names: [{}]}}}}]"
)
FOUR, SIX = SPEC.format("r1, r2, r3, r4"), SPEC.format("r1, r2, r3, r4, r5, r6")


def test_a_new_share() -> None:
    """Clients that move have no share for a while, so that all serve them: nobody is exposed when they move."""
    names = [*(f"r{number}" for number in range(1, 7)), *(f"c{number:02}" for number in range(12))]
    nodes = [node(name, number) for number, name in enumerate(names, 1)]
    cluster = ClusterState.of([*nodes, BGPConfiguration("default")])
    *_, shared = states(planned(cluster, FOUR), cluster)

    plan = planned(shared, SIX)

    steps = {str(step.id): step for step in plan.steps}
    freed = {change.key.name for change in steps["free/clients"].changes}
    assert len(freed) == 12 // 3
    assert steps["free/clients"].until == "share/clients"
    exposed = {str(proof.step) for proof in plan.proof.steps if proof.exposures}
    assert exposed == {"promote/r5", "promote/r6"}
    *_, after = states(plan, shared)
    moved = {name for name, one in after.nodes.items() if one.labels.get(CLIENTS_OF) == "main-3"}
    assert moved == freed
    assert not planned(after, SIX).steps
