"""The wheel alone, without the repository: it has all that its verbs need, and does what "get started" says."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.golden.test_documents import ROOT, follow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as an installation has it; its dependencies are those of the tests."""
    place = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(place), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = place.glob("rrplan-*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(place / "installed")
    return place / "installed"


def test_what_is_in_it(wheel: Path) -> None:
    """Code, pages of checks, templates of the report, man page, completions; no tests, and nothing large."""
    assert (wheel / "rrplan" / "pages" / "dead-nodes.md").exists()
    assert [*(wheel / "rrplan").rglob("*.html*")] or [*(wheel / "rrplan").rglob("*.j2")]
    (data,) = wheel.glob("*.data")
    assert (data / "data" / "share" / "man" / "man1" / "rrplan.1").exists()
    assert (data / "data" / "share" / "bash-completion" / "completions" / "rrplan").exists()
    assert not (wheel / "tests").exists()


def test_get_started(wheel: Path, tmp_path: Path) -> None:
    """Every command of the first page, where nothing but the wheel is there."""
    assert follow("start.md", tmp_path, wheel) >= 10
