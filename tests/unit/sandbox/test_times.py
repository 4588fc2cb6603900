"""What plans and the embedded cluster say of time is what real BIRD took (fixtures/times/bird.json)."""

import json
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from rrplan.plans.gate import LONGEST_SECONDS, USUAL_SECONDS
from rrplan.sandbox import timers

FILE = Path(__file__).parents[3] / "fixtures" / "times" / "bird.json"
DRAWS = 2_000


@pytest.fixture
def measured() -> dict[str, Any]:
    """The measurements, as `python -m tests.bird.measuring times --write` leaves them."""
    document: dict[str, Any] = json.loads(FILE.read_text())
    return document


def test_exposure(measured: dict[str, Any]) -> None:
    """Nobody was without a route for longer than plans say, and they say no more than was measured."""
    longest = max(load["max"] for load in measured["times"]["promotion: a route away"].values())
    assert ceil(max(longest, measured["longest_in_rehearsals"]["seconds"])) == LONGEST_SECONDS


def test_gates(measured: dict[str, Any]) -> None:
    """By the time that gates are expected to take, 99 of 100 sessions are up."""
    for load in measured["times"]["session: up for good"].values():
        assert load["p99"] <= USUAL_SECONDS


def test_embedded_cluster(measured: dict[str, Any]) -> None:
    """Half of its sessions are up as soon as real ones, or later, and none takes longer than one ever took."""
    first = sorted(timers.session(1, f"a|{number}", 0.0, 0.0)[0] for number in range(DRAWS))
    real = measured["times"]["session: first up"]["idle"]
    assert real["p50"] <= first[DRAWS // 2] <= 2 * real["p95"]
    assert first[-1] <= real["max"]
    stable = max(timers.session(1, f"a|{number}", 0.0, 0.0)[2] for number in range(DRAWS))
    assert stable <= LONGEST_SECONDS
