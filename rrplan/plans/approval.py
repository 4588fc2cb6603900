"""Approvals of a plan: what is signed, the envelope around it, and whether enough people have signed.

An envelope is DSSE (secure-systems-lab/dsse, protocol version 1.0); what it holds is a statement about one plan, by its
digest. Keys and signatures are somebody else's business: `Verify` says whether a signature is right.
"""

from __future__ import annotations

import base64
import binascii
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rrplan.digest import canonical
from rrplan.errors import FileFormatError, InputError, PolicyRefusal
from rrplan.resources.reading import brief
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
    """An envelope that was read: the statement in it, its bytes, and signatures with the IDs of their keys."""

    statement: Statement
    payload: bytes
    signatures: Sequence[tuple[str, bytes]]
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


def is_approval(data: bytes, key_id: str = "") -> bool:
    """Whether a file looks like an approval, and one that was made with a certain key where that is given."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if not isinstance(document, dict) or document.get("payloadType") != PAYLOAD_TYPE:
        return False
    rows = document.get("signatures")
    keys = [row.get("keyid") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return not key_id or keys == [key_id]


def read_approval(data: bytes, file: str) -> Approval:
    """Read an envelope; nothing is verified yet. Raises FileFormatError with what is wrong."""
    document = _json(data, file)
    if document.get("payloadType") != PAYLOAD_TYPE:
        kind = brief(str(document.get("payloadType")))
        raise _problem(f"payloadType is `{kind}`, and an approval has `{PAYLOAD_TYPE}`", file)
    payload = _bytes(document.get("payload"), "payload", file)
    statement = _json(payload, file)
    version = str(statement.get("format_version"))
    if statement.get("kind") != KIND or version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise _problem(f"it holds `{brief(str(statement.get('kind')))}` of format version {brief(version)}", file)
    texts = {name: statement.get(name) for name in ("plan", "cluster", "approver", "at")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise _problem("plan, cluster, approver and at must be texts", file)
    signatures: list[tuple[str, bytes]] = []
    rows = document.get("signatures")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("keyid"), str):
            signatures.append((row["keyid"], _bytes(row.get("sig"), "sig", file)))
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
    names: dict[str, str] = {}
    keys = {key.key_id: key.name for key in trusted}
    wrong: list[str] = []
    for approval in approvals:
        signers, why = _approvers(approval, digest, cluster, keys, verify, demand, now)
        names = {_same(name): name for name in signers} | names
        if why:
            wrong.append(f"{approval.file}: {why}")
    if len(names) >= demand.required:
        return tuple(sorted(names.values()))
    needed = "an approval" if demand.required == 1 else f"approvals by {demand.required} different people"
    have = f"only {listed(sorted(names.values()))} approved it" if names else "there is none that counts"
    raise PolicyRefusal(
        "; ".join([f"this plan needs {needed}, and {have}", *wrong]),
        hint="`rrplan approve PLAN --key KEY` makes one; `--approval FILE` names those that are not beside the plan",
    )


def _same(name: str) -> str:
    """What the names of one person have in common, however they are written."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _approvers(
    approval: Approval,
    digest: str,
    cluster: str,
    keys: Mapping[str, str],
    verify: Verify,
    demand: Demand,
    now: datetime,
) -> tuple[Sequence[str], str]:
    """Whose approval it is, and why it does not count ("" where it does)."""
    known = [(key, signature) for key, signature in approval.signatures if key in keys]
    if not known:
        return (), f"key {listed([brief(key) for key, _ in approval.signatures])} is not trusted"
    signed = [keys[key] for key, signature in known if verify(key, signature, encoded(approval.payload))]
    if not signed:
        name = keys[known[0][0]]
        return (), f"the signature of {name} does not fit: the approval was changed, or made with another key"
    statement, name = approval.statement, signed[0]
    if statement.plan != digest:
        return (), f"{name} approved another plan ({brief(statement.plan[:19])})"
    if statement.cluster != cluster:
        return (), f"{name} approved it for another cluster ({brief(statement.cluster) or 'none'})"
    if statement.at > now + CLOCK_SKEW:
        return (), f"{name} approved it in the future ({statement.at:%Y-%m-%d %H:%M} UTC): compare the clocks"
    age = int((now - statement.at).total_seconds())
    if demand.maximum_age and age > demand.maximum_age:
        limit = duration_text(demand.maximum_age)
        return (), f"{name} approved it {duration_text(age)} ago, and {limit} is the most that is accepted"
    return signed, ""


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
            # DSSE allows both alphabets.
            return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _problem(f"{what} is not base64", file)


def _time(text: str, file: str) -> datetime:
    try:
        at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _problem("at is no time such as 2026-01-02T03:04:05Z", file) from error
    return at
