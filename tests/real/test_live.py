"""A live cluster read through a real API server: the same plan as from manifests, and every refusal in words."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from rrplan import api
from rrplan.adapters.kubernetes import requests
from rrplan.adapters.kubernetes import server as api_server
from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.adapters.kubernetes.server import ApiServer, ListExpired, Missing
from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    PreflightError,
)
from rrplan.resources import Pod
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.conftest import lacks
from tests.real.proxy import pump
from tests.real.server import TOKEN, RealServer
from tests.support import SPEC, processes

pytestmark = pytest.mark.real

DOCUMENTS = demo_cluster(8, 2)


@pytest.fixture
def live(crd_server: RealServer) -> Iterator[RealServer]:
    """A cluster of eight nodes."""
    crd_server.fill(DOCUMENTS)
    yield crd_server
    crd_server.clear()


def rrplan(server: RealServer, *words: str, context: str = "real") -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own, on the live cluster."""
    where = ["--kubeconfig", str(server.kubeconfig), "--context", context]
    return processes.rrplan(*words, *where)


def test_plan_is_the_same_as_on_the_sandbox(live: RealServer, tmp_path: Path) -> None:
    """Steps, edges, proof and fingerprints do not depend on where the objects are kept."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = rrplan(live, "plan", str(tmp_path / "spec.yaml"), "-o", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    sandbox = Sandbox.make(tmp_path / "sandbox", DOCUMENTS)
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), capture(sandbox))
    assert [step["id"] for step in found["steps"]] == [step.id for step in plan.steps]
    assert found["fingerprints"] == dict(plan.fingerprints)
    assert found["snapshot"]["calico_version"] == "v3.30.4"


def test_snapshot_sessions_and_routes(live: RealServer, tmp_path: Path) -> None:
    """Every reading verb takes the live cluster; the snapshot holds no secret and reads back."""
    file = tmp_path / "snapshot.json"
    assert rrplan(live, "snapshot", "--out", str(file)).returncode == 0
    assert "resourceVersion" not in file.read_text()
    assert "112 BGP protocols (session ends) on 8 nodes, Calico v3.30.4" in rrplan(live, "sessions", "--summary").stdout
    assert rrplan(live, "routes").stdout == "every node holds the routes of every other node\n"


def test_pods_of_cordoned_nodes_are_all_known(live: RealServer) -> None:
    """Whether a cordoned node is empty decides who needs its routes; of other nodes only calico-node is read."""
    assert not [one for one in capture(in_kubernetes(live.api)).state.others.values() if isinstance(one, Pod)]
    live.api.patch("/api/v1/nodes/rr-1", {"spec": {"unschedulable": True}})
    pods = [one for one in capture(in_kubernetes(live.api)).state.others.values() if isinstance(one, Pod)]
    assert sorted(pod.name for pod in pods) == ["web-0-0", "web-0-1"]


def test_lists_are_paged(live: RealServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long list comes in pages, each object once."""
    monkeypatch.setattr(api_server, "PAGE", 3)
    assert sorted(capture(in_kubernetes(live.api)).state.nodes) == [f"node-00{n}" for n in range(1, 7)] + [
        "rr-1",
        "rr-2",
    ]


