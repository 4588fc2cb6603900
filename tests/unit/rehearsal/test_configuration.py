"""BIRD's files in a laboratory: what stands in them, and that BIRD reads them."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rrplan.bgp.profile import Versions
from rrplan.bgp.roles import OutsideRole
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.rehearsal.configuration import Daemon, configuration
from rrplan.rehearsal.filters import RoutePolicy
from rrplan.rehearsal.outside import Neighbor, OutsideDaemon, inner_daemon
from rrplan.resources import BGPFilter, CalicoVersion, ClusterState, DaemonSet, IPPool, Resource
from tests.support.clusters import LABEL, VERSION, mesh, node, peer, state

NEWEST = Versions(CalicoVersion(3, 32, 1), "test", {})
POOL = IPPool("pods", "10.42.0.0/16", block_size=26)
BLOCK = "10.42.0.0/26"


def daemon(cluster: ClusterState, name: str = "a", versions: Versions = NEWEST) -> Daemon:
    """What a node runs."""
    speakers = Speakers.of(cluster, versions)
    rows = [session.protocol for session in speakers.sessions(NodeName(name))]
    policy = RoutePolicy.of(cluster, versions.default, Family.IPV4, "10.244.0.0/16")
    return configuration(speakers.by_name[NodeName(name)], rows, policy, [BLOCK])


def accepted(found: Daemon, folder: Path) -> bool:
    """Whether BIRD reads a file, where it is installed."""
    if shutil.which("bird") is None:
        return True
    path = folder / "bird.cfg"
    path.write_text(found.text)
    done = subprocess.run(["bird", "-p", "-c", str(path)], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode == 0


def two(*more: Resource, **options: object) -> ClusterState:
    """Two nodes, the first of them a reflector, with one BGPPeer that has options, and more resources."""
    selectors = {"nodeSelector": "all()", "peerSelector": f"has({LABEL})"}
    nodes = node("a", 1, "1.1.1.1", rr="x"), node("b", 2)
    return ClusterState.of([*state(*nodes, peer("p", **selectors, **options), mesh(on=False)), *more])


OPTIONS: dict[str, dict[str, Any]] = {
    'password "': {"password": {"secretKeyRef": {"name": "s", "key": "k"}}},
    "ttl security on; multihop 3;": {"ttlSecurity": 3},
    "graceful restart time 60;": {"maxRestartTime": "60s"},
    "keepalive time 7;": {"keepaliveTime": "7s"},
    "next hop self;": {"nextHopMode": "Self"},
    "next hop keep;": {"nextHopMode": "Keep"},
}


@pytest.mark.parametrize("line", OPTIONS)
def test_options_are_rendered(line: str, tmp_path: Path) -> None:
    """Each option of a BGPPeer is a line of its block, and of none without it."""
    found = daemon(two(**OPTIONS[line]))
    assert line in found.text
    assert line not in daemon(two()).text
    assert accepted(found, tmp_path)


def test_a_password_is_the_same_for_one_key_and_another_for_another() -> None:
    """Both ends have it of the same Secret; its value is nobody's."""

    def password(key: str, name: str) -> str:
        text = daemon(two(password={"secretKeyRef": {"name": "s", "key": key}}), name).text
        return next(line for line in text.splitlines() if "password" in line)

    assert password("k", "a") == password("k", "b")
    assert password("k", "a") != password("other", "a")


def test_allow_local_as(tmp_path: Path) -> None:
    """In the direction of a `peerIP` alone, as confd has it."""
    outside = peer("up", node="a", peerIP="10.0.9.1", asNumber=65000, numAllowedLocalASNumbers=2)
    found = daemon(state(node("a", 1), outside, mesh(on=False)))
    assert "allow local as 2;" in found.text
    assert accepted(found, tmp_path)


def test_pools_decide_what_goes_out_and_into_the_kernel(tmp_path: Path) -> None:
    """A pool without export stays; what Felix programs does not come into the kernel; single addresses stay, too."""
    kept = IPPool("kept", "10.43.0.0/16", disable_bgp_export=True)
    overlay = IPPool("overlay", "10.44.0.0/16", vxlan_mode="Always")
    found = daemon(two(POOL, kept, overlay))
    out, kernel = found.text.split("filter to_kernel {")
    assert "if ( net ~ 10.43.0.0/16 ) then reject;" in out
    assert "if ( net ~ 10.43.0.0/16 ) then accept;" not in out
    assert "if ( net ~ 10.42.0.0/16 ) then accept;" in out
    assert "if ( net ~ 10.44.0.0/16 ) then accept;" in out
    assert out.index(f"if ( net = {BLOCK} ) then accept;") < out.index(f"if ( net ~ {BLOCK} ) then reject;")
    assert "if ( net ~ 10.44.0.0/16 ) then reject;" in kernel
    assert "if ( net ~ 10.42.0.0/16 ) then reject;" not in kernel
    assert accepted(found, tmp_path)


def test_without_pools_one_prefix_stands_for_them() -> None:
    """Otherwise nothing would go out."""
    assert "if ( net ~ 10.244.0.0/16 ) then accept;" in daemon(two()).text


