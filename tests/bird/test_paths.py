"""The model counts the paths of routes that real BIRD has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bird.laboratory import lacking
from tests.conftest import lacks

pytestmark = [pytest.mark.bird, pytest.mark.slow]


def test_paths_of_groups() -> None:
    """Four groups of reflectors that peer with one another: over seventy paths of each route.

    BIRD has as many as the model says, or some less, as it happens: it depends on the order in which they come.
    """
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    root = Path(__file__).parents[2]
    words = ["unshare", "-Urn", sys.executable, "-m", "tests.bird.paths", "4"]
    done = subprocess.run(
        words, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["model"] > 70 * 12
    assert 0.7 * told["model"] <= max(told["reflector"], told["client"]) <= told["model"], told
