"""The fast tests with the lowest versions of what rrplan needs: `python -m tests.soak.lowest`."""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.soak.lanes import FAST, ROOT

LEFT_OUT = ("--deselect", "tests/golden/test_schemas.py::test_current")
"""Schemas are written with a new pydantic; older ones repeat docstrings in them."""


def main() -> int:
    """The exit code of the tests."""
    with tempfile.TemporaryDirectory(prefix="rrplan-lowest-") as name:
        place, lowest = Path(name) / "venv", Path(name) / "lowest.txt"
        venv.create(place, with_pip=True)
        python = str(place / "bin" / "python")
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        pinned = ["-c", str(ROOT / "constraints-dev.txt")]
        _do(*pip, "uv", *pinned)
        resolve = ["pip", "compile", "--quiet", "--no-header", "--resolution", "lowest-direct"]
        _do(str(place / "bin" / "uv"), *resolve, "--python", python, "pyproject.toml", "-o", str(lowest))
        _do(*pip, "-e", ".[dev]", "-c", str(lowest), *pinned)
        sys.stdout.write(lowest.read_text())
        sys.stdout.flush()
        tests = [python, "-m", "pytest", "-n", "auto", "-p", "no:cacheprovider", "-m", FAST, *LEFT_OUT]
        return subprocess.run(tests, cwd=ROOT, check=False).returncode


def _do(*words: str) -> None:
    subprocess.run(words, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
