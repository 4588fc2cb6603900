"""Durations as Go reads and prints them: `60s`, `1m`, `1h0m0.5s`."""

from __future__ import annotations

import math
import re
from fractions import Fraction

_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "\u00b5s": Fraction(1, 10**6),
    "\u03bcs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
LONGEST = 64
"""Characters of a duration that Go would still print; longer texts are read as none."""


def rounded_seconds(text: str) -> int | None:
    """A duration in whole seconds, halves up, as Calico renders it; None for what is no duration.

    Source: Go's time.ParseDuration and math.Round; a negative duration is none here.
    """
    if text == "0":
        return 0
    if len(text) > LONGEST or not _WHOLE.fullmatch(text):
        return None
    total = sum(Fraction(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    return math.floor(total + Fraction(1, 2))
