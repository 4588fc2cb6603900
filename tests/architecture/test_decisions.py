"""Decision notes say what was decided, when, what it costs, and what else there was."""

import re
from pathlib import Path

import pytest

NOTES = sorted((Path(__file__).parents[2] / "docs" / "decisions").glob("*.md"))


def test_notes_are_numbered_without_a_gap() -> None:
    """A number that is missing would be a note that somebody cannot find."""
    assert [int(note.name[:4]) for note in NOTES] == list(range(1, len(NOTES) + 1))


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.stem)
def test_a_note_has_number_status_date_drawbacks_and_alternatives(note: Path) -> None:
    """A reader learns from every note whether it holds, since when, and what was weighed."""
    text = note.read_text()
    assert text.startswith(f"# {int(note.name[:4])}. ")
    assert re.search(r"^Status: (proposed|implemented|replaced by \d+) \(\d{4}-\d\d-\d\d\)$", text, re.MULTILINE)
    assert re.findall(r"^## (Drawbacks|Alternatives)$", text, re.MULTILINE) == ["Drawbacks", "Alternatives"]
