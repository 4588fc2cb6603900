"""The pictures of docs/concepts.md are current, shown, and need nothing from elsewhere."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.concept_pictures import files

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "concepts.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_current(path: Path) -> None:
    """`python -m tests.concept_pictures` would change nothing; the page shows it, with words for who cannot see it."""
    text = files()[path]
    assert path.read_text(encoding="utf-8") == text
    assert re.search(rf"!\[[^]]{{40,}}\]\(images/{path.name}\)", PAGE)
    assert {child.tag.rpartition("}")[2] for child in ElementTree.fromstring(text)} >= {"title", "desc"}
    assert not re.search(r"href|<script|url\(", text)


def test_numbers_on_the_page() -> None:
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
