"""Each preflight check: what it finds, in words, and that it has its page."""

from pathlib import Path
from typing import Any

import pytest

from rrplan import api
from rrplan.errors import PreflightError
from rrplan.plans.checks import CHECKS, PEERS_AGREE, id_of
from rrplan.resources import decode
from rrplan.resources.state import ClusterState
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support import SPEC

PAGES = Path(__file__).resolve().parents[3] / "docs" / "checks"


def thing(kind: str, name: str, version: str = "projectcalico.org/v3", **spec: Any) -> dict[str, object]:
    """An object."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "x"}, "spec": spec}


def node(name: str, host: int, *, ready: str = "True", **annotations: str) -> dict[str, object]:
    """One more node."""
    told = {"IPv4Address": f"10.9.0.{host}/24", **annotations}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {f"projectcalico.org/{key}": value for key, value in told.items()}},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def agent(name: str, version: str) -> dict[str, object]:
    """The calico-node pod of a node."""
    pod = thing("Pod", f"calico-{name}", "v1", nodeName=name, containers=[{"image": f"calico/node:{version}"}])
    return {**pod, "metadata": {**pod["metadata"], "ownerReferences": [{"kind": "DaemonSet", "controller": True}]}}  # type: ignore[dict-item]


def backend(name: str) -> dict[str, object]:
    """A calico-node DaemonSet with a backend."""
    container = {"name": "calico-node", "env": [{"name": "CALICO_NETWORKING_BACKEND", "value": name}]}
    return thing("DaemonSet", "calico-node", "apps/v1", template={"spec": {"containers": [container]}})


PEER = {"nodeSelector": "!has(rrplan.io/route-reflector)", "peerSelector": 'rrplan.io/route-reflector == "main"'}
OFF = {"nodeToNodeMeshEnabled": False}

ERRORS = [
    ("bgp-in-use", backend("vxlan"), "DaemonSet x/calico-node runs with backend `vxlan`: no BIRD, no BGP"),
    (
        "bgp-in-use",
        thing("Installation", "default", "operator.tigera.io/v1", calicoNetwork={"bgp": "Disabled"}),
        "Installation `default` says `bgp: Disabled`",
    ),
    (
        "datastore-ready",
        thing("ClusterInformation", "default", datastoreReady=False, calicoVersion="v3.30.4"),
        "a migration or an upgrade is going on",
    ),
    (
        "peer-as-number",
        thing("BGPPeer", "tor", peerIP="192.0.2.1"),
        "BGPPeer `tor` has a `peerIP` and no `asNumber`: BIRD refuses the whole configuration",
    ),
    (
        "mesh-fields",
        thing("BGPConfiguration", "default", **OFF, nodeMeshMaxRestartTime="120s"),
        "BGPConfiguration `default` has the mesh off and nodeMeshMaxRestartTime set",
    ),
    ("addresses-unique", node("twin", 1, IPv4Address="10.0.0.5"), "10.0.0.5 is the address of node-003, twin"),
]

WARNINGS = [
    (
        "selectors-readable",
        [thing("BGPPeer", "p", nodeSelector="has(", peerSelector="has(x)")],
        "BGPPeer `p`: `nodeSelector` is no selector",
    ),
    (
        "cluster-ids-valid",
        [node("odd", 9, RouteReflectorClusterID="one")],
        "odd has cluster ID `one`, which Calico ignores: it is no reflector",
    ),
    (
        "cluster-id-unused",
        [node("other", 9, RouteReflectorClusterID="224.0.0.1")],
        "cluster ID of a group is also on other, which the spec does not name",
    ),
    ("as-numbers-equal", [node("odd", 9, ASNumber="65001")], "odd: another AS number than the reflectors' 64512"),
    ("dead-nodes", [node("dead", 9, ready="Unknown")], "not Ready, and still a BGP peer: dead"),
    (
        "one-version",
        [agent("node-001", "v3.29.1"), agent("node-002", "v3.30.4")],
        "calico-node runs in several versions (v3.29.1 on 1, v3.30.4 on 1 nodes)",
    ),
    (
        "fragile-labels",
        [thing("BGPPeer", "p", nodeSelector="has(node-role.kubernetes.io/master)", peerSelector="has(x)")],
        "a selector of BGPPeer `p` rests on label `node-role.kubernetes.io/master`: Kubernetes removed it in v1.24",
    ),
    (
        "fields-known",
        [thing("BGPPeer", "p", nodeSelector="has(x)", peerSelector="has(y)", localASNumber=65000)],
        "BGPPeer `p`: `localASNumber` is not known to Calico v3.30.4 (since v3.31.0)",
    ),
    ("encapsulation", [thing("IPPool", "wide", cidr="10.1.0.0/16", vxlanMode="Always")], "IPPool wide uses VXLAN"),
    (
        "peers-agree",
        [
            thing("BGPPeer", "a", nodeSelector="has(nobody)", peerIP="10.0.0.5", asNumber=64512),
            thing("BGPPeer", "b", node="node-001", peerIP="10.0.0.5", asNumber=64512),
            thing("BGPPeer", "c", node="node-001", peerIP="10.0.0.5", asNumber=64512, keepOriginalNextHop=True),
        ],
        "BGPPeers b and c give the same sessions different attributes, such as node-001 to node-003",
    ),
]


def snapshot(*more: dict[str, object]) -> Snapshot:
    """Eight nodes, and what is wrong with them."""
    kinds = {str(one["kind"]) for one in more}
    documents = [one for one in demo_cluster(8, 2) if one["kind"] not in kinds - {"Node", "IPPool", "Pod"}]
    resources = [decode(document) for document in [*documents, *more]]
    return Snapshot(ClusterState.of(resource for resource in resources if resource is not None))


@pytest.mark.parametrize(("check", "wrong", "text"), ERRORS, ids=[f"{case[0]}-{case[2][:20]}" for case in ERRORS])
def test_errors_stop_the_plan(check: str, wrong: dict[str, object], text: str) -> None:
    """Exit code 8, the id and the words."""
    with pytest.raises(PreflightError) as error:
        api.plan(load(SPEC.encode(), "spec.yaml"), snapshot(wrong))
    assert error.value.exit_code == 8
    assert f"{check}: " in str(error.value)
    assert text in str(error.value)
    assert error.value.hint == "correct this first; docs/checks has a page for each check"


@pytest.mark.parametrize(("check", "odd", "text"), WARNINGS, ids=[case[0] for case in WARNINGS])
def test_warnings_are_in_the_plan(check: str, odd: list[dict[str, object]], text: str) -> None:
    """The plan is made all the same, and says so."""
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), snapshot(*odd))
    found = [one for one in plan.findings if one.check == check]
    assert [one.severity for one in found] == ["warning"]
    assert text in found[0].text


def test_what_was_not_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many nodes differ, the check says that it stopped; what it found until then stays."""
    monkeypatch.setattr("rrplan.plans.checks.MANY_PAIRS", 1)
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), snapshot())
    texts = [one.text for one in plan.findings if one.check == PEERS_AGREE]
    assert texts == ["only the first 1 pairs of kinds of nodes were looked at: too many nodes differ"]


