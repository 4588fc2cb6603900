"""The embedded cluster enforces what Calico enforces, so that `verify` after `apply` shows it."""

from pathlib import Path
from typing import Any

import pytest

from rrplan import api
from rrplan.ports import Survey
from rrplan.resources import ClusterState, IPPool, ResourceKey, encode
from rrplan.runs import Result
from rrplan.runs.verification import Verdict
from tests.support import Bench
from tests.support.clusters import TO_REFLECTORS, meshed

HEAD = "apiVersion: rrplan.io/v1\nkind: BGPTopology\nmetadata: {name: test}\n"
POOL = ResourceKey("IPPool", "pods")
FILTER = ResourceKey("BGPFilter", "no-pods")
CLIENTS = ResourceKey("BGPPeer", "rrplan-main-clients")
SECRET = {"secretKeyRef": {"name": "bgp", "key": "password"}}


def calico(key: ResourceKey, **spec: Any) -> dict[str, object]:
    """A resource of Calico."""
    return {"apiVersion": "projectcalico.org/v3", "kind": key.kind, "metadata": {"name": key.name}, "spec": spec}


def rejecting(direction: str) -> dict[str, object]:
    """A BGPFilter that rejects the pool."""
    rule = {"action": "Reject", "matchOperator": "In", "cidr": "10.42.0.0/16"}
    return calico(FILTER, **{f"{direction}V4": [rule]})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Reflectors r1 and r2 instead of the mesh, by a run that is done."""
    cluster: ClusterState = meshed().put(IPPool(POOL.name, "10.42.0.0/16", block_size=26))
    accepted = f"{HEAD}spec: {{{TO_REFLECTORS}, policy: {{exposure: {{brief: 25s}}}}}}\n"
    bench = Bench(tmp_path, accepted, documents=[encode(one) for one in cluster])
    assert bench.runner().apply() is Result.DONE
    assert verified(bench).good
    return bench


def verified(bench: Bench) -> Verdict:
    """What `rrplan verify` finds once everything has come up that will."""
    bench.sandbox.clock.sleep(60)
    bench.reopen()
    return api.verify(bench.spec, api.embedded(bench.sandbox, bench.path / "cluster"))


def changed(bench: Bench, key: ResourceKey, **spec: Any) -> None:
    """Change an object by hand."""
    stored = bench.sandbox.get(key)
    assert stored is not None
    bench.sandbox.patch(key, {"spec": spec}, stored.version)


def routes(bench: Bench, at: str, peer: str) -> int | None:
    """How many routes a node says it has from a peer; None where the session is not up."""
    names = [*bench.sandbox.state.nodes]
    (reading,) = bench.sandbox.read(Survey([name for name in names if name == at], names))
    session = reading.families["ipv4"].sessions.get(next(n for n in bench.sandbox.state.nodes if n == peer))
    return session.routes if session is not None and session.established else None


@pytest.mark.parametrize("direction", ["import", "export"])
def test_a_filter_rejects_the_pool(bench: Bench, direction: str) -> None:
    """The sessions stay up, and routes do not arrive."""
    assert routes(bench, "a", "r1") == 4
    bench.sandbox.create(FILTER, rejecting(direction))
    assert routes(bench, "a", "r1") == 4
    changed(bench, CLIENTS, filters=["no-pods"])
    found = verified(bench)
    assert routes(bench, "a", "r1") == 0
    assert not found.good
    reasons = [missing.reason for missing in found.missing if missing.reason]
    assert (("no-pods",), ("pods",)) in {(reason.filters, reason.pools) for reason in reasons}


def test_a_filter_is_edited(bench: Bench) -> None:
    """What a BGPPeer names already begins to reject, and routes come back once it does not."""
    bench.sandbox.create(FILTER, calico(FILTER))
    changed(bench, CLIENTS, filters=["no-pods"])
    bench.sandbox.clock.sleep(60)
    assert routes(bench, "a", "r1") == 4
    changed(bench, FILTER, importV4=[{"action": "Reject"}])
    assert routes(bench, "a", "r1") == 0
    changed(bench, FILTER, importV4=None)
    assert routes(bench, "a", "r1") == 4


def test_a_pool_is_not_exported_any_more(bench: Bench) -> None:
    """Sessions stay up, no route comes over them, and none is owed."""
    changed(bench, POOL, disableBGPExport=True)
    found = verified(bench)
    assert routes(bench, "a", "r1") == 0
    assert found.missing == ()


def test_passwords_that_differ(bench: Bench) -> None:
    """One direction by itself with a password, the other without: the session does not come up."""
    changed(bench, CLIENTS, password=SECRET, reversePeering="Manual")
    back = ResourceKey("BGPPeer", "back")
    selectors = {"nodeSelector": "has(rrplan.io/route-reflector)", "peerSelector": "!has(rrplan.io/route-reflector)"}
    bench.sandbox.create(back, calico(back, **selectors, reversePeering="Manual"))
    found = verified(bench)
    assert routes(bench, "a", "r1") is None
    reasons = [missing.reason for missing in found.missing if missing.reason]
    assert "the two ends have different `password`" in {reason.detail for reason in reasons}
    changed(bench, back, password=SECRET)
    assert verified(bench).missing == ()
    assert routes(bench, "a", "r1") == 4
