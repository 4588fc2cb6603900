"""One Kubernetes API server, as JSON in and JSON out.

The official client supplies kubeconfig, exec plugins, certificates and proxies; its models stay unused, because
they differ between its lines 36 and 37 and cost seconds on large lists. Errors say whether a request was processed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from rrplan.adapters.kubernetes.commands import Commands, NotEnded, NotRun
from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.kubeconfig import configuration
from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
)
from rrplan.retry import Tries, retry

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
PAGE = 1000
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
LIST_TRIES = 5
READ_TRIES = 3
"""After a read that failed: a moment later each time, or when the server says so (Retry-After)."""
EXEC_TRIES = 1 + READ_TRIES
"""Of a command in a container."""
FIELD_MANAGER = "rrplan"

T = TypeVar("T")


class ListExpired(DatastoreError):
    """410: the list took longer than the server remembers; read it again from its beginning."""


class Forbidden(DatastoreRefused):
    """403: the account may not do this."""


class Missing(DatastoreRefused):
    """404: what was to be changed is not there."""


class NoOutput(DatastoreTimeout):
    """A command in a container was not run, or its output broke off; running it again may help."""


class ApiServer:
    """Requests to one server; raises the DatastoreError family and nothing else."""

    def __init__(self, configuration: Any, impersonated: str | None = None) -> None:
        import urllib3
        from kubernetes.client import ApiClient

        # Reading again harms nobody; a write is repeated only by those who know what became of it.
        self._again = urllib3.Retry(
            READ_TRIES,
            connect=0,
            read=1,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods={"GET"},
            backoff_factor=0.1,
            raise_on_status=False,
        )
        self._configuration = configuration
        self._commands = Commands(configuration)
        self._impersonated = {"Impersonate-User": impersonated} if impersonated else {}
        self._host: str = configuration.host
        self._pool: Any = ApiClient(configuration).rest_client.pool_manager

    @classmethod
    def connect(
        cls, kubeconfig: str | None = None, context: str | None = None, impersonated: str | None = None
    ) -> ApiServer:
        """By kubeconfig (default: KUBECONFIG or ~/.kube/config), or from within a pod; raises PreflightError."""
        settings, acting_as = configuration(kubeconfig, context)
        return cls(settings, impersonated or acting_as)

    @property
    def name(self) -> str:
        """Its address, for people."""
        return self._host

    def get(self, path: str, *, accept: str = JSON, **query: str) -> dict[str, Any] | None:
        """One document, or None for 404; `accept` asks for another form of it."""
        return self._send("GET", path, query, None, "", missing_is_none=True, accept=accept)

    def items(self, path: str, *, accept: str = JSON, **query: str) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page; none for a resource that is not served.

        Raises ListExpired in the middle of a list that became too old.
        """
        token = ""
        while True:
            asked = {**query, "limit": str(PAGE)}
            if token:
                # The token says which version the rest is of; naming one beside it is refused.
                asked = {**asked, "continue": token}
                asked.pop("resourceVersion", None)
            page = self._send("GET", path, asked, None, "", missing_is_none=True, accept=accept)
            if page is None:
                return
            kind = str(page.get("kind", "")).removesuffix("List")
            for item in page.get("items") or ():
                yield {"apiVersion": page.get("apiVersion"), "kind": kind, **item}
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return

    def listed(self, path: str, make: Callable[[dict[str, Any]], T], *, accept: str = JSON, **query: str) -> list[T]:
        """What `make` makes of each item of a list, which is read again from its beginning where it became too old."""
        return retry(
            lambda: [make(item) for item in self.items(path, accept=accept, **query)],
            ListExpired,
            Tries(LIST_TRIES),
            lambda _: DatastoreUnreachable(f"the list {path} expired {LIST_TRIES} times while it was read"),
        )

    def create(
        self, path: str, body: Mapping[str, object], *, manager: bool = True, dry_run: bool = False
    ) -> dict[str, Any]:
        """POST; with `dry_run` the server does all but keep it."""
        query = {"fieldManager": FIELD_MANAGER} if manager else {}
        return self._send("POST", path, {**query, **_dry(dry_run)}, body, "application/json") or {}

    def patch(self, path: str, body: Mapping[str, object], *, dry_run: bool = False) -> dict[str, Any]:
        """An RFC 7386 merge patch; `metadata.resourceVersion` in it is the precondition."""
        query = {"fieldManager": FIELD_MANAGER, **_dry(dry_run)}
        return self._send("PATCH", path, query, body, MERGE_PATCH) or {}

    def delete(self, path: str, version: str, *, dry_run: bool = False) -> None:
        """DELETE at a version; "" for any."""
        body: dict[str, object] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if version:
            body["preconditions"] = {"resourceVersion": version}
        if dry_run:
            # Where a DELETE has a body, the server does not look at the query.
            body["dryRun"] = ["All"]
        self._send("DELETE", path, {}, body, "application/json")

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, tries: int = EXEC_TRIES
    ) -> str:
        """What a command in a container prints; raises DatastoreRefused where it cannot be run there.

        Raises Missing where there is no such pod, NoOutput or DatastoreTimeout where the node, or the server, is away.
        A command acts as the same user as every other request.
        """
        query = [("container", container), ("stdout", "true"), ("stderr", "true")]
        query += [("command", word) for word in command]
        headers = {**self._credentials(), "User-Agent": "rrplan"}
        url = f"{self._host}{collection('Pod', namespace)}/{pod}/exec"

        def run() -> str:
            try:
                output = self._commands.run(url, query, headers, READ_SECONDS)
            except NotRun as error:
                text = f"no command can be run in pod {namespace}/{pod}: {_handshake(str(error))}"
                raise _unexecuted(str(error))(text) from error
            except NotEnded as error:
                raise DatastoreTimeout(f"a command in a pod did not end within {READ_SECONDS:g} s") from error
            if output is None:
                raise NoOutput(f"the output of a command in pod {namespace}/{pod} broke off")
            return output

        return retry(run, NoOutput, Tries(tries))

    def _credentials(self) -> dict[str, str]:
        """Fresh for each request: an exec plugin's token expires."""
        settings = self._configuration.auth_settings().values()
        # A token that was written to a file with `echo` has a line end, which no header takes.
        headers = {
            setting["key"]: setting["value"].strip()
            for setting in settings
            if setting["in"] == "header" and setting["value"]
        }
        return {**headers, **self._impersonated}

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, object] | None,
        content: str,
        *,
        missing_is_none: bool = False,
        accept: str = JSON,
    ) -> dict[str, Any] | None:
        import urllib3

        url = self._host + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": "rrplan"}
        headers |= self._credentials()
        if body is not None:
            headers["Content-Type"] = content
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=self._again if method == "GET" else False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._failure(error) from error
        if response.status == 404 and missing_is_none:
            return None
        if response.status >= 300:
            raise _refusal(method, path, response.status, response.data)
        try:
            value = json.loads(response.data)
        except (RecursionError, ValueError) as error:
            raise DatastoreTimeout(f"{self._host} answered something that is not JSON") from error
        return value if isinstance(value, dict) else {}

    def _failure(self, error: Any) -> DatastoreError:
        """What became of a request that got no answer."""
        import urllib3

        reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason else error
        match reason:
            case urllib3.exceptions.NewConnectionError() | urllib3.exceptions.ConnectTimeoutError():
                return DatastoreUnreachable(f"{self._host} does not answer: {_reason(reason)}")
            case urllib3.exceptions.SSLError():
                hint = "check the CA of the kubeconfig"
                return DatastoreRefused(f"{self._host} cannot be trusted: {_reason(reason)}", hint=hint)
            case _:
                return DatastoreTimeout(f"no reply from {self._host}: {_reason(reason)}")


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _unexecuted(reason: str) -> type[DatastoreError]:
    """What the answer to the handshake means, where no command was run."""
    status = re.search(r"Handshake status (4\d\d)", reason)
    match status[1] if status else "":
        case "403":
            return Forbidden
        case "404":
            return Missing
        case "" | "429":
            return NoOutput
        case _:
            return DatastoreRefused


