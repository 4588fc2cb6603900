"""Durations in Go's notation."""

import pytest

from rrplan.resources.duration import rounded_seconds

SECONDS = {
    "60s": 60,
    "1m": 60,
    "1m0s": 60,
    "1h1m1s": 3661,
    "60s200ms": 60,
    "0.5s": 1,
    "499ms": 0,
    ".5m": 30,
    "1.s": 1,
    "1000000us": 1,
    "1000000\u00b5s": 1,
    "0": 0,
    "0s": 0,
    "": None,
    "60": None,
    "-1s": None,
    "1d": None,
    "s": None,
    "1" * 5000 + "s": None,
    "\u0661s": None,
}


@pytest.mark.parametrize(("text", "seconds"), SECONDS.items(), ids=[text[:12] for text in SECONDS])
def test_rounded_seconds(text: str, seconds: int | None) -> None:
    """As time.ParseDuration reads it and math.Round rounds it."""
    assert rounded_seconds(text) == seconds
