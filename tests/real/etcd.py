"""Real etcd members on loopback with TLS and client certificates."""

import shutil
import subprocess
import time
from pathlib import Path

from rrplan.adapters.etcd import Access, Etcd
from rrplan.errors import DatastoreError
from tests.real.parts import find
from tests.real.server import _ports

CONFIG = """\
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = CA:TRUE
[leaf]
subjectAltName = IP:127.0.0.1
extendedKeyUsage = serverAuth, clientAuth
"""


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Certificates:
    """A CA and what it signs, in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        self._config = folder / "openssl.cnf"
        self._config.write_text(CONFIG)
        words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        files = ["-keyout", str(self._key), "-out", str(self.ca), "-config", str(self._config), "-extensions", "ca"]
        _openssl(*words, *files)

    def signed(self, name: str, *, expired: bool = False, named: bool = True) -> tuple[Path, Path]:
        """A certificate and its key; `named` gives it a CN."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        subject = ["-subj", f"/{'CN' if named else 'O'}={name}", "-config", str(self._config)]
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(request), *subject)
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(self._key), "-CAcreateserial"),
            *("-out", str(certificate), "-extfile", str(self._config), "-extensions", "leaf"),
            *("-days", "-1" if expired else "2"),
        )
        return certificate, key


class EtcdCluster:
    """Members that ask for client certificates; `access` leads to all of them."""

    def __init__(self, folder: Path, members: int = 1) -> None:
        self.certificates = Certificates(folder / "tls")
        certificate, key = self.certificates.signed("server")
        self.client = self.certificates.signed("client")
        ports = _ports(2 * members)
        clients, peers = ports[:members], ports[members:]
        self.endpoints = tuple(f"https://127.0.0.1:{port}" for port in clients)
        initial = ",".join(f"m{number}=http://127.0.0.1:{port}" for number, port in enumerate(peers))
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        program = find("etcd")
        assert program is not None
        for number, (client, peer) in enumerate(zip(clients, peers, strict=True)):
            log = (folder / f"m{number}.log").open("wb")
            words = [
                str(program),
                f"--name=m{number}",
                f"--data-dir={folder / f'm{number}'}",
                f"--listen-client-urls=https://127.0.0.1:{client}",
                f"--advertise-client-urls=https://127.0.0.1:{client}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster={initial}",
                f"--cert-file={certificate}",
                f"--key-file={key}",
                f"--trusted-ca-file={self.certificates.ca}",
                "--client-cert-auth",
            ]
            self.processes.append(subprocess.Popen(words, stdout=log, stderr=log))
        self._wait()

    @property
    def access(self) -> Access:
        """With the right certificate, to all members."""
        certificate, key = self.client
        return Access(self.endpoints, str(self.certificates.ca), str(certificate), str(key))

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                Etcd(self.access, 2.0).ask("/kv/range", {"key": "AA=="}, writes=False)
            except DatastoreError:
                assert time.monotonic() < deadline, (self.folder / "m0.log").read_text()[-2000:]
                time.sleep(0.2)  # a real daemon starts
            else:
                return

    def leader(self) -> int:
        """The number of the member that leads."""
        for number, endpoint in enumerate(self.endpoints):
            if self.processes[number].poll() is None:
                access = self.access
                one = Etcd(Access((endpoint,), access.ca, access.certificate, access.key))
                told = one.ask("/maintenance/status", {}, writes=False)
                if told["leader"] == told["header"]["member_id"]:
                    return number
        raise AssertionError("nobody leads")

    def stop(self) -> None:
        """End all members and remove their data."""
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
