"""A secret in any place of the manifests is in no file that rrplan writes and in nothing that it prints."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rrplan.sandbox import demo_cluster
from rrplan.snapshots import read_snapshot, snapshot_of_manifests, write_snapshot
from tests.support import SPEC
from tests.unit.cli.test_standing import rrplan

SECRET = "hunter2-secret"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def planted() -> list[Any]:
    """A cluster whose objects have a secret wherever somebody might have put one."""
    documents: list[Any] = json.loads(json.dumps(list(demo_cluster(8, 2))))
    documents = [document for document in documents if document["kind"] != "DaemonSet"]
    environment = [
        {"name": "ETCD_PASSWORD", "value": SECRET},
        {"name": "CALICO_NETWORKING_BACKEND", "value": "bird"},
    ]
    pod = {
        "containers": [
            {"name": "calico-node", "image": "calico/node:v3.30.4", "env": environment, "args": [f"--token={SECRET}"]}
        ]
    }
    documents += [
        _object(
            "BGPPeer", "tor", {"peerIP": "192.0.2.1", "asNumber": 64512, "node": "rr-1", "password": {"value": SECRET}}
        ),
        _object("BGPPeer", "other", {"peerIP": "192.0.2.2", "asNumber": 64512, "node": "rr-1", "secret": SECRET}),
        _object("BGPConfiguration", "node.rr-1", {"logSeverityScreen": "Info", "token": {"deep": [SECRET]}}),
        _object("FelixConfiguration", "default", {"bpfLogLevel": "Off", "openstackPassword": SECRET}),
        _object("HostEndpoint", "rr-1-eth0", {"node": "rr-1", "interfaceName": "eth0", "note": SECRET}),
        _object("BGPFilter", "f", {"exportV4": [{"action": "Accept", "note": SECRET}]}),
        _object(
            "DaemonSet",
            "calico-rr",
            {
                "template": {
                    "spec": {
                        **pod,
                        "containers": [
                            {"image": "calico/routereflector:v0.6.1", "env": environment, "command": [SECRET]}
                        ],
                    }
                }
            },
            "apps/v1",
            "kube-system",
        ),
        _object("DaemonSet", "calico-node", {"template": {"spec": pod}}, "apps/v1", "kube-system"),
        _object("Secret", "calico-etcd-secrets", {"data": SECRET}, "v1", "kube-system"),
        _object("ConfigMap", "calico-config", {"data": SECRET}, "v1", "kube-system"),
    ]
    for document in documents:
        document["metadata"].setdefault("annotations", {}).update(
            {LAST_APPLIED: json.dumps({"spec": SECRET}), "example.com/token": SECRET}
        )
        document["metadata"]["managedFields"] = [{"manager": SECRET}]
        document.setdefault("status", {})["note"] = SECRET
        document["unknown"] = SECRET
    return documents


def _object(kind: str, name: str, spec: object, version: str = "projectcalico.org/v3", namespace: str = "") -> Any:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the manifests and a spec."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "cluster.yaml").write_text(yaml.safe_dump_all(planted()))
    (folder / "spec.yaml").write_text(SPEC)
    return folder


def test_snapshot(folder: Path) -> None:
    """The snapshot knows the names of such fields, and reads back to the same snapshot."""
    snapshot = snapshot_of_manifests([("cluster.yaml", (folder / "cluster.yaml").read_bytes())])
    data = write_snapshot(snapshot)
    assert SECRET not in data.decode()
    assert "openstackPassword" in data.decode()
    assert "example.com/token" in data.decode()
    assert LAST_APPLIED not in data.decode()
    again = read_snapshot(data, "snapshot.json")
    assert again.digest == snapshot.digest
    assert write_snapshot(again) == data


@pytest.mark.parametrize("output", ["terminal", "json", "markdown", "runbook"])
def test_plans(folder: Path, output: str) -> None:
    """No format of a plan has it, and a plan from the snapshot file has the same fingerprints."""
    done = rrplan(folder, "plan", "spec.yaml", "-f", "cluster.yaml", "-o", output, "--out", "plan.json", "--all")
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    plan = (folder / "plan.json").read_text()
    assert SECRET not in plan
    (folder / "snapshot.json").write_bytes(rrplan(folder, "snapshot", "-f", "cluster.yaml").stdout.encode())
    again = rrplan(folder, "plan", "spec.yaml", "--snapshot", "snapshot.json", "-o", "json")
    assert json.loads(again.stdout)["fingerprints"] == json.loads(plan)["fingerprints"]


def test_a_run(folder: Path, tmp_path: Path) -> None:
    """The journal, the plan that is kept and the words of a run have it neither."""
    assert rrplan(folder, "sandbox", str(tmp_path / "c"), "-f", "cluster.yaml").returncode == 0
    done = rrplan(folder, "apply", "spec.yaml", "--sandbox", str(tmp_path / "c"), "--auto-approve")
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    for verb in ("status", "runs"):
        shown = rrplan(folder, verb, "--sandbox", str(tmp_path / "c"))
        printed += shown.stdout + shown.stderr
    for verb in ("sessions", "routes"):
        shown = rrplan(folder, verb, "-f", "cluster.yaml")
        printed += shown.stdout + shown.stderr
    assert SECRET not in printed
    kept = [path for path in (tmp_path / "c" / "runs").rglob("*") if path.is_file()]
    assert len(kept) >= 3
    for path in kept:
        assert SECRET not in path.read_text(), path
