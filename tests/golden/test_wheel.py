"""The wheel alone, without the repository: it has all that its verbs need, and does what the first pages say."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import first_hour
from tests.addresses import HOME, package_page
from tests.first_hour import Place, get_started, install, readme, wheel_of
from tests.golden.pages import Piece

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    return wheel_of(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A new virtual environment into which it was installed in one step."""
    return install(wheel, tmp_path_factory.mktemp("place") / "environment")


def test_what_is_in_it(wheel: Path) -> None:
    """Code, pages of checks, examples, templates, man page, completions; no tests, and nothing large."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    assert {"rrplan/pages/dead-nodes.md", "rrplan/examples/kubeadm/calico.yaml"} <= {*names}
    assert {"report.html", "report.css", "report.js"} <= {name.rpartition("/")[2] for name in names}
    shared = {name.partition(".data/data/share/")[2] for name in names}
    assert {"man/man1/rrplan.1", "bash-completion/completions/rrplan"} <= shared
    assert not [name for name in names if name.startswith("tests/")]
    assert wheel.stat().st_size < 1_000_000
    # What the page of the package shows is what tests/golden/test_readme.py looks at.
    assert metadata.partition("\n\n")[2].strip() == package_page().strip()
    assert f"Project-URL: Homepage, {HOME}" in metadata


@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", [readme, get_started], ids=["README.md", "start.md"])
def test_first_hour(page: Callable[[], list[Piece]], place: Place, tmp_path: Path) -> None:
    """Every line that the page says to type ends as it says, in an empty directory."""
    where = first_hour.run(["python", "-c", "import rrplan; print(rrplan.__file__)"], tmp_path, place.environment)
    assert where.startswith(str(place.folder))
    assert first_hour.follow(page(), tmp_path, place.environment) >= 6
