"""The class computation against a naive speaker that passes messages node by node."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from rrplan.bgp.model import Model
from rrplan.bgp.profile import NEWEST, Versions
from rrplan.bgp.speaker import FAMILIES
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, Node

IDS = ("", "1.1.1.1", "2.2.2.2")


@st.composite
def clusters(draw: st.DrawFn) -> ClusterState:
    """Small clusters: roles, zones, disjoint or shared clients, peers between reflectors, mesh on or off."""
    nodes = []
    for index in range(draw(st.integers(2, 9))):
        labels = {"zone": draw(st.sampled_from("ab"))}
        cluster_id = draw(st.sampled_from(IDS))
        if cluster_id:
            labels["rr"] = draw(st.sampled_from("xy"))
        as_number = draw(st.sampled_from([None, None, None, 65001]))
        nodes.append(
            Node(NodeName(f"n{index}"), labels, ipv4=f"10.0.0.{index + 1}", cluster_id=cluster_id, as_number=as_number)
        )
    peers = []
    for index in range(draw(st.integers(0, 4))):
        local = draw(st.sampled_from(["!has(rr)", "all()", "zone == 'a'", "rr == 'x'", "has(rr)"]))
        remote = draw(st.sampled_from(["has(rr)", "rr == 'x'", "rr == 'y'", "zone == 'b'"]))
        spec = {"nodeSelector": local, "peerSelector": remote}
        peers.append(BGPPeer(f"p{index}", node_selector=local, peer_selector=remote, spec=spec))
    mesh = draw(st.booleans())
    configuration = BGPConfiguration("default", mesh_enabled=mesh, spec={"nodeToNodeMeshEnabled": mesh})
    return ClusterState.of([*nodes, *peers, configuration])


def naive(state: ClusterState) -> set[tuple[str, str]]:
    """(holder, origin) pairs that hold, by messages from node to node, from RFC 4456 and the laboratory's rule."""
    names = sorted(state.nodes)
    mesh = state.configurations["default"].mesh_enabled
    from rrplan.resources.selector import parse

    def asn(name: str) -> int:
        return state.nodes[NodeName(name)].as_number or 64512

    def cluster(name: str) -> str:
        return state.nodes[NodeName(name)].cluster_id

    def explicit(a: str, b: str) -> bool:
        for peer in state.peers.values():
            local, remote = parse(peer.node_selector), parse(peer.peer_selector)
            one, other = state.nodes[NodeName(a)].labels, state.nodes[NodeName(b)].labels
            if (local.matches(one) and remote.matches(other)) or (local.matches(other) and remote.matches(one)):
                return True
        return False

    def meshed(a: str, b: str) -> bool:
        # v3.32 takes its own AS for a mesh peer without one, so unequal numbers do not meet unless both are told.
        if not mesh or cluster(a) or cluster(b):
            return False
        numbers = [state.nodes[NodeName(name)].as_number for name in (a, b)]
        return numbers[0] == numbers[1]

    session: dict[tuple[str, str], bool] = {}
    for a in names:
        for b in names:
            if a != b:
                both = meshed(a, b), explicit(a, b)
                unequal = mesh and not cluster(a) and not cluster(b) and asn(a) != asn(b)
                session[a, b] = any(both) and not (unequal and both[1])
    held: set[tuple[str, str]] = set()
    for origin in names:
        seen: set[tuple[object, ...]] = set()
        queue: deque[tuple[str, str, str, frozenset[str], frozenset[int]]] = deque()
        queue.append((origin, "", "local", frozenset(), frozenset()))
        while queue:
            at, sender, learned, clusters_, systems = queue.popleft()
            for to in names:
                if to in (at, sender, origin) or not session[at, to]:
                    continue
                own_client = bool(cluster(at)) and cluster(at) != cluster(to) and asn(at) == asn(to)
                their_client = bool(cluster(to)) and cluster(at) != cluster(to) and asn(at) == asn(to)
                new_clusters, new_systems = clusters_, systems
                if asn(at) != asn(to):
                    new_clusters, new_systems, kind = frozenset(), systems | {asn(at)}, "external"
                    if asn(to) in new_systems:
                        continue
                else:
                    if asn(to) in systems:
                        continue
                    kind = "client" if their_client else "peer"
                    if learned in ("client", "peer"):
                        if not cluster(at) or not (learned == "client" or own_client):
                            continue
                        if own_client and cluster(at) in clusters_:
                            continue
                        new_clusters = clusters_ | {cluster(at)}
                        if their_client and cluster(to) in new_clusters:
                            continue
                message = (to, at, kind, new_clusters, new_systems)
                if message not in seen:
                    seen.add(message)
                    held.add((to, origin))
                    queue.append(message)
    return held


@given(clusters())
def test_fast_equals_naive(state: ClusterState) -> None:
    """The near-linear computation by classes holds exactly the pairs that messages between nodes reach."""
    model = Model(state, Versions(NEWEST, "test"))
    expected = naive(state)

    view = model.view()
    holdings = view.holdings[FAMILIES[0]]
    found = set()
    for holder in state.nodes:
        for origin in state.nodes:
            here = view.index(model.population.signature_of[holder])
            there = view.index(model.population.signature_of[origin])
            if holder != origin and (here, there) not in holdings.missing:
                found.add((holder, origin))

    assert expected == found
