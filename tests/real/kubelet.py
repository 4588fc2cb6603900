"""The exec endpoint of a kubelet, as far as `birdcl` needs it: WebSocket (RFC 6455), protocol v4.channel.k8s.io.

One loop and two messages serve each connection: thousands of them are opened in a look at a large cluster, and a thread
or a whole WebSocket library for each costs as much time as all the rest of a test.
"""

import asyncio
import atexit
import base64
import hashlib
import json
import shutil
import ssl
import subprocess
import tempfile
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What RFC 6455 adds to a client's key."""
BINARY, CLOSE = 0x82, 0x88
STDOUT, ERROR = b"\x01", b"\x03"
SECONDS = 10
"""That a client may keep a connection without a word."""
Execute = Callable[[str, list[str]], str]
"""What a command prints in a pod; raises Silence or ConnectionError where nothing is said."""


class Silence(Exception):
    """Nothing is said on a connection for so many seconds; then it ends."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


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
    """Every kubelet of a cluster, on one port of loopback, in a thread of its own."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self.delay = 0.0
        """Seconds that each command takes."""
        self.most = 0
        """How many commands have been under way at the same time, at most."""
        self._busy = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*kubelet_certificate())
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context, backlog=512)
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""

        def end() -> None:
            self._server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_soon(self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join()
        self._loop.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, EOFError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
            writer.write(_accepted(head))
            self._busy += 1
            self.most = max(self.most, self._busy)
            try:
                await asyncio.sleep(self.delay)
                url = urlsplit(head.split()[1])
                output = self._execute(url.path.split("/")[3], parse_qs(url.query)["command"])
            except Silence as silence:
                await asyncio.sleep(silence.seconds)
                raise ConnectionError from silence
            finally:
                # Before the answer: whoever has it may ask for the next one at once.
                self._busy -= 1
            writer.write(_answer(output.encode()))
            async with asyncio.timeout(SECONDS):
                # Until the client has closed, too.
                while await reader.read(4096):
                    continue
        writer.transport.abort()


def _accepted(head: str) -> bytes:
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    headers = {name.strip().lower(): text.strip() for name, _, text in lines}
    key = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + GUID).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
    ).encode()


def _answer(output: bytes) -> bytes:
    """What a command printed, that it succeeded, and the end."""
    status = json.dumps({"metadata": {}, "status": "Success"}).encode()
    parts = [output[start : start + 16_000] for start in range(0, len(output), 16_000)]
    messages = [*(STDOUT + part for part in parts), ERROR + status]
    return b"".join(_frame(BINARY, one) for one in messages) + _frame(CLOSE, (1000).to_bytes(2, "big"))


def _frame(kind: int, data: bytes) -> bytes:
    size = len(data)
    return bytes([kind, size]) + data if size < 126 else bytes([kind, 126]) + size.to_bytes(2, "big") + data
