"""A cluster of UCP's kind: a real API server without Calico's resources, and a real etcd that has them."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan import api
from rrplan.adapters.etcd.config import etcd_access
from rrplan.adapters.kubernetes.containers import CONFIG_KEYS, METADATA_ONLY
from rrplan.adapters.local.clock import SystemClock
from rrplan.errors import FileFormatError
from rrplan.plans.change import changed
from rrplan.plans.cost import gates_cost
from rrplan.ports import Write
from rrplan.render.run import gates_cost_text
from rrplan.reports.reasons import Outcome
from rrplan.resources import ClusterState, decode
from rrplan.runs.writing import Writer
from rrplan.sandbox import ucp_cluster
from rrplan.snapshots import Snapshot, capture
from rrplan.specs import load
from tests.real.mixed import MixedCluster
from tests.real.proxy import Fault, Proxy
from tests.real.server import RealServer
from tests.support import processes
from tests.support.specs import STANDALONE as SPEC

pytestmark = pytest.mark.real

DOCUMENTS = ucp_cluster(5)
COST = (
    "notice: the 4 gates ask the nodes in about 194 requests if each passes at once; one look at everybody asks up to "
    "10 nodes and takes about 1 s\n"
)
"""Of the plan of all tests."""


@pytest.fixture
def ucp(mixed_cluster: MixedCluster, tmp_path: Path) -> Iterator[tuple[RealServer, Path]]:
    """Both, and calicoctl's configuration file."""
    mixed_cluster.fill([document for document in DOCUMENTS if document["kind"] != "CalicoNode"])
    config = mixed_cluster.calico_config(tmp_path)
    yield mixed_cluster.server, config
    mixed_cluster.clear()


def rrplan(ucp: tuple[RealServer, Path], *words: str) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    where = ["--kubeconfig", str(ucp[0].kubeconfig), "--calico-config", str(ucp[1])]
    return processes.rrplan(*words, *where)


def test_sessions(ucp: tuple[RealServer, Path]) -> None:
    """Nodes are joined from both: addresses from etcd, labels from Kubernetes."""
    done = rrplan(ucp, "sessions", "--summary")
    assert "90 BGP protocols (session ends) on 10 nodes, Calico v3.8.9" in done.stdout, done.stderr


def test_parts_of_the_containers(ucp: tuple[RealServer, Path], tmp_path: Path) -> None:
    """ConfigMap and Secret are looked for before anything else; what the Secret holds is not read."""
    server = ucp[0]
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = rrplan(ucp, "plan", str(tmp_path / "spec.yaml"))
    assert done.returncode == 8
    assert "ConfigMap kube-system/calico-config does not exist: it tells where etcd is" in done.stderr
    assert "Secret kube-system/calico-etcd-secrets does not exist" in done.stderr
    assert "hint: give the right names in `standalone` of the spec" in done.stderr
    maps, secrets = (f"/api/v1/namespaces/kube-system/{kind}" for kind in ("configmaps", "secrets"))
    data = dict.fromkeys(("etcd_endpoints", "etcd_ca", "etcd_cert"), "x")
    server.api.create(maps, {"metadata": {"name": "calico-config"}, "data": data})
    secret = {"etcd-key": base64.b64encode(b"hidden").decode()}
    server.api.create(secrets, {"metadata": {"name": "calico-etcd-secrets"}, "data": secret})
    done = rrplan(ucp, "plan", str(tmp_path / "spec.yaml"))
    assert "ConfigMap kube-system/calico-config lacks `etcd_key`" in done.stderr
    assert "Secret" not in done.stderr
    server.api.patch(f"{maps}/calico-config", {"data": {"etcd_key": "x"}})
    assert rrplan(ucp, "plan", str(tmp_path / "spec.yaml")).returncode == 0
    seen = server.api.get(f"{secrets}/calico-etcd-secrets", accept=METADATA_ONLY)
    assert seen is not None
    assert "data" not in seen


