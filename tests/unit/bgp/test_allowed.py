"""Own AS numbers in paths: Calico takes the option from BGPPeers by address alone, in their own direction."""

from rrplan.bgp.sessions import Speakers
from rrplan.resources import BGPConfiguration, ClusterState
from tests.support.clusters import VERSIONS, node, peer


def test_the_same_option_by_address_and_by_selector_is_not_the_same_block() -> None:
    """One of the two BGPPeers renders `allow local as`, the other does not, so which one wins is random."""
    nodes = [node("a", 1), node("r", 2, "1.1.1.1", rr="main")]
    off = BGPConfiguration("default", mesh_enabled=False, spec={"nodeToNodeMeshEnabled": False})
    has = "has(rrplan.io/route-reflector)"
    by_selector = peer("s", nodeSelector="all()", peerSelector=has, numAllowedLocalASNumbers=1)
    by_address = peer("t", nodeSelector="all()", peerIP="10.0.0.2", asNumber=64512, numAllowedLocalASNumbers=1)

    def disputed(*peers: object) -> bool:
        state = ClusterState.of([*nodes, off, *peers])  # type: ignore[list-item]
        return any(session.protocol.disputed for session in Speakers.of(state, VERSIONS).sessions(nodes[0].name))

    assert disputed(by_selector, by_address)
    assert not disputed(by_selector)
    assert not disputed(by_address)
