"""`rrplan routes` and `rrplan verify` where nodes are down or routes are missing: what they say, and the exit code."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from rrplan.ids import NodeName
from rrplan.resources import BGPFilter, BGPPeer, ClusterState, DaemonSet, Installation, IPPool, Node, Resource, encode
from rrplan.snapshots.manifests import NO_PEERS
from tests.support import processes
from tests.support.clusters import CLIENTS, LABEL, TO_REFLECTORS, VERSION, mesh, meshed, node, peer, reflected, state

HEAD = "apiVersion: rrplan.io/v1\nkind: BGPTopology\nmetadata: {name: test}\n"


def rrplan(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    return processes.rrplan(*words, folder=folder)


def written(folder: Path, cluster: ClusterState) -> Path:
    """The folder, with the cluster in a file."""
    (folder / "cluster.yaml").write_text(yaml.safe_dump_all([encode(one) for one in cluster]))
    return folder


def test_nothing_is_missing(tmp_path: Path) -> None:
    """One line, exit code 0."""
    found = rrplan(written(tmp_path, meshed()), "routes", "-f", "cluster.yaml")
    assert (found.returncode, found.stdout) == (0, "every node holds the routes of every other node\n")


def test_a_router_id_that_is_not_known(tmp_path: Path) -> None:
    """Without the environment of calico-node, routes of an IPv6-only node are told with a doubt."""
    bare = Node(NodeName("bare"), {}, ipv6="fd00::9")
    found = rrplan(written(tmp_path, meshed(bare)), "routes", "-f", "cluster.yaml")
    assert found.stderr == (
        f"notice: {NO_PEERS}\n"
        "notice: not known whether calico-node has CALICO_ROUTER_ID on bare; without it BIRD refuses the configuration "
        "of a node without IPv4, which then has no routes; give the DaemonSet calico-node too\n"
    )


def test_one_address_twice(tmp_path: Path) -> None:
    """Whose configuration BIRD refuses is told, also from the other end."""
    cluster = meshed(node("twin", 1), node("twin2", 1), node("c", 5), nodes="")
    written(tmp_path, cluster)
    why = "BIRD refuses the whole configuration of c: 10.0.0.1 is the address of twin, twin2: one protocol would be "
    for words, lead in (
        (("--from", "twin", "--to", "c"), f"twin does not reach c: c has no session that is certain to be up; {why}"),
        (("--from", "c", "--to", "twin"), f"twin has no session that is certain to be up; Mesh_10_0_0_5: {why}"),
    ):
        found = rrplan(tmp_path, "routes", "-f", "cluster.yaml", *words)
        assert found.returncode == 2
        assert lead in found.stdout


def test_reflectors_that_are_down(tmp_path: Path) -> None:
    """As configured all is well; with what is down no client reaches another."""
    both = reflected(node("r1", 1, "224.0.0.1", ready=False, rr="main"), dead="r2")
    written(tmp_path, both)
    found = rrplan(tmp_path, "routes", "-f", "cluster.yaml")
    assert found.returncode == 2
    assert found.stdout == (
        "as configured: every node holds the routes of every other node\n"
        "with what is down (r1, r2): ipv4  a misses the routes of b (6 ordered pairs alike: 3 nodes, 3 origins): "
        "r1 is down, which would pass them on\n"
    )
    pair = rrplan(tmp_path, "routes", "--from", "a", "--to", "b", "-f", "cluster.yaml")
    assert pair.returncode == 2
    assert pair.stdout == (
        "as configured:\nipv4  a -> r1 -> b\n"
        "with what is down (r1, r2):\nipv4  a does not reach b: r1 is down, which would pass them on\n"
    )
    told = rrplan(tmp_path, "routes", "--from", "a", "--to", "b", "-f", "cluster.yaml", "-o", "json")
    document = json.loads(told.stdout)
    assert (document["missing"], document["down"]) == (True, ["r1", "r2"])
    assert [(row["view"], row["path"]) for row in document["routes"]] == [
        ("as configured", ["a", "r1", "b"]),
        ("with what is down", None),
    ]


def test_one_that_is_down_is_no_path(tmp_path: Path) -> None:
    """The other reflector carries the routes."""
    written(tmp_path, reflected(dead="r1"))
    found = rrplan(tmp_path, "routes", "--from", "a", "--to", "b", "-f", "cluster.yaml")
    assert found.returncode == 0
    assert found.stdout.endswith("with what is down (r1):\nipv4  a -> r2 -> b\n")


def test_a_missing_route_is_exit_code_2(tmp_path: Path) -> None:
    """A reflector that nobody peers with."""
    found = rrplan(written(tmp_path, meshed(node("x", 9, "9.9.9.9"))), "routes", "-f", "cluster.yaml")
    assert found.returncode == 2
    assert "a misses the routes of x" in found.stdout


def verified(folder: Path, cluster: ClusterState, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`rrplan verify` of `spec: {TEXT}` on an embedded cluster."""
    written(folder, cluster)
    (folder / "spec.yaml").write_text(f"{HEAD}spec: {{{text}}}\n")
    made = rrplan(folder, "sandbox", "one", "-f", "cluster.yaml")
    assert made.returncode == 0, made.stderr
    return rrplan(folder, "verify", "spec.yaml", "--sandbox", "one", *words)