def test_of_long_lists_what_changed_is_read(live: RealServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real server gives metadata of its own kinds and of Calico's; what follows is what a whole list would be."""
    monkeypatch.setattr(requests, "LONG", 2)
    monkeypatch.setattr(requests, "PART", 4)
    peers = f"{live.calico}/bgppeers"
    kind = live.calico.removeprefix("/apis/")
    for name in ("a", "b", "c", "d"):
        body = {"apiVersion": kind, "kind": "BGPPeer", "metadata": {"name": name}, "spec": {"nodeSelector": "all()"}}
        live.api.create(peers, {**body, "spec": {"nodeSelector": "all()", "peerSelector": "has(rr)"}})
    cluster = in_kubernetes(live.connect("operator"))
    cluster.everything()
    live.api.patch("/api/v1/nodes/rr-1", {"metadata": {"labels": {"team": "x"}}})
    live.force("/api/v1/nodes/node-001")
    live.api.patch(f"{peers}/b", {"spec": {"peerSelector": "has(x)"}})
    since = live.moment()
    found = capture(cluster).state
    asked = live.requests(since)
    assert (asked["list nodes"], asked["get nodes"], asked["list bgppeers"], asked["get bgppeers"]) == (1, 1, 1, 1)
    assert found == capture(in_kubernetes(live.connect())).state
    since = live.moment()
    assert capture(cluster).state == found
    assert not [name for name in live.requests(since) if name.startswith("get")]


def test_rights(live: RealServer) -> None:
    """Without the right to read nodes nothing goes; without optional ones the notices say what is not known."""
    done = rrplan(live, "sessions", context="reader")
    assert done.returncode == 1
    assert 'error: nodes is forbidden: User "reader" cannot list resource "nodes"' in done.stderr
    assert "hint: the account may not do this; ask for the right, or use another context" in done.stderr
    rules = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
        {"apiGroups": ["crd.projectcalico.org"], "resources": ["*"], "verbs": ["list"]},
    ]
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    live.api.create(f"{rbac}/clusterroles", {"metadata": {"name": "reader"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}
    binding = {"metadata": {"name": "reader"}, "roleRef": role, "subjects": [user]}
    live.api.create(f"{rbac}/clusterrolebindings", binding)
    done = rrplan(live, "sessions", "--summary", context="reader")
    assert done.returncode == 0, done.stderr
    assert "notice: not known: the DaemonSet calico-node; daemonsets.apps is forbidden" in done.stderr
    assert "notice: not known: the Calico version of each node; pods is forbidden" in done.stderr


def test_refusals_in_words(live: RealServer, tmp_path: Path) -> None:
    """A wrong token, a wrong context, a wrong file, a server that is not there, a CA that does not fit."""
    done = rrplan(live, "sessions", context="stranger")
    assert "error: Unauthorized (401 on GET /apis)" in done.stderr
    assert "hint: the credentials of the kubeconfig are not accepted; renew them" in done.stderr
    done = rrplan(live, "sessions", context="nowhere")
    assert done.returncode == 8
    assert "error: preflight: the kubeconfig cannot be used: " in done.stderr
    assert "\n\nhint: it has " in done.stderr
    assert "operator" in done.stderr.split("hint: it has ")[1]
    with pytest.raises(PreflightError, match="the kubeconfig cannot be used"):
        ApiServer.connect(str(tmp_path / "nothing"))

    value = yaml.safe_load(live.kubeconfig.read_text())
    del value["clusters"][0]["cluster"]["certificate-authority"]
    (tmp_path / "untrusted").write_text(yaml.safe_dump(value))
    with pytest.raises(DatastoreRefused, match="cannot be trusted") as refusal:
        in_kubernetes(ApiServer.connect(str(tmp_path / "untrusted")))
    assert refusal.value.hint == "check the CA of the kubeconfig"

    value["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "away").write_text(yaml.safe_dump(value))
    with pytest.raises(DatastoreUnreachable, match=r"https://127\.0\.0\.1:1 does not answer: .*Connection refused"):
        in_kubernetes(ApiServer.connect(str(tmp_path / "away")))


def test_ways_to_a_cluster(live: RealServer, tmp_path: Path) -> None:
    """A list of kubeconfigs, an exec plugin, another user's name, a proxy: all lead to the same snapshot."""
    value = yaml.safe_load(live.kubeconfig.read_text())
    clusters, users = tmp_path / "clusters", tmp_path / "users"
    clusters.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "clusters": value["clusters"]}))
    plugin = tmp_path / "plugin"
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": TOKEN}}
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    plugin.chmod(0o755)
    execute = {"apiVersion": credential["apiVersion"], "command": str(plugin), "interactiveMode": "Never"}
    users.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "users": [{"name": "plugin", "user": {"exec": execute}}],
                "contexts": [{"name": "plugged", "context": {"cluster": "real", "user": "plugin"}}],
            }
        )
    )
    words = [sys.executable, "-m", "rrplan", "sessions", "--summary", "--context", "plugged"]
    listed = {**os.environ, "KUBECONFIG": f"{clusters}:{users}"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=listed)
    assert "on 8 nodes, Calico v3.30.4" in done.stdout, done.stderr

    done = rrplan(live, "sessions", "--as", "system:nobody")
    assert done.returncode == 1
    assert 'nodes is forbidden: User "system:nobody" cannot list resource "nodes"' in done.stderr

    with tunnel() as (port, tunnelled):
        value["clusters"][0]["cluster"]["proxy-url"] = f"http://127.0.0.1:{port}"
        (tmp_path / "proxied").write_text(yaml.safe_dump(value))
        cluster = in_kubernetes(ApiServer.connect(str(tmp_path / "proxied"), "real"))
        assert len(capture(cluster).state.nodes) == 8
    assert set(tunnelled) == {value["clusters"][0]["cluster"]["server"].removeprefix("https://")}


def test_user_that_acts_as_another(live: RealServer, tmp_path: Path) -> None:
    """`as` in the kubeconfig counts like `--as`, which wins; what cannot be passed on is refused."""
    value = yaml.safe_load(live.kubeconfig.read_text())
    value["users"][0]["user"]["as"] = "system:nobody"
    (tmp_path / "acting").write_text(yaml.safe_dump(value))
    nobody = ApiServer.connect(str(tmp_path / "acting"), "real")
    with pytest.raises(DatastoreRefused, match='User "system:nobody" cannot list resource "nodes"'):
        nobody.get("/api/v1/nodes")
    with pytest.raises(DatastoreRefused, match='User "somebody" cannot list'):
        ApiServer.connect(str(tmp_path / "acting"), "real", "somebody").get("/api/v1/nodes")
    value["users"][0]["user"]["as-groups"] = ["system:masters"]
    (tmp_path / "acting").write_text(yaml.safe_dump(value))
    with pytest.raises(PreflightError, match="user `admin` of the kubeconfig has `as-groups`") as error:
        ApiServer.connect(str(tmp_path / "acting"), "real")
    assert error.value.hint == "use a context without it, or `--as USER`"


