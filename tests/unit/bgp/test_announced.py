"""Pools, filters and backends: what is owed at all, and what gets over a session."""

from collections.abc import Mapping
from typing import Any

import pytest

from rrplan.bgp.announced import Announced, Passes
from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.routes import NoRoute, Obstacle, route
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.resources import (
    BGPConfiguration,
    BGPFilter,
    CalicoVersion,
    ClusterState,
    DaemonSet,
    Installation,
    IPPool,
)
from tests.support.clusters import VERSION, VERSIONS, mesh, meshed, node, peer, reflected, state

POOL = IPPool("pods", "10.42.0.0/16", block_size=26)
REJECT: dict[str, Any] = {"action": "Reject", "matchOperator": "In", "cidr": "10.42.0.0/16"}
ACCEPT: dict[str, Any] = {**REJECT, "action": "Accept"}

# (why, rules, learned, verdict)
RULES: list[tuple[str, list[Mapping[str, Any]], bool, Passes]] = [
    ("no rule", [], False, Passes.YES),
    ("the pool", [REJECT], False, Passes.NO),
    ("a wider prefix", [{**REJECT, "cidr": "10.0.0.0/8"}], False, Passes.NO),
    ("another prefix", [{**REJECT, "cidr": "192.168.0.0/16"}], False, Passes.YES),
    ("a part of the pool", [{**REJECT, "cidr": "10.42.7.0/24"}], False, Passes.UNKNOWN),
    ("less than a block", [{**REJECT, "cidr": "10.42.7.0/28"}], False, Passes.YES),
    ("the pool itself, which is no block", [{**REJECT, "matchOperator": "Equal"}], False, Passes.YES),
    ("one block", [{**REJECT, "matchOperator": "Equal", "cidr": "10.42.7.64/26"}], False, Passes.UNKNOWN),
    ("everything else", [{**REJECT, "matchOperator": "NotIn"}], False, Passes.YES),
    ("all but another prefix", [{**REJECT, "matchOperator": "NotIn", "cidr": "10.9.0.0/16"}], False, Passes.NO),
    ("the first rule decides", [ACCEPT, REJECT], False, Passes.YES),
    ("a doubt of the same kind", [{**REJECT, "cidr": "10.42.7.0/24"}, REJECT], False, Passes.NO),
    ("a doubt of the other kind", [{**ACCEPT, "cidr": "10.42.7.0/24"}, REJECT], False, Passes.UNKNOWN),
    ("longer prefixes only", [{**REJECT, "prefixLength": {"min": 27}}], False, Passes.YES),
    ("blocks by their length", [{**REJECT, "prefixLength": {"min": 24, "max": 26}}], False, Passes.NO),
    (
        "all but a prefix of other lengths",
        [{**REJECT, "matchOperator": "NotIn", "prefixLength": {"max": 24}}],
        False,
        Passes.NO,
    ),
    (
        "all but a prefix of these lengths",
        [{**REJECT, "matchOperator": "NotIn", "prefixLength": {"max": 28}}],
        False,
        Passes.YES,
    ),
    (
        "lengths that count for nothing without a prefix",
        [{"action": "Reject", "prefixLength": {"min": 27}}],
        False,
        Passes.NO,
    ),
    ("everything", [{"action": "Reject"}], False, Passes.NO),
    ("what was learned", [{**REJECT, "source": "RemotePeers"}], True, Passes.NO),
    ("by interface", [{**REJECT, "interface": "eth*"}], False, Passes.UNKNOWN),
    ("a field that nobody here knows", [{**REJECT, "priority": 5}], False, Passes.UNKNOWN),
]


@pytest.mark.parametrize(("why", "rules", "learned", "expected"), RULES, ids=[case[0] for case in RULES])
@pytest.mark.parametrize("direction", ["export", "import"])
def test_rules(why: str, rules: list[Mapping[str, Any]], learned: bool, expected: Passes, direction: str) -> None:
    """What a list of rules does with the blocks of a pool."""
    cluster = ClusterState.of([POOL, BGPFilter("f", {f"{direction}V4": rules})])
    (layer,) = Announced.of(cluster, VERSION).layers[Family.IPV4]
    assert layer.verdict(["f"], direction, learned=learned) is expected


@pytest.mark.parametrize(("direction", "expected"), [("export", Passes.YES), ("import", Passes.NO)])
def test_a_rule_for_remote_peers_and_what_the_sender_announces_itself(direction: str, expected: Passes) -> None:
    """On the way out it is of no remote peer; on the way in everything is, as real BIRD has it."""
    cluster = ClusterState.of([POOL, BGPFilter("f", {f"{direction}V4": [{**REJECT, "source": "RemotePeers"}]})])
    (layer,) = Announced.of(cluster, VERSION).layers[Family.IPV4]
    assert layer.verdict(["f"], direction, learned=False) is expected


