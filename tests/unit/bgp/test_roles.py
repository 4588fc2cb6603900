"""Speakers outside that pass routes on: what the model makes of them, rule by rule."""

from rrplan.bgp.model import Model
from rrplan.bgp.prefixes import not_held
from rrplan.bgp.profile import Versions
from rrplan.bgp.roles import OutsideRole
from rrplan.bgp.routes import route
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.resources import CalicoVersion, ClusterState
from tests.support.clusters import mesh, node, peer, state

VERSIONS = Versions(CalicoVersion(3, 30), "test", {})
A, B = NodeName("a"), NodeName("b")
RR = OutsideRole("rr", "10.0.9.1", "", 64512, "10.0.9.1")
OFF = mesh(on=False)


def path(cluster: ClusterState, *roles: OutsideRole) -> tuple[str, ...]:
    """The way of the routes of `a` to `b`."""
    return route(Model(cluster, VERSIONS, roles=roles), A, B, Family.IPV4).path


def test_a_reflector_outside() -> None:
    """Nodes hold one another's routes through it where it is known that it reflects, and of which AS it is."""
    cluster = state(node("a", 1), node("b", 2), peer("rr", peerIP="10.0.9.1", asNumber=64512), OFF)
    assert path(cluster, RR) == ("a", "rr (outside)", "b")
    assert path(cluster) == ()
    assert path(cluster, OutsideRole("rr", "10.0.9.1", "", 64513, "10.0.9.1")) == ()
    assert path(cluster, OutsideRole("rr", "10.0.9.7", "", 64512, "10.0.9.1")) == ()


def test_its_name_is_no_node() -> None:
    """It owes nobody routes of its own, and counts as no node that misses any."""
    cluster = state(node("a", 1), node("b", 2), peer("rr", peerIP="10.0.9.1", asNumber=64512), OFF)
    model = Model(cluster, VERSIONS, roles=(RR,))
    assert model.missing() == ()
    view = model.view()
    here, there = (view.index(model.population.signature_of[name]) for name in (RR.known_as, A))
    assert view.holdings[Family.IPV4].delivered(here, there, model.living(view)) == 1


def test_its_cluster_id() -> None:
    """A node that reflects with the cluster ID of the reflector outside refuses what came through there."""
    cluster = state(
        node("a", 1), node("r", 3, "10.0.9.1"), node("b", 2), peer("rr", peerIP="10.0.9.1", asNumber=64512), OFF
    )
    model = Model(cluster, VERSIONS, roles=(RR,))
    assert route(model, A, NodeName("r"), Family.IPV4).path == ()
    other = OutsideRole("rr", "10.0.9.1", "", 64512, "10.0.9.2")
    assert route(Model(cluster, VERSIONS, roles=(other,)), A, NodeName("r"), Family.IPV4).path != ()


def racks(*roles: OutsideRole) -> tuple[str, ...]:
    """Two racks of an AS number each, with a switch each."""
    cluster = state(
        node("a", 1, as_number=65001),
        node("b", 2, as_number=65002),
        peer("ta", node="a", peerIP="10.0.9.1", asNumber=65000),
        peer("tb", node="b", peerIP="10.0.9.2", asNumber=65000),
        OFF,
    )
    return path(cluster, *roles)


def tor(name: str, number: int, fabric: str = "") -> OutsideRole:
    """A transit speaker."""
    return OutsideRole(name, f"10.0.9.{number}", "", 65000, transit=True, fabric=fabric)


def test_transit_and_fabric() -> None:
    """Two switches pass routes to one another in one fabric, and nowhere else."""
    through = ("a", "fabric x, AS 65000 (outside)", "b")
    assert racks(tor("ta", 1, "x"), tor("tb", 2, "x")) == through
    assert racks(tor("ta", 1), tor("tb", 2)) == ()
    assert racks(tor("ta", 1, "x"), tor("tb", 7, "x")) == ()
    assert racks(tor("ta", 1, "x"), tor("tb", 2, "y")) == ()


def test_a_fabric_of_several_systems() -> None:
    """What joins its speakers adds no AS number to a path, and none of them takes a route with its own in it."""
    cluster = state(
        node("a", 1, as_number=65001),
        node("b", 2, as_number=65002),
        peer("ta", node="a", peerIP="10.0.9.1", asNumber=65000),
        peer("tb", node="b", peerIP="10.0.9.2", asNumber=65009),
        OFF,
    )
    other = OutsideRole("tb", "10.0.9.2", "", 65009, transit=True, fabric="x")
    through = ("a", "ta (outside)", "fabric x (outside)", "tb (outside)", "b")
    assert path(cluster, tor("ta", 1, "x"), other) == through
    own = state(
        node("a", 1, as_number=65009),
        node("b", 2, as_number=65002),
        peer("ta", node="a", peerIP="10.0.9.1", asNumber=65000),
        peer("tb", node="b", peerIP="10.0.9.2", asNumber=65009),
        OFF,
    )
    assert path(own, tor("ta", 1, "x"), other) == ()


def test_ibgp_does_not_enter_a_fabric() -> None:
    """What a switch has over iBGP stays out of its fabric, also where the other switch is of the same AS."""
    cluster = state(
        node("a", 1),
        node("b", 2, as_number=65002),
        peer("ta", node="a", peerIP="10.0.9.1", asNumber=64512),
        peer("tb", node="b", peerIP="10.0.9.2", asNumber=64512),
        OFF,
    )
    first, second = (
        OutsideRole(f"t{number}", f"10.0.9.{number}", "", 64512, transit=True, fabric="x") for number in (1, 2)
    )
    assert path(cluster, first, second) == ()


def test_two_switches_of_a_fabric() -> None:
    """A node with sessions to both keeps its routes where one of the sessions is refused."""
    cluster = state(
        node("a", 1, as_number=65001),
        node("b", 2, as_number=65002),
        peer("ta", peerIP="10.0.9.1", asNumber=65000),
        peer("tb", peerIP="10.0.9.2", asNumber=65099),
        OFF,
    )
    assert path(cluster, tor("ta", 1, "x"), tor("tb", 2, "x")) == ("a", "fabric x, AS 65000 (outside)", "b")


def test_transit_is_for_other_systems() -> None:
    """What came over iBGP does not go on, and nobody takes a route with its own AS number in the path."""
    same = state(node("a", 1), node("b", 2), peer("t", peerIP="10.0.9.1", asNumber=64512), OFF)
    assert path(same, OutsideRole("t", "10.0.9.1", "", 64512, transit=True)) == ()
    border = state(node("a", 1), node("b", 2), peer("t", peerIP="10.0.9.1", asNumber=65000), OFF)
    assert path(border, tor("t", 1)) == ()


def test_what_is_announced() -> None:
    """Every node must hold it: directly, or from another speaker of the fabric."""
    first = OutsideRole("ta", "10.0.9.1", "", 65000, transit=True, fabric="x", announces=("0.0.0.0/0",))
    cluster = state(
        node("a", 1, as_number=65001),
        node("b", 2, as_number=65002),
        peer("ta", node="a", peerIP="10.0.9.1", asNumber=65000),
        peer("tb", node="b", peerIP="10.0.9.2", asNumber=65000),
        OFF,
    )
    assert [lack.nodes for lack in not_held(Model(cluster, VERSIONS, roles=(first,)))] == [(B,)]
    assert list(not_held(Model(cluster, VERSIONS, roles=(first, tor("tb", 2, "x"))))) == []
