"""The same scenarios on a real API server: the same plan, carried out and taken back through the kubernetes client.

One of each kind; all of them in a soak (`RRPLAN_SCENARIOS=all`).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rrplan import api
from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.adapters.local.clock import SystemClock
from rrplan.errors import RRPlanError
from rrplan.plans import Plan
from rrplan.resources import encode
from rrplan.runs import Result
from rrplan.snapshots import capture, snapshot_of_manifests
from rrplan.specs import Spec, from_document
from tests.real.audit import outside
from tests.real.server import RealServer
from tests.support.live import LiveBench
from tests.support.scenarios import SCENARIOS, parts

pytestmark = [pytest.mark.real, pytest.mark.slow]

KUBERNETES = [folder for folder in SCENARIOS if parts(folder)[2].get("datastore", "kubernetes") == "kubernetes"]
"""Those whose Calico keeps its data in Kubernetes; others need an etcd, the operator, InternalIPs of a kubelet, or what
the embedded cluster alone plays: speakers outside that pass routes on, and plain peers without a mesh."""


def kinds(folder: Path) -> set[str]:
    """What a scenario shows: the verbs of its steps, the fields of its spec and of its groups, how it is refused."""
    _, document, expect = parts(folder)
    spec = yaml.safe_load(document)["spec"]
    shown: set[str] = {step.partition("/")[0] for step in expect.get("steps") or ()} | spec.keys()
    shown |= {f"group {field}" for group in spec.get("groups", ()) for field in group}
    shown |= {f"peering {field}" for field in spec.get("peering", ())}
    return shown | ({f"refused {expect.get('exit_code', 7)}"} if "refused" in expect else set())


def one_of_each(folders: list[Path]) -> list[Path]:
    """Those that show something that none before them does, the richest first."""
    chosen: list[Path] = []
    seen: set[str] = set()
    for folder in sorted(folders, key=lambda each: (-len(kinds(each)), each.name)):
        if not kinds(folder) <= seen:
            chosen.append(folder)
            seen |= kinds(folder)
    return sorted(chosen)


CHOSEN = KUBERNETES if os.environ.get("RRPLAN_SCENARIOS") == "all" else one_of_each(KUBERNETES)


RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@pytest.fixture(scope="module")
def readable(crd_server: RealServer) -> Iterator[None]:
    """calico-node may read Secrets, as the documents of Calico tell whoever uses passwords to let it."""
    api_server = crd_server.api
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}]
    subject = {"kind": "ServiceAccount", "name": "calico-node", "namespace": "kube-system"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "passwords"}
    api_server.create(f"{RBAC}/roles", {"metadata": {"name": "passwords"}, "rules": rules})
    binding = {"metadata": {"name": "passwords"}, "roleRef": reference, "subjects": [subject]}
    api_server.create(f"{RBAC}/rolebindings", binding)
    asked = {"namespace": "kube-system", "resource": "secrets", "verb": "list"}
    review = {"spec": {"user": "system:serviceaccount:kube-system:calico-node", "resourceAttributes": asked}}
    for _ in range(100):
        if api_server.create(REVIEWS, review)["status"]["allowed"]:
            break
        SystemClock().sleep(0.05)
    yield
    for kind in ("rolebindings", "roles"):
        api_server.delete(f"{RBAC}/{kind}/passwords", "")


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize("folder", CHOSEN, ids=lambda folder: folder.name)
def test_live_scenario(folder: Path, tmp_path: Path, crd_server: RealServer) -> None:
    """What is refused on the embedded cluster is refused here; what is done there is done here, and undone."""
    cluster, document, expect = parts(folder)
    spec = hurried(document)
    snapshot = snapshot_of_manifests([("cluster.yaml", cluster)])
    documents = [encode(resource) for resource in snapshot.state]
    try:
        if "refused" in expect:
            crd_server.fill(documents)
            with pytest.raises(RRPlanError) as refusal:
                api.plan(spec, capture(in_kubernetes(crd_server.connect())))
            assert refusal.value.exit_code == expect.get("exit_code", 7)
        else:
            bench = LiveBench(crd_server, tmp_path, documents=documents)
            for name, key in secrets([documents, yaml.safe_load(document)]):
                body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: "x"}}
                crd_server.api.create("/api/v1/namespaces/kube-system/secrets", body)
            try:
                _carried_out_and_back(bench, spec, api.plan(spec, snapshot))
            finally:
                bench.agent.stop()
    finally:
        crd_server.clear()


def secrets(value: Any) -> set[tuple[str, str]]:
    """The Secrets that passwords of sessions are in, with their keys, wherever they are named."""
    if isinstance(value, dict):
        reference = value.get("secretKeyRef")
        named = {(reference["name"], reference["key"])} if isinstance(reference, dict) else set()
        return named.union(*map(secrets, value.values()))
    return set().union(*map(secrets, value)) if isinstance(value, list | tuple) else set()


def hurried(document: bytes) -> Spec:
    """The spec of a scenario; gates hold two seconds rather than ten, so that nodes are asked a third as often."""
    told = yaml.safe_load(document)
    told["spec"].setdefault("gates", {}).setdefault("stable", "2s")
    return from_document(told)


def _carried_out_and_back(bench: LiveBench, spec: Spec, there: Plan) -> None:
    here = bench.planned(spec)
    assert [step.id for step in here.steps] == [step.id for step in there.steps]
    assert [step.changes for step in here.steps] == [step.changes for step in there.steps]
    if not here.steps:
        return
    assert bench.apply() is Result.DONE, bench.told()
    assert not api.plan(spec, capture(bench.cluster().datastore)).steps
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert bench.objects() == bench.before
    assert outside(here, bench.written()) == []