def test_secret_that_may_not_be_looked_at(ucp: tuple[RealServer, Path], tmp_path: Path) -> None:
    """A server too old to show a Secret without its content: it is taken to be there, and is not read."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    maps = "/api/v1/namespaces/kube-system/configmaps"
    ucp[0].api.create(maps, {"metadata": {"name": "calico-config"}, "data": dict.fromkeys(CONFIG_KEYS, "x")})
    proxy = Proxy(ucp[0].kubeconfig, tmp_path)
    proxy.choose = lambda _method, path: Fault("status", 406) if "/secrets/" in path else None
    words = ["plan", str(tmp_path / "spec.yaml"), "--kubeconfig", str(proxy.kubeconfig), "--calico-config", str(ucp[1])]
    try:
        done = processes.rrplan(*words)
        assert (done.returncode, done.stderr) == (0, COST)
        assert [kind for kind, _, _ in proxy.seen] == ["status"]
    finally:
        proxy.stop()


def test_plan(ucp: tuple[RealServer, Path], tmp_path: Path) -> None:
    """The same plan as from the objects themselves."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    maps, secrets = (f"/api/v1/namespaces/kube-system/{kind}" for kind in ("configmaps", "secrets"))
    ucp[0].api.create(maps, {"metadata": {"name": "calico-config"}, "data": dict.fromkeys(CONFIG_KEYS, "x")})
    ucp[0].api.create(secrets, {"metadata": {"name": "calico-etcd-secrets"}})
    done = rrplan(ucp, "plan", str(tmp_path / "spec.yaml"), "-o", "json")
    assert done.returncode == 0, done.stderr
    state = ClusterState.of(one for one in map(decode, DOCUMENTS) if one is not None)
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), Snapshot(state))
    found = json.loads(done.stdout)
    assert [step["id"] for step in found["steps"]] == [step.id for step in plan.steps]
    assert found["fingerprints"] == dict(plan.fingerprints)
    assert done.stderr == COST == f"notice: {gates_cost_text(gates_cost(plan))}\n"


def test_writes_of_a_plan(ucp: tuple[RealServer, Path], mixed_cluster: MixedCluster) -> None:
    """All writes of a plan for standalone reflectors, on both datastores; each state is as proved; then all back."""
    store = mixed_cluster.connect()
    state = began = capture(store).state
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), capture(store))
    changes = [change for _, change in plan.writes]
    first = {change.key: change for change in reversed(changes)}.values()
    assert store.dry_run([Write(one.key, one.before, one.after) for one in first]) == []
    writer = Writer(store, SystemClock(), lambda *_: None)
    for change in [*changes, *(one.inverse() for one in reversed(changes))]:
        state = changed(state, change)
        done = writer.write(change)
        assert done.outcome is Outcome.LANDED, (change, done.reason)
        assert writer.landed(change)
        found = capture(store).state
        speaking = [{name: (node.ipv4, node.taints) for name, node in one.nodes.items()} for one in (found, state)]
        assert speaking[0] == speaking[1]
        assert (found.peers, found.configurations) == (state.peers, state.configurations)
    assert (found.nodes, found.peers) == (began.nodes, began.peers)


def test_by_way_of_calicoctl(ucp: tuple[RealServer, Path], mixed_cluster: MixedCluster) -> None:
    """The same, where only calicoctl gets at etcd."""
    where = ["--kubeconfig", str(ucp[0].kubeconfig), "--calicoctl", mixed_cluster.calicoctl_command()]
    words = ["sessions", "--summary", *where]
    done = processes.rrplan(*words)
    assert "90 BGP protocols (session ends) on 10 nodes, Calico v3.8.9" in done.stdout, done.stderr
    done = processes.rrplan(*words, "--calico-config", str(ucp[1]))
    assert done.returncode == 64
    assert "error: `--calico-config` and `--calicoctl` exclude one another" in done.stderr


def test_without_the_file(ucp: tuple[RealServer, Path]) -> None:
    """It says what is missing."""
    words = ["sessions"]
    done = processes.rrplan(*words, "--kubeconfig", str(ucp[0].kubeconfig))
    assert "hint: where Calico uses etcd, give `--calico-config` too" in done.stderr
    done = processes.rrplan(*words, "--calico-config", str(ucp[1]))
    assert done.returncode == 64
    assert "hint: give `--context NAME` too; with etcd both are read" in done.stderr


WRONG = [
    ("kind: Pod\n", "not a CalicoAPIConfig", "it is calicoctl's configuration file"),
    ("kind: [\n", "not YAML", "it is calicoctl's configuration file"),
    (
        "kind: CalicoAPIConfig\nspec: {datastoreType: kubernetes}\n",
        "`datastoreType` is `kubernetes`",
        "leave `--calico",
    ),
    ("kind: CalicoAPIConfig\n", "`etcdEndpoints` is missing", "one or more, with commas"),
]


@pytest.mark.parametrize(("text", "words", "hint"), WRONG, ids=[case[1] for case in WRONG])
def test_wrong_files(text: str, words: str, hint: str, tmp_path: Path) -> None:
    """Each in words."""
    (tmp_path / "calicoctl.cfg").write_text(text)
    with pytest.raises(FileFormatError) as error:
        etcd_access(str(tmp_path / "calicoctl.cfg"))
    assert words in error.value.problems[0].summary
    assert hint in error.value.problems[0].hint