def test_verify_looks_at_routes(tmp_path: Path) -> None:
    """The objects are as the spec says, and one of its reflectors has no session at all."""
    groups = (
        "topology: route-reflectors, reflectorsPeer: false, groups: ["
        "{name: main, clusterID: 224.0.0.1, nodes: {names: [r1, r2]}},"
        "{name: second, clusterID: 224.0.0.2, nodes: {names: [x]}, clients: \"nobody == 'here'\"}]"
    )
    second = peer(
        "rrplan-second-clients",
        ours=True,
        nodeSelector=f"(nobody == 'here') && !has({LABEL})",
        peerSelector=f'{LABEL} == "second"',
    )
    nodes = [*(node(f"r{n}", n, "224.0.0.1", rr="main") for n in (1, 2)), node("x", 3, "224.0.0.2", rr="second")]
    found = verified(tmp_path, state(*nodes, node("a", 4), CLIENTS, second, mesh(on=False)), groups)
    assert found.returncode == 2, found.stdout + found.stderr
    lines = found.stdout.splitlines()
    assert [
        line for line in lines if line.startswith("ipv4: x misses the routes of a: x has no session that is certain")
    ]
    assert lines[-1].startswith("the objects are as the spec says, and nodes that it connects miss routes")


def test_verify_names_what_is_not_a_matter_of_the_spec(tmp_path: Path) -> None:
    """A reflector of others that is in no group misses routes; the spec does not speak of it."""
    clients = peer(
        "rrplan-main-clients",
        ours=True,
        nodeSelector=f"(!has(foreign)) && !has({LABEL})",
        peerSelector=f'{LABEL} == "main"',
    )
    done = reflected(node("x", 9, "9.9.9.9", foreign="yes"), clients)
    text = TO_REFLECTORS.replace("[r1, r2]}", "[r1, r2]}, clients: '!has(foreign)'")
    found = verified(tmp_path, done, text, "--no-sessions", "-o", "json")
    told = json.loads(found.stdout)
    assert told["missing_routes"] == []
    assert [line for line in told["other_missing_routes"] if "x misses the routes of" in line]


def test_verify_names_what_is_down(tmp_path: Path) -> None:
    """Nobody asks it, and it is no difference."""
    found = verified(tmp_path, reflected(dead="c"), TO_REFLECTORS)
    assert "down, and not asked: c" in found.stdout
    assert found.returncode == 0
    assert found.stdout.endswith("the cluster is as the spec says\n")


def test_verify_names_what_others_made(tmp_path: Path) -> None:
    """It stays, and it is no difference."""
    hand = peer("hand", nodeSelector="all()", peerSelector="all()")
    found = verified(tmp_path, reflected(hand), TO_REFLECTORS)
    assert "no difference: BGPPeer hand stays beside rrplan's own: the sessions of 7 pairs" in found.stdout
    assert "3 pairs of nodes have sessions by these alone" in found.stdout
    assert found.returncode == 0, found.stdout
    second = tmp_path / "second"
    second.mkdir()
    told = json.loads(verified(second, reflected(hand), TO_REFLECTORS, "--no-sessions", "-o", "json").stdout)
    assert [made["facts"]["peers"] for made in told["left_by_others"]] == [["hand"]]


POOL = IPPool("pods", "10.42.0.0/16", block_size=26)
REJECT = BGPFilter("no-pods", {"importV4": [{"action": "Reject", "matchOperator": "In", "cidr": "10.42.0.0/16"}]})
FILTERED = peer("all", nodeSelector="all()", peerSelector="all()", filters=["no-pods"])
NOBODY = peer("to-rr", nodeSelector="all()", peerSelector="calico_rr == 'true'")
LINK_LOCAL = BGPPeer("gw", peer_ip="fe80::1", as_number=65000, spec={"peerIP": "fe80::1", "asNumber": 65000})

