"""A proxy in front of a real API server that fails on purpose: refuses, resets, stalls, loses replies, answers itself.

Clients speak plain HTTP to it on loopback; it speaks TLS to the server. Upgrades (exec) are tunnelled.
"""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import yaml

HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "host"}
STALL_SECONDS = 1.5


@dataclass(frozen=True)
class Fault:
    """`reset` before the server hears of it, `lost` after it answered, `stall`, or a `status` of the proxy's own."""

    kind: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


FAULTS = [
    Fault("reset"),
    Fault("lost"),
    Fault("stall"),
    Fault("status", 409),
    Fault("status", 410),
    Fault("status", 429, {"Retry-After": "0"}),
    Fault("status", 500),
    Fault("status", 503),
]

Choose = Callable[[str, str], Fault | None]


def fits(fault: Fault, method: str, path: str) -> bool:
    """Whether a server could answer this request so."""
    return {409: method != "GET", 410: "limit=" in path}.get(fault.status, True)


class Proxy:
    """Between clients and one API server; `choose` is asked about each request (method, path)."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.choose: Choose = lambda _method, _path: None
        self.seen: list[tuple[str, str, str]] = []
        """Faults that happened: kind, method, path."""
        value = yaml.safe_load(kubeconfig.read_text())
        cluster = value["clusters"][0]["cluster"]
        target = urlsplit(cluster["server"])
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, str(target.hostname), target.port, context))
        self._http.daemon_threads = True
        value["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._http.server_port}"}
        self.kubeconfig = folder / "proxied"
        self.kubeconfig.write_text(yaml.safe_dump(value))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._http.shutdown()
        self._http.server_close()


def _handler(proxy: Proxy, host: str, port: int | None, context: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        far: HTTPSConnection | None = None

        def log_message(self, format: str, *args: object) -> None:
            return

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.choose(self.command, self.path)
            if fault is not None:
                proxy.seen.append((fault.kind, self.command, self.path))
            if self.headers.get("Upgrade"):
                self._tunnel(broken=fault is not None)
                return
            if fault is not None and fault.kind == "status":
                told = {"kind": "Status", "message": f"on purpose: {fault.status}", "code": fault.status}
                self._reply(fault.status, fault.headers, json.dumps(told).encode())
                return
            if fault is not None and fault.kind == "reset":
                self._cut()
                return
            if fault is not None and fault.kind == "stall":
                time.sleep(STALL_SECONDS)
                self._cut()
                return
            if self.far is None:
                self.far = HTTPSConnection(host, port, context=context, timeout=30)
            try:
                headers = {name: text for name, text in self.headers.items() if name.lower() not in HOP}
                self.far.request(self.command, self.path, body or None, headers)
                answer = self.far.getresponse()
                data = answer.read()
            except (OSError, HTTPException):
                self.far.close()
                self.far = None
                self._cut()
                return
            if fault is not None and fault.kind == "lost":
                self._cut()
                return
            self._reply(answer.status, dict(answer.getheaders()), data)

        def finish(self) -> None:
            super().finish()
            if self.far is not None:
                self.far.close()

        def _reply(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, text in headers.items():
                if name.lower() not in HOP:
                    self.send_header(name, text)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def _tunnel(self, *, broken: bool) -> None:
            self.close_connection = True
            if broken:
                self._cut()
                return
            head = f"{self.command} {self.path} HTTP/1.1\r\n" + "".join(
                f"{name}: {text}\r\n" for name, text in self.headers.items()
            )
            with (
                suppress(OSError),
                context.wrap_socket(socket.create_connection((host, port or 443), 30), server_hostname=host) as far,
            ):
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                far.sendall(head.encode() + b"\r\n")
                back = threading.Thread(target=pump, args=(self.connection, far), daemon=True)
                back.start()
                pump(far, self.connection)
                self._cut()
                back.join(5)

    for method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
        setattr(Handler, f"do_{method}", Handler._serve)
    return Handler


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
