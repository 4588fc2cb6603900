"""Sessions to speakers outside, and what becomes of them."""

import random
from dataclasses import replace

from rrplan.bgp.outside import Fate, Outside, fates, uplinks
from rrplan.bgp.profile import Versions
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.planning.kinds import beyond_pools
from rrplan.planning.promise import Pair, exposed_pairs, held_pairs
from rrplan.resources import BGPPeer, CalicoVersion, ClusterState, Node
from tests.bird.drawing import states

NODE = NodeName("n1")
SWITCH = Outside(Family.IPV4, "10.0.9.1", 65100)
TO, FROM = Pair("ipv4", SWITCH.name, NODE), Pair("ipv4", NODE, SWITCH.name)
BOTH = {TO, FROM, Pair("ipv4", NODE, beyond_pools(SWITCH.name))}
OLD = Versions(CalicoVersion(3, 2), "test", {})
NEW = Versions(CalicoVersion(3, 30), "test", {})


def peer(name: str, node: str = "", address: str = "10.0.9.1", as_number: int = 65100) -> BGPPeer:
    """A BGPPeer to the outside, of every node or of one."""
    spec = {"peerIP": address, "asNumber": as_number, **({"node": node} if node else {})}
    return BGPPeer(name, node=node, peer_ip=address, as_number=as_number, spec=spec)


def cluster(*peers: BGPPeer) -> ClusterState:
    """One node, and these BGPPeers."""
    return ClusterState.of([Node(NODE, {}, ipv4="10.0.0.1"), *peers])


def fate(before: ClusterState, after: ClusterState, versions: Versions) -> dict[Outside, Fate]:
    """What becomes of the uplinks of the node."""

    old, new = (Speakers.of(state, versions) for state in (before, after))
    return fates(
        uplinks(old.rules, old.by_name[NODE], Family.IPV4),
        uplinks(new.rules, new.by_name[NODE], Family.IPV4),
    )


def test_two_that_share_the_lock() -> None:
    """Before v3.3 a Node_ stands beside a Global_, and one of them is up: whichever goes, it may be that one."""
    both = cluster(peer("all"), peer("one", "n1"))
    for left in (cluster(peer("all")), cluster(peer("one", "n1"))):
        assert fate(both, left, OLD) == {SWITCH: Fate.RESTARTED}
        assert exposed_pairs(both, left, OLD) == BOTH
    assert not fate(both, both, OLD)
    # Since v3.3 the Global_ alone is rendered.
    assert not fate(both, cluster(peer("all")), NEW)


def test_two_ports_of_one_address() -> None:
    """The same since v3.16 where BGPPeers name two ports: the one that goes may be the one that is up."""
    both = cluster(peer("plain"), peer("port", address="10.0.9.1:1790"))
    assert fate(both, cluster(peer("plain")), NEW) == {SWITCH: Fate.LOST}
    assert fate(both, cluster(peer("port", address="10.0.9.1:1790")), NEW) == {SWITCH: Fate.LOST}


def test_two_as_numbers_of_one_address() -> None:
    """One of the two speakers is there, and which one is not known: neither is held for certain, both may be."""
    state = cluster(peer("all"), peer("one", "n1", as_number=65200))
    other = Outside(Family.IPV4, "10.0.9.1", 65200)
    assert held_pairs(state, OLD) == frozenset()
    assert held_pairs(state, OLD, Doubt.FOR) == {
        *BOTH,
        Pair("ipv4", NODE, beyond_pools(other.name)),
        Pair("ipv4", other.name, NODE),
        Pair("ipv4", NODE, other.name),
    }


def test_two_ttls_of_one_address() -> None:
    """The other side has one of them, and which one Calico renders is random: the session may be up, or not."""
    secure = peer("secure", "n1")
    state = cluster(peer("plain", "n1"), replace(secure, spec={**secure.spec, "ttlSecurity": 1}))
    assert held_pairs(state, NEW) == frozenset()
    assert held_pairs(state, NEW, Doubt.FOR) == BOTH


def test_pairs_with_the_outside() -> None:
    """A pair each way is held over a session, none without one, and both are exposed when it goes."""
    state = cluster(peer("all"))
    assert held_pairs(state, NEW) == BOTH
    assert held_pairs(cluster(), NEW) == frozenset()
    assert exposed_pairs(state, cluster(), NEW) == BOTH
    assert exposed_pairs(state, state, NEW) == frozenset()


def test_workloads_of_a_node_that_becomes_a_reflector() -> None:
    """`rr client` is rendered towards the same AS alone: sessions with workloads of another AS stay."""

    def state(as_number: int, cluster_id: str = "") -> ClusterState:
        workloads = BGPPeer(
            "workloads", node=NODE, local_workload_selector="all()", as_number=as_number, spec={"asNumber": as_number}
        )
        return ClusterState.of([Node(NODE, {}, ipv4="10.0.0.1", cluster_id=cluster_id), workloads])

    assert not fate(state(65000), state(65000, "10.0.0.1"), NEW)
    assert set(fate(state(64512), state(64512, "10.0.0.1"), NEW).values()) == {Fate.RESTARTED}


def test_what_an_outside_speaker_may_hear() -> None:
    """A node may hold a best path that it does not hand on, and another that it does: not certain, and not impossible.

    The cluster is one of those that real BIRD is compared on; there the speaker heard three routes more.
    """
    case = states(random.Random("11 31"))
    certain, possible = (held_pairs(case.state, case.versions, doubt) for doubt in (Doubt.AGAINST, Doubt.FOR))
    assert certain < possible
    assert {(pair.at, pair.origin) for pair in possible - certain} == {
        ("outside 10.0.9.2 (AS 64512)", node) for node in ("n3", "n4", "n6")
    }
