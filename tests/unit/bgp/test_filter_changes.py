"""What BGPFilters do to routes while a step takes effect."""

from dataclasses import replace

import pytest

from rrplan.bgp.model import Model
from rrplan.ids import NodeName
from rrplan.plans.promise import Pair, exposed_pairs
from rrplan.resources import BGPFilter, ClusterState, IPPool
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


def test_disputed_filters_of_an_uplink() -> None:
    """Which of two BGPPeers wins is random, and so is what the outside hears: it does not count."""
    told = {"nodeSelector": "all()", "peerIP": "10.0.9.254", "asNumber": 65000}
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
        peer("up-a", node="a", peerIP="10.0.9.254", asNumber=65000),
        peer("up-b", node="b", peerIP="10.0.9.254", asNumber=65000),
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

    pairs = exposed_pairs(before, after, VERSIONS)

    switch = NodeName("outside 10.0.9.254 (AS 65000)")
    assert (Pair("ipv4", NodeName("c"), switch) in pairs) is exposed