# (why, rules, verdict)
ANY_LENGTH: list[tuple[str, list[Mapping[str, Any]], Passes]] = [
    ("no rule", [], Passes.YES),
    ("the pool", [REJECT], Passes.NO),
    ("a wider prefix", [{**REJECT, "cidr": "10.0.0.0/8"}], Passes.NO),
    ("another prefix", [{**REJECT, "cidr": "192.168.0.0/16"}], Passes.YES),
    ("everything else", [{**REJECT, "matchOperator": "NotIn"}], Passes.YES),
    ("less than a block", [{**REJECT, "cidr": "10.42.7.0/28"}], Passes.UNKNOWN),
    ("the pool itself", [{**REJECT, "matchOperator": "Equal"}], Passes.UNKNOWN),
    ("a wider prefix itself", [{**REJECT, "matchOperator": "Equal", "cidr": "10.0.0.0/8"}], Passes.YES),
    ("longer prefixes only", [{**REJECT, "prefixLength": {"min": 27}}], Passes.UNKNOWN),
    ("all lengths in so many words", [{**REJECT, "prefixLength": {"min": 16, "max": 32}}], Passes.NO),
    ("shorter prefixes only", [{**REJECT, "cidr": "10.0.0.0/8", "prefixLength": {"max": 15}}], Passes.YES),
    ("what was learned", [{**REJECT, "source": "RemotePeers"}], Passes.NO),
]


@pytest.mark.parametrize(("why", "rules", "expected"), ANY_LENGTH, ids=[case[0] for case in ANY_LENGTH])
def test_rules_for_what_speakers_outside_announce(why: str, rules: list[Mapping[str, Any]], expected: Passes) -> None:
    """A route from outside may be of any length within the pool."""
    cluster = ClusterState.of([POOL, BGPFilter("f", {"exportV4": rules})])
    layer, _ = Announced.of(cluster, VERSION).incoming[Family.IPV4]
    assert layer.verdict(["f"], "export", learned=True) is expected


def test_a_filter_that_is_not_there() -> None:
    """Nobody knows what it would do."""
    (layer,) = Announced.of(ClusterState.of([POOL]), VERSION).layers[Family.IPV4]
    assert layer.verdict(["gone"], "export", learned=False) is Passes.UNKNOWN


def filtered(*rules: Mapping[str, Any], direction: str = "import", pools: tuple[IPPool, ...] = (POOL,)) -> Model:
    """Three nodes that all peer with all, over one filter."""
    everybody = peer("all", nodeSelector="all()", peerSelector="all()", filters=["f"])
    nodes = [node(name, number) for number, name in enumerate("abc", 1)]
    cluster = state(*nodes, everybody, mesh(on=False))
    told: list[IPPool | BGPFilter] = [*pools, BGPFilter("f", {f"{direction}V4": list(rules)})]
    for one in told:
        cluster = cluster.put(one)
    return Model(cluster, VERSIONS)


@pytest.mark.parametrize("direction", ["export", "import"])
def test_a_rejected_pool_is_not_held(direction: str) -> None:
    """Sessions are up, routes do not come, and the reason names filter and pool."""
    model = filtered(REJECT, direction=direction)
    assert model.missing()
    reason = route(model, NodeName("a"), NodeName("b"), Family.IPV4).reason
    assert reason == NoRoute(Obstacle.FILTERED, "a", "b", filters=("f",), pools=("pods",))


def test_pools_are_judged_by_themselves() -> None:
    """One of two pools is rejected: its routes are missing, and those of the other are not."""
    other = IPPool("more", "10.43.0.0/16", block_size=26)
    model = filtered(REJECT, pools=(POOL, other))
    layers = model.view().holdings[Family.IPV4].layers
    assert [(layer.pools, bool(layer.missing)) for layer in layers] == [(("more",), True), (("pods",), True)]
    held = [[layer.holds(0, 0)] for layer in layers]
    assert held == [[True], [False]]


def test_a_filter_that_lets_the_pool_through() -> None:
    """Nothing is missing."""
    assert filtered({**REJECT, "cidr": "192.168.0.0/16"}).missing() == ()


def test_older_than_filters() -> None:
    """Calico before v3.26 knows none."""
    assert Model(filtered(REJECT).state, Versions(CalicoVersion(3, 25), "test")).missing() == ()


# (pool, setting, version, why it is left out)
OWED: list[tuple[IPPool, str, str, str]] = [
    (POOL, "", "v3.30.4", ""),
    (IPPool("p", "10.42.0.0/16", disable_bgp_export=True), "", "v3.30.4", "it is not announced (`disableBGPExport`)"),
    (IPPool("p", "10.42.0.0/16", disable_bgp_export=True), "", "v3.21.0", "it is not announced (`disableBGPExport`)"),
    # Older versions do not read these fields.
    (IPPool("p", "10.42.0.0/16", disable_bgp_export=True), "", "v3.20.6", ""),
    (IPPool("p", "10.42.0.0/16"), "Disabled", "v3.31.7", ""),
    (IPPool("p", "10.42.0.0/16", vxlan_mode="Always"), "", "v3.30.4", "it uses VXLAN, so Felix programs its routes"),
    (IPPool("p", "10.42.0.0/16", "Always"), "", "v3.32.1", ""),
    (IPPool("p", "10.42.0.0/16", "Always"), "", "v3.33.0", "Felix programs its routes (`programClusterRoutes`)"),
    (IPPool("p", "10.42.0.0/16"), "", "v3.33.0", ""),
    (IPPool("p", "10.42.0.0/16"), "Disabled", "v3.32.1", "Felix programs its routes (`programClusterRoutes`)"),
    (IPPool("p", "10.42.0.0/16", "Always"), "EnabledIPIPOnly", "v3.33.0", ""),
    (IPPool("p", "10.42.0.0/16"), "EnabledIPIPOnly", "v3.33.0", "Felix programs its routes (`programClusterRoutes`)"),
]


