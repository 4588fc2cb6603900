"""Cluster IDs: a text for Calico, which compares texts, and a number for BIRD, which compares numbers."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address

LONGEST = 64
"""Characters of a number or an address that is read at all."""
NONE = "0.0.0.0"
"""As good as none for BIRD, which takes its router ID (`bgp_start` in proto/bgp/bgp.c, BIRD 1.6.8)."""
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-fA-F]+")
_QUAD = re.compile(r"[0-9]+(?:\.[0-9]+){3}")


def bird_reads(text: str) -> bool:
    """Whether BIRD can read what stands behind `rr cluster id`: an IPv4 address or a number, and no prefix length.

    Source: BIRD 1.6.8 conf/confbase.Y, `idval`; tried with `bird -p`.
    """
    return _number(text) is not None


@lru_cache(maxsize=4096)
def as_bird_reads(cluster_id: str) -> str:
    """The cluster ID in cluster lists, equal where BIRD's number is: `16777217` is 1.0.0.1.

    A text that BIRD cannot read stands for itself. confd compares the texts (bird.cfg.template, v3.3 to v3.32), so two
    reflectors with one number in two spellings take one another for clients, and their cluster lists meet all the same.
    """
    number = _number(cluster_id)
    return cluster_id if number is None else str(IPv4Address(number))


def _number(cluster_id: str) -> int | None:
    text = cluster_id.strip()
    if len(text) > LONGEST:
        return None
    if _NUMBER.fullmatch(text):
        number = int(text, 16 if text.startswith("0x") else 10)
        return number if number < 2**32 else None
    parts = [int(part) for part in text.split(".")] if _QUAD.fullmatch(text) else []
    if not parts or max(parts) > 255:
        return None
    return int.from_bytes(bytes(parts), "big")
