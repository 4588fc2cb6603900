"""What is kept of sessions that are replaced, and what the spec says otherwise."""

import pytest

from rrplan.bgp.profile import Versions
from rrplan.desired.options import Serving, kept, restored, same_value
from rrplan.errors import PolicyRefusal, PreflightError, UnsafePlanError
from rrplan.ids import NodeName
from rrplan.plans import Plan
from rrplan.resources import BGPConfiguration, BGPFilter, BGPPeer, CalicoVersion, ClusterInformation, ClusterState
from tests.support.clusters import (
    BACK,
    CLIENTS,
    LABEL,
    REFLECTORS,
    TO_REFLECTORS,
    VERSIONS,
    mesh,
    meshed,
    node,
    peer,
    planned,
    reflected,
    state,
)

SECRET = {"secretKeyRef": {"name": "bgp", "key": "mesh"}}
OTHER = {"secretKeyRef": {"name": "bgp", "key": "other"}}
DRAINED = f"{TO_REFLECTORS}, drain: true"
SAYS = "peering: {password: {secretKeyRef: {name: bgp, key: mesh}}}"


def with_options(*, on: bool = True, **options: object) -> BGPConfiguration:
    """The default BGPConfiguration with options of the mesh."""
    return BGPConfiguration("default", mesh_enabled=on, spec={"nodeToNodeMeshEnabled": on, **options})


def given(plan: Plan) -> dict[str, object]:
    """The password of every BGPPeer that a plan creates or changes."""
    changes = [step.changes[-1] for step in plan.steps if step.changes and step.changes[-1].key.kind == "BGPPeer"]
    documents = {change.key.name: change.after for change in changes if change.after is not None}
    return {name: one["spec"].get("password") for name, one in documents.items()}  # type: ignore[attr-defined]


def secured(one: BGPPeer, password: object) -> BGPPeer:
    """The same BGPPeer with a password."""
    return peer(one.name, ours=bool(one.labels), **{**one.spec, "password": password})


@pytest.mark.parametrize(
    ("told", "present", "serving", "mesh_has", "others", "expected"),
    [
        ({}, None, [], {}, [], {}),
        ({}, None, [], {"password": 1}, [], {"password": 1}),
        ({"password": None}, None, [], {"password": 1}, [], {}),
        ({"password": 2}, None, [], {"password": 1}, [], {"password": 2}),
        ({}, {"password": 3}, [{"password": 4}], {"password": 1}, [], {"password": 3}),
        ({"password": None}, {"password": 3, "filters": ["f"]}, [], {}, [], {"filters": ["f"]}),
        ({}, None, [{"password": 4}], {"password": 1}, [], {"password": 4}),
        ({}, None, [{}], {"password": 1}, [], {}),
        ({}, None, [{"password": 4, "ttlSecurity": 1}, {"password": 4}], {}, [], {"password": 4}),
        ({}, None, [{"password": 4}, {"password": 5}], {}, [], {}),
        ({}, None, [], {}, [{"password": 6, "ttlSecurity": 1}], {"password": 6}),
        ({}, None, [], {}, [{"password": 6}, {}], {}),
        ({}, {}, [], {}, [{"password": 6}], {}),
        ({"maxRestartTime": "120s"}, {"maxRestartTime": "2m"}, [], {}, [], {"maxRestartTime": "2m"}),
    ],
)
def test_what_comes_first(
    told: dict[str, object],
    present: dict[str, object] | None,
    serving: list[dict[str, object]],
    mesh_has: dict[str, object],
    others: list[dict[str, object]],
    expected: dict[str, object],
) -> None:
    """The spec, our own BGPPeer, those of others for the same sessions, the mesh, all our others: in this order."""
    own = None if present is None else peer("own", ours=True, **present)
    found = kept(
        told,
        own,
        [peer(f"s{index}", **one) for index, one in enumerate(serving)],
        mesh_has,
        [peer(f"o{index}", ours=True, **one) for index, one in enumerate(others)],
    )

    assert expected == found.options


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("120s", "2m", True),
        ("2m0s", "120s", True),
        ("60s200ms", "1m", True),
        (SECRET, {"secretKeyRef": {**SECRET["secretKeyRef"], "optional": False}}, True),
        ("120s", "121s", False),
        (None, "0s", False),
        (SECRET, OTHER, False),
    ],
)
def test_same_value(one: object, other: object, same: bool) -> None:
    """A duration is the same however it is written."""
    assert same == same_value(one, other)


