"""The exec endpoint of a kubelet, as far as `birdcl` needs it: WebSocket (RFC 6455), protocol v4.channel.k8s.io.

A thread and two messages for each connection: thousands of them are opened in a run, and a whole WebSocket library
costs as much time as all the rest of a test.
"""

import atexit
import base64
import hashlib
import json
import shutil
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What RFC 6455 adds to a client's key."""
BINARY, CLOSE = 0x82, 0x88
STDOUT, ERROR = b"\x01", b"\x03"
Execute = Callable[[str, list[str]], str]
"""What a command prints in a pod."""


@cache
def kubelet_certificate() -> tuple[Path, Path]:
    """The certificate of every kubelet, and its key: made once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="rrplan-kubelet-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    certificate, key = folder / "kubelet.crt", folder / "kubelet.key"
    # An elliptic curve: with RSA, each connection costs milliseconds.
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=kubelet", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


class Kubelet:
    """Every kubelet of a cluster, on one port of loopback."""

    def __init__(self, execute: Execute) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*kubelet_certificate())

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with suppress(OSError), context.wrap_socket(self.request, server_side=True) as connection:
                    _serve(connection, execute)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def _serve(connection: ssl.SSLSocket, execute: Execute) -> None:
    connection.settimeout(10)
    head, *lines = _head(connection).split("\r\n")
    headers = {name.strip().lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    key = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + GUID).digest()).decode()
    connection.sendall(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n".encode()
    )
    url = urlsplit(head.split()[1])
    output = execute(url.path.split("/")[3], parse_qs(url.query)["command"]).encode()
    status = json.dumps({"metadata": {}, "status": "Success"}).encode()
    parts = [output[start : start + 16_000] for start in range(0, len(output), 16_000)]
    messages = [*(STDOUT + part for part in parts), ERROR + status]
    connection.sendall(b"".join(_frame(BINARY, one) for one in messages) + _frame(CLOSE, (1000).to_bytes(2, "big")))
    while connection.recv(4096):
        """Until the client has closed, too."""


def _head(connection: ssl.SSLSocket) -> str:
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise ConnectionError
        head += more
    return head.partition(b"\r\n\r\n")[0].decode()


def _frame(kind: int, data: bytes) -> bytes:
    size = len(data)
    return bytes([kind, size]) + data if size < 126 else bytes([kind, 126]) + size.to_bytes(2, "big") + data
