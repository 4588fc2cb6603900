"""Options of BGP sessions: given, ruled out by the word `none`, or left to what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rrplan.specs.part import Part
from rrplan.specs.values import DURATION_SCHEMA, duration_seconds

NONE = "none"
MOST_HOPS = 255
MOST_AS_NUMBERS = 2**31 - 1
"""`int32` in Calico's API (projectcalico/calico api/pkg/apis/projectcalico/v3/bgppeer.go, v3.23 to v3.32)."""
NEXT_HOP_MODES = ("Auto", "Self", "Keep")
SOURCE_ADDRESSES = ("UseNodeIP", "None")
EXCLUSIVE = {"keepOriginalNextHop": "nextHopMode", "nextHopMode": "keepOriginalNextHop"}
"""Calico refuses a BGPPeer with both (validation of BGPPeer, v3.32: `keepOriginalNextHop and nextHopMode`)."""

OF_MESH = ("password", "maxRestartTime")
"""The options that a node-to-node mesh can have (BGPConfiguration nodeMeshPassword, nodeMeshMaxRestartTime)."""


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


def _switch(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if value == NONE:
        return False
    raise ValueError("must be `true`, `false`, or `none`")


def _filters(value: object) -> object:
    if value == NONE:
        return ()
    if value is None:
        return None
    if isinstance(value, list | tuple) and value and all(isinstance(name, str) and name for name in value):
        if len(set(value)) == len(value):
            return tuple(value)
        raise ValueError("must name each BGPFilter once")
    raise ValueError("must be a list of names of BGPFilters, or `none`")


def _filters_text(filters: tuple[str, ...] | None) -> object:
    return filters if filters is None else list(filters) or NONE


def _number(value: object, most: int) -> object:
    if value is None or value == NONE:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    raise ValueError(f"must be a whole number from 0 to {most}, or `none`")


def _hops(value: object) -> object:
    return _number(value, MOST_HOPS)


def _as_numbers(value: object) -> object:
    return _number(value, MOST_AS_NUMBERS)


def _next_hop_mode(value: object) -> object:
    if value is None or value == NONE or value in NEXT_HOP_MODES:
        return value
    raise ValueError("must be `Auto`, `Self`, `Keep`, or `none`")


def _source_address(value: object) -> object:
    if value is None or value in SOURCE_ADDRESSES:
        return value
    raise ValueError("must be `UseNodeIP`, which is the default, or `None`: then the kernel chooses the address")


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
_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True}


def _numbers(most: int) -> dict[str, object]:
    return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": most}, {"enum": [NONE]}]}


class Peering(Part):
    """Options of the sessions that rrplan makes; a group's come before those of the spec.

    What neither says is kept: from the session that is there, from the mesh that is replaced, or by the mesh that
    replaces reflectors. Each has the meaning of the field of BGPPeer with its name.
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
    filters: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(_filters),
        PlainSerializer(_filters_text),
        WithJsonSchema({"anyOf": [_NAMES, {"enum": [NONE]}]}),
    ] = None
    """Names of BGPFilters in the order in which they are asked, or `none`. v3.26 and later."""
    keep_original_next_hop: Annotated[
        bool | None, BeforeValidator(_switch), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": [NONE]}]})
    ] = None
    """Hand routes to another AS on with the next hop that they came with; `false` rules it out. v3.16 and later."""
    next_hop_mode: Annotated[
        str | None, BeforeValidator(_next_hop_mode), WithJsonSchema({"enum": [*NEXT_HOP_MODES, NONE]})
    ] = None
    """The next hop of routes that are handed on: `Auto`, `Self`, `Keep`, or `none`. v3.30.2 and later."""
    ttl_security: Annotated[int | str | None, BeforeValidator(_hops), WithJsonSchema(_numbers(MOST_HOPS))] = None
    """Ignore packets from more than that many hops away, at both ends; 0 and `none` are off. v3.25 and later."""
    num_allowed_local_as_numbers: Annotated[
        int | str | None, BeforeValidator(_as_numbers), WithJsonSchema(_numbers(MOST_AS_NUMBERS))
    ] = None
    """How often the own AS number may stand in the path of a route that is taken, or `none`. v3.23 and later."""
    source_address: Annotated[
        str | None, BeforeValidator(_source_address), WithJsonSchema({"enum": [*SOURCE_ADDRESSES]})
    ] = None
    """`UseNodeIP`, the default, or `None`: the kernel chooses the address that sessions come from. v3.18 and later."""

    def stated(self) -> dict[str, Any]:
        """What is said here, as fields of a BGPPeer; None where it is ruled out."""
        fields: dict[str, Any] = {}
        if self.password is not None:
            reference = self.password.secret_key_ref
            fields["password"] = {"secretKeyRef": reference.model_dump(by_alias=True)} if reference else None
        if self.max_restart_time is not None:
            fields["maxRestartTime"] = f"{self.max_restart_time}s" if self.max_restart_time else None
        if self.filters is not None:
            fields["filters"] = list(self.filters) or None
        if self.keep_original_next_hop is not None:
            fields["keepOriginalNextHop"] = self.keep_original_next_hop or None
        plain = {
            "nextHopMode": self.next_hop_mode,
            "ttlSecurity": self.ttl_security,
            "numAllowedLocalASNumbers": self.num_allowed_local_as_numbers,
            "sourceAddress": self.source_address,
        }
        fields |= {name: None if value == NONE else value for name, value in plain.items() if value is not None}
        return fields


def stated_together(common: Peering, special: Peering) -> dict[str, Any]:
    """What the spec and a group say together; one that the group says rules out those of the spec that exclude it."""
    ours = special.stated()
    ruled_out = {EXCLUSIVE[name] for name, value in ours.items() if value is not None and name in EXCLUSIVE}
    theirs = {name: value for name, value in common.stated().items() if name not in ruled_out}
    return {**theirs, **ours}


def excluded(fields: Mapping[str, object]) -> tuple[str, ...]:
    """The fields that exclude one another; none where they go together."""
    present = tuple(name for name in sorted(EXCLUSIVE) if fields.get(name))
    return present if len(present) > 1 else ()
