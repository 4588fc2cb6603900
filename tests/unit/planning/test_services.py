"""Addresses of Services, which reflectors alone hand on."""

import pytest

from rrplan.bgp.profile import Versions
from rrplan.planning import draft_plan
from rrplan.planning.services import services_handed_on
from rrplan.plans.plan import SnapshotReference
from rrplan.resources import BGPConfiguration, CalicoVersion, ClusterState
from rrplan.specs import load
from tests.support.clusters import BACK, HEAD, meshed, peer, reflected

SWITCH = peer("switch", nodeSelector="has(rr)", peerIP="192.0.2.1", asNumber=65000)
NEW = CalicoVersion(3, 27, 3)


def announcing(cluster: ClusterState, *, mesh: bool) -> ClusterState:
    """The cluster announces addresses of load balancers."""
    spec = {"nodeToNodeMeshEnabled": mesh, "serviceLoadBalancerIPs": [{"cidr": "203.0.113.0/24"}]}
    return cluster.put(BGPConfiguration("default", mesh_enabled=mesh, spec=spec))


BEFORE, AFTER = announcing(reflected(SWITCH), mesh=False), announcing(meshed(SWITCH), mesh=True)
TEXT = (
    "the proof speaks of pods, not of Services: r1, r2 will no longer hand on what other nodes announce of "
    "203.0.113.0/24 (`serviceLoadBalancerIPs`), which reflectors alone do; a speaker outside needs a session with each "
    "node that has pods of a Service with `externalTrafficPolicy: Local`"
)


def test_reflectors_that_stop() -> None:
    """Where such addresses are announced, and somebody outside hears of them."""
    assert [*services_handed_on(BEFORE, AFTER, NEW)] == [TEXT]
    spec = load(f"{HEAD}spec: {{{BACK}}}\n".encode(), "spec.yaml")
    version = CalicoVersion(3, 30, 4)
    plan = draft_plan(spec, BEFORE, Versions(version, "test"), SnapshotReference("", None, version))
    assert TEXT in plan.notices


@pytest.mark.parametrize(
    ("before", "after", "version"),
    [
        (BEFORE, AFTER, CalicoVersion(3, 27, 2)),
        (BEFORE, BEFORE, NEW),
        (AFTER, BEFORE, NEW),
        (reflected(SWITCH), meshed(SWITCH), NEW),
        (announcing(reflected(), mesh=False), announcing(meshed(), mesh=True), NEW),
    ],
    ids=["an older Calico", "nothing changes", "the way there", "no such addresses", "nobody outside"],
)
def test_otherwise_nothing_is_said(before: ClusterState, after: ClusterState, version: CalicoVersion) -> None:
    """As before."""
    assert [*services_handed_on(before, after, version)] == []