@pytest.mark.parametrize(
    ("spec", "serves"),
    [
        ({"nodeSelector": "all()", "peerSelector": "has(r)"}, True),
        ({"nodeSelector": "has(r)", "peerSelector": "!has(r)"}, True),
        ({"peerSelector": "has(r)"}, True),
        ({"node": "a", "peerSelector": "has(r)"}, True),
        ({"node": "x", "peerSelector": "has(r)"}, False),
        ({"nodeSelector": "has(r)", "peerSelector": "has(r)"}, False),
        ({"peerIP": "10.0.0.1", "asNumber": 64512}, True),
        ({"peerIP": "10.9.9.9", "asNumber": 64512}, False),
        ({"nodeSelector": "all(", "peerSelector": "has(r)"}, False),
    ],
)
def test_who_serves_the_same_sessions(spec: dict[str, object], serves: bool) -> None:
    """A BGPPeer of others counts where it gives one session of a client to a reflector, whichever end it names."""
    cluster = state(node("r1", 1, r="1"), node("a", 2), node("b", 3), peer("foreign", **spec))
    found = Serving(cluster, cluster.nodes).between(frozenset(map(NodeName, "ab")), frozenset([NodeName("r1")]))

    assert serves == bool(found)


def test_a_group_says_otherwise() -> None:
    """What a group says comes before what the spec says."""
    groups = TO_REFLECTORS.replace("r2]}", "r2]}, peering: {password: none}")
    plan = planned(meshed(with_options(nodeMeshPassword=OTHER)), f"{groups}, drain: true, {SAYS}")

    assert given(plan) == {"rrplan-main-clients": None, "rrplan-reflectors": SECRET}


def test_waves_have_the_options_too() -> None:
    """The clients of a wave and all clients later have one password for one session."""
    plan = planned(meshed(with_options(nodeMeshPassword=SECRET)), f"{DRAINED}, rollout: {{waves: [1]}}")

    assert given(plan) == {
        "rrplan-main-wave": SECRET,
        "rrplan-main-clients": SECRET,
        "rrplan-reflectors": SECRET,
    }


def test_a_new_group_has_the_password_of_all_others() -> None:
    """Long after the mesh is gone, a second group does not start without a password."""
    cluster = state(
        *(node(f"r{n}", n, "224.0.0.1", rr="main") for n in (1, 2)),
        *(node(name, n) for n, name in enumerate("abcd", 3)),
        secured(CLIENTS, SECRET),
        secured(REFLECTORS, SECRET),
        mesh(on=False),
    )
    groups = TO_REFLECTORS.replace("r2]}}", "r2]}}, {name: more, nodes: {names: [c, d]}}")
    plan = planned(cluster, f"{groups}, drain: true")

    assert given(plan) == {"rrplan-more-clients": SECRET}
    assert any("kept from our other BGPPeers" in notice for notice in plan.notices)


def test_fields_that_somebody_added_to_our_peer_stay() -> None:
    """A change of the password drops no filter."""
    ours = peer(CLIENTS.name, ours=True, **{**CLIENTS.spec, "filters": ["f"]})
    cluster = reflected().put(ours).put(BGPFilter("f"))
    plan = planned(cluster, f"{DRAINED}, policy: {{exposure: {{brief: 30s}}}}, {SAYS}")
    change = next(step.changes[-1] for step in plan.steps if step.id == "update-peer/rrplan-main-clients")

    assert change is not None
    assert change.after is not None
    assert change.after["spec"] == {"password": SECRET, "peerSelector": CLIENTS.peer_selector}


