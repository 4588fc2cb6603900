"""A real etcd and a real kube-apiserver on loopback, with Calico's CRDs, and what a kubelet does to evicted pods."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

import urllib3
import yaml

from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.errors import DatastoreError
from rrplan.ports import Document
from tests.real.etcd import without_fsync
from tests.real.parts import find

TRIES = 3
ENVIRONMENT = {**os.environ, "GOGC": "400"}
"""Of servers that live for minutes: they collect garbage less often than those that live for months."""
CRDS = Path(__file__).resolve().parents[2] / "fixtures" / "crds"
WRITES = ("create", "update", "patch", "delete", "deletecollection")
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Request", "users": ["operator"], "verbs": list(WRITES)},
        {"level": "Metadata", "users": ["operator"]},
        {"level": "None"},
    ],
}
TOKEN, READER, OPERATOR = "test-admin", "test-reader", "test-operator"
"""Of a server that lives on loopback for the length of a test; the reader has no rights to begin with."""


class RealServer:
    """Both processes; `kubeconfig` leads to them. `crds` is a file name in fixtures/crds, or ""."""

    def __init__(self, folder: Path, crds: str) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._words: dict[str, list[str]] = {}
        self._stop = threading.Event()
        self.calico = ""
        self.plurals: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(TRIES):
            try:
                self._start(folder / str(attempt))
                self.api = self._connected()
                if crds:
                    self._define(crds)
                break
            except BaseException as error:
                self.stop()
                # A port that was free may be taken a moment later by somebody else.
                if attempt == TRIES - 1 or not isinstance(error, AssertionError):
                    raise
        self._stop.clear()
        self._kubelet = threading.Thread(target=self._finish_evicted_pods, daemon=True)
        self._kubelet.start()

    def _start(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._processes = []
        client, peer, secure = _ports(3)
        key, secret, self._certificate = (self.folder / name for name in ("accounts.key", "server.key", "server.crt"))
        # Elliptic curves: thousands of short connections are opened, and with RSA each costs milliseconds.
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
        names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc"
        words = ["-nodes", "-days", "2", "-subj", "/CN=kube-apiserver", "-addext", names, "-newkey", "ec"]
        words += ["-pkeyopt", "ec_paramgen_curve:P-256"]
        _openssl("req", "-x509", *words, "-keyout", str(secret), "-out", str(self._certificate))
        (self.folder / "tokens.csv").write_text(
            f'{TOKEN},admin,admin,"system:masters"\n{READER},reader,reader,""\n'
            f'{OPERATOR},operator,operator,"system:masters"\n'
        )
        policy = self.folder / "audit.yaml"
        policy.write_text(yaml.safe_dump(AUDIT))
        etcd = f"http://127.0.0.1:{client}"
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
            *without_fsync(),
        )
        self._run(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--cert-dir={self.folder / 'certificates'}",
            f"--tls-cert-file={self._certificate}",
            f"--tls-private-key-file={secret}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.folder / 'audit.log'}",
            "--audit-log-mode=blocking",
            "--audit-log-maxsize=10000",  # megabytes: it is read by position
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
        )
        cluster = {
            "server": f"https://127.0.0.1:{secure}",
            "certificate-authority": str(self._certificate),
        }
        value = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "real", "cluster": cluster}],
            "users": [
                {"name": "admin", "user": {"token": TOKEN}},
                {"name": "reader", "user": {"token": READER}},
                {"name": "operator", "user": {"token": OPERATOR}},
                {"name": "stranger", "user": {"token": "nobody"}},
            ],
            "contexts": [
                {"name": "real", "context": {"cluster": "real", "user": "admin"}},
                {"name": "reader", "context": {"cluster": "real", "user": "reader"}},
                {"name": "operator", "context": {"cluster": "real", "user": "operator"}},
                {"name": "stranger", "context": {"cluster": "real", "user": "stranger"}},
            ],
            "current-context": "real",
        }
        self.kubeconfig.write_text(yaml.safe_dump(value))

    def _run(self, name: str, *words: str) -> None:
        program = find(name)
        assert program is not None
        log = (self.folder / f"{name}.log").open("wb")
        self._words[name] = [str(program), *words]
        self._processes.append(self._begun(name, log))

    def _begun(self, name: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._words[name], stdout=log, stderr=log, cwd=self.folder, env=ENVIRONMENT)

    def restart(self, name: str, between: float = 0.0) -> None:
        """`kill -9`, then start it again with the same files and ports; returns before it is ready."""
        index = list(self._words).index(name)
        self._processes[index].kill()
        self._processes[index].wait()
        time.sleep(between)  # a real daemon stays away
        log = (self.folder / f"{name}.log").open("ab")
        self._processes[index] = self._begun(name, log)

    def moment(self) -> int:
        """Now, as `writes` counts it: how long the API server's audit log is."""
        path = self.folder / "audit.log"
        return path.stat().st_size if path.exists() else 0

    def writes(self, since: int = 0, user: str = "operator") -> list[dict[str, Any]]:
        """What an account wrote since a `moment`, from the audit log, oldest first: only what was kept."""
        found = []
        with (self.folder / "audit.log").open("rb") as log:
            log.seek(since)
            for line in log:
                with suppress(ValueError):
                    entry: dict[str, Any] = json.loads(line)
                    kept = entry["verb"] in WRITES and entry.get("responseStatus", {}).get("code", 500) < 300
                    if kept and entry["user"]["username"] == user and "dryRun=All" not in entry["requestURI"]:
                        found.append(entry)
        return found

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """All lines of the audit log since a `moment`."""
        found = []
        with (self.folder / "audit.log").open("rb") as log:
            log.seek(since)
            for line in log:
                with suppress(ValueError):
                    found.append(json.loads(line))
        return found

    def requests(self, since: int = 0, user: str = "operator", until: int | None = None) -> Counter[str]:
        """How often an account asked for what between two moments, as `VERB RESOURCE`, refusals and retries included.

        Without `until`, up to now.
        """
        asked: dict[str, str] = {}
        with (self.folder / "audit.log").open("rb") as log:
            log.seek(since)
            while (until is None or log.tell() < until) and (line := log.readline()):
                with suppress(ValueError):
                    entry: dict[str, Any] = json.loads(line)
                    about = entry.get("objectRef") or {"resource": entry["requestURI"]}
                    names = [str(about[name]) for name in ("resource", "subresource") if name in about]
                    # A connection that was handed on is told of again when it ends, which may be after a `moment`.
                    again = entry["stage"] == "ResponseComplete" and entry["responseStatus"]["code"] == 101
                    if entry["user"]["username"] == user and not again:
                        asked[entry["auditID"]] = f"{entry['verb']} {'/'.join(names)}"
        return Counter(asked.values())

    def _connected(self) -> ApiServer:
        """Wait for the real daemon to be ready."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            dead = next((one for one in self._processes if one.poll() is not None), None)
            assert dead is None, f"{dead.args!r} ended:\n{self._logs()}" if dead else ""
            try:
                server = ApiServer.connect(str(self.kubeconfig))
                if server.get("/api/v1/namespaces/default") is not None:
                    return server
            except DatastoreError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"the API server is not ready after 90 s:\n{self._logs()}")

    def _logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log"))

    def _define(self, crds: str) -> None:
        names = []
        for document in yaml.safe_load_all((CRDS / crds).read_text()):
            self.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", document)
            names.append(
                (document["spec"]["group"], document["spec"]["versions"][0]["name"], document["spec"]["names"])
            )
        deadline = time.monotonic() + 30
        for group, version, name in names:
            while self.api.get(f"/apis/{group}/{version}/{name['plural']}", limit="1") is None:
                assert time.monotonic() < deadline, f"{name['plural']} is not served after 30 s"
                time.sleep(0.1)
        self.calico = f"/apis/{names[0][0]}/{names[0][1]}"
        self.plurals = [name["plural"] for _, _, name in names]

    def undefine(self, plural: str) -> None:
        """Stop to serve a kind of Calico's, as before the version that brought it."""
        group = self.calico.split("/")[2]
        self.api.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{group}", "")
        self.plurals.remove(plural)
        deadline = time.monotonic() + 30
        while self.api.get(f"{self.calico}/{plural}", limit="1") is not None:
            assert time.monotonic() < deadline, f"{plural} is still served after 30 s"
            time.sleep(0.1)

    def connect(self, context: str = "real") -> ApiServer:
        """A connection of its own."""
        return ApiServer.connect(str(self.kubeconfig), context)

    def fill(self, documents: Iterable[Document]) -> None:
        """Create objects as kubectl, calicoctl and the kubelets would: Calico's in the group that is served."""
        for document in documents:
            body: dict[str, Any] = json.loads(json.dumps(document))
            kind, metadata = body["kind"], body["metadata"]
            if kind == "Node":
                self.api.create("/api/v1/nodes", body)
                if "status" in body:
                    self.api.patch(f"/api/v1/nodes/{metadata['name']}/status", {"status": body["status"]})
            elif kind == "Pod":
                self.api.create(f"/api/v1/namespaces/{metadata['namespace']}/pods", _pod(body))
            elif kind == "DaemonSet":
                self.api.create(f"/apis/apps/v1/namespaces/{metadata['namespace']}/daemonsets", _daemonset(body))
            else:
                plural = next(one for one in self.plurals if one.startswith(kind.lower()))
                body["apiVersion"] = self.calico.removeprefix("/apis/")
                self.api.create(f"{self.calico}/{plural}", body)

    def clear(self) -> None:
        """Remove everything that tests make."""
        collections = ["/api/v1/nodes", *(f"{self.calico}/{plural}" for plural in self.plurals)]
        collections += [f"/api/v1/namespaces/kube-system/{kind}" for kind in ("configmaps", "secrets")]
        collections.append("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases")
        collections.append("/api/v1/namespaces/default/events")
        for namespace in ("default", "kube-system"):
            collections += [f"/api/v1/namespaces/{namespace}/pods", f"/apis/apps/v1/namespaces/{namespace}/daemonsets"]
        for path in collections:
            self.force(path)

    def force(self, path: str) -> None:
        """Remove an object, or all objects of a collection, at once."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        self.api._send("DELETE", path, {}, body, "application/json", missing_is_none=True)

    def _finish_evicted_pods(self) -> None:
        """What a kubelet does: a pod that was asked to end is gone a moment later."""
        while not self._stop.wait(0.1):
            # The server may be restarted, and the connection with it.
            with suppress(DatastoreError, urllib3.exceptions.HTTPError, ValueError):
                for pod in self._pods():
                    metadata: Mapping[str, Any] = pod["metadata"]
                    if metadata.get("deletionTimestamp"):
                        self.force(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}")

    def _pods(self) -> Iterator[dict[str, Any]]:
        """What is there, and what changes in a second: to ask ten times a second costs more than the tests do.

        A watch learns nothing for a while after a restart of etcd; a list does.
        """
        # Those of calico-node are never evicted, and there may be thousands of them.
        query = {"labelSelector": "k8s-app!=calico-node"}
        page = self.api.get("/api/v1/pods", **query) or {}
        yield from page["items"]
        query |= {"watch": "true", "timeoutSeconds": "1", "resourceVersion": page["metadata"]["resourceVersion"]}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        timeout = urllib3.Timeout(connect=5, read=10)
        with urllib3.PoolManager(ca_certs=str(self._certificate), headers=headers, timeout=timeout) as pool:
            url = f"{self.api.name}/api/v1/pods?{urlencode(query)}"
            response = pool.request("GET", url, preload_content=False, retries=False)
            for event in map(json.loads, response):
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]

    def stop(self) -> None:
        """End both processes and remove their files."""
        self._stop.set()
        for process in reversed(self._processes):
            # Nothing of theirs is kept, and a server takes its time to end in good order.
            process.kill()
            process.wait()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def _ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _pod(body: dict[str, Any]) -> dict[str, Any]:
    spec = {**body["spec"], "containers": [{"name": "main", "image": "example/web:1", **body["spec"]["containers"][0]}]}
    metadata = dict(body["metadata"])
    for owner in metadata.get("ownerReferences", ()):
        owner.setdefault("apiVersion", "apps/v1")
        owner.setdefault("uid", "00000000-0000-0000-0000-000000000001")
        owner.setdefault("name", "owner")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _daemonset(body: dict[str, Any]) -> dict[str, Any]:
    labels = {"k8s-app": "calico-node"}
    template = {"metadata": {"labels": labels}, **body["spec"]["template"]}
    metadata = {**body["metadata"], "labels": labels}
    return {**body, "metadata": metadata, "spec": {"selector": {"matchLabels": labels}, "template": template}}
