"""Whether calico-node may read a password, as the RBAC of a real API server has it; the password itself stays there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan import api
from rrplan.adapters.kubernetes.passwords import readable_check, secrets_check
from rrplan.adapters.local.clock import SystemClock
from rrplan.errors import PreflightError
from rrplan.runs import Result
from rrplan.runs.preflight import Situation, check_when_planned
from tests.real.server import RealServer
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings"
SECRETS = "/api/v1/namespaces/kube-system/secrets"
WORDS = "  peering: {password: {secretKeyRef: {name: bgp, key: rr}}}\n  gates: {stable: 1s}\n"


@pytest.fixture
def bench(crd_server: RealServer, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of five nodes."""
    made = LiveBench(crd_server, tmp_path, nodes=5)
    yield made
    made.agent.stop()
    crd_server.clear()


def test_a_password_of_a_real_secret(bench: LiveBench) -> None:
    """Refused without the Secret and the right; with both the plan is applied, and nothing printed the password."""
    server, plan = bench.server.api, bench.plan(spec_lines=WORDS)

    def told() -> list[str]:
        lines: list[str] = []
        cluster = bench.cluster()
        situation = Situation(plan, cluster.datastore, cluster.probe)
        check_when_planned([secrets_check(server), readable_check(server)], situation, lines.append)
        return [line.partition(",")[0] for line in lines]

    missing = "Secret kube-system/bgp does not exist"
    refused = "calico-node may not list and watch Secret kube-system/bgp"
    assert told() == [missing, refused]
    with pytest.raises(PreflightError, match="Secret kube-system/bgp does not exist"):
        api.apply(plan, bench.cluster(), bench.control())

    server.create(SECRETS, {"metadata": {"name": "bgp"}, "stringData": {"rr": "hunter2"}})
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["bgp"], "verbs": ["get", "list", "watch"]}]
    server.create(ROLES, {"metadata": {"name": "bgp"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "calico-node", "namespace": "kube-system"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "bgp"}
    server.create(BINDINGS, {"metadata": {"name": "bgp"}, "roleRef": reference, "subjects": [subject]})
    try:
        for _ in range(100):
            if not told():
                break
            SystemClock().sleep(0.05)
        assert told() == []
        result = bench.apply()
        assert result is Result.DONE, bench.told()
        assert bench.rollback() is Result.UNDONE, bench.told()
        assert "hunter2" not in f"{bench.told()} {bench.notices}"
    finally:
        for path in (f"{SECRETS}/bgp", f"{ROLES}/bgp", f"{BINDINGS}/bgp"):
            server.delete(path, "")
