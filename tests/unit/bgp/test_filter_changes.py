"""What BGPFilters do to routes while a step takes effect."""

from dataclasses import replace

import pytest

from rrplan.bgp.model import Model
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.planning.promise import Pair, exposed_pairs
from rrplan.resources import BGPFilter, BGPPeer, ClusterState, IPPool
from tests.support.clusters import VERSIONS, mesh, node, peer, state

POOL = IPPool("pods", "10.42.0.0/16", block_size=26)

REJECT = {"exportV4": [{"action": "Reject", "matchOperator": "In", "cidr": "10.42.0.0/16"}]}


def test_another_filter_on_the_same_sessions() -> None:
    """The block of each session stays as it is, and nothing comes over it any more."""
    plain = peer("all", nodeSelector="all()", peerSelector="all()")
    filtered = peer("all", nodeSelector="all()", peerSelector="all()", filters=["f"])
    cluster = state(*(node(name, number) for number, name in enumerate("abc", 1)), plain, mesh(on=False))
    cluster = cluster.put(POOL).put(BGPFilter("f", REJECT))
    model = Model(cluster, VERSIONS, peers=[plain, filtered])

    cost = model.advance(cluster.put(filtered), [])

    assert sum(loss.pairs for loss in cost.lost) == 6


SWITCH = "10.0.9.254"


def switch(name: str, node: str, **spec: object) -> BGPPeer:
    """A BGPPeer of one node to a switch."""
    return peer(name, node=node, peerIP=SWITCH, asNumber=65000, **spec)


def pair(at: str, origin: str) -> Pair:
    """Both in IPv4; `switch` is the speaker outside."""
    at, origin = (f"outside {SWITCH} (AS 65000)" if one == "switch" else one for one in (at, origin))
    return Pair("ipv4", NodeName(at), NodeName(origin))


def test_another_filter_on_an_uplink() -> None:
    """It restarts nothing, and what it rejects is lost for good."""
    nodes = node("a", 1), node("b", 2)
    both_ways = BGPFilter("f", {**REJECT, "importV4": REJECT["exportV4"]})
    cluster = state(*nodes, switch("up", "a"), mesh(on=True)).put(POOL).put(both_ways)
    after = cluster.put(switch("up", "a", filters=["f"]))
    model = Model(cluster, VERSIONS, peers=[*cluster.peers.values(), *after.peers.values()])

    lost = {Pair("ipv4", loss.at, loss.origin) for loss in model.advance(after, []).lost}

    assert {pair("switch", "a"), pair("switch", "b"), pair("a", "switch"), pair("b", "switch")} == lost


def test_a_filter_that_closes_one_way_and_opens_another() -> None:
    """No session restarts, and while nodes reload at different moments both ways may be closed."""

    def cluster(closed: str) -> ClusterState:
        ways = [
            peer(f"{one}-{via}", node=one, peerIP=f"10.0.0.{number}", asNumber=64512, filters=["f"] * (via == closed))
            for via, number in (("x", 1), ("y", 2))
            for one in "ab"
        ]
        nodes = [node("x", 1, "224.0.0.1"), node("y", 2, "224.0.0.1"), node("a", 3), node("b", 4)]
        return state(*nodes, *ways, mesh(on=False)).put(POOL).put(BGPFilter("f", REJECT))

    assert {pair("a", "b"), pair("b", "a")} <= exposed_pairs(cluster("x"), cluster("y"), VERSIONS)
    assert frozenset() == exposed_pairs(cluster(""), cluster(""), VERSIONS)


def test_an_uplink_may_be_any_that_bgppeers_ask_for() -> None:
    """`a` rejects the pool; two BGPPeers of `b` disagree about that, and with one of them all nodes hear the switch."""
    uplinks = switch("up-a", "a", filters=["f"]), switch("up-b", "b", filters=["f"]), switch("other-b", "b")
    nodes = [node(name, number) for number, name in enumerate("abc", 1)]
    reject = {"importV4": REJECT["exportV4"]}
    cluster = state(*nodes, *uplinks, mesh(on=True)).put(POOL).put(BGPFilter("f", reject))
    after = cluster.put(peer("more", node="a", peerIP="10.0.9.253", asNumber=65000))

    assert {pair("b", "switch"), pair("c", "switch")} <= exposed_pairs(cluster, after, VERSIONS)


