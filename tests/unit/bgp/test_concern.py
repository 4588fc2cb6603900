"""Which BGPPeers two speakers ask when they are looked at as a pair."""

from rrplan.bgp.adjacency import Link
from rrplan.bgp.bulk import Bulk
from rrplan.bgp.profile import Versions
from rrplan.bgp.reflection import LinkGraph, Links, SpeakerGroup
from rrplan.bgp.sessions import Speakers
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, CalicoVersion, ClusterState, Node

VERSIONS = Versions(CalicoVersion(3, 30, 7), "test")
NODES = [Node(NodeName(f"n{number}"), {"n": str(number)}, ipv4=f"10.0.0.{number}") for number in range(1, 4)]
PEERS = [
    BGPPeer("a", node="n1", peer_ip="10.0.0.2"),
    BGPPeer("b", node_selector="n == '2'", peer_selector="n == '1'"),
    BGPPeer("c", peer_ip="192.168.0.1"),
    BGPPeer("d", node="n1", peer_ip="192.168.0.2"),
    BGPPeer("e", peer_selector="n == '3'"),
]


def between(near: str, far: str) -> list[str]:
    """The names of those that the two ask."""
    speakers = Speakers.of(ClusterState.of([*NODES, *PEERS]), VERSIONS)
    ends = (speakers.by_name[NodeName(name)] for name in (near, far))
    return [peer.name for peer in speakers.rules.index.between(*ends)]


def test_a_pair_asks_what_is_configured_on_one_and_means_the_other() -> None:
    """By name, by selector, by address, and for all nodes; from either end, in the order of names."""
    assert between("n1", "n2") == between("n2", "n1") == ["a", "b"]
    assert between("n1", "n3") == ["e"]
    assert between("n2", "n3") == ["e"]


def test_what_is_configured_on_a_node() -> None:
    """Those of the node, of its labels, and of all nodes."""
    speakers = Speakers.of(ClusterState.of([*NODES, *PEERS]), VERSIONS)
    on = {name: [peer.name for peer in speakers.rules.index.on(own)] for name, own in speakers.by_name.items()}
    assert on == {"n1": ["a", "c", "d", "e"], "n2": ["b", "c", "e"], "n3": ["c", "e"]}


def batches(systems: int) -> int:
    """How many copies of one origin are kept in a mesh of AS numbers."""
    link = Link(internal=False, own_client=False, other_client=False)
    links: dict[tuple[int, int], Links] = {
        (near, far): (link,) for near in range(systems) for far in range(systems) if near != far
    }
    graph = LinkGraph(tuple(SpeakerGroup(1, 65000 + number, "") for number in range(systems)), links)
    return len(Bulk(graph, graph.neighbours()).from_group(0).batches)


def test_what_the_origin_tells_everybody_is_enough() -> None:
    """In a mesh of AS numbers nobody needs the copies that others hand on."""
    assert batches(4) == batches(8) == 1


def clustered(groups: int) -> int:
    """Copies that are kept of a client of the first of some pairs of reflectors, which all serve one another."""
    reflectors = 2 * groups
    cluster = {number: f"1.0.0.{number // 2}" for number in range(reflectors)}
    links: dict[tuple[int, int], Links] = {}
    for near in range(reflectors):
        for far in range(reflectors):
            if near != far:
                client = cluster[near] != cluster[far]
                links[near, far] = (Link(internal=True, own_client=client, other_client=client),)
    for near in (0, 1):
        served = Link(internal=True, own_client=True, other_client=False)
        links[near, reflectors], links[reflectors, near] = (served,), (served.reversed(),)
    speakers = [SpeakerGroup(1, 64512, cluster[number]) for number in range(reflectors)]
    graph = LinkGraph((*speakers, SpeakerGroup(1, 64512, "")), links)
    spread = Bulk(graph, graph.neighbours()).from_group(reflectors)
    return sum(batch.holders.bit_count() for batch in spread.batches)


def test_two_ways_are_enough() -> None:
    """What two reflectors hand on is not needed from a third one that has it from them."""
    assert clustered(8) < 3 * clustered(4)


def test_a_link_seen_from_the_other_end_and_back() -> None:
    """Is the same; every field changes its side."""
    link = Link(False, True, False, ("a",), ("b",), 1, 2)
    assert link.reversed() == Link(False, False, True, ("b",), ("a",), 2, 1)
    assert link.reversed().reversed() == link
