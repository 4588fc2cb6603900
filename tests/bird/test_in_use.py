"""Nodes in use become reflectors on real BIRD while something breaks; `tests/bird/in_use.py` has more of it."""

import pytest

from tests.bird.in_use import FAULTS, SPARE, broken
from tests.bird.laboratory import lacking
from tests.conftest import lacks

pytestmark = [pytest.mark.bird, pytest.mark.slow, pytest.mark.timeout(300)]
LATE_MS = 1000
"""A recorder that had to wait for so long says nothing about single probes."""


@pytest.mark.parametrize("fault", ["reflector-dies", "killed-and-resumed", "rule-of-others"])
def test_no_probe_is_lost(fault: str) -> None:
    """Routes of BGP go away for seconds, and packets do not."""
    assert fault in FAULTS
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    row = broken(fault, 1)
    assert int(str(row["routes"])) > 0, row
    assert int(str(row["probes"])) > 10_000
    assert int(str(row["lost"])) <= SPARE or int(str(row["late_ms"])) > LATE_MS, row