def test_disputed_filters_of_an_uplink() -> None:
    """Which of two BGPPeers wins is random, and so is what the outside hears: it does not count."""
    told = {"nodeSelector": "all()", "peerIP": SWITCH, "asNumber": 65000}
    one, other = peer("one", **told), peer("two", **told, filters=["f"])
    cluster = state(node("a", 1), node("b", 2), one, other, mesh(on=True))
    cluster = cluster.put(POOL).put(BGPFilter("f", REJECT))
    view = Model(cluster, VERSIONS).view()
    (holdings,) = [told for told in view.holdings.values() if told.outside]
    (place,) = holdings.outside.values()
    assert not any(holdings.holds(place, node) for node in holdings.speaking)


def two_ways(pool: IPPool, filtered: str, *, restart: str) -> ClusterState:
    """`c` hears a switch by way of `a`, and by way of `b` over a session that rejects what lies in `filtered`."""
    reject = {"action": "Reject", "matchOperator": "In", "cidr": filtered}
    cluster = state(
        *(node(name, number) for number, name in enumerate("abc", 1)),
        switch("up-a", "a"),
        switch("up-b", "b"),
        peer("open", node="c", peerIP="10.0.0.1", asNumber=64512, maxRestartTime=restart),
        peer("filtered", node="c", peerIP="10.0.0.2", asNumber=64512, filters=["f"]),
        mesh(on=False),
    )
    return cluster.put(pool).put(BGPFilter("f", {"importV4": [reject]}))


@pytest.mark.parametrize(
    ("why", "pool", "filtered", "exposed"),
    [
        ("the pool is rejected", POOL, "10.42.0.0/16", True),
        ("single addresses of it are rejected", POOL, "10.42.7.0/28", True),
        ("Felix programs it", replace(POOL, vxlan_mode="Always"), "10.42.0.0/16", True),
        ("something else is rejected", POOL, "10.44.0.0/16", False),
        ("no node hands it on", replace(POOL, disable_bgp_export=True), "10.42.0.0/16", False),
    ],
)
def test_a_way_that_a_filter_closes_to_the_outside(why: str, pool: IPPool, filtered: str, exposed: bool) -> None:
    """What a speaker outside announces may be of a pool: over a session that rejects the pool, it does not survive."""
    before, after = (two_ways(pool, filtered, restart=seconds) for seconds in ("60s", "90s"))

    assert (pair("c", "switch") in exposed_pairs(before, after, VERSIONS)) is exposed


@pytest.mark.parametrize(
    ("rule", "lost"),
    [
        ({"action": "Accept", "matchOperator": "In", "cidr": "0.0.0.0/0"}, True),
        ({"action": "Accept"}, True),
        ({"action": "Accept", "matchOperator": "NotIn", "cidr": "10.42.0.0/16"}, True),
        ({"action": "Accept", "matchOperator": "In", "cidr": "10.42.7.0/24"}, False),
        ({"action": "Accept", "matchOperator": "In", "cidr": "10.0.0.0/8"}, True),
        ({"action": "Reject", "matchOperator": "In", "cidr": "192.0.2.0/24"}, False),
    ],
)
def test_what_lies_in_no_pool(rule: dict[str, str], lost: bool) -> None:
    """A default route goes on only where a filter accepts it: without that filter `b` does not hear of it any more."""
    nodes = node("a", 1), node("b", 2)
    told = {"nodeSelector": "all()", "peerSelector": "all()"}
    cluster = state(*nodes, switch("up", "a"), peer("all", **told, filters=["f"]), mesh(on=False))
    cluster = cluster.put(POOL).put(BGPFilter("f", {"exportV4": [rule]}))
    after = cluster.put(peer("all", **told))
    model = Model(cluster, VERSIONS, peers=[*cluster.peers.values(), *after.peers.values()])

    gone = {Pair("ipv4", loss.at, loss.origin) for loss in model.advance(after, []).lost}

    assert (pair("b", "switch") in gone) is lost
    assert pair("a", "switch") not in gone


def test_who_alone_has_a_session_to_the_outside_is_told_of_by_nobody() -> None:
    """Its filter hands on what it learned and keeps back its own routes; nodes like it have no such session."""
    rules = [{"action": "Accept", "source": "RemotePeers"}, {"action": "Reject"}]
    nodes = [node(name, number) for number, name in enumerate("abc", 1)]
    cluster = state(*nodes, switch("up", "a", filters=["f"]), mesh(on=True))
    model = Model(cluster.put(POOL).put(BGPFilter("f", {"exportV4": rules})), VERSIONS)
    view = model.view()
    holdings = view.holdings[Family.IPV4]
    (place,) = holdings.outside.values()

    def heard(name: str) -> bool:
        return holdings.holds(place, view.index(model.population.signature_of[NodeName(name)]))

    assert not heard("a")
    assert heard("b")
