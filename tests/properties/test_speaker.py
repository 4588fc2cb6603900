"""The class computation against a naive speaker that passes messages node by node."""

from hypothesis import given
from hypothesis import strategies as st

from rrplan.bgp.model import Model
from rrplan.bgp.profile import NEWEST, Versions
from rrplan.bgp.speaker import FAMILIES
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, Node
from tests.properties.naive import naive

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
