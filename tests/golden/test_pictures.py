"""The pictures of the documents are those of the plan and the screens that they show."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.pictures.__main__ import files
from tests.pictures.topology import planned, reflecting, sessions

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_current(path: Path) -> None:
    """`python -m tests.pictures` would change nothing."""
    assert path.read_text(encoding="utf-8") == files()[path]


def test_pictures_that_are_shown_are_made() -> None:
    """None of them is drawn by hand, each is shown, with words for who cannot see it."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = [found for page in pages for found in re.findall(r"!\[([^]]*)\]\(([^)]+\.svg)\)", page.read_text("utf-8"))]
    assert {path.name for path in files()} == {name.rpartition("/")[2] for _, name in shown}
    assert all(len(words) >= 20 for words, _ in shown)


def test_numbers_of_concepts() -> None:
    """What the words beside the pictures count is what the pictures count."""
    told = {path.stem.removeprefix("concept-"): text for path, text in files().items()}
    for name, words in (
        ("order", "30 of 30 pairs have no route"),
        ("surviving", "10 sessions stay up"),
        ("surviving", "5 sessions go down"),
        ("exposure", "10, for up to 22 s"),
        ("cluster-ids", "16 of 56 pairs have no route"),
    ):
        assert words in told[name]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_for_every_reader(path: Path) -> None:
    """It has a title and a description, follows the theme, and neither loads nor runs anything."""
    text = files()[path]
    root = ElementTree.fromstring(text)
    told = {child.get("id"): child.text for child in root if child.tag in (f"{SVG}title", f"{SVG}desc")}
    assert root.get("role") == "img"
    assert (root.get("aria-labelledby") or "").split() == [*told]
    assert all(told.values())
    assert "prefers-color-scheme:dark" in text
    assert not re.search(r"<script|\bon\w+=|href|url\(|@import", text)
    # Each colour that is used has a value in both themes.
    used, named = {*re.findall(r"var\((--[\w-]+)\)", text)}, re.findall(r"(--[\w-]+):#", text)
    assert all(named.count(colour) == 2 for colour in used)


def test_what_the_topology_shows() -> None:
    """The full mesh of twelve, and in the end two reflectors that everybody has a session with."""
    _, frames = planned()
    mesh, end = [*sessions(frames, 0)], [*sessions(frames, frames.frames - 1)]
    assert len(mesh) == 12 * 11 // 2
    assert all(its_of_the_mesh for _, _, its_of_the_mesh in mesh)
    reflectors = {*reflecting(frames, frames.frames - 1)}
    assert reflectors == {"worker-a3", "worker-b1"}
    assert len({frozenset(ends) for *ends, _ in end}) == len(end) == 2 * 10 + 1
    assert all(reflectors & {here, there} for here, there, _ in end)
