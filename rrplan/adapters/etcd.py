"""Calico's resources in etcd v3: keys, JSON and compare-and-swap as Calico itself does them.

Keys are `/calico/resources/v3/projectcalico.org/<plural>/<name>`, a version is the key's mod_revision
(libcalico-go/lib/backend/etcdv3). etcd is spoken to through its JSON gateway.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    PreflightError,
)
from rrplan.ports import Document, Stored
from rrplan.resources import ResourceKey
from rrplan.resources.documents import patched

PREFIX = "/calico/resources/v3/projectcalico.org/"
PLURALS = {
    "CalicoNode": "nodes",
    "BGPPeer": "bgppeers",
    "BGPConfiguration": "bgpconfigurations",
    "BGPFilter": "bgpfilters",
    "IPPool": "ippools",
    "ClusterInformation": "clusterinformations",
}
KINDS = {plural: kind for kind, plural in PLURALS.items()}
PAGE = 500
"""Keys of one answer; etcd's gateway takes 4 MiB at once."""
TRIES = 5
"""Of a list whose revision was compacted meanwhile."""
SECONDS = 5.0
_TLS = re.compile(r"\[SSL[^\]]*\] ([^(]+)")
"""What OpenSSL says, among what wraps it."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where etcd is, and the files that prove who we are; "" for none."""

    endpoints: tuple[str, ...]
    ca: str = ""
    certificate: str = ""
    key: str = ""


class Compacted(DatastoreError):
    """The revision of a list is gone; read it again."""


class Etcd:
    """Requests to whichever member answers; raises the DatastoreError family."""

    def __init__(self, access: Access, seconds: float = SECONDS) -> None:
        from etcd3gw.client import Etcd3Client

        self._clients: list[Any] = []
        for endpoint in access.endpoints:
            parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}", scheme="http")
            if not parts.hostname or parts.scheme not in ("http", "https"):
                hint = "an endpoint is written like `https://10.0.0.1:2379`"
                raise PreflightError([f"`{endpoint}` is no endpoint of etcd"], hint=hint)
            client = Etcd3Client(
                parts.hostname,
                parts.port or 2379,
                parts.scheme,
                access.ca or None,
                access.key or None,
                access.certificate or None,
                timeout=seconds,
            )
            # Otherwise REQUESTS_CA_BUNDLE would silently win over the CA that was given.
            client.session.trust_env = False
            self._clients.append(client)

    def ask(self, path: str, body: Mapping[str, object], *, writes: bool) -> dict[str, Any]:
        """One request; a member that certainly did nothing is passed over, a silent one only if nothing is written."""
        failures: list[DatastoreError] = []
        for client in list(self._clients):
            try:
                answer = client.post(client.get_url(path), json=dict(body))
            except Exception as error:
                failure = _failure(client.base_url, error)
                passed = isinstance(failure, DatastoreUnreachable) or (
                    isinstance(failure, DatastoreTimeout) and not writes
                )
                if not passed:
                    raise failure from error
                failures.append(failure)
                # The next request begins with one that answers.
                self._clients.append(self._clients.pop(self._clients.index(client)))
            else:
                return answer if isinstance(answer, dict) else {}
        raise failures[0]


def _failure(where: str, error: BaseException) -> DatastoreError:
    """What became of a request: refused, certainly not processed, or unknown."""
    import requests
    from etcd3gw.exceptions import Etcd3Exception

    # The library's own errors tell neither what failed nor whether anything was sent; what they came from does.
    cause = error.__context__ if isinstance(error, Etcd3Exception) else error
    match cause:
        case requests.exceptions.SSLError():
            hint = "check the CA, the certificate and the key; an expired certificate is refused too"
            return DatastoreRefused(f"etcd at {where}: TLS failed: {_short(cause)}", hint=hint)
        case requests.exceptions.ConnectTimeout():
            return DatastoreUnreachable(f"etcd at {where} does not answer")
        case requests.exceptions.Timeout():
            return DatastoreTimeout(f"no reply from etcd at {where}")
        case requests.exceptions.ConnectionError() if "NewConnectionError" in str(cause):
            return DatastoreUnreachable(f"etcd at {where} does not answer: {_short(cause)}")
        case requests.exceptions.ConnectionError():
            return DatastoreTimeout(f"no reply from etcd at {where}: {_short(cause)}")
    if isinstance(cause, OSError):
        return DatastoreRefused(
            f"etcd at {where}: {cause}", hint="check the files of the CA, the certificate and the key"
        )
    if not isinstance(error, Etcd3Exception):
        return DatastoreTimeout(f"etcd at {where} answered something else: {type(error).__name__}")
    message = _message(error.detail_text or "")
    if "compacted" in message:
        return Compacted(f"etcd at {where}: {message}")
    if "CommonName" in message:
        hint = "etcd's gateway takes no names from certificates: use a certificate without CN where etcd has users"
        return DatastoreRefused(f"etcd at {where}: {message}", hint=hint)
    if "permission denied" in message or "user name is empty" in message or "invalid auth token" in message:
        hint = "the account may not do this; ask for the right to read and write below /calico"
        return DatastoreRefused(f"etcd at {where}: {message}", hint=hint)
    return DatastoreTimeout(f"etcd at {where}: {message}")


