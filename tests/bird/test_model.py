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

CASES = 40
AT_ONCE = 10
"""They wait for BIRD's timers, not for the processor."""


def test_model_and_daemons_agree() -> None:
    """Sessions and kernel routes, on clusters of 2 to 14 nodes with Calico v3.2 to v3.32; no case disagrees."""
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    root = Path(__file__).parents[2]
    words = ["unshare", "-Urn", sys.executable, "-m", "tests.bird.cases", "states", "11", str(CASES), str(AT_ONCE)]
    done = subprocess.run(
        words, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{CASES} of {CASES} agree" in done.stdout
    # Some of everything was there to disagree about.
    counts = {name: sum(int(number) for number in re.findall(rf'"{name}": (\d+)', done.stdout)) for name in COUNTED}
    assert min(counts.values()) > 20, counts


COUNTED = ("pairs", "outside", "sessions", "open")
