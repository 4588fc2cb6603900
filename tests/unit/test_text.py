"""Enumerations that end somewhere, and paragraphs."""

import pytest

from rrplan.text import and_alike, and_more, listed, wrapped


@pytest.mark.parametrize(
    ("names", "shown", "expected"),
    [
        ([], 2, ""),
        (["a"], 2, "a"),
        (["a", "b"], 2, "a, b"),
        (["a", "b", "c"], 2, "a, b and 1 more"),
        (list("abcdefgh"), 3, "a, b, c and 5 more"),
    ],
)
def test_listed(names: list[str], shown: int, expected: str) -> None:
    """All names where they are few enough, else the first ones and how many are left."""
    assert listed(names, shown) == expected


def test_how_many_more() -> None:
    """Nothing is said where all are shown."""
    assert [and_more(total) for total in (0, 1, 2)] == ["", "", " and 1 more"]
    assert and_more(7, 5, "more nodes") == " and 2 more nodes"
    assert [and_alike(total) for total in (1, 4)] == ["", ", and 3 more like it"]


def test_wrapped() -> None:
    """The first line has the lead, the others stand below its text, and no word is broken."""
    assert wrapped("", 20, "  - ") == []
    assert wrapped("one two three-four five", 14, "  - ") == ["  - one two", "    three-four", "    five"]
    assert wrapped("one two", 6, " ", hanging=2) == [" one", "   two"]
    assert wrapped("an-unusually-long-word", 10) == ["an-unusually-long-word"]
