"""Routes counted without owners of blocks, on real BIRD: what a node announces itself is in its own table."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from rrplan import api
from rrplan.adapters.local.clock import SystemClock
from rrplan.adapters.nodes.birdcl import Birds, OneByOne
from rrplan.adapters.nodes.origins import BY_TABLE
from rrplan.adapters.nodes.probe import LiveProbe
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName
from rrplan.planning.expected import expected
from rrplan.planning.promise import states
from rrplan.rehearsal.isolation import isolated
from rrplan.rehearsal.laboratory import Laboratory
from rrplan.reports.standing import Standing
from rrplan.resources import ClusterState, decode
from rrplan.runs.observation import await_sessions
from rrplan.runs.standing import standings
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.bird.laboratory import lacking
from tests.conftest import lacks
from tests.support import SPEC
from tests.support.clusters import VERSIONS

pytestmark = [pytest.mark.bird, pytest.mark.slow]

MOST = 60.0
"""Seconds until every route is there."""


class Silent(Laboratory):
    """Says of its blocks what calicoctl says: nothing."""

    def owners(self) -> Mapping[str, NodeName]:
        """Refused."""
        raise DatastoreRefused("calicoctl does not tell it")


def test_gates_count_the_blocks_of_reflectors() -> None:
    """Two reflectors and four clients: everybody's routes are counted, the reflectors' own included."""
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    found, own, notices = isolated(counted)
    assert [(one.reflector, one.expected, one.complete, one.short) for one in found] == [
        (name, 5, 5, None) for name in ("rr-1", "rr-1", "rr-2", "rr-2")
    ]
    assert list(own.values()).count("blackhole") == 1
    assert notices == [f"not known which node owns which address block: calicoctl does not tell it; {BY_TABLE}"]


def counted() -> tuple[list[Standing], Mapping[str, str], list[str]]:
    """How a cluster with reflectors stands, a client's own routes, and what was told."""
    resources = [decode(document) for document in demo_cluster(6, 2)]
    state = ClusterState.of(one for one in resources if one is not None)
    *_, last = states(api.plan(load(SPEC.encode(), "spec.yaml"), Snapshot(state)), state)
    notices: list[str] = []
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="rrplan-origins-") as folder:
        laboratory = Silent([last], VERSIONS, Path(folder), recover=False)
        try:
            laboratory.run(last)
            birds = Birds(OneByOne(laboratory.ask))
            probe = LiveProbe(birds, laboratory, None, notices.append)
            await_sessions(last, VERSIONS, probe, clock)
            until = clock.now() + MOST
            while True:
                found = standings(*expected(last, VERSIONS), probe)
                if all(one.complete == one.expected for one in found) or clock.now() >= until:
                    return found, birds.own(NodeName("node-001")).get("ipv4", {}), notices
                clock.sleep(1)
        finally:
            laboratory.close()
