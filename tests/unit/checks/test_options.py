"""Checks of options of sessions: known to the version, there, and of any effect."""

from collections.abc import Mapping

import pytest

from rrplan.errors import PreflightError
from rrplan.render.checks import sentence
from rrplan.resources import BGPFilter, BGPPeer, CalicoVersion, ClusterInformation, ClusterState
from rrplan.resources.documents import at
from tests.support.clusters import BACK, CLIENTS, TO_REFLECTORS, mesh, meshed, peer, planned, reflected

DRAINED = f"{TO_REFLECTORS}, drain: true"
HEAD = f"{TO_REFLECTORS.partition('groups')[0]}drain: true"
GROUP = "groups: [{name: main, nodes: {names: [r1, r2]}"


def on(version: str, cluster: ClusterState) -> ClusterState:
    """A cluster on another Calico."""
    return cluster.put(ClusterInformation("default", CalicoVersion.parse(version), "k8s,bgp,kdd"))


OUTSIDE = """topology: route-reflectors, groups: [{name: main, outside: [east, west]}], outside: [
{name: east, address: 10.9.9.1, asNumber: 64512, reflects: {clusterID: 10.9.9.1}},
{name: west, address: 10.9.9.2, asNumber: 64512, reflects: {clusterID: 10.9.9.2}}]"""


def test_a_peer_of_all_nodes_hides_ours_with_its_options() -> None:
    """Calico drops the key of a node where there is a global one: the session has none of the options."""
    theirs = [peer(f"of-all-{n}", peerIP=f"10.9.9.{n}", asNumber=64512) for n in (1, 2)]
    plan = planned(meshed(mesh(on=False), *theirs, nodes="a b c"), f"{OUTSIDE}, peering: {{maxRestartTime: 60s}}")
    assert [sentence(one) for one in plan.findings if one.check == "options-effective"] == [
        f"the options of BGPPeers rrplan-main-{name} have no effect: BGPPeer "
        f"`of-all-{n}` is for all nodes, has the same address, and wins"
        for n, name in ((1, "east"), (2, "west"))
    ]
    without = planned(meshed(mesh(on=False), *theirs, nodes="a b c"), OUTSIDE)
    assert "options-effective" not in {one.check for one in without.findings}


UNKNOWN = [
    ("keepOriginalNextHop: true", "v3.15.0", "v3.16.0"),
    ("password: {secretKeyRef: {name: a, key: b}}", "v3.16.2", "v3.16.3"),
    ("sourceAddress: None", "v3.17.0", "v3.18.0"),
    ("maxRestartTime: 100s", "v3.19.0", "v3.20.0"),
    ("numAllowedLocalASNumbers: 1", "v3.22.0", "v3.23.0"),
    ("ttlSecurity: 1", "v3.24.0", "v3.25.0"),
    ("filters: [here]", "v3.25.0", "v3.26.0"),
    ("nextHopMode: Self", "v3.30.1", "v3.30.2"),
]


@pytest.mark.parametrize(("option", "version", "since"), UNKNOWN)
def test_an_option_that_the_version_does_not_know_is_an_error(option: str, version: str, since: str) -> None:
    """It names field, version and since when; whether the plan would write it or it is stored already."""
    name, spec = option.partition(":")[0], f"{DRAINED}, peering: {{{option}}}"
    words = f"`{name}`, which Calico {version} does not know (since {since})"
    with pytest.raises(PreflightError, match="fields-known") as error:
        planned(on(version, reflected().put(BGPFilter("here"))), spec)
    assert words in str(error.value)


def test_an_unknown_option_that_is_stored_already() -> None:
    """The BGPPeer stays as it is, and the spec asks for what Calico leaves out: an error, not a warning."""
    stored = peer(CLIENTS.name, ours=True, **CLIENTS.spec, ttlSecurity=1)
    plan = planned(on("v3.24.0", reflected(stored)), f"{HEAD}, {GROUP}, peering: {{ttlSecurity: 1}}}}]")
    assert plan.steps == ()
    assert [found.severity for found in plan.findings if found.check == "fields-known"] == ["error"]
    unasked = planned(on("v3.24.0", reflected(stored)), DRAINED)
    assert [found.severity for found in unasked.findings if found.check == "fields-known"] == ["warning"]


