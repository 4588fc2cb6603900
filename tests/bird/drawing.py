"""Random clusters and changes of them, of everything that the model has rules for and a laboratory can run."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from rrplan.bgp.profile import Versions
from rrplan.bgp.roles import OutsideRole, Roles
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import DEFAULT_AS
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, BGPFilter, BGPPeer, CalicoVersion, ClusterState, IPPool, Node

VERSIONS = tuple(
    CalicoVersion(*numbers) for numbers in ((3, 32, 1), (3, 30, 3), (3, 24), (3, 21), (3, 18), (3, 15), (3, 8), (3, 2))
)
IDS = ("", "1.1.1.1", "2.2.2.2")
LOCAL = ("!has(rr)", "all()", "zone == 'a'", "rr == 'x'", "has(rr)")
REMOTE = ("has(rr)", "rr == 'x'", "rr == 'y'", "zone == 'b'")
OUTSIDE = {"10.0.9.1": 65100, "fd00::9:1": 65100, "10.0.9.2": DEFAULT_AS, "fd00::9:2": DEFAULT_AS}
"""Speakers outside and their AS numbers: a switch with its own, and one (such as a reflector) of the cluster's."""
PORT = 1790
POOLS = ("10.42.0.0/16", "10.43.0.0/16")
POOL6 = "fd00:42::/64"
LENGTHS: tuple[tuple[dict[str, int], ...], ...] = (
    ({"min": 26}, {"max": 26}, {"min": 16, "max": 28}),
    ({"min": 120}, {"max": 122}, {"min": 64, "max": 120}),
)
"""Of rules, by family."""
OPTIONS: dict[str, tuple[object, ...]] = {
    "ttlSecurity": (1, 3),
    "nextHopMode": ("Self", "Keep", "Auto"),
    "numAllowedLocalASNumbers": (1, 2),
    "maxRestartTime": ("60s",),
}


@dataclass(frozen=True)
class Case:
    """A cluster, and another that it turns into (the same where nothing is changed)."""

    state: ClusterState
    after: ClusterState
    versions: Versions
    roles: Roles = ()
    """What is known of speakers outside that pass routes on."""


def states(dice: random.Random, most: int = 14) -> Case:
    """A cluster with sessions: roles, AS numbers, ports, both families, BGPPeers of all kinds, an outside, versions."""
    while True:
        both = dice.choice((False, True))
        nodes = [_node(dice, index, both) for index in range(dice.randint(2, most))]
        peers = [_peer(dice, f"p{index}", nodes) for index in range(dice.randint(0, 4))]
        state = ClusterState.of([*nodes, *peers, *_configurations(dice, nodes)])
        versions = _versions(dice, nodes)
        speakers = Speakers.of(state, versions)
        if any(speakers.sessions(name) for name in state.nodes):
            return Case(state, state, versions)


def roles(dice: random.Random, most: int = 10) -> Case:
    """A cluster as above with speakers outside that reflect or are transit, and that nodes peer with."""
    while True:
        case = states(dice, most)
        dialled = {peer.peer_ip for peer in case.state.peers.values()} & OUTSIDE.keys()
        if dialled:
            parts = tuple(_role(dice, address) for address in sorted(dialled))
            # Most of what they do shows where the nodes do not mesh.
            off = case.state.configurations["default"]
            off = replace(off, mesh_enabled=False, spec={**off.spec, "nodeToNodeMeshEnabled": False})
            state = case.state.put(off) if dice.randint(0, 3) else case.state
            return replace(case, state=state, after=state, roles=parts)


def _role(dice: random.Random, address: str) -> OutsideRole:
    number = OUTSIDE[address]
    ipv4, ipv6 = ("", address) if ":" in address else (address, "")
    if number == DEFAULT_AS and dice.randint(0, 3):
        return OutsideRole(f"rr {address}", ipv4, ipv6, number, cluster_id=dice.choice(("9.9.9.9", "1.1.1.1")))
    return OutsideRole(f"tor {address}", ipv4, ipv6, number, transit=True)