# (what carries less than it seems, cluster, more objects, exit code, words)
LESS: list[tuple[str, ClusterState, list[Resource], int, str]] = [
    (
        "bgp is disabled",
        meshed(),
        [Installation("default", bgp="Disabled")],
        2,
        "BGP does not run here: Installation `default` says `bgp: Disabled`",
    ),
    (
        "the pool is not exported",
        meshed(),
        [IPPool("pods", "10.42.0.0/16", disable_bgp_export=True)],
        0,
        "nodes owe one another no route: BIRD programs none of the pools of this cluster",
    ),
    (
        "a filter rejects the pool",
        meshed(FILTERED, mesh(on=False)),
        [POOL, REJECT],
        2,
        "BGPFilter no-pods on the session of b and a rejects routes of IPPool pods",
    ),
    (
        "a selector matches nobody",
        meshed(NOBODY, mesh(on=False)),
        [POOL],
        2,
        "BGPPeer to-rr: `peerSelector: calico_rr == 'true'` selects no node",
    ),
    (
        "BIRD refuses the file",
        state(node("a", 1, ipv6=True), node("b", 2, ipv6=True), LINK_LOCAL),
        [],
        2,
        "BIRD refuses the whole configuration of a: BGPPeer gw names a link-local address without an interface",
    ),
]


@pytest.mark.parametrize(("why", "cluster", "more", "code", "words"), LESS, ids=[case[0] for case in LESS])
def test_what_carries_less_than_it_seems(
    tmp_path: Path, why: str, cluster: ClusterState, more: list[Resource], code: int, words: str
) -> None:
    """Nothing is promised that no session carries, and the reason is told."""
    for one in more:
        cluster = cluster.put(one)
    found = rrplan(written(tmp_path, cluster), "routes", "-f", "cluster.yaml")
    assert found.returncode == code, found.stdout + found.stderr
    assert words in found.stdout + found.stderr


def test_one_address_twice_without_mesh(tmp_path: Path) -> None:
    """The reason is the one that `rrplan sessions` has."""
    both = peer("p", nodeSelector="all()", peerSelector="all()")
    written(tmp_path, meshed(node("twin", 1), node("twin2", 1), node("c", 5), mesh(on=False), both, nodes=""))
    found = rrplan(tmp_path, "routes", "-f", "cluster.yaml", "--from", "twin", "--to", "c")
    why = "10.0.0.1 is the address of twin, twin2, and which of them answers is not known"
    assert f"c has no session that is certain to be up; Node_10_0_0_1: {why}" in found.stdout


def test_a_disputed_session_to_the_outside(tmp_path: Path) -> None:
    """It is the only one of the node, and the BGPPeers that disagree are named."""
    peers = [peer(name, node="a", peerIP="10.0.0.99", asNumber=number) for name, number in (("p", 1), ("q", 2))]
    found = rrplan(written(tmp_path, meshed(mesh(on=False), *peers, nodes="a b")), "routes", "-f", "cluster.yaml")
    why = "BGPPeers p and q give this session different attributes, and which one wins is random"
    assert f"a has no session that is certain to be up; Node_10_0_0_99: {why}" in found.stdout


def test_one_of_two_gives_no_as_number(tmp_path: Path) -> None:
    """What BIRD may refuse is the reason too."""
    peers = [peer("p", node="a", peerIP="10.0.0.99"), peer("q", node="a", peerIP="10.0.0.99", asNumber=1)]
    found = rrplan(written(tmp_path, meshed(*peers, nodes="a b")), "routes", "-f", "cluster.yaml", "--to", "a")
    assert "a has no session that is certain to be up; BGPPeers p and q give this session different" in found.stdout
    assert "with one of them BIRD refuses the whole configuration of a: BGPPeer p gives no AS number" in found.stdout


def test_a_router_id_from_elsewhere(tmp_path: Path) -> None:
    """A notice says that it is not known."""
    agent = replace(DaemonSet("calico-node", "kube-system", VERSION), router_id=None)
    found = rrplan(written(tmp_path, meshed().put(agent)), "routes", "-f", "cluster.yaml")
    assert "notice: CALICO_ROUTER_ID of calico-node comes from elsewhere (`valueFrom`) and is not known" in found.stderr