FILTERS = [
    ([], "BGPFilter `drop` does not exist, and Calico leaves a filter out"),
    ([BGPFilter("drops")], "BGPFilter `drop` does not exist: did you mean `drops`?"),
    ([BGPFilter("other")], "BGPFilter `drop` does not exist, and Calico leaves a filter out"),
]
"""BGPFilters that are there, and what is said of another one."""


@pytest.mark.parametrize(("there", "words"), FILTERS)
def test_filters_that_are_not_there(there: list[BGPFilter], words: str) -> None:
    """A filter that is not found lets everything through, so the plan is refused."""
    cluster = meshed()
    for one in there:
        cluster = cluster.put(one)
    with pytest.raises(PreflightError) as error:
        planned(cluster, f"{DRAINED}, peering: {{filters: [drop]}}")
    assert words in str(error.value)
    assert planned(cluster.put(BGPFilter("drop")), f"{DRAINED}, peering: {{filters: [drop]}}").steps


EFFECTLESS = ("keepOriginalNextHop: true", "numAllowedLocalASNumbers: 1")


@pytest.mark.parametrize("option", EFFECTLESS)
def test_an_option_without_effect(option: str) -> None:
    """Calico takes it from a BGPPeer by address alone, and says nothing."""
    plan = planned(meshed(), f"{DRAINED}, peering: {{{option}}}")
    (found,) = [one for one in plan.findings if one.check == "options-effective"]
    name = option.partition(":")[0]
    assert sentence(found) == (
        f"`{name}` has no effect on the sessions of BGPPeers rrplan-main-clients and rrplan-reflectors: Calico takes "
        "it from a BGPPeer with `peerIP` alone"
    )
    assert "options-effective" not in {one.check for one in planned(meshed(), DRAINED).findings}


def written(cluster: ClusterState, text: str) -> dict[str, object]:
    """The options of our BGPPeer for clients at the end of a plan."""
    changes = [change for _, change in planned(cluster, text).writes if change.key.name == CLIENTS.name]
    spec = at(changes[-1].after, ("spec",))
    assert isinstance(spec, Mapping)
    return {key: value for key, value in spec.items() if "elector" not in key}


def test_options_reach_the_bgppeers() -> None:
    """As Calico spells them; a group's come before those of the spec, and `none` rules one out."""
    options = "ttlSecurity: 1, nextHopMode: Self, sourceAddress: UseNodeIP, filters: [f], maxRestartTime: 90s"
    cluster = meshed().put(BGPFilter("f")).put(BGPFilter("g"))
    assert written(cluster, f"{DRAINED}, peering: {{{options}}}") == {
        "ttlSecurity": 1,
        "nextHopMode": "Self",
        "sourceAddress": "UseNodeIP",
        "filters": ["f"],
        "maxRestartTime": "90s",
    }
    group = f"{GROUP}, peering: {{filters: [g, f], nextHopMode: none}}}}]"
    assert written(cluster, f"{HEAD}, {group}, peering: {{{options}}}") == {
        "ttlSecurity": 1,
        "sourceAddress": "UseNodeIP",
        "filters": ["g", "f"],
        "maxRestartTime": "90s",
    }


def test_options_that_exclude_one_another_are_never_written_together() -> None:
    """A group's comes before the other one of the spec; what the spec says comes before what is there."""
    group = f"{GROUP}, peering: {{nextHopMode: Keep}}}}]"
    assert written(meshed(), f"{HEAD}, {group}, peering: {{keepOriginalNextHop: true}}") == {"nextHopMode": "Keep"}
    kept: BGPPeer = peer(CLIENTS.name, ours=True, **CLIENTS.spec, keepOriginalNextHop=True)
    brief = f"{DRAINED}, policy: {{exposure: {{brief: 25s}}}}, peering: {{nextHopMode: Self}}"
    assert written(reflected(kept), brief)["nextHopMode"] == "Self"
    assert not written(reflected(kept), brief).get("keepOriginalNextHop")


