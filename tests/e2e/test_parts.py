"""What end-to-end tests rest on: the words of calico-node, the judge, the clock of events."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from rrplan.adapters.nodes.calico_node_status import ends_of
from rrplan.ids import NodeName
from rrplan.planning.promise import Pair
from rrplan.rehearsal.recorder import Flow, Gap, Recording
from tests.e2e.laboratory import Facts
from tests.e2e.operator import monotonic
from tests.e2e.verdict import RECOVERY_SECONDS, Death, without
from tests.e2e.words import status_of

STATUS = "BIRD 1.6.8 ready.\nBIRD 1.6.8\nRouter ID is 10.0.0.1\nDaemon is up and running\n"
PROTOCOLS = """\
BIRD 1.6.8 ready.
name     proto    table    state  since       info
kernel1  Kernel   master   up     08:40:50
Mesh_10_0_0_2 BGP      master   up     08:40:52    Established
  Routes:         1 imported, 2 exported, 1 preferred
  BGP state:          Established
    Neighbor address: 10.0.0.2
Node_10_0_0_3 BGP      master   start  08:40:52    Passive
  BGP state:          Passive
    Neighbor address: 10.0.0.3
static1  Static   master   up     08:40:50
"""
ROUTES = """\
BIRD 1.6.8 ready.
10.244.0.64/26     via 10.0.0.2 on eth0 [Mesh_10_0_0_2 08:40:52] * (100/0) [i]
                   via 10.0.0.2 on eth0 [Node_10_0_0_3 08:40:53 from 10.0.0.3] (100/0) [i]
10.244.0.0/26      blackhole [static1 08:40:50] * (200)
10.244.0.1/32      dev cali0 [direct1 08:40:50] * (240)
"""
DOWN = "Unable to connect to server control socket (./bird6.ctl): No such file or directory\n"


def birdcl(family: str, words: str) -> str:
    """What the BIRD of either family says: both the same."""
    return {"show status": STATUS, "show protocols all": PROTOCOLS, "show route": ROUTES}[words]


def test_status_of_a_node() -> None:
    """rrplan reads of calico-node's report what its BIRD says."""
    ends = ends_of(status_of(birdcl, "2026-01-01T00:00:00Z"))
    assert set(ends) == {"ipv4", "ipv6"}
    end = ends["ipv4"]
    assert {address: session.established for address, session in end.mesh.items()} == {"10.0.0.2": True}
    assert {address: session.state for address, session in end.sessions.items()} == {"10.0.0.3": "not up"}
    assert end.routes is not None
    assert end.routes["10.0.0.2"] == end.routes["10.0.0.3"] == {"10.244.0.64/26": "10.0.0.2"}
    assert end.own is not None
    assert end.own["10.244.0.0/26"] == "blackhole"


def test_status_where_one_family_has_no_bird() -> None:
    """It says nothing of the sessions of either."""
    status = status_of(lambda family, words: DOWN if family == "ipv6" else birdcl(family, words), "now")
    assert status["agent"] == {"birdV4": {"state": "Ready"}, "birdV6": {"state": "NotReady"}}
    assert "peersV4" not in str(status["bgp"])
    assert status["routes"] == {}


A, B, C = (NodeName(name) for name in "abc")
BLOCKS = {"10.0.0.0/26": A, "10.0.0.64/26": B, "10.0.0.128/26": C}
FACTS = Facts({}, BLOCKS, frozenset({Pair("ipv4", A, B)}), 2)


def recorded() -> Recording:
    """A probe of each flow lost at each second, and three routes away."""
    flows = [Flow("ipv4", A, B), Flow("ipv4", B, C)]
    gaps = [Gap(A, "10.0.0.64/26", 1.0, 1.0), Gap(A, "10.0.0.64/26", 50.0, 1.0), Gap(B, "10.0.0.128/26", 1.0, 1.0)]
    return Recording(flows, [float(tick) for tick in range(100)], [list(range(100)), list(range(100))], gaps)


def test_a_death_explains_its_own_pairs_for_its_time_alone() -> None:
    """What other nodes lose meanwhile, or the dead one loses later, stays."""
    kept = without(recorded(), FACTS, set(), [Death(A, 0.5, 2.0)])
    healthy = 0.5 + 2.0 + RECOVERY_SECONDS
    assert [(gap.at, gap.began) for gap in kept.gaps] == [(A, 50.0), (B, 1.0)]
    assert kept.lost[0] == [0, *(tick for tick in range(100) if tick >= healthy)]
    assert kept.lost[1] == list(range(100))


def test_pairs_of_a_host_that_calico_node_leaves_are_not_judged() -> None:
    """It has no routes of its own any more."""
    kept = without(recorded(), FACTS, {C}, [])
    assert [flow.target for flow in kept.flows] == [B]
    assert len(kept.lost) == 1
    assert [gap.at for gap in kept.gaps] == [A, A]


def test_dates_of_events() -> None:
    """A date of now is now."""
    now = datetime.now(UTC).isoformat()
    assert abs(monotonic(now) - time.monotonic()) < 1
