"""Uplinks on which nothing may rest: small cases that the walker found."""

import pytest

from rrplan import api
from rrplan.errors import UnsafePlanError
from rrplan.snapshots.snapshot import Snapshot, state_of
from rrplan.specs.loading import from_document
from tests.walker.draws import SWITCH, Case, configuration, group, node, peer, spec
from tests.walker.judging import CALICO, Tally


def disputed() -> Case:
    """Two uplinks to one switch; two BGPPeers disagree about the restart time of the one of `b`."""
    nodes = [node("a", 1, labels={"up": ""}), node("b", 2, labels={"up": ""}), node("c", 3)]
    peers = [
        peer("switch", nodeSelector="has(up)", peerIP=SWITCH, asNumber=65000),
        peer("restart", node="b", peerIP=SWITCH, asNumber=65000, maxRestartTime="60s"),
    ]
    wanted = spec(
        topology="route-reflectors",
        clusterID="10.0.0.1",
        groups=[group("main", ["c"])],
        drain=True,
        policy={"minReflectorsPerClient": 1},
    )
    return Case((*nodes, configuration(mesh=True), *peers), wanted, "disputed uplink")


def test_disputed_uplink() -> None:
    """Every write may restart an uplink whose block is drawn anew with each of them: that is exposure, and refused."""
    case = disputed()

    with pytest.raises(UnsafePlanError) as refusal:
        api.plan(from_document(dict(case.spec)), Snapshot(state_of(case.cluster)), version=CALICO)

    assert {"b"} == {violation.at for violation in refusal.value.violations if violation.invariant == "outside"}
    assert Tally().judge(case) is None
