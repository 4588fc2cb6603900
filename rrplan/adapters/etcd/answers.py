"""What etcd's refusals mean: processed, not processed, or unknown; and what to do about them.

Texts and codes: etcd api/v3rpc/rpctypes/error.go; the gateway passes them on as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from rrplan.errors import DatastoreError, DatastoreRefused, DatastoreTimeout, DatastoreUnreachable

PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAUTHENTICATED = 7, 8, 16
UNKNOWN_OUTCOME = (0, 2, 4, 13, 14)
"""gRPC codes after which a write may have landed: none told, Unknown, DeadlineExceeded, Internal, Unavailable."""

OWN_CERTIFICATE = "etcd's server certificate must be good for clients too (extended key usage clientAuth)"


class Unusable(DatastoreRefused):
    """The two ends do not fit together (TLS, gateway); the request was not processed, another endpoint may do it."""


class Compacted(DatastoreError):
    """The revision of a list is no longer kept; read it again from its beginning."""


class NoToken(DatastoreRefused):
    """etcd does not know our token (any more); the request was not processed."""


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """A refusal: gRPC code, 0 where none was told, and text."""

    code: int
    text: str

    @classmethod
    def read(cls, body: str) -> GatewayAnswer:
        """From the body of the answer, which is not JSON where something before etcd answers."""
        try:
            value = json.loads(body)
            return cls(int(value.get("code") or 0), str(value.get("message") or value.get("error") or ""))
        except (RecursionError, ValueError, AttributeError, TypeError):
            return cls(0, body.strip()[:200])


def words_of(answer: GatewayAnswer, name: str, user: str) -> DatastoreError:
    """The error that an answer stands for."""
    text, code = answer.text, answer.code
    shown = text.removeprefix("etcdserver: ") or "no reason given"
    if "has been compacted" in text:
        return Compacted(f"{name}: {shown}")
    if "user name is empty" in text:
        # The gateway takes its own certificate to etcd, so the name in ours is not looked at (etcd auth/store.go).
        return DatastoreRefused(
            f"{name} has users, and none was given; the name in a client certificate does not count here",
            hint="give an etcd user and password that may read and write `/calico/`",
        )
    if "authentication failed" in text:
        return DatastoreRefused(f"{name} does not accept user `{user}` with this password", hint="check both")
    if code == UNAUTHENTICATED or "revision of auth store is old" in text:
        return NoToken(f"{name} does not accept the token of user `{user}`: {shown}", hint="try again")
    if code == PERMISSION_DENIED:
        return DatastoreRefused(
            f"user `{user}` may not do this in {name}: {shown}",
            hint="grant its role readwrite on the prefix `/calico/`",
        )
    if code == RESOURCE_EXHAUSTED and "space exceeded" in text:
        return DatastoreRefused(
            f"{name} takes no writes: its database is full", hint="compact and defragment etcd, then disarm the alarm"
        )
    if code == RESOURCE_EXHAUSTED and "too many requests" in text:
        return DatastoreUnreachable(f"{name}: {shown}")
    if "HTTP request to an HTTPS server" in text:
        return Unusable(f"{name} speaks TLS", hint="let the endpoint begin with `https://`")
    if "page not found" in text:
        return Unusable(
            f"{name} has no JSON gateway", hint="start etcd with `--enable-grpc-gateway=true` (the default)"
        )
    if code in UNKNOWN_OUTCOME:
        # Words that are not etcd's come from between its gateway and itself: a TLS that failed has many of them.
        between = "https:" in name and not text.startswith("etcdserver:")
        hint = f"if this stays so: {OWN_CERTIFICATE}" if between else ""
        return DatastoreTimeout(f"{name} did not say what became of the request: {shown}", hint=hint)
    return DatastoreRefused(f"{name}: {shown}")