@pytest.mark.parametrize(("pool", "setting", "version", "why"), OWED)
def test_whose_routes_are_owed(pool: IPPool, setting: str, version: str, why: str) -> None:
    """By encapsulation, export, and who programs cluster routes."""
    spec = {"programClusterRoutes": setting} if setting else {}
    cluster = ClusterState.of([pool, BGPConfiguration("default", spec=spec)])
    told = CalicoVersion.parse(version)
    assert told is not None
    found = Announced.of(cluster, told)
    assert [one.why for one in found.left_out] == ([why] if why else [])
    assert bool(found.layers[Family.IPV4]) is not bool(why)
    # Whoever programs them: speakers outside hear of all that is announced.
    heard = bool(why) and "disableBGPExport" not in why
    assert [layer.pools for layer in found.outgoing[Family.IPV4]] == ([(pool.name,)] if heard else [])
    # Of a family of which no pool was given nothing is known, so everything is owed.
    assert found.layers[Family.IPV6][0].network is None


def test_while_calico_is_upgraded_the_oldest_decides_what_is_owed() -> None:
    """A node of v3.31 programs its routes by BIRD, whatever `programClusterRoutes` says to those of v3.32."""
    setting = {"nodeToNodeMeshEnabled": True, "programClusterRoutes": "Disabled"}
    cluster = meshed(BGPConfiguration("default", mesh_enabled=True, spec=setting)).put(POOL)
    upgraded = CalicoVersion(3, 32, 1)
    assert not Model(cluster, Versions(upgraded, "test")).owes()
    assert Model(cluster, Versions(upgraded, "test", {NodeName("a"): CalicoVersion(3, 31, 7)})).owes()


def test_what_speakers_outside_hear_of_a_vxlan_pool() -> None:
    """Nodes need nothing of it from BGP, and a switch does: gates ask for these routes where there is one."""
    inside = reflected().put(IPPool("pods", "10.42.0.0/16", vxlan_mode="Always"))
    switch = peer("switch", peerIP="192.0.2.1", asNumber=64512)
    alone, beside = Model(inside, VERSIONS), Model(inside.put(switch), VERSIONS)
    assert [model.owes() for model in (alone, beside)] == [False, False]
    why = "it uses VXLAN, so Felix programs its routes; routes to its pods stay as they are"
    assert alone.not_owed() == [f"IPPool `pods` is left out: {why}"]
    assert beside.not_owed() == [
        f"IPPool `pods` is left out between nodes: {why}, and what speakers outside hear is looked at"
    ]
    reflector, client = NodeName("r1"), NodeName("a")
    assert [model.delivered(Family.IPV4, reflector, client) for model in (alone, beside)] == [0, 4]
    own = []
    for model in (alone, beside):
        view = model.view()
        places = (view.index(model.population.signature_of[name]) for name in (reflector, client))
        own.append(view.holdings[Family.IPV4].withheld(*places)[1])
    assert own == [True, False]


def test_nothing_is_owed() -> None:
    """No pool of the cluster is announced: nodes owe one another nothing, in either family."""
    model = Model(meshed().put(IPPool("pods", "10.42.0.0/16", disable_bgp_export=True)), VERSIONS)
    assert not model.owes()
    assert model.missing() == ()
    assert model.not_owed() == [
        "IPPool `pods` is left out: it is not announced (`disableBGPExport`); routes to its pods stay as they are"
    ]


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (Installation("default", "Disabled"), "Installation `default` says `bgp: Disabled`"),
        (Installation("default", "Enabled", "VPP"), "Installation `default` says `linuxDataplane: VPP`"),
        (
            DaemonSet("calico-node", "kube-system", backend="vxlan"),
            "DaemonSet kube-system/calico-node runs with backend `vxlan`",
        ),
    ],
)
def test_bgp_does_not_run(one: Installation | DaemonSet, why: str) -> None:
    """There are no sessions, and the reason is told."""
    cluster = meshed().put(one)
    speakers = Speakers.of(cluster, VERSIONS)
    assert [*speakers.all_sessions()] == []
    model = Model(cluster, VERSIONS)
    assert model.missing()
    reason = route(model, NodeName("a"), NodeName("b"), Family.IPV4).reason
    assert reason == NoRoute(Obstacle.BGP_IDLE, detail=why)
    assert model.not_owed() == [f"BGP does not run here: {why}"]
