"""Runs where Calico does not say which node owns which address block: routes are counted all the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan import api
from rrplan.adapters.nodes.origins import BY_POD_CIDR, BY_TABLE
from rrplan.ids import NodeName
from rrplan.ports import Survey
from rrplan.runs import Result
from tests.real.agent import Allocation
from tests.real.server import RealServer
from tests.support.live import LiveBench

pytestmark = pytest.mark.real

SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
QUICK = "  gates: {stable: 2s, routes: 60s}\n"


@pytest.fixture
def bench(crd_server: RealServer, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of seven nodes with host-local IPAM, two of which have no podCIDR."""
    quiet = ["rr-2", "node-003"]
    made = LiveBench(crd_server, tmp_path, nodes=7, quiet=quiet, allocation=Allocation.HOST_LOCAL)
    yield made
    made.agent.stop()
    crd_server.clear()


def there_and_back(bench: LiveBench) -> None:
    """The plan is applied, the cluster is as it says, and the plan is taken back."""
    bench.plan(spec_lines=QUICK)
    assert bench.apply() is Result.DONE, bench.told()
    standings = api.standings(bench.cluster())
    assert [(one.reflector, one.expected, one.complete, one.short) for one in standings] == [
        (name, 6, 6, None) for name in ("rr-1", "rr-1", "rr-2", "rr-2")
    ]
    probe = bench.cluster().probe
    (client,) = probe.read(Survey([NodeName("node-001")], [NodeName("rr-1"), NodeName("rr-2")]))
    assert [one.routes for one in client.families["ipv4"].sessions.values()] == [4, 4]
    assert probe.quiet("ipv4") == {"rr-2", "node-003"}
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert bench.objects() == bench.before


def test_pod_cidrs(bench: LiveBench) -> None:
    """Where calico-node has USE_POD_CIDR, the podCIDRs of the Nodes are the blocks, and the operator is told so."""
    there_and_back(bench)
    assert set(bench.notices) == {BY_POD_CIDR}


def test_left_over_affinities(bench: LiveBench) -> None:
    """BlockAffinities of the IPAM that was there before say nothing: calico-node does not read them."""
    head = {"apiVersion": bench.server.calico.removeprefix("/apis/"), "kind": "BlockAffinity"}
    spec = {"node": "node-001", "cidr": "10.244.77.0/26", "state": "confirmed", "deleted": "false"}
    path = f"{bench.server.calico}/blockaffinities"
    bench.server.api.create(path, {**head, "metadata": {"name": "left-over"}, "spec": spec})
    there_and_back(bench)


def test_own_tables(bench: LiveBench) -> None:
    """Where the environment of calico-node does not say it, nodes' own tables tell what they announce."""
    container = {"name": "calico-node", "image": "calico/node:v3.30.4"}
    bench.server.api.patch(f"{SETS}/calico-node", {"spec": {"template": {"spec": {"containers": [container]}}}})
    there_and_back(bench)
    assert set(bench.notices) == {f"no node owns an address block here; {BY_TABLE}"}
