"""The model beside real BIRD 1.6, on which Calico's is based: who said what, on the same random clusters."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bird.laboratory import lacking
from tests.conftest import lacks

pytestmark = [pytest.mark.bird, pytest.mark.slow]

AT_ONCE = 10
"""They wait for BIRD's timers, not for the processor."""


@pytest.mark.parametrize(
    ("kind", "seed", "cases", "counted"),
    [("states", 11, 40, ("pairs", "outside", "sessions", "open")), ("roles", 1, 20, ("pairs", "sessions", "played"))],
)
def test_model_and_daemons_agree(kind: str, seed: int, cases: int, counted: tuple[str, ...]) -> None:
    """Sessions and kernel routes, on clusters of 2 to 14 nodes with Calico v3.2 to v3.32; no case disagrees.

    With speakers outside that play a role, some routes between nodes go through them alone.
    """
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    root = Path(__file__).parents[2]
    words = ["unshare", "-Urn", sys.executable, "-m", "tests.bird.cases", kind, str(seed), str(cases), str(AT_ONCE)]
    done = subprocess.run(
        words, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{cases} of {cases} agree" in done.stdout
    # Some of everything was there to disagree about.
    counts = {name: sum(int(number) for number in re.findall(rf'"{name}": (\d+)', done.stdout)) for name in counted}
    assert min(counts.values()) > 20, counts