def test_a_password_that_no_session_has_yet() -> None:
    """The plan says what calico-node needs to read it; not of one that is in use."""
    password = {"secretKeyRef": {"name": "bgp", "key": "rr"}}
    with_password = f"{HEAD}, {GROUP}, peering: {{password: {{secretKeyRef: {{name: bgp, key: rr}}}}}}}}]"
    (found,) = [one for one in planned(meshed(), with_password).findings if one.check == "password-readable"]
    assert sentence(found) == (
        "sessions would have the password in key `rr` of Secret kube-system/bgp, which none has yet: without Secret, "
        "key, or the right to list and watch it, calico-node renders them without a password; the right comes with "
        "`kubectl create role calico-node-bgp-password-bgp -n kube-system --verb=get,list,watch --resource=secrets "
        "--resource-name=bgp` and `kubectl create rolebinding calico-node-bgp-password-bgp -n kube-system "
        "--role=calico-node-bgp-password-bgp --serviceaccount=kube-system:calico-node`"
    )
    used = peer(CLIENTS.name, ours=True, **CLIENTS.spec, password=password)
    assert "password-readable" not in {one.check for one in planned(reflected(used), DRAINED).findings}


@pytest.mark.parametrize(
    ("field", "cidr", "length", "pattern"),
    [
        ("importV4", "10.0.0.0/16", {"max": 12}, "10.0.0.0/16{16,12}"),
        ("exportV4", "10.0.0.0/16", {"min": 20, "max": 18}, "10.0.0.0/16{20,18}"),
        ("exportV4", "10.0.0.0/16", {"min": 20, "max": 33}, "10.0.0.0/16{20,33}"),
        ("importV6", "fd00::/64", {"max": 48}, "fd00::/64{64,48}"),
        ("importV4", "10.0.0.0/16", {"min": 8, "max": 12}, ""),
        ("importV4", "10.0.0.0/16", {"min": 20}, ""),
        ("importV6", "fd00::/64", {"max": 128}, ""),
        ("importV4", "10.0.0.0/16", None, ""),
    ],
)
def test_filters_that_bird_refuses(field: str, cidr: str, length: Mapping[str, int] | None, pattern: str) -> None:
    """What `bird -p` says of the same patterns; a filter that no session uses counts too."""
    rules = [{"action": "Accept"}, {"action": "Accept", "cidr": cidr, "matchOperator": "In", "prefixLength": length}]
    cluster = reflected().put(BGPFilter("odd", {field: rules}))
    if not pattern:
        assert not [found for found in planned(cluster, DRAINED).findings if found.check == "filters-readable"]
        return
    with pytest.raises(PreflightError) as error:
        planned(cluster, f"{BACK}, drain: true")
    text = f"rule 2 of `{field}` of BGPFilter `odd` asks for prefixes `{pattern}`, which BIRD cannot read: it refuses"
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("field", "cidr", "words"),
    [
        (
            "importV4",
            "10.42.1.0/16",
            "`cidr: 10.42.1.0/16`, with bits beyond its prefix length, which BIRD cannot read",
        ),
        ("exportV6", "fd42::1/48", "write `fd42::/48`"),
        ("importV4", "10.42.0.0/99", "`cidr: 10.42.0.0/99`, which is no network of that family to BIRD"),
        ("importV4", "10.42.0.0", "which is no network of that family to BIRD"),
        ("exportV4", "fd00::/8", "which is no network of that family to BIRD"),
        ("importV4", "0.0.0.0/0", ""),
        ("importV6", "FD00:0::/8", ""),
    ],
)
def test_filters_with_a_cidr_that_bird_refuses(field: str, cidr: str, words: str) -> None:
    """What `bird -p` and `bird6 -p` say of the same networks, with `prefixLength` and without; used or not."""
    rules = [{"action": "Accept", "cidr": cidr, "matchOperator": "NotIn"}]
    cluster = reflected().put(BGPFilter("odd", {field: rules}))
    if not words:
        assert not [found for found in planned(cluster, DRAINED).findings if found.check == "filters-readable"]
        return
    with pytest.raises(PreflightError) as error:
        planned(cluster, f"{BACK}, drain: true")
    assert f"rule 1 of `{field}` of BGPFilter `odd` has " in str(error.value)
    assert words in str(error.value)