def test_nothing_wrong_finds_nothing() -> None:
    """A sound cluster has no findings."""
    assert api.plan(load(SPEC.encode(), "spec.yaml"), snapshot()).findings == ()


def test_an_invalid_cluster_id_is_an_error_before_v3_26() -> None:
    """There BIRD refuses its configuration."""
    old = thing("ClusterInformation", "default", calicoVersion="v3.25.2")
    documents = [old, node("odd", 9, RouteReflectorClusterID="one")]
    state = snapshot(*documents).state
    without = ClusterState.of(one for one in state if type(one).__name__ != "DaemonSet")
    with pytest.raises(PreflightError, match="which is no IPv4 address: BIRD refuses its configuration"):
        api.plan(load(SPEC.encode(), "spec.yaml"), Snapshot(without))


def test_every_check_has_a_page_and_a_case() -> None:
    """And no page is left over."""
    ids = {*(id_of(check) for check in CHECKS), PEERS_AGREE}
    assert {path.stem for path in PAGES.glob("*.md")} == ids
    assert {case[0] for case in (*ERRORS, *WARNINGS)} == ids
    for name in ids:
        text = (PAGES / f"{name}.md").read_text()
        assert text.startswith(f"# {name}\n\n**")
        assert "\nWhat to do: " in text
