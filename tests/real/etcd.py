"""Real etcd clusters on loopback: one member or several, with or without TLS, and the certificates they need."""

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.adapters.etcd.client import Access, Etcd
from rrplan.errors import DatastoreError
from rrplan.ports import Document
from rrplan.resources import Node, ResourceKey, decode, key_of
from tests.real.parts import find

TRIES = 3


@cache
def without_fsync() -> list[str]:
    """The option that spares the disk, where etcd has it: processes are killed here, machines are not."""
    told = subprocess.run([str(find("etcd")), "--help"], capture_output=True, text=True, check=False)
    return ["--unsafe-no-fsync"] if "unsafe-no-fsync" in told.stdout + told.stderr else []


class Certificates:
    """Made with openssl in a folder: two CAs, a server, clients of either CA, an expired client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for ca in ("ca", "other-ca"):
            self._run(
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
                "-keyout", f"{ca}.key", "-out", f"{ca}.crt",
            )  # fmt: skip
            (folder / f"{ca}.srl").write_text("01\n")
            (folder / f"{ca}.index").touch()
        self._sign("server", "ca", "serverAuth,clientAuth", days=("-days", "2"))
        self._sign("server-only", "ca", "serverAuth", days=("-days", "2"))
        self._sign("calico", "ca", "clientAuth", days=("-days", "2"))
        self._sign("stranger", "other-ca", "clientAuth", days=("-days", "2"))
        self._sign("expired", "ca", "clientAuth", days=("-startdate", "20200101000000Z", "-enddate", "20210203040506Z"))
        self._sign(
            "old-server", "ca", "serverAuth", days=("-startdate", "20200101000000Z", "-enddate", "20210203040506Z")
        )

    def path(self, name: str) -> str:
        """One of the files, such as `calico.crt`."""
        return str(self.folder / name)

    def _sign(self, name: str, ca: str, usage: str, days: Sequence[str]) -> None:
        self._run(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr",
        )  # fmt: skip
        (self.folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={ca}.index\nserial={ca}.srl\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
            f"[x]\nextendedKeyUsage={usage}\nsubjectAltName=IP:127.0.0.1\n"
        )
        self._run(
            "ca", "-batch", "-config", "ca.cnf", "-extensions", "x", "-cert", f"{ca}.crt", "-keyfile", f"{ca}.key",
            "-in", f"{name}.csr", "-out", f"{name}.crt", "-notext", *days,
        )  # fmt: skip

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)


class EtcdMembers:
    """Members as processes; `endpoints` lead to them in their order."""

    def __init__(self, folder: Path, members: int = 1, *, server: str = "", certificates: Certificates | None = None):
        self.certificates = certificates
        self._server = server
        folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(TRIES):
            self._processes: list[subprocess.Popen[bytes]] = []
            try:
                self._start(folder / str(attempt), members)
                self._await()
                break
            except AssertionError:
                self.stop()
                # A port that was free may be taken a moment later by somebody else.
                if attempt == TRIES - 1:
                    raise

    def _start(self, folder: Path, members: int) -> None:
        folder.mkdir()
        self.folder = folder
        ports = free_ports(2 * members)
        scheme = "https" if self._server else "http"
        self.endpoints = [f"{scheme}://127.0.0.1:{port}" for port in ports[:members]]
        peers = [f"http://127.0.0.1:{port}" for port in ports[members:]]
        everybody = ",".join(f"m{index}={peer}" for index, peer in enumerate(peers))
        self._words: list[list[str]] = []
        for index, (endpoint, peer) in enumerate(zip(self.endpoints, peers, strict=True)):
            words = [
                str(find("etcd")),
                f"--name=m{index}",
                f"--data-dir={folder / f'm{index}'}",
                f"--listen-client-urls={endpoint}",
                f"--advertise-client-urls={endpoint}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster={everybody}",
                "--heartbeat-interval=50",
                "--election-timeout=500",
                *without_fsync(),
            ]
            if self._server:
                assert self.certificates is not None
                words += [
                    f"--cert-file={self.certificates.path(self._server + '.crt')}",
                    f"--key-file={self.certificates.path(self._server + '.key')}",
                    f"--trusted-ca-file={self.certificates.path('ca.crt')}",
                    "--client-cert-auth",
                ]
            self._words.append(words)
            self._processes.append(self._run(index))

    def _run(self, index: int) -> "subprocess.Popen[bytes]":
        with (self.folder / f"m{index}.log").open("ab") as log:
            return subprocess.Popen(self._words[index], stdout=log, stderr=log)

    def _await(self) -> None:
        """Wait for the real daemons to be ready."""
        deadline = time.monotonic() + 60
        while True:
            dead = next((one for one in self._processes if one.poll() is not None), None)
            assert dead is None, f"etcd ended:\n{self._logs()}"
            assert time.monotonic() < deadline, f"etcd is not ready after 60 s:\n{self._logs()}"
            if self._server == "" and self._healthy():
                return
            if self._server and all(self._listens(endpoint) for endpoint in self.endpoints):
                return
            time.sleep(0.05)

    def _healthy(self) -> bool:
        try:
            for endpoint in self.endpoints:
                Etcd(Access([endpoint])).range("x")
        except DatastoreError:
            return False
        return True

    @staticmethod
    def _listens(endpoint: str) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", int(endpoint.rpartition(":")[2]))) == 0

    def _logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log"))

    def access(self, client: str = "calico", **told: Any) -> Access:
        """How a client gets there; with TLS it shows the certificate of that name ("" for none)."""
        if self._server:
            assert self.certificates is not None
            told.setdefault("ca", self.certificates.path("ca.crt"))
            if client:
                told |= {
                    name: self.certificates.path(f"{client}.{end}")
                    for name, end in (("certificate", "crt"), ("key", "key"))
                }
        told.setdefault("endpoints", self.endpoints)
        return Access(**told)

    def connect(self, **told: Any) -> Etcd:
        """A connection of its own."""
        return Etcd(self.access(**told))

    def post(self, path: str, body: dict[str, object], **told: Any) -> dict[str, Any]:
        """Any request to etcd's gateway."""
        return self.connect(**told)._send(path, body, reading=True)

    def leader(self) -> int:
        """The member that leads, by its place."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for index, process in enumerate(self._processes):
                if process.poll() is not None:
                    continue
                try:
                    told = self.post("maintenance/status", {}, endpoints=[self.endpoints[index]])
                except DatastoreError:
                    continue
                if told.get("leader", "0") == told["header"]["member_id"]:
                    return index
            time.sleep(0.05)  # a real election is watched
        raise AssertionError("no leader after 30 s")

    def kill(self, index: int) -> None:
        """`kill -9` of one member."""
        self._processes[index].kill()
        self._processes[index].wait()

    def start(self, index: int) -> None:
        """Start a member again; returns before it is ready."""
        self._processes[index] = self._run(index)

    def stall(self, index: int) -> None:
        """Stop a member in its tracks: it keeps its connections and answers nothing."""
        self._processes[index].send_signal(signal.SIGSTOP)

    def go_on(self, index: int) -> None:
        """Let a stalled member go on."""
        self._processes[index].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End all members and remove their files."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Remove all keys."""
        self.post("kv/deleterange", {"key": "AA==", "range_end": "AA=="})

    def fill(self, documents: Iterable[Document]) -> None:
        """Create Calico's resources as calicoctl, calico-node and kube-controllers would."""
        calico = CalicoEtcd(self.connect())
        for document in documents:
            key = key_of(document)
            resource = decode(document)
            if isinstance(resource, Node):
                calico.create(key, calico_node(resource))
            elif key.kind not in ("Pod", "DaemonSet", "Installation"):
                calico.create(key, document)


