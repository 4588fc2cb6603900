"""What everybody in a laboratory announces, by pools, families and parts."""

import ipaddress

import pytest

from rrplan.bgp.roles import OutsideRole
from rrplan.errors import PreflightError
from rrplan.ids import NodeName
from rrplan.planning.kinds import beyond_pools
from rrplan.rehearsal.announcements import Announcements
from rrplan.resources import BGPFilter, ClusterState, IPPool
from tests.support.clusters import VERSION, mesh, node, state

SWITCH = NodeName("outside 10.0.9.1 (AS 65000)")
OUTSIDE = {SWITCH: {"ipv4": "10.0.9.1"}}
NODES = {NodeName(name): {"ipv4": f"10.0.0.{number}"} for number, name in enumerate("ab", 1)}
NO_PODS = BGPFilter("f", {"importV4": [{"action": "Reject", "matchOperator": "In", "cidr": "10.43.0.0/16"}]})


def cluster(*pools: IPPool) -> ClusterState:
    """Two nodes and pools."""
    found = state(node("a", 1), node("b", 2), mesh(on=True))
    for pool in pools:
        found = found.put(pool)
    return found


def test_each_kind_of_pools_has_blocks_of_its_own() -> None:
    """A filter tells two pools apart: every node has a block in each, and the second has another name."""
    pools = IPPool("first", "10.42.0.0/16", block_size=26), IPPool("second", "10.43.0.0/16", block_size=28)
    found = Announcements.of(cluster(*pools).put(NO_PODS), VERSION, NODES, OUTSIDE, ())
    assert found.blocks[NodeName("a")] == {"ipv4": ["10.42.0.0/26", "10.43.0.0/28"]}
    assert found.origins["10.42.0.0/26"] == "a"
    assert found.origins["10.43.0.0/28"] == "a, of IPPool second"
    assert found.pods[NodeName("a"), "ipv4"] == "10.42.0.1"
    assert sorted(found.outside) == [
        SWITCH,
        f"{SWITCH}, beyond all pools",
        f"{SWITCH}, of IPPool second",
    ]


def test_pools_that_all_filters_treat_alike_have_one_block() -> None:
    """They are one layer of the proof."""
    pools = IPPool("first", "10.42.0.0/16"), IPPool("second", "10.43.0.0/16")
    found = Announcements.of(cluster(*pools), VERSION, NODES, {}, ())
    assert found.blocks[NodeName("b")] == {"ipv4": ["10.42.0.64/26"]}


def test_pools_for_which_nothing_is_owed() -> None:
    """Nodes have blocks of them, in BIRD's tables; nobody looks for them in a kernel."""
    pools = (
        IPPool("overlay", "10.44.0.0/16", vxlan_mode="Always"),
        IPPool("kept", "10.45.0.0/16", disable_bgp_export=True),
    )
    found = Announcements.of(cluster(*pools), VERSION, NODES, OUTSIDE, ())
    assert sorted(found.blocks[NodeName("a")]["ipv4"]) == ["10.44.0.0/26", "10.45.0.0/26"]
    assert [*found.origins.values()] == [beyond_pools(SWITCH)]
    assert not found.pods


def test_no_block_has_the_address_of_a_speaker() -> None:
    """Pools may contain the network of the nodes: blocks in which these are left out."""
    found = Announcements.of(cluster(IPPool("all", "10.0.0.0/16", block_size=26)), VERSION, NODES, OUTSIDE, ())
    addresses = [ipaddress.ip_address(text) for text in ("10.0.0.1", "10.0.0.2", "10.0.9.1")]
    networks = [ipaddress.ip_network(prefix) for prefix in found.origins]
    assert len(networks) == 4
    assert not any(address in network for address in addresses for network in networks)


def test_a_small_pool() -> None:
    """Its blocks are smaller than in the cluster, which is told; where there is no room at all, that is refused."""
    found = Announcements.of(cluster(IPPool("small", "10.42.0.0/26", block_size=26)), VERSION, NODES, {}, ())
    assert found.blocks[NodeName("b")] == {"ipv4": ["10.42.0.32/27"]}
    assert found.left_out == ["blocks of the pool 10.42.0.0/26 have the length 27, not 26: it is small"]
    with pytest.raises(PreflightError, match="has no room for blocks of 2 speakers") as refusal:
        Announcements.of(cluster(IPPool("tiny", "10.42.0.0/32")), VERSION, NODES, {}, ())
    assert refusal.value.hint == "rehearse fewer nodes: `--nodes`"


def test_announced_prefixes_are_looked_for() -> None:
    """A default route is whose it may be from."""
    roles = tuple(
        OutsideRole(name, f"10.0.9.{number}", "", 65000, transit=True, announces=("0.0.0.0/0",))
        for number, name in enumerate(("x", "y"), 1)
    )
    found = Announcements.of(cluster(), VERSION, NODES, OUTSIDE, roles)
    assert found.origins["0.0.0.0/0"] == "0.0.0.0/0 that x and y announce"
    assert "10.244.0.0/26" in found.origins