def test_from_within_a_pod(live: RealServer) -> None:
    """`--context in-cluster` uses the ServiceAccount that Kubernetes mounts; elsewhere it says what it is for."""
    alone = [sys.executable, "-m", "rrplan", "sessions", "--summary", "--context", "in-cluster"]
    done = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert done.returncode == 8
    assert "hint: `--context in-cluster` is for a pod with a ServiceAccount" in done.stderr
    space = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    if subprocess.run([*space, "true"], capture_output=True, check=False).returncode:
        lacks("no mount namespace for a pod's files (run as root, or allow user namespaces)")
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    files = (
        f"mount -t tmpfs none /var/run && mkdir -p {account} && cp $CA {account}/ca.crt && echo $TOKEN >{account}/token"
    )
    value = yaml.safe_load(live.kubeconfig.read_text())["clusters"][0]["cluster"]
    host, _, port = value["server"].removeprefix("https://").partition(":")
    told = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "TOKEN": TOKEN}
    words = f"{files} && exec {' '.join(alone)}"
    done = subprocess.run(
        [*space, "sh", "-c", words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **told, "CA": value["certificate-authority"]},
    )
    assert "on 8 nodes, Calico v3.30.4" in done.stdout, done.stderr


def test_commands_in_pods_go_every_way_that_requests_go(live: RealServer, tmp_path: Path) -> None:
    """By a proxy, without trust where a kubeconfig says so, by another name of the server; not with a wrong CA."""
    words = ("kube-system", "nothing", "calico-node", ["birdcl"])
    value = yaml.safe_load(live.kubeconfig.read_text())
    cluster = value["clusters"][0]["cluster"]

    def connected(**fields: object) -> ApiServer:
        changed = {name: each for name, each in {**cluster, **fields}.items() if each is not None}
        (tmp_path / "config").write_text(yaml.safe_dump({**value, "clusters": [{"name": "real", "cluster": changed}]}))
        return ApiServer.connect(str(tmp_path / "config"), "real")

    with tunnel() as (port, tunnelled):
        ways = [
            connected(**{"proxy-url": f"http://127.0.0.1:{port}"}),
            connected(**{"insecure-skip-tls-verify": True, "certificate-authority": None}),
            connected(**{"tls-server-name": "localhost"}),
        ]
        for server in ways:
            with pytest.raises(Missing, match='pods "nothing" not found'):
                server.execute(*words)
    assert tunnelled == [cluster["server"].removeprefix("https://")]
    for server in (connected(**{"certificate-authority": None}), connected(**{"tls-server-name": "elsewhere"})):
        with pytest.raises(DatastoreTimeout, match="certificate verify failed"):
            server.execute(*words, tries=1)


@contextmanager
def tunnel() -> Iterator[tuple[int, list[str]]]:
    """An HTTP proxy that knows CONNECT; its port, and where it was asked to lead."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            host, _, port = self.path.partition(":")
            with socket.create_connection((host, int(port))) as far:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=pump, args=(self.connection, far), daemon=True)
                back.start()
                pump(far, self.connection)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()


def test_cluster_without_calico(plain_server: RealServer) -> None:
    """It says what is looked for, and what to do for etcd."""
    with pytest.raises(PreflightError, match="this cluster serves no Calico resources") as error:
        in_kubernetes(plain_server.api)
    assert error.value.hint.startswith("where Calico uses etcd, give `--calico-config` too")


def test_server_that_goes_away(tmp_path: Path, crd_server: RealServer) -> None:
    """A stopped server is a definite no: the request was not processed."""
    server = RealServer(tmp_path / "server", "crd-v1.yaml")
    cluster = in_kubernetes(server.api)
    server.stop()
    with pytest.raises(DatastoreError) as error:
        cluster.everything()
    assert isinstance(error.value, DatastoreUnreachable | DatastoreTimeout)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (409, DatastoreConflict),
        (410, ListExpired),
        (401, DatastoreRefused),
        (403, DatastoreRefused),
        (422, DatastoreRefused),
        (429, DatastoreUnreachable),
        (503, DatastoreUnreachable),
        (500, DatastoreTimeout),
        (504, DatastoreTimeout),
    ],
)
def test_what_a_status_means(status: int, kind: type[DatastoreError]) -> None:
    """Processed, not processed, or unknown: only what was certainly not processed is sent again."""
    error = api_server._refusal("PATCH", "/x", status, b'{"kind": "Status", "message": "why"}')
    assert type(error) in (kind, api_server.Forbidden)
    assert str(error) == f"why ({status} on PATCH /x)"
    assert str(api_server._refusal("GET", "/x", status, b"<html>")) == f"<html> ({status} on GET /x)"
