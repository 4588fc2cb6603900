"""Uplinks on which nothing may rest: small cases that the walker found."""

import pytest

from rrplan import api
from rrplan.errors import UnsafePlanError
from rrplan.plans.plan import Violation
from rrplan.snapshots.snapshot import Snapshot, state_of
from rrplan.specs.loading import from_document
from tests.walker.draws import OURS, SWITCH, Case, configuration, group, node, peer, spec
from tests.walker.judging import CALICO, Tally


def violations(case: Case) -> list[Violation]:
    """Why the plan of a case is refused."""
    with pytest.raises(UnsafePlanError) as refusal:
        api.plan(from_document(dict(case.spec)), Snapshot(state_of(case.cluster)), version=CALICO)
    return [one for one in refusal.value.violations if isinstance(one, Violation)]


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

    assert {"b"} == {violation.at for violation in violations(case) if violation.invariant == "outside"}
    assert Tally().judge(case) is None


def untried() -> Case:
    """`b` gets an uplink on the way, and then the only uplink that is known to work restarts: `c` changes its ID."""
    nodes = [
        node("a", 1),
        node("b", 2),
        node("c", 3, labels={OURS: "main"}, cluster_id="10.0.0.2"),
    ]
    peers = [
        peer("rrplan-main-clients", ours=True, nodeSelector=f"!has({OURS})", peerSelector=f'{OURS} == "main"'),
        peer("rrplan-reflectors", ours=True, nodeSelector=f"has({OURS})", peerSelector=f"has({OURS})"),
        peer("switch", nodeSelector=f"has({OURS})", peerIP=SWITCH, asNumber=64512),
    ]
    wanted = spec(
        topology="route-reflectors",
        clusterID="10.0.0.1",
        groups=[group("main", ["b", "c"])],
        drain=True,
        policy={"minReflectorsPerClient": 1},
    )
    return Case((*nodes, configuration(mesh=False), *peers), wanted, "untried uplink")


def test_untried_uplink() -> None:
    """A session to the outside that an earlier step has brought may be refused there: no pair rests on it."""
    case = untried()

    pairs = {(one.at, one.origin) for one in violations(case) if one.step == "promote/c"}
    assert {("a", f"outside {SWITCH} (AS 64512)"), (f"outside {SWITCH} (AS 64512)", "a")} == pairs
    assert Tally().judge(case) is None
