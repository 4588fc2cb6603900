"""A resource that did not change is decoded once, and what did change is not missed."""

from rrplan.ids import NodeName
from rrplan.ports import Stored
from rrplan.snapshots.decoded import Decoded

A, B = NodeName("a"), NodeName("b")


def node(name: NodeName, version: str, label: str = "") -> Stored:
    """A Node at a version."""
    return Stored({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"x": label}}}, version)


def test_same_version_same_object() -> None:
    """Only what has another version is decoded."""
    decoded = Decoded()
    first = decoded.state([node(A, "1"), node(B, "2")])
    second = decoded.state([node(A, "1"), node(B, "3", "new")])
    assert second.nodes[A] is first.nodes[A]
    assert second.nodes[B] is not first.nodes[B]
    assert second.nodes[B].labels == {"x": "new"}


def test_without_a_version() -> None:
    """Nothing says that it is the same, so it is decoded again."""
    decoded = Decoded()
    assert decoded.state([node(A, "", "old")]).nodes[A].labels == {"x": "old"}
    assert decoded.state([node(A, "", "new")]).nodes[A].labels == {"x": "new"}


def test_what_is_gone_is_forgotten() -> None:
    """It is not in the state, and when it comes back it is decoded."""
    decoded = Decoded()
    first = decoded.state([node(A, "1")])
    assert not decoded.state([]).nodes
    assert decoded.state([node(A, "1")]).nodes[A] is not first.nodes[A]


def test_names_of_other_kinds_do_not_mix() -> None:
    """Two kinds, or namespaces, may have one name and one version."""
    peer = Stored({"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "a"}}, "1")
    decoded = Decoded()
    decoded.state([peer])
    state = decoded.state([node(A, "1"), peer])
    assert (list(state.nodes), list(state.peers)) == ([A], ["a"])
