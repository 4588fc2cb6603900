"""Approvals of a plan: what is signed, the envelope around it, and whether enough people have signed.

An envelope is DSSE (secure-systems-lab/dsse, protocol version 1.0); what it holds is a statement about one plan, by its
digest. Keys and signatures are somebody else's business: `Verify` says whether a signature is right.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rrplan.digest import canonical
from rrplan.errors import FileFormatError, InputError, PolicyRefusal
from rrplan.text import duration_text, listed

FORMAT_VERSION = "1.0"
KIND = "Approval"
PAYLOAD_TYPE = "application/vnd.rrplan.approval.v1+json"
CLOCK_SKEW = timedelta(minutes=5)
"""An approval may be that far in the future: clocks of two machines differ."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Who approves which plan, for which cluster (its GUID or UID, "" where the plan is bound to none), and when."""

    plan: str
    cluster: str
    approver: str
    at: datetime

    def payload(self) -> bytes:
        """The bytes that are signed, in canonical JSON."""
        return canonical(
            {
                "format_version": FORMAT_VERSION,
                "kind": KIND,
                "plan": self.plan,
                "cluster": self.cluster,
                "approver": self.approver,
                "at": f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            }
        )


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key and the name of whose it is, as the file of trusted keys has them."""

    name: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Approval:
    """An envelope that was read: the statement in it, its bytes, and a signature by key ID."""

    statement: Statement
    payload: bytes
    signatures: Mapping[str, bytes]
    file: str


@dataclass(frozen=True, slots=True)
class Demand:
    """How many people must have approved, and how long ago at most (seconds, 0: any time)."""

    required: int
    maximum_age: int = 0


Verify = Callable[[str, bytes, bytes], bool]
"""Whether the key of an ID made a signature over bytes."""


def encoded(payload: bytes) -> bytes:
    """What a signature is over: DSSE's pre-authentication encoding of the payload."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope(statement: Statement, key_id: str, signature: bytes) -> bytes:
    """The file of an approval."""
    body = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(statement.payload()).decode(),
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(body, indent=2).encode() + b"\n"


def is_approval(data: bytes) -> bool:
    """Whether a file looks like an approval."""
    try:
        document = json.loads(data)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("payloadType") == PAYLOAD_TYPE


def read_approval(data: bytes, file: str) -> Approval:
    """Read an envelope; nothing is verified yet. Raises FileFormatError with what is wrong."""
    document = _json(data, file)
    if document.get("payloadType") != PAYLOAD_TYPE:
        raise _problem(f"payloadType is `{document.get('payloadType')}`, and an approval has `{PAYLOAD_TYPE}`", file)
    payload = _bytes(document.get("payload"), "payload", file)
    statement = _json(payload, file)
    version = str(statement.get("format_version"))
    if statement.get("kind") != KIND or version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise _problem(f"it holds `{statement.get('kind')}` of format version {version}", file)
    texts = {name: statement.get(name) for name in ("plan", "cluster", "approver", "at")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise _problem("plan, cluster, approver and at must be texts", file)
    signatures: dict[str, bytes] = {}
    rows = document.get("signatures")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("keyid"), str):
            signatures[row["keyid"]] = _bytes(row.get("sig"), "sig", file)
    if not signatures:
        raise _problem("it has no signature", file)
    return Approval(
        Statement(str(texts["plan"]), str(texts["cluster"]), str(texts["approver"]), _time(str(texts["at"]), file)),
        payload,
        signatures,
        file,
    )


def check_approved(
    digest: str,
    cluster: str,
    approvals: Iterable[Approval],
    trusted: Sequence[TrustedKey],
    verify: Verify,
    demand: Demand,
    now: datetime,
) -> tuple[str, ...]:
    """The names of those who approved; raises PolicyRefusal where they are too few, with what is wrong with each."""
    names: dict[str, None] = {}
    keys = {key.key_id: key.name for key in trusted}
    wrong: list[str] = []
    for approval in approvals:
        name, why = _approver(approval, digest, cluster, keys, verify, demand, now)
        if why:
            wrong.append(f"{approval.file}: {why}")
        else:
            names[name] = None
    if len(names) >= demand.required:
        return tuple(names)
    needed = "an approval" if demand.required == 1 else f"approvals by {demand.required} different people"
    have = f"only {listed([*names])} approved it" if names else "there is none that counts"
    raise PolicyRefusal(
        "; ".join([f"this plan needs {needed}, and {have}", *wrong]),
        hint="`rrplan approve PLAN --key KEY` makes one; `--approval FILE` names those that are not beside the plan",
    )


def _approver(
    approval: Approval,
    digest: str,
    cluster: str,
    keys: Mapping[str, str],
    verify: Verify,
    demand: Demand,
    now: datetime,
) -> tuple[str, str]:
    """Whose approval it is, and why it does not count ("" where it does)."""
    known = [key_id for key_id in approval.signatures if key_id in keys]
    if not known:
        return "", f"key {listed([*approval.signatures])} is not trusted"
    signed = [key for key in known if verify(key, approval.signatures[key], encoded(approval.payload))]
    if not signed:
        return "", f"the signature of {keys[known[0]]} does not fit: the approval was changed, or made with another key"
    statement, name = approval.statement, keys[signed[0]]
    if statement.plan != digest:
        return "", f"{name} approved another plan ({statement.plan[:19]})"
    if statement.cluster != cluster:
        return "", f"{name} approved it for another cluster ({statement.cluster or 'none'})"
    if statement.at > now + CLOCK_SKEW:
        return "", f"{name} approved it in the future ({statement.at:%Y-%m-%d %H:%M} UTC): compare the clocks"
    age = int((now - statement.at).total_seconds())
    if demand.maximum_age and age > demand.maximum_age:
        limit = duration_text(demand.maximum_age)
        return "", f"{name} approved it {duration_text(age)} ago, and {limit} is the most that is accepted"
    return name, ""


def _problem(what: str, file: str) -> InputError:
    return FileFormatError.one(
        f"no approval of rrplan: {what}", file=file, hint="`rrplan approve PLAN --key KEY` makes one"
    )


def _json(data: bytes, file: str) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _problem("it is not JSON", file) from error
    if not isinstance(document, dict):
        raise _problem("it is not a JSON object", file)
    return document


def _bytes(text: object, what: str, file: str) -> bytes:
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _problem(f"{what} is not base64", file)


def _time(text: str, file: str) -> datetime:
    try:
        at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _problem("at is no time such as 2026-01-02T03:04:05Z", file) from error
    return at
