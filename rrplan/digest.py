"""Canonical JSON (RFC 8785) and digests over it.

Only what our files contain is accepted: objects with string keys, arrays, strings, integers within
2^53, booleans and null. Floats are refused, because their text form is the one hard part of RFC 8785
and nothing that rrplan writes needs them.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

MAX_SAFE_INTEGER = 2**53 - 1


def canonical(value: object) -> bytes:
    """The RFC 8785 form of `value`: the same value always gives the same bytes.

    Raises TypeError for anything but JSON without floats, ValueError for integers beyond 2^53 and
    lone surrogates (RFC 8785 section 3.2.2, I-JSON RFC 7493).
    """
    if _plain(value):
        text = _encode_sorted(value)
        # Keys of ASCII alone, the rule here, sort alike in code points and in UTF-16 code units.
        if text.isascii():
            return text.encode("ascii")
    text = json.dumps(_check(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


_encode_sorted = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, check_circular=False
).encode
_LEAVES = frozenset({str, bool, type(None)})


def _plain(value: object) -> bool:
    """Whether a value is JSON of the simple kinds alone, which needs no closer look; most of ours is."""
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind in _LEAVES:
            continue
        if kind is dict:
            for key in item:
                if type(key) is not str:
                    return False
            waiting.extend(item.values())
        elif kind is list or kind is tuple:
            waiting.extend(item)
        elif kind is not int or abs(item) > MAX_SAFE_INTEGER:
            return False
    return True


def _utf16(key: str) -> bytes:
    """RFC 8785 section 3.2.3 orders keys by UTF-16 code units, not by code points."""
    return key.encode("utf-16-be")


def _check(value: object) -> object:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise ValueError(f"integer {value} is beyond 2^53 and has no canonical JSON form")
        return value
    if isinstance(value, list | tuple):
        return [_check(item) for item in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"JSON object key {key!r} is not a string")
        plain = all(key.isascii() for key in value)
        keys = sorted(value) if plain else sorted(value, key=_utf16)
        return {key: _check(value[key]) for key in keys}
    raise TypeError(f"{type(value).__name__} has no canonical JSON form here")


def digest(value: object) -> str:
    """SHA-256 over the canonical form, as `sha256:<64 hex digits>`."""
    return digest_bytes(canonical(value))


def digest_bytes(data: bytes) -> str:
    """SHA-256 over bytes, as `sha256:<64 hex digits>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