RULES = {
    "if ((net ~ 10.42.0.0/16)) then accept;": {"action": "Accept", "matchOperator": "In", "cidr": "10.42.0.0/16"},
    "if ((net !~ 10.42.0.0/16)) then reject;": {"action": "Reject", "matchOperator": "NotIn", "cidr": "10.42.0.0/16"},
    "if ((net = 10.42.0.0/16)) then reject;": {"action": "Reject", "matchOperator": "Equal", "cidr": "10.42.0.0/16"},
    "if ((net != 10.42.0.0/16)) then reject;": {
        "action": "Reject",
        "matchOperator": "NotEqual",
        "cidr": "10.42.0.0/16",
    },
    "if ((net ~ [ 10.42.0.0/16{16,24} ])) then reject;": {
        "action": "Reject",
        "matchOperator": "In",
        "cidr": "10.42.0.0/16",
        "prefixLength": {"max": 24},
    },
    "if ((source = RTS_BGP)) then accept;": {"action": "Accept", "source": "RemotePeers"},
    'if ((net ~ 10.42.0.0/16) && (defined(ifname) && ifname ~ "eth*")) then reject;': {
        "action": "Reject",
        "matchOperator": "In",
        "cidr": "10.42.0.0/16",
        "interface": "eth*",
    },
    "reject;": {"action": "Reject"},
}


@pytest.mark.parametrize("line", RULES)
def test_rules_of_filters(line: str, tmp_path: Path) -> None:
    """Each rule is one line of a function, which the sessions with the filter call before everything else."""
    found = daemon(two(BGPFilter("f", {"importV4": [RULES[line]], "exportV6": [{"action": "Reject"}]}), filters=["f"]))
    assert line in found.text
    assert "import filter { filter0_import(); accept; };" in found.text
    assert "export filter { filter0_export(); to_peers(); reject; };" in found.text
    assert accepted(found, tmp_path)


def test_a_filter_that_does_not_exist_has_no_say() -> None:
    """As confd has it: it is left out."""
    assert "import filter {  accept; };" in daemon(two(filters=["nowhere"])).text


def test_a_rule_with_more_is_named_and_not_played() -> None:
    """What no laboratory plays is told of."""
    rule = {"action": "Reject", "communities": ["65000:1"], "asPathPrefix": [1]}
    cluster = two(BGPFilter("f", {"importV4": [rule]}), filters=["f"])
    policy = RoutePolicy.of(cluster, VERSION, Family.IPV4, "10.244.0.0/16")
    assert list(policy.not_played()) == [
        "rule 1 on import of BGPFilter `f` is left out: it has `asPathPrefix`, `communities`"
    ]
    assert "reject" not in daemon(cluster).text.split("function filter0_import() {")[1].split("}")[0]


def test_a_container_has_no_kernel_table_and_no_block(tmp_path: Path) -> None:
    """calico/routereflector passes everything on, and is itself no node."""
    reflector = DaemonSet("calico-rr", "kube-system", node_selector={"reflects": "yes"}, reflector=True)
    host = replace(node("a", 1, reflects="yes"), ipv4="", host_ip="10.0.0.1")
    cluster = state(host, node("b", 2), peer("p", peerIP="10.0.0.1", asNumber=64512), mesh(on=False)).put(reflector)
    found = daemon(cluster)
    assert "protocol kernel" not in found.text
    assert BLOCK not in found.text
    assert "rr client;" in found.text
    assert found.container
    assert accepted(found, tmp_path)


def test_a_switch_accepts_what_nodes_render(tmp_path: Path) -> None:
    """Its end has the same password and the same distance; of itself it announces prefixes, and no more."""
    switch = OutsideDaemon(Family.IPV4, "10.0.9.1", 65000, None)
    switch.neighbors[Neighbor("10.0.0.1", 64512, (("password", "s/k"), ("ttlSecurity", "2")))] = None
    found = switch.daemon(["10.42.9.0/26", "0.0.0.0/0"])
    assert 'password "' in found.text
    assert "ttl security on; multihop 2;" in found.text
    assert "route 0.0.0.0/0 blackhole;" in found.text
    assert "export where source = RTS_STATIC;" in found.text
    assert accepted(found, tmp_path)


def test_switches_of_a_fabric_pass_routes_on_through_what_joins_them(tmp_path: Path) -> None:
    """It reflects between them and has no routes of its own; towards nodes each has its own AS number."""
    role = OutsideRole("tor", "10.0.9.1", "", 65000, transit=True, fabric="spine")
    switch = OutsideDaemon(Family.IPV4, "10.0.9.1", 65000, None)
    switch.neighbors[Neighbor("10.0.0.1", 64512)] = None
    found = switch.daemon([], role, "192.0.2.1")
    assert "protocol bgp fabric { local as 4200000001; neighbor 192.0.2.1 as 4200000001;" in found.text
    assert "source = RTS_STATIC;" not in found.text
    inner = inner_daemon(Family.IPV4, "192.0.2.1", {"10.0.9.1": None, "10.0.9.2": 1790})
    assert inner.text.count("rr client;") == 2
    assert "neighbor 10.0.9.2 port 1790 as 4200000001;" in inner.text
    assert accepted(found, tmp_path)
    assert accepted(inner, tmp_path)
