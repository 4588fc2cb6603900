"""A cluster of UCP's kind: a real API server without Calico's resources, and a real etcd that has them."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rrplan import api
from rrplan.adapters.calico_config import etcd_access
from rrplan.adapters.containers import CONFIG_KEYS, METADATA_ONLY
from rrplan.adapters.etcd import PLURALS, CalicoEtcd
from rrplan.errors import FileFormatError
from rrplan.resources import ClusterState, Node, decode, encode, key_of
from rrplan.resources.node_codec import without_calico
from rrplan.sandbox import ucp_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.conftest import lacks
from tests.real.etcd import EtcdCluster
from tests.real.parts import missing
from tests.real.server import RealServer
from tests.unit.plans.test_standalone import SPEC

DOCUMENTS = ucp_cluster(5)


@pytest.fixture(scope="module")
def ucp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServer, Path]]:
    """Both, and calicoctl's configuration file."""
    if missing():
        lacks(f"no real API server; missing: {'; '.join(missing())}")
    folder = tmp_path_factory.mktemp("ucp")
    server, members = RealServer(folder / "server", ""), EtcdCluster(folder_of(folder / "etcd"))
    calico = CalicoEtcd(members.access)
    for document in DOCUMENTS:
        if document["kind"] in PLURALS:
            calico.create(key_of(document), document)
        else:
            node = decode(document)
            server.fill([encode(without_calico(node))] if isinstance(node, Node) else [document])
    access = members.access
    spec = {
        "datastoreType": "etcdv3",
        "etcdEndpoints": ",".join(access.endpoints),
        "etcdCACertFile": access.ca,
        "etcdCertFile": access.certificate,
        "etcdKeyFile": access.key,
    }
    config = folder / "calicoctl.cfg"
    head = {"apiVersion": "projectcalico.org/v3", "kind": "CalicoAPIConfig", "metadata": {}}
    config.write_text(yaml.safe_dump({**head, "spec": spec}))
    yield server, config
    members.stop()
    server.stop()


def folder_of(path: Path) -> Path:
    """A folder that is there."""
    path.mkdir()
    return path


def rrplan(ucp: tuple[RealServer, Path], *words: str) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    where = ["--kubeconfig", str(ucp[0].kubeconfig), "--calico-config", str(ucp[1])]
    return subprocess.run([sys.executable, "-m", "rrplan", *words, *where], capture_output=True, text=True, check=False)


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
    try:
        done = rrplan(ucp, "plan", str(tmp_path / "spec.yaml"))
        assert "ConfigMap kube-system/calico-config lacks `etcd_key`" in done.stderr
        assert "Secret" not in done.stderr
        server.api.patch(f"{maps}/calico-config", {"data": {"etcd_key": "x"}})
        assert rrplan(ucp, "plan", str(tmp_path / "spec.yaml")).returncode == 0
        seen = server.api.get(f"{secrets}/calico-etcd-secrets", accept=METADATA_ONLY)
        assert seen is not None
        assert "data" not in seen
    finally:
        server.api.delete(f"{secrets}/calico-etcd-secrets", "")
        server.api.delete(f"{maps}/calico-config", "")


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
    assert "notice: this version does not write to etcd" in done.stderr


def test_without_the_file(ucp: tuple[RealServer, Path]) -> None:
    """It says what is missing."""
    words = [sys.executable, "-m", "rrplan", "sessions"]
    where = ["--kubeconfig", str(ucp[0].kubeconfig)]
    done = subprocess.run([*words, *where], capture_output=True, text=True, check=False)
    assert "hint: where Calico uses etcd, give `--calico-config` too" in done.stderr
    done = subprocess.run([*words, "--calico-config", str(ucp[1])], capture_output=True, text=True, check=False)
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
    ("kind: CalicoAPIConfig\nspec: {etcdEndpoints: x, etcdPassword: y}\n", "passwords of etcd are not", "certificate"),
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
