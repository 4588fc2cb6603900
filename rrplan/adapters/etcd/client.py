"""An etcd v3 cluster: ranges and transactions over several endpoints; errors say whether a request was processed.

`etcd3gw` speaks to etcd's own JSON gateway. A request goes to one endpoint and, where that one certainly did not
process it, to the next. A read goes on after silence too; a write does not, because nobody knows what became of it.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from rrplan.adapters.etcd.answers import Compacted, GatewayAnswer, NoToken, Unusable, words_of
from rrplan.adapters.etcd.certificates import expiry
from rrplan.adapters.local.clock import SystemClock
from rrplan.errors import (
    DatastoreError,
    DatastoreTimeout,
    DatastoreUnreachable,
    PreflightError,
)
from rrplan.retry import Tries, retry

__all__ = ["Access", "Compacted", "KeyValue", "Etcd", "Page"]

TOKENS = 2
"""A token that etcd no longer knows is asked for again, once."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where etcd is and who we are: endpoints as URLs, PEM files, and a user where etcd has users."""

    endpoints: Sequence[str]
    ca: str = ""
    certificate: str = ""
    key: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    """etcd itself gives up after about 7 s, and says so."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key, its value, and the revision that last changed it."""

    key: str
    value: bytes = field(repr=False)
    revision: int


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a range as it was at `revision`; `more` says that the limit cut it."""

    entries: tuple[KeyValue, ...]
    revision: int
    more: bool


class Etcd:
    """Requests to one etcd cluster; raises the DatastoreError family and nothing else."""

    def __init__(self, access: Access) -> None:
        from etcd3gw import Etcd3Client

        self._access = access
        self._check()
        self._members: list[Any] = []
        for endpoint in access.endpoints:
            parts = _parsed(endpoint)
            member: Any = Etcd3Client(
                host=str(parts.hostname),
                port=parts.port or 2379,
                protocol=parts.scheme,
                ca_cert=access.ca or None,
                cert_cert=access.certificate or None,
                cert_key=access.key or None,
                api_path=None,  # by etcd's version, not by the environment
            )
            member.timeout = (access.connect_seconds, access.read_seconds)
            # Otherwise REQUESTS_CA_BUNDLE would replace our CA, .netrc our credentials, and proxies would be asked.
            member.session.trust_env = False
            self._members.append(member)
        self._first = 0
        self._token = ""

    @property
    def name(self) -> str:
        """Its first endpoint, for people."""
        return f"etcd {self._access.endpoints[0]}"

    def range(self, start: str, end: str = "", *, limit: int = 0, revision: int = 0) -> Page:
        """The keys from `start` up to `end` (one key where that is ""), at a revision (0: now); raises Compacted."""
        body: dict[str, object] = {"key": _encoded(start), "limit": limit, "revision": revision}
        if end:
            body["range_end"] = _encoded(end)
        answer = self._send("kv/range", body, reading=True)
        with _understood(self.name):
            return Page(tuple(_entries(answer)), int(answer["header"]["revision"]), bool(answer.get("more")))

    def transact(self, key: str, revision: int | None, operation: Mapping[str, object]) -> KeyValue | bool:
        """One operation on a key at a revision (0: it is not there; None: never, only the right to do it is checked).

        True where it was done, else the key as it is, or False where it is not there.
        """
        compare: dict[str, object] = {"key": _encoded(key), "result": "EQUAL", "target": "MOD"}
        compare["mod_revision"] = -1 if revision is None else revision
        body = {
            "compare": [compare],
            "success": [operation],
            "failure": [{"request_range": {"key": _encoded(key)}}],
        }
        answer = self._send("kv/txn", body, reading=revision is None)
        if answer.get("succeeded"):
            return True
        with _understood(self.name):
            entries = list(_entries(answer["responses"][0]["response_range"]))
        return entries[0] if entries else False

    # --- one request ---------------------------------------------------------------------------

    def _send(self, path: str, body: Mapping[str, object], *, reading: bool) -> dict[str, Any]:
        failures: list[DatastoreError] = []
        first = self._first
        for offset in range(len(self._members)):
            index = (first + offset) % len(self._members)
            try:
                answer = self._authorised(self._members[index], path, body)
            except (DatastoreUnreachable, Unusable) as error:
                failures.append(error)
            except DatastoreTimeout as error:
                # What comes next, a read that finds out what became of this, should not wait for the same member.
                self._first = (index + 1) % len(self._members)
                if not reading:
                    raise
                failures.append(error)
            else:
                self._first = index
                return answer
        raise _together(failures)

    def _authorised(self, member: Any, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """With a token where etcd has users; an old token is no answer to the request, a new one is asked for."""
        if not self._access.user:
            return self._post(member, path, body, {})

        def post() -> dict[str, Any]:
            if not self._token:
                account = {"name": self._access.user, "password": self._access.password}
                self._token = str(self._post(member, "auth/authenticate", account, {}).get("token"))
            try:
                return self._post(member, path, body, {"Authorization": self._token})
            except NoToken:
                self._token = ""
                raise

        return retry(post, NoToken, Tries(TOKENS))

    def _post(self, member: Any, path: str, body: Mapping[str, object], headers: Mapping[str, str]) -> dict[str, Any]:
        from etcd3gw.exceptions import Etcd3Exception

        try:
            url = member.get_url(path)  # asks for etcd's version the first time
        except (Etcd3Exception, OSError, ValueError, KeyError) as error:
            failure = self._failure(member, error)
            if isinstance(failure, DatastoreTimeout):
                # The request itself was not sent yet.
                failure = DatastoreUnreachable(str(failure), hint=failure.hint or self._suspicion(member, error))
            raise failure from error
        try:
            answer = member.post(url, json=body, headers=dict(headers))
        except ValueError as error:
            raise DatastoreTimeout(f"etcd {member.base_url} answered something that is not JSON") from error
        except (Etcd3Exception, OSError) as error:
            raise self._failure(member, error) from error
        return answer if isinstance(answer, dict) else {}

    # --- what went wrong -----------------------------------------------------------------------

    def _failure(self, member: Any, error: Exception) -> DatastoreError:
        """What became of a request that failed."""
        import urllib3.exceptions
        from etcd3gw.exceptions import ApiVersionDiscoveryFailedError

        name = f"etcd {member.base_url}"
        if isinstance(error, ValueError | KeyError | ApiVersionDiscoveryFailedError):
            return Unusable(f"{name} does not answer as etcd v3 does", hint="is this the port for etcd's clients?")
        detail = getattr(error, "detail_text", None)
        if error.__context__ is None and isinstance(detail, str):
            return words_of(GatewayAnswer.read(detail), name, self._access.user)
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                return self._untrusted(name, cause)
        reason = next((_reason(cause) for cause in reversed(causes) if _reason(cause)), type(error).__name__)
        refused = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
        if any(isinstance(cause, refused) for cause in causes):
            return DatastoreUnreachable(f"{name} does not answer: {reason}")
        return DatastoreTimeout(f"no reply from {name}: {reason}")

    def _untrusted(self, name: str, error: ssl.SSLError) -> Unusable:
        if isinstance(error, ssl.SSLCertVerificationError):
            hint = "check the CA file: it must be the one that signed etcd's certificate"
            if error.verify_code == 10:
                hint = "etcd's own certificate has to be renewed"
            elif "mismatch" in error.verify_message:
                hint = "name the endpoint as etcd's certificate does, or renew the certificate with this name"
            return Unusable(f"{name} cannot be trusted: {error.verify_message}", hint=hint)
        reason = _plain(error)
        if "alert" not in reason:
            return Unusable(f"{name} does not speak TLS: {reason}", hint="does the endpoint begin with `http://`?")
        if not self._access.certificate:
            return Unusable(
                f"{name} asks for a client certificate, and none was given ({reason})",
                hint="give the certificate and key files that Calico itself uses",
            )
        ends = expiry(self._access.certificate)
        if ends is not None and ends < SystemClock().wall():
            return Unusable(
                f"{name} does not accept the client certificate: it expired on {ends:%Y-%m-%d %H:%M UTC}",
                hint=f"renew {self._access.certificate}",
            )
        return Unusable(
            f"{name} does not accept the client certificate ({reason})",
            hint=f"it must be signed by the CA that etcd trusts for its clients: {self._access.certificate}",
        )

    def _suspicion(self, member: Any, error: Exception) -> str:
        """What a first connection that is closed at once usually means; "" for one that is only slow."""
        if any(isinstance(cause, TimeoutError) for cause in _causes(error)):
            return ""
        if str(member.base_url).startswith("http:"):
            return "if etcd speaks TLS, the endpoint begins with `https://`"
        return "does etcd speak TLS there, and accept this client certificate?"

    def _check(self) -> None:
        """What can be said before anything is sent; raises PreflightError."""
        access = self._access
        if not access.endpoints:
            raise PreflightError(["no etcd endpoint was given"], hint="for example `https://10.0.0.1:2379`")
        for endpoint in access.endpoints:
            _parsed(endpoint)
        if bool(access.certificate) is not bool(access.key):
            raise PreflightError(["a client certificate needs its key, and a key its certificate"])
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            what = f"the CA file {access.ca}"
            if access.ca:
                context.load_verify_locations(access.ca)
            what = f"the client certificate {access.certificate} with its key {access.key}"
            if access.certificate:
                # Without a word for it, OpenSSL would ask on the terminal.
                context.load_cert_chain(access.certificate, access.key, password="")
        except OSError as error:
            reason = _plain(error) if isinstance(error, ssl.SSLError) else error.strerror or str(error)
            hint = "PEM files are expected, a key without pass phrase"
            raise PreflightError([f"{what} cannot be used: {reason}"], hint=hint) from error


def _parsed(endpoint: str) -> Any:
    """The parts of an endpoint; raises PreflightError."""
    hint = "for example `https://10.0.0.1:2379`"
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        shown = endpoint.rpartition("@")[2]
        raise PreflightError([f"`{shown}` is not an etcd endpoint"], hint=hint)
    if parts.username or parts.password:
        raise PreflightError(["an etcd endpoint holds a user name or password"], hint="give them apart from it")
    return parts


def _together(failures: Sequence[DatastoreError]) -> DatastoreError:
    """One error for all endpoints: as long as one of them was only away, waiting may help."""
    if len(failures) == 1:
        return failures[0]
    text = f"none of {len(failures)} etcd endpoints answers: " + "; ".join(str(failure) for failure in failures)
    hint = next((failure.hint for failure in failures if failure.hint), "")
    for kind in (DatastoreTimeout, DatastoreUnreachable):
        if any(isinstance(failure, kind) for failure in failures):
            return kind(text, hint=hint)
    return Unusable(text, hint=hint)


@contextmanager
def _understood(name: str) -> Iterator[None]:
    """An answer that is not etcd's says nothing about the request."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DatastoreTimeout(f"{name} did not answer as etcd v3 does") from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from, outermost first; `requests` and `urllib3` wrap in their arguments."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]


def _plain(error: ssl.SSLError) -> str:
    """OpenSSL's reason without its file and line."""
    return (error.reason or str(error)).lower().replace("_", " ")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ConnectionResetError | BrokenPipeError | ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the connection was closed"
    return error.strerror or "" if isinstance(error, OSError) else ""


def _entries(answer: Mapping[str, Any]) -> Iterator[KeyValue]:
    for pair in answer.get("kvs", ()):
        value = base64.b64decode(pair.get("value", ""))
        yield KeyValue(base64.b64decode(pair["key"]).decode(), value, int(pair["mod_revision"]))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def put(key: str, document: Mapping[str, object]) -> dict[str, object]:
    """The operation that writes a document, in the bytes that Go's encoder makes: compact, and safe inside HTML."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    for character in ("&", "<", ">", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return {"request_put": {"key": _encoded(key), "value": _encoded(text)}}


def delete(key: str) -> dict[str, object]:
    """The operation that removes a key."""
    return {"request_delete_range": {"key": _encoded(key)}}
