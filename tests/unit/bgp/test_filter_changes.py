"""A step that changes nothing but BGPFilters restarts no session, and may take routes away all the same."""

from rrplan.bgp.model import Model
from rrplan.resources import BGPFilter, IPPool
from tests.support.clusters import VERSIONS, mesh, node, peer, state

REJECT = {"exportV4": [{"action": "Reject", "matchOperator": "In", "cidr": "10.42.0.0/16"}]}


def test_another_filter_on_the_same_sessions() -> None:
    """The block of each session stays as it is, and nothing comes over it any more."""
    plain = peer("all", nodeSelector="all()", peerSelector="all()")
    filtered = peer("all", nodeSelector="all()", peerSelector="all()", filters=["f"])
    cluster = state(*(node(name, number) for number, name in enumerate("abc", 1)), plain, mesh(on=False))
    cluster = cluster.put(IPPool("pods", "10.42.0.0/16", block_size=26)).put(BGPFilter("f", REJECT))
    model = Model(cluster, VERSIONS, peers=[plain, filtered])

    cost = model.advance(cluster.put(filtered), [])

    assert sum(loss.pairs for loss in cost.lost) == 6


def test_disputed_filters_of_an_uplink() -> None:
    """Which of two BGPPeers wins is random, and so is what the outside hears: it does not count."""
    told = {"nodeSelector": "all()", "peerIP": "10.0.9.254", "asNumber": 65000}
    one, other = peer("one", **told), peer("two", **told, filters=["f"])
    cluster = state(node("a", 1), node("b", 2), one, other, mesh(on=True))
    cluster = cluster.put(IPPool("pods", "10.42.0.0/16", block_size=26)).put(BGPFilter("f", REJECT))
    view = Model(cluster, VERSIONS).view()
    (holdings,) = [told for told in view.holdings.values() if told.outside]
    (place,) = holdings.outside.values()
    assert not any(holdings.holds(place, node) for node in holdings.speaking)
