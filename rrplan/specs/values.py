"""The values that a spec is written with: durations, percentages, cluster IDs, selectors, keys and names."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rrplan.resources.names import is_label_key, is_label_value
from rrplan.resources.selector import SelectorSyntaxError, parse

_DURATION = re.compile(r"(?:(\d{1,7})h)?(?:(\d{1,7})m)?(?:(\d{1,7})s)?", re.ASCII)
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


def duration_seconds(value: object) -> int:
    """The seconds of a duration text; raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError("must be a duration such as `30s`, `2m` or `1h30m`")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _percent(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}%", value) and 1 <= int(value[:-1]) <= 100:
        return int(value[:-1])
    raise ValueError("must be a percentage from `1%` to `100%`")


def is_cluster_id(text: str) -> bool:
    """Whether a spec may have this cluster ID: an IPv4 address, and not 0 (RFC 4456 section 7)."""
    try:
        return int(ipaddress.IPv4Address(text)) != 0
    except ValueError:
        return False


def _cluster_id(value: object) -> object:
    if not isinstance(value, str) or not is_cluster_id(value):
        raise ValueError("must be a cluster ID in the form of an IPv4 address such as `224.0.0.1`")
    return str(ipaddress.IPv4Address(value))


def _selector(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a Calico selector in quotes")
    try:
        parse(value)
    except SelectorSyntaxError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise ValueError(f"is no Calico selector: {error.message} at character {error.position + 1}{hint}") from error
    return value


def _label_key(value: object) -> object:
    if isinstance(value, str) and is_label_key(value):
        return value
    raise ValueError("must be a Kubernetes label key such as `rrplan.io/route-reflector`")


def _label_value(value: str) -> str:
    if is_label_value(value):
        return value
    raise ValueError("must be at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends")


def _dns_label(value: object) -> object:
    if isinstance(value, str) and _DNS_LABEL.fullmatch(value):
        return value
    raise ValueError("must be a name of lower-case letters, digits and `-`")


def _word(value: str) -> str:
    if "\0" in value:
        raise ValueError("must be a word without a NUL character")
    return value


def _duration_text(seconds: int) -> str:
    return f"{seconds}s"


DURATION_SCHEMA = {"type": "string", "pattern": "^(\\d+h)?(\\d+m)?(\\d+s)?$", "examples": ["30s", "1h30m"]}
Switch = Annotated[bool, Field(strict=True)]
Seconds = Annotated[
    int,
    BeforeValidator(duration_seconds),
    PlainSerializer(_duration_text),
    WithJsonSchema(DURATION_SCHEMA),
]
Percent = Annotated[
    int,
    BeforeValidator(_percent),
    PlainSerializer(lambda percent: f"{percent}%"),
    WithJsonSchema({"type": "string", "pattern": "^(100|[1-9]?[0-9])%$", "examples": ["95%"]}),
]
ClusterID = Annotated[str, BeforeValidator(_cluster_id), WithJsonSchema({"type": "string", "format": "ipv4"})]
SelectorText = Annotated[str, BeforeValidator(_selector), WithJsonSchema({"type": "string"})]
LabelKey = Annotated[str, BeforeValidator(_label_key), WithJsonSchema({"type": "string"})]
LabelValue = Annotated[str, AfterValidator(_label_value)]
Name = Annotated[str, BeforeValidator(_dns_label), WithJsonSchema({"type": "string"})]
Word = Annotated[str, AfterValidator(_word)]
"""A word of a command."""