def test_a_new_password_restarts_sessions() -> None:
    """It is planned and proved like anything else: refused, unless a brief exposure is accepted."""
    with pytest.raises(UnsafePlanError) as refusal:
        planned(reflected(), f"{DRAINED}, {SAYS}")

    assert "sessions restart when their options change" in refusal.value.hint
    plan = planned(reflected(), f"{DRAINED}, policy: {{exposure: {{brief: 30s}}}}, {SAYS}")
    assert [step.id for step in plan.steps if step.id.startswith("update")] == [
        "update-peer/rrplan-main-clients",
        "update-peer/rrplan-reflectors",
    ]
    assert {exposure.at for step in plan.proof.steps for exposure in step.exposures} <= {"r1", "r2"}


def old(version: str, *more: BGPPeer) -> ClusterState:
    """Reflectors in place, on an older Calico."""
    return reflected(*more).put(ClusterInformation("default", CalicoVersion.parse(version), "k8s,bgp,kdd"))


@pytest.mark.parametrize(
    ("version", "field", "words"),
    [
        ("v3.16.2", "password: {secretKeyRef: {name: a, key: b}}", "`password`, which Calico v3.16.2 does not know"),
        ("v3.19.0", "maxRestartTime: 100s", "`maxRestartTime`, which Calico v3.19.0 does not know (since v3.20.0)"),
    ],
)
def test_options_that_calico_does_not_know_are_no_silent_nothing(version: str, field: str, words: str) -> None:
    """An older Calico would ignore the field without a word."""
    with pytest.raises(PreflightError) as error:
        planned(old(version), f"{DRAINED}, peering: {{{field}}}")

    assert words in str(error.value)


def test_the_mesh_gets_what_all_have() -> None:
    """On the way back, and not where the spec rules it out."""
    cluster = reflected(secured(CLIENTS, SECRET), secured(REFLECTORS, SECRET))
    spec = planned(cluster, f"{BACK}, drain: true").spec

    assert restored(spec, cluster, VERSIONS).options == {"password": SECRET}
    none = planned(cluster, f"{BACK}, drain: true, peering: {{password: none}}")
    assert "nodeMeshPassword" not in str([step.changes[-1] for step in none.steps if step.id == "mesh-on"])


def test_a_mesh_that_knows_no_password() -> None:
    """Before v3.23 the mesh would run without: refused, unless the spec says so."""
    cluster = reflected(secured(CLIENTS, SECRET), secured(REFLECTORS, SECRET))
    spec = planned(cluster, f"{BACK}, drain: true").spec

    with pytest.raises(PolicyRefusal, match="knows no such option"):
        restored(spec, cluster, Versions(CalicoVersion(3, 22), "test"))


def test_a_peer_of_others_beside_the_mesh() -> None:
    """It gives all sessions, so none of ours is made, and they have no password: told, because the mesh has one."""
    foreign = peer("hand", nodeSelector="all()", peerSelector=f"has({LABEL})")
    plan = planned(meshed(with_options(nodeMeshPassword=SECRET), foreign), DRAINED)

    assert given(plan) == {}
    assert any("not kept from the mesh" in notice and "`hand`" in notice for notice in plan.notices)


def test_options_of_a_running_mesh_change_as_one_step() -> None:
    """A spec that says so changes them; every session of the mesh restarts."""
    text = f"{BACK}, policy: {{exposure: {{brief: 30s}}}}, {SAYS}"

    assert [step.id for step in planned(meshed(mesh(on=True)), text).steps] == ["mesh-options"]
    assert not planned(meshed(with_options(nodeMeshPassword=OTHER)), BACK).steps
