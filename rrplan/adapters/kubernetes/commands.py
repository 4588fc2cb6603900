"""Commands in containers: the exec endpoint of an API server, by WebSocket with protocol v4.channel.k8s.io.

The official client's own WebSocket passes on no header but `authorization` (stream/ws_client.py, create_websocket, its
lines 36 and 37): whoever acts as another user would run commands with their own rights.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

PROTOCOL = "v4.channel.k8s.io"
"""Every kubelet speaks it, and no server has to translate it."""
STDOUT, STDERR, STATUS = 1, 2, 3
"""Channels; on the last one a kubelet says how a command ended."""


class NotRun(Exception):
    """No command was run, as far as is known; the text is that of the refused handshake."""


class NotEnded(Exception):
    """A command did not end in time."""


class Commands:
    """Runs commands by way of one server; each takes a connection of its own, because a WebSocket is not given back."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self._context: ssl.SSLContext | None = None

    def run(self, url: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str], seconds: float) -> str | None:
        """All that a command printed; None where the connection broke before the exit status: it may be a part of it.

        Raises NotRun, and NotEnded after so many seconds.
        """
        from websocket import ABNF, WebSocketException, WebSocketTimeoutException

        until = time.monotonic() + seconds
        client = self._connected(f"ws{url.removeprefix('http')}?{urlencode(query)}", headers, seconds)
        printed: list[bytes] = []
        ended = False
        try:
            while True:
                client.settimeout(max(until - time.monotonic(), 0.001))
                code, frame = client.recv_data_frame(control_frame=True)
                if code == ABNF.OPCODE_CLOSE:
                    break
                if code in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) and frame.data:
                    channel = frame.data[0]
                    if channel in (STDOUT, STDERR):
                        printed.append(frame.data[1:])
                    ended = ended or channel == STATUS
        except WebSocketTimeoutException as error:
            raise NotEnded from error
        except (WebSocketException, OSError):
            # What came is whole if the exit status was among it.
            pass
        finally:
            client.shutdown()
        return b"".join(printed).decode("utf-8", "replace") if ended else None

    def _connected(self, url: str, headers: Mapping[str, str], seconds: float) -> Any:
        from websocket import WebSocket, WebSocketException, WebSocketTimeoutException

        settings = self._configuration
        client: Any = WebSocket(sslopt=self._trust(), skip_utf8_validation=True)
        lines = [f"{name}: {text}" for name, text in {**headers, "Sec-WebSocket-Protocol": PROTOCOL}.items()]
        options: dict[str, Any] = {"header": lines, "timeout": seconds}
        if settings.proxy or settings.proxy_headers:
            care: Any = import_module("kubernetes.stream.ws_client").websocket_proxycare
            options = care(options, settings, url, headers)
        try:
            client.connect(url, **options)
        except WebSocketTimeoutException as error:
            client.shutdown()
            raise NotEnded from error
        except (WebSocketException, OSError, ValueError) as error:
            client.shutdown()
            raise NotRun(str(error)) from error
        return client

    def _trust(self) -> dict[str, Any]:
        """What the official client makes of the same settings, with one context for all: to load the files takes long.

        Raises NotRun where a file cannot be loaded.
        """
        settings = self._configuration
        if self._context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                if settings.verify_ssl:
                    context.load_verify_locations(settings.ssl_ca_cert or _usual())
                    context.check_hostname = settings.assert_hostname is not False
                else:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                if settings.cert_file:
                    context.load_cert_chain(settings.cert_file, settings.key_file)
            except (OSError, ValueError) as error:
                raise NotRun(str(error)) from error
            self._context = context
        named = {"server_hostname": settings.tls_server_name} if settings.tls_server_name else {}
        return {"context": self._context, **named}


def _usual() -> str:
    """The authorities that are trusted where a kubeconfig names none."""
    import certifi

    return certifi.where()