def calico_node(node: Node) -> Document:
    """Calico's own Node, with the labels that kube-controllers copied."""
    bgp: dict[str, object] = {}
    for field, value in (
        ("ipv4Address", f"{node.ipv4}/24" if node.ipv4 else ""),
        ("ipv6Address", f"{node.ipv6}/64" if node.ipv6 else ""),
        ("asNumber", node.as_number),
        ("routeReflectorClusterID", node.cluster_id),
    ):
        if value:
            bgp[field] = value
    # As Go's encoder writes it.
    note = json.dumps(dict(sorted(node.labels.items())), separators=(",", ":"))
    return {
        "kind": "Node",
        "apiVersion": "projectcalico.org/v3",
        "metadata": {
            "name": node.name,
            "labels": {**node.labels, **node.calico_labels},
            "annotations": {"projectcalico.org/kube-labels": note},
        },
        "spec": {"bgp": bgp, "orchRefs": [{"nodeName": node.name, "orchestrator": "k8s"}]},
    }


def peer(name: str) -> tuple[ResourceKey, Document]:
    """A BGPPeer to write."""
    document: Document = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "BGPPeer",
        "metadata": {"name": name},
        "spec": {"nodeSelector": "all()", "peerSelector": "has(rr)"},
    }
    return ResourceKey("BGPPeer", name), document


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
