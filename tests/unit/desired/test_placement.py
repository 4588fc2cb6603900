"""Who reflects already stays, and for the group for which it does."""

from dataclasses import replace

import pytest

from rrplan.desired.placement import place
from rrplan.errors import PolicyRefusal
from rrplan.resources import ClusterState
from rrplan.specs import Spec, load
from tests.support.clusters import HEAD, LABEL, node, peer, state


def spec(*groups: str, more: str = "clusterID: 224.0.0.1") -> Spec:
    """Groups that choose two nodes each, among all."""
    chosen = ", ".join(f"{{name: {name}, nodes: {{selector: 'all()', count: 2}}}}" for name in groups)
    head = "apiVersion: rrplan.io/v1\nkind: BGPTopology\nmetadata: {name: test}\n"
    return load(f"{head}spec: {{topology: route-reflectors, {more}, groups: [{chosen}]}}\n".encode(), "spec.yaml")


def placed(asked: Spec, cluster: ClusterState) -> dict[str, str]:
    """The group of every reflector."""
    return {one.node: one.group.name for one in place(asked, cluster)}


def test_the_label_tells_whose_reflector_it_is() -> None:
    """Both groups have one cluster ID, so that it says nothing."""
    groups = {"a": "right", "b": "left", "c": "right", "d": "left"}
    nodes = [node(name, number, "224.0.0.1", rr=groups[name]) for number, name in enumerate("abcd", 1)]

    assert groups == placed(spec("left", "right"), state(*nodes))
    assert groups == placed(spec("right", "left"), state(*nodes))


def test_the_label_comes_before_the_cluster_id() -> None:
    """Also where the node with the label is cordoned, as dedicated reflectors are."""
    nodes = [node("a", 1, "224.0.0.1"), node("b", 2, "224.0.0.1")]
    labelled = (node(name, number, "224.0.0.1", rr="main") for number, name in ((3, "c"), (4, "d")))
    nodes += [replace(one, unschedulable=True) for one in labelled]

    assert placed(spec("main"), state(*nodes)) == {"c": "main", "d": "main"}


def test_a_group_does_not_take_the_reflectors_of_another() -> None:
    """A free node comes first."""
    nodes = [node("a", 1, "224.0.0.1", rr="right"), node("b", 2, "224.0.0.1", rr="right"), node("c", 3), node("d", 4)]

    assert placed(spec("left", "right"), state(*nodes)) == {"a": "right", "b": "right", "c": "left", "d": "left"}


def test_a_cluster_id_that_only_one_group_has_tells_whose_it_is() -> None:
    """A node without the label reflects already."""
    nodes = [node(name, number, "224.0.0.1" if name in "cd" else "") for number, name in enumerate("abcd", 1)]

    assert placed(spec("main"), state(*nodes)) == {"c": "main", "d": "main"}


def test_the_label_that_our_peers_select_tells_it_too() -> None:
    """A value that was kept is the value of the group."""
    nodes = [node(name, number, "224.0.0.1") for number, name in ((1, "a"), (2, "b"))]
    nodes += [node(name, number, "224.0.0.1", rr="yes") for number, name in ((3, "c"), (4, "d"))]
    ours = peer("rrplan-main-clients", ours=True, nodeSelector="all()", peerSelector=f"{LABEL} == 'yes'")

    assert placed(spec("main"), state(*nodes, ours)) == {"c": "main", "d": "main"}


def named(*names: str) -> Spec:
    """One group of nodes by name."""
    head = "apiVersion: rrplan.io/v1\nkind: BGPTopology\nmetadata: {name: test}\n"
    group = f"{{name: main, clusterID: 224.0.0.1, nodes: {{names: [{', '.join(names)}]}}}}"
    return load(f"{head}spec: {{topology: route-reflectors, groups: [{group}]}}\n".encode(), "spec.yaml")


def test_a_node_with_two_names() -> None:
    """The spec may give Calico's name or Kubernetes', but not both as if they were two nodes."""
    cluster = state(replace(node("a", 1), calico_name="k8s-a"), node("b", 2))
    for name in ("a", "k8s-a"):
        assert placed(named(name, "b"), cluster) == {"a": "main", "b": "main"}
    with pytest.raises(PolicyRefusal, match="`a` and `k8s-a` are one node"):
        place(named("a", "k8s-a"), cluster)


@pytest.mark.parametrize(
    ("nodes", "present", "count"),
    [
        *((4, 0, 2), (10, 0, 2), (11, 0, 3), (50, 0, 10)),
        # A node more or less, within a tenth, moves nobody; beyond it the number follows at once.
        *(
            (10, 2, 2),
            (11, 2, 2),
            (12, 2, 3),
            (10, 3, 3),
            (9, 3, 2),
            (16, 3, 3),
            (17, 3, 4),
            (50, 11, 11),
            (50, 13, 10),
        ),
    ],
)
def test_as_many_as_the_nodes_ask_for(nodes: int, present: int, count: int) -> None:
    """One reflector for five nodes, two at least; the reflectors that are there count."""
    cluster = [
        node(
            f"n{number:02}", number + 1, "224.0.0.1" if number < present else "", rr="main" if number < present else ""
        )
        for number in range(nodes)
    ]
    cluster = [made if made.cluster_id else replace(made, labels={}) for made in cluster]
    text = "topology: route-reflectors, clusterID: 224.0.0.1, groups: [{name: main, nodes: {selector: 'all()', count: "
    asked = load(f"{HEAD}spec: {{{text}{{nodesPerReflector: 5}}}}}}]}}\n".encode(), "spec.yaml")

    chosen = place(asked, state(*cluster))
    assert len(chosen) == count
    assert min(present, count) == sum(bool(cluster[int(one.node[1:])].cluster_id) for one in chosen)


def test_only_the_clients_of_a_group_count() -> None:
    """And its reflectors; nodes without an address for BGP do not."""
    nodes = [node(f"n{number:02}", number + 1, rack="a" if number < 22 else "b") for number in range(40)]
    without = [replace(node(f"x{number}", number + 50, rack="a"), ipv4="") for number in range(10)]
    text = "clients: rack == 'a', nodes: {selector: 'all()', count: {nodesPerReflector: 10, minimum: 1}}"
    head = "topology: route-reflectors, clusterID: 224.0.0.1"
    asked = load(f"{HEAD}spec: {{{head}, groups: [{{name: main, {text}}}]}}\n".encode(), "spec.yaml")

    assert len(place(asked, state(*nodes, *without))) == 3
