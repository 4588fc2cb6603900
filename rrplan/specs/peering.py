"""Options of BGP sessions: given, ruled out by the word `none`, or left to what is there."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rrplan.specs.part import Part
from rrplan.specs.values import DURATION_SCHEMA, duration_seconds

NONE = "none"


class SecretKeyRef(Part):
    """A key of a Secret in the namespace of calico-node."""

    name: Annotated[str, Field(min_length=1)]
    """The name of the Secret."""
    key: Annotated[str, Field(min_length=1)]
    """The key in it."""


class Password(Part):
    """Where the password is; `none` where there shall be no password."""

    secret_key_ref: SecretKeyRef | None = None


def _password(value: object) -> object:
    if value == NONE:
        return {}
    if value is None or isinstance(value, Password) or (isinstance(value, dict) and set(value) == {"secretKeyRef"}):
        return value
    raise ValueError("must be `{secretKeyRef: {name, key}}` or `none`")


def _password_text(password: Password | None) -> object:
    if password is None:
        return None
    return password.model_dump(mode="json", by_alias=True) if password.secret_key_ref else NONE


def _restart_time(value: object) -> object:
    if value == NONE:
        return 0
    if value is None:
        return None
    seconds = duration_seconds(value)
    if seconds == 0:
        raise ValueError("must be a duration such as `120s`, or `none`")
    return seconds


def _restart_text(seconds: int | None) -> object:
    return None if seconds is None else f"{seconds}s" if seconds else NONE


_REFERENCE = {
    "type": "object",
    "required": ["secretKeyRef"],
    "additionalProperties": False,
    "properties": {
        "secretKeyRef": {
            "type": "object",
            "required": ["name", "key"],
            "additionalProperties": False,
            "properties": {"name": {"type": "string"}, "key": {"type": "string"}},
        }
    },
}


class Peering(Part):
    """Options of the sessions that rrplan makes; a group's come before those of the spec.

    What neither says is kept: from the session that is there, from the mesh that is replaced, or by the mesh that
    replaces reflectors.
    """

    password: Annotated[
        Password | None,
        BeforeValidator(_password),
        PlainSerializer(_password_text),
        WithJsonSchema({"anyOf": [_REFERENCE, {"enum": [NONE]}]}),
    ] = None
    """The password of both ends: `{secretKeyRef: {name, key}}`, or `none`. Calico v3.16.3 and later."""
    max_restart_time: Annotated[
        int | None,
        BeforeValidator(_restart_time),
        PlainSerializer(_restart_text),
        WithJsonSchema({"anyOf": [DURATION_SCHEMA, {"enum": [NONE]}]}),
    ] = None
    """How long a neighbour keeps routes while this BIRD restarts, or `none` for BIRD's own 120 s. v3.20 and later."""

    def stated(self) -> dict[str, Any]:
        """What is said here, as fields of a BGPPeer; None where the word is `none`."""
        fields: dict[str, Any] = {}
        if self.password is not None:
            reference = self.password.secret_key_ref
            fields["password"] = {"secretKeyRef": reference.model_dump(by_alias=True)} if reference else None
        if self.max_restart_time is not None:
            fields["maxRestartTime"] = f"{self.max_restart_time}s" if self.max_restart_time else None
        return fields
