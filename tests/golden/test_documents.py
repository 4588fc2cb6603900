"""The documents: every command does what is said, every line of output is a real one, the site has no warning."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rrplan import load_spec
from tests.golden.pages import BLOCK, DOCS, ROOT, follow, shows

SITUATIONS = sorted(path.name for path in (DOCS / "situations").glob("*.md"))
PAGES = ("start.md", *(f"situations/{name}" for name in SITUATIONS))


@pytest.mark.parametrize("page", PAGES)
def test_commands(page: str, tmp_path: Path) -> None:
    """As they stand on the page, one after the other, in an empty directory with `fixtures`, and what they print."""
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    assert follow(page, tmp_path) >= 2


def test_every_situation_is_listed() -> None:
    """The page of situations leads to each of them, and none of them is long."""
    listed = re.findall(r"\]\(situations/([\w-]+\.md)\)", (DOCS / "situations.md").read_text())
    assert sorted(listed) == SITUATIONS
    for name in SITUATIONS:
        assert 150 <= len((DOCS / "situations" / name).read_text().split()) <= 360, name


def test_what_a_page_shows_is_compared() -> None:
    """Lines must follow one another; `...` alone stands for any lines, in a line for any text."""
    text = "one 1 s\ntwo\nthree\n"
    assert shows(("one ... s", "..."), text)
    assert shows(("...", "two", "three"), text)
    for wrong in (("one ... s",), ("...", "two"), ("...", "one 1 s", "three"), ("...", "four", "...")):
        assert not shows(wrong, text)


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.name)
def test_specs_are_right(path: Path) -> None:
    """Every whole spec on a page is one that rrplan accepts."""
    for kind, body in BLOCK.findall(path.read_text()):
        if kind == "yaml" and "kind: BGPTopology" in body:
            load_spec(body.encode(), path.name)
        elif kind == "yaml":
            assert yaml.safe_load(body), body


@pytest.mark.slow
def test_site(tmp_path: Path) -> None:
    """Sphinx finds nothing wrong: every link leads somewhere, every page has a place; all that is loaded is on disk."""
    words = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(ROOT / "docs"),
        str(tmp_path),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    pages = [*tmp_path.rglob("*.html")]
    assert len(pages) > 40
    loaded = re.compile(r"<(?:script|img|link)[^>]+(?:src|href)=\"(?:https?:)?//")
    assert [page.name for page in pages if loaded.search(page.read_text())] == []
