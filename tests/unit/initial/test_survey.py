"""What is seen: each line, and never more than ten."""

from dataclasses import replace

from rrplan.initial.survey import survey
from rrplan.render.initial import advice, survey_lines
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, IPPool, Node
from rrplan.specs.model import ZONE_LABEL
from tests.support.clusters import CLIENTS, REFLECTORS, VERSIONS, mesh, node, peer, reflected, state


def lines(resources: ClusterState) -> list[str]:
    """What is seen of a cluster."""
    return survey_lines(survey(resources, VERSIONS))


def zoned(one: Node, zone: str) -> Node:
    """A node in a zone."""
    return replace(one, labels={**one.labels, ZONE_LABEL: zone})


def test_a_mesh() -> None:
    """Nodes, zones, version, sessions; who is down, who speaks no BGP, what the sessions have."""
    options = BGPConfiguration("default", spec={"nodeMeshMaxRestartTime": "120s"})
    silent = replace(node("w", 9), ipv4="")
    resources = state(zoned(node("a", 1), "x"), zoned(node("b", 2), "y"), node("c", 3, ready=False), silent, options)

    assert lines(resources) == [
        "nodes: 4, 2 zones (x: 1, y: 1), 2 in none",
        "down: c; without BGP: w",
        "Calico: v3.30.4",
        "BGP: full mesh of 3 nodes, 2 sessions on each, 3 in all; IPv4, AS 64512; its sessions have maxRestartTime",
    ]


def test_reflectors() -> None:
    """Who reflects, by which label and cluster ID, and whose BGPPeers say so."""
    assert lines(reflected(CLIENTS, REFLECTORS, mesh(on=False)))[2:] == [
        "BGP: no mesh, 2.8 sessions on a node on average, 7 in all; IPv4, AS 64512",
        "reflectors: r1, r2 (cluster ID 224.0.0.1, label rrplan.io/route-reflector=main)",
        "BGPPeers between nodes: rrplan-main-clients, rrplan-reflectors, made by rrplan",
    ]


def test_others() -> None:
    """Speakers outside, workloads, what depends on routes, and labels that may change."""
    pools = [
        IPPool("tunnelled", "10.1.0.0/16", ipip_mode="Always", vxlan_mode="Never"),
        IPPool("plain", "10.2.0.0/16", ipip_mode="Never", vxlan_mode="Never"),
    ]
    peers: list[BGPPeer] = [
        peer("tor", nodeSelector="node-role.kubernetes.io/edge == 'yes'", peerIP="192.0.2.1", asNumber=65000),
        peer("switch", peerIP="192.0.2.2", asNumber=65000),
        peer("gone", nodeSelector="has(old)", peerSelector="has(old)"),
    ]
    default = BGPConfiguration("default", spec={"serviceClusterIPs": [{"cidr": "10.96.0.0/12"}]})
    base = state(node("a", 1), node("b", 2), *peers, default)
    resources = ClusterState.of([*base, *pools])

    assert lines(resources)[3:] == [
        "BGPPeers between nodes: gone, made by others",
        "others that speak BGP: 192.0.2.2 AS 65000 (2 nodes)",
        (
            "depends on it: pods of IPPool plain, without tunnels; IPPool tunnelled (IPIP Always); addresses of "
            "services (serviceClusterIPs)"
        ),
        (
            "fragile labels: node-role.kubernetes.io/edge (Kubernetes' own: an upgrade may change it), old (no node "
            "has it)"
        ),
    ]


def test_advice() -> None:
    """A small mesh needs nothing; a larger one, or one with reflectors, gets no such advice."""
    small = survey(state(node("a", 1), node("b", 2)), VERSIONS)

    assert advice(small).startswith("A mesh of 2 nodes works well: below about 100 nodes nothing needs to be done.")
    assert advice(replace(small, mesh_nodes=100)) == ""
    assert advice(survey(reflected(CLIENTS, REFLECTORS), VERSIONS)) == ""