def options(dice: random.Random, most: int = 8) -> Case:
    """A cluster as above with pools that are treated differently, BGPFilters, and options of sessions."""
    case = states(dice, most)
    both = any(node.ipv6 for node in case.state.nodes.values())
    state = case.state
    for pool in _pools(dice, both=both):
        state = state.put(pool)
    for name in ("f", "g"):
        state = state.put(_filter(dice, name))
    for peer in state.peers.values():
        state = state.put(replace(peer, spec={**peer.spec, **_session_options(dice)}))
    return Case(state, state, Versions(dice.choice(VERSIONS[:2]), "test", {}))


def _pools(dice: random.Random, *, both: bool) -> list[IPPool]:
    pools = [
        IPPool(
            f"pool{number}",
            cidr,
            vxlan_mode=dice.choice(("Never", "Never", "Never", "Always")),
            disable_bgp_export=not dice.randint(0, 4),
            block_size=dice.choice((0, 24, 28)),
        )
        for number, cidr in enumerate(POOLS[: dice.randint(1, 2)])
    ]
    return [*pools, IPPool("pool6", POOL6)] if both else pools


def _filter(dice: random.Random, name: str) -> BGPFilter:
    spec: dict[str, object] = {}
    for family, cidrs in (("V4", (*POOLS, "10.0.0.0/8", "0.0.0.0/0")), ("V6", (POOL6, "::/0"))):
        for direction in ("import", "export"):
            rules = [_rule(dice, cidrs) for _ in range(dice.choice((0, 0, 1, 2)))]
            spec |= {f"{direction}{family}": rules} if rules else {}
    return BGPFilter(name, spec)


def _rule(dice: random.Random, cidrs: tuple[str, ...]) -> dict[str, object]:
    rule: dict[str, object] = {"action": dice.choice(("Accept", "Reject"))}
    if dice.randint(0, 4):
        rule |= {"matchOperator": dice.choice(("In", "In", "NotIn", "Equal", "NotEqual")), "cidr": dice.choice(cidrs)}
    if "cidr" in rule and rule["matchOperator"] in ("In", "NotIn") and not dice.randint(0, 2):
        rule["prefixLength"] = dice.choice(LENGTHS[":" in str(rule["cidr"])])
    if not dice.randint(0, 3):
        rule["source"] = "RemotePeers"
    return rule


def _session_options(dice: random.Random) -> dict[str, object]:
    chosen: dict[str, object] = {}
    if dice.randint(0, 2):
        chosen["filters"] = dice.choice((["f"], ["g"], ["f", "g"]))
    if not dice.randint(0, 3):
        chosen["password"] = {"secretKeyRef": {"name": "s", "key": dice.choice("kl")}}
    for name, values in OPTIONS.items():
        if not dice.randint(0, 4):
            chosen[name] = dice.choice(values)
    return chosen


def steps(dice: random.Random, most: int = 8) -> Case:
    """A cluster as above, and up to three changes that take effect together."""
    case = states(dice, most)
    after = case.state
    while after == case.state:
        for _ in range(dice.randint(1, 3)):
            after = dice.choice(_CHANGES)(dice, after)
    return replace(case, after=after)


def _versions(dice: random.Random, nodes: list[Node]) -> Versions:
    newest = dice.choice(VERSIONS)
    mixed = dice.choice([False, False, True])
    others = {node.name: dice.choice(VERSIONS) for node in nodes} if mixed else {}
    return Versions(newest, "test", others)


def _node(dice: random.Random, index: int, both: bool) -> Node:
    labels = {"zone": dice.choice("ab")}
    cluster_id = dice.choice(IDS)
    if cluster_id:
        labels["rr"] = dice.choice("xy")
    return Node(
        NodeName(f"n{index}"),
        labels,
        ipv4=f"10.0.0.{index + 1}",
        # Some nodes of a cluster with two families have only one.
        ipv6=f"fd00::{index + 1:x}" if both and dice.randint(0, 5) else "",
        cluster_id=cluster_id,
        as_number=dice.choice([None, None, None, None, 65001]),
    )