def _message(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()[:200] or "no reason given"
    return str(value.get("message") or value.get("error") or text) if isinstance(value, dict) else text[:200]


def _short(error: BaseException) -> str:
    found = _TLS.search(str(error))
    if found:
        return found[1].strip()
    return str(error).rpartition("(")[2].strip("()'\" ")[:160] or type(error).__name__


class CalicoEtcd:
    """Calico's resources of one etcd; documents are v3, Calico's Node has the kind `CalicoNode`."""

    def __init__(self, access: Access, seconds: float = SECONDS) -> None:
        self._etcd = Etcd(access, seconds)

    def everything(self) -> list[Stored]:
        """All resources that a snapshot needs, at one revision."""
        for _ in range(TRIES):
            try:
                revision = 0
                found: list[Stored] = []
                for plural in KINDS:
                    items, revision = self._list(plural, revision)
                    found += items
            except Compacted:
                continue
            return found
        raise DatastoreUnreachable(f"etcd was compacted {TRIES} times while Calico's resources were read")

    def _list(self, plural: str, revision: int) -> tuple[list[Stored], int]:
        """All of one kind at a revision (0: the newest, which is told)."""
        start, end = f"{PREFIX}{plural}/", f"{PREFIX}{plural}0"
        found: list[Stored] = []
        while True:
            body = {"key": _b64(start), "range_end": _b64(end), "limit": PAGE, "revision": revision}
            answer = self._etcd.ask("/kv/range", body, writes=False)
            revision = revision or int(answer["header"]["revision"])
            pairs = answer.get("kvs") or []
            found += [_stored(pair) for pair in pairs]
            if not answer.get("more"):
                return found, revision
            start = base64.b64decode(pairs[-1]["key"]).decode() + "\0"

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        pairs = self._etcd.ask("/kv/range", {"key": _b64(_path(key))}, writes=False).get("kvs") or []
        return _stored(pairs[0]) if pairs else None

    def create(self, key: ResourceKey, document: Document) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        metadata = document.get("metadata")
        added = {
            "uid": str(uuid.uuid4()),
            "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        whole = {**document, "metadata": {**(metadata if isinstance(metadata, Mapping) else {}), **added}}
        compare = {"target": "VERSION", "key": _b64(_path(key)), "result": "EQUAL", "version": 0}
        if not self._put(key, whole, compare):
            raise DatastoreConflict(f"{key} exists already")

    def patch(self, key: ResourceKey, patch: Document, version: str) -> None:
        """A merge patch at a version; what we do not know of the object stays."""
        stored = self.get(key)
        if stored is None:
            raise DatastoreConflict(f"{key} does not exist")
        if stored.version != version or not self._put(key, patched(stored.document, patch), _at(key, version)):
            raise DatastoreConflict(f"{key} is not at version {version} any more")

    def delete(self, key: ResourceKey, version: str) -> None:
        """Remove a resource at a version."""
        remove = [{"request_delete_range": {"key": _b64(_path(key))}}]
        if not self._transaction(_at(key, version), remove):
            raise DatastoreConflict(f"{key} is not at version {version} any more")

    def _put(self, key: ResourceKey, document: Document, compare: Mapping[str, object]) -> bool:
        value = {
            **document,
            "kind": "Node" if key.kind == "CalicoNode" else key.kind,
            "apiVersion": "projectcalico.org/v3",
        }
        put = {"key": _b64(_path(key)), "value": _b64(json.dumps(value, separators=(",", ":")))}
        return self._transaction(compare, [{"request_put": put}])

    def _transaction(self, compare: Mapping[str, object], success: Sequence[Mapping[str, object]]) -> bool:
        body = {"compare": [dict(compare)], "success": list(success), "failure": []}
        return bool(self._etcd.ask("/kv/txn", body, writes=True).get("succeeded"))


def _path(key: ResourceKey) -> str:
    return f"{PREFIX}{PLURALS[key.kind]}/{key.name}"


def _at(key: ResourceKey, version: str) -> dict[str, object]:
    return {"target": "MOD", "key": _b64(_path(key)), "result": "EQUAL", "mod_revision": version}


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _stored(pair: Mapping[str, str]) -> Stored:
    name = base64.b64decode(pair["key"]).decode()
    plural = name.removeprefix(PREFIX).partition("/")[0]
    try:
        value = json.loads(base64.b64decode(pair.get("value", "")))
    except ValueError as error:
        hint = "Calico cannot read it either; see it with etcdctl"
        raise DatastoreRefused(f"the value of {name} in etcd is no JSON", hint=hint) from error
    return Stored({**value, "kind": KINDS[plural]}, pair["mod_revision"])