def _handshake(reason: str) -> str:
    """The reason in a refused WebSocket handshake: its text holds the whole answer of the server."""
    match = re.search(r'"message":"((?:[^"\\]|\\.)*)"', reason)
    return match[1].replace('\\"', '"') if match else (reason.strip().splitlines() or ["no reply"])[0][:200]


def _reason(error: BaseException) -> str:
    return str(error).rpartition(": ")[2] or type(error).__name__


def _refusal(method: str, path: str, status: int, data: bytes) -> DatastoreError:
    """What a status means for the request: processed, not processed, or unknown."""
    try:
        message = str(json.loads(data).get("message") or "")
    except (RecursionError, ValueError, AttributeError):
        message = data[:200].decode("utf-8", "replace").strip()
    text = f"{message or 'no reason given'} ({status} on {method} {path})"
    match status:
        case 409:
            return DatastoreConflict(text)
        case 410:
            return ListExpired(text)
        case 401:
            return DatastoreRefused(text, hint="the credentials of the kubeconfig are not accepted; renew them")
        case 404:
            return Missing(text)
        case 403:
            return Forbidden(text, hint="the account may not do this; ask for the right, or use another context")
        case 429 | 503:
            return DatastoreUnreachable(text)
        case status if status >= 500:
            return DatastoreTimeout(text)
        case _:
            return DatastoreRefused(text)