def _peer(dice: random.Random, name: str, nodes: list[Node]) -> BGPPeer:
    kind = dice.choice(["selectors", "selectors", "selectors", "node", "outside", "outside"])
    local = dice.choice(LOCAL)
    if kind == "selectors":
        remote = dice.choice(REMOTE)
        manual = dice.choice(["", "", "Manual"])
        spec = {"nodeSelector": local, "peerSelector": remote, **({"reversePeering": manual} if manual else {})}
        return BGPPeer(name, node_selector=local, peer_selector=remote, reverse_peering=manual, spec=spec)
    whose = dice.choice(["all", "node", "selector"])
    node = dice.choice(nodes).name if whose == "node" else ""
    if kind == "outside":
        address = dice.choice([one for one in OUTSIDE if ":" not in one or any(node.ipv6 for node in nodes)])
        number = OUTSIDE[address]
    else:
        aimed = dice.choice(nodes)
        address = dice.choice([one for one in (aimed.ipv4, aimed.ipv6) if one])
        number = dice.choice([aimed.as_number or DEFAULT_AS] * 3 + [65001])
    chosen = {"node": node} if node else {"nodeSelector": local} if whose == "selector" else {}
    told: dict[str, object] = {"peerIP": address, "asNumber": number, **chosen}
    return BGPPeer(
        name, node=node, node_selector=chosen.get("nodeSelector", ""), peer_ip=address, as_number=number, spec=told
    )


def _configurations(dice: random.Random, nodes: list[Node]) -> list[BGPConfiguration]:
    mesh = dice.choice((False, True))
    port = dice.choice([None, None, None, PORT])
    spec = {"nodeToNodeMeshEnabled": mesh, **({"listenPort": port} if port else {})}
    found = [BGPConfiguration("default", mesh_enabled=mesh, listen_port=port, spec=spec)]
    if not dice.randint(0, 4):
        name = f"node.{dice.choice(nodes).name}"
        found.append(BGPConfiguration(name, listen_port=PORT + 1, spec={"listenPort": PORT + 1}))
    return found


# --- changes ---------------------------------------------------------------------------------


def _toggle_mesh(dice: random.Random, state: ClusterState) -> ClusterState:
    old = state.configurations["default"]
    mesh = not old.mesh_enabled
    return state.put(replace(old, mesh_enabled=mesh, spec={**old.spec, "nodeToNodeMeshEnabled": mesh}))


def _add_peer(dice: random.Random, state: ClusterState) -> ClusterState:
    return state.put(_peer(dice, f"q{len(state.peers)}", list(state.nodes.values())))


def _remove_peer(dice: random.Random, state: ClusterState) -> ClusterState:
    peers = sorted(state.peers)
    return state.remove(state.peers[dice.choice(peers)].key) if peers else state


def _change_role(dice: random.Random, state: ClusterState) -> ClusterState:
    node = dice.choice(list(state.nodes.values()))
    cluster_id = dice.choice([one for one in IDS if one != node.cluster_id])
    labels = {key: value for key, value in node.labels.items() if key != "rr"}
    if cluster_id:
        labels["rr"] = dice.choice("xy")
    return state.put(replace(node, cluster_id=cluster_id, labels=labels))


def _change_label(dice: random.Random, state: ClusterState) -> ClusterState:
    node = dice.choice(list(state.nodes.values()))
    return state.put(replace(node, labels={**node.labels, "zone": "b" if node.labels["zone"] == "a" else "a"}))


def _change_as(dice: random.Random, state: ClusterState) -> ClusterState:
    node = dice.choice(list(state.nodes.values()))
    return state.put(replace(node, as_number=None if node.as_number else 65001))


_CHANGES: tuple[Callable[[random.Random, ClusterState], ClusterState], ...] = (
    _toggle_mesh,
    _toggle_mesh,
    _add_peer,
    _add_peer,
    _remove_peer,
    _change_role,
    _change_role,
    _change_label,
    _change_as,
)
