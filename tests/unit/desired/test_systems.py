"""AS numbers of nodes by selector."""

import pytest

from rrplan.desired import compile_desired
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, CalicoNode, ClusterInformation, ClusterState
from rrplan.specs import load
from tests.support.clusters import HEAD, VERSION, VERSIONS, node, planned

ONE = "{nodes: rack == 'a', asNumber: 64521}"


def cluster() -> ClusterState:
    """Three nodes in two racks, one of which has its number already."""
    nodes = [node("a1", 1, rack="a"), node("a2", 2, rack="a", as_number=64521), node("b1", 3, rack="b")]
    # From v3.32 on a mesh takes a peer without a number of its own for one of the same AS.
    return ClusterState.of([*nodes, BGPConfiguration("default"), ClusterInformation("default", calico_version=VERSION)])


def test_numbers_by_selector() -> None:
    """Nodes that are selected get the number; the others keep theirs, and nothing is done where nothing changes."""
    spec = load(f"{HEAD}spec: {{topology: full-mesh, asNumbers: [{ONE}]}}\n".encode(), "spec.yaml")
    nodes = compile_desired(spec, cluster(), VERSIONS).state.nodes
    assert {str(name): each.as_number for name, each in nodes.items()} == {"a1": 64521, "a2": 64521, "b1": None}
    plan = planned(cluster(), f"topology: full-mesh, asNumbers: [{ONE}], policy: {{exposure: {{brief: 25s}}}}")
    assert [str(step.id) for step in plan.steps] == ["change-as/a1"]
    assert plan.steps[0].summary == "change the AS number of a1 from that of the cluster to 64521"
    assert plan.steps[0].gates
    assert plan.steps[0].undo_gates


def test_two_numbers_for_a_node() -> None:
    """Which one is meant is not guessed."""
    with pytest.raises(PolicyRefusal, match="`asNumbers` gives node `a1` both AS 64521 and AS 64522") as refusal:
        planned(cluster(), f"topology: full-mesh, asNumbers: [{ONE}, {{nodes: all(), asNumber: 64522}}]")
    assert refusal.value.hint == "let the selectors of `asNumbers` select each node once"


def test_nodes_in_etcd() -> None:
    """There the number stands in Calico's own Node."""
    in_etcd = cluster().put(CalicoNode(NodeName("a1")))
    assert in_etcd.in_etcd
    with pytest.raises(PolicyRefusal, match="Calico keeps its nodes in etcd") as refusal:
        planned(in_etcd, f"topology: full-mesh, asNumbers: [{ONE}]")
    assert "change them with calicoctl" in refusal.value.hint
