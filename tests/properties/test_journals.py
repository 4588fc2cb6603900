"""Damaged journals lead to no false claim about the cluster; `make soak` draws a thousand of them."""

import pytest

from rrplan.adapters.local.heads import Head
from rrplan.runs.guard import Guard
from tests.soak.journals import story


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_no_false_claim(first: int) -> None:
    """Whatever was done to a journal, what is said of the cluster afterwards is true."""
    assert [text for seed in range(first, first + 20) if (text := story(seed))] == []


def test_the_stories_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the head of the journal, and without a look at the cluster, claims are false."""
    monkeypatch.setattr(Head, "check", lambda *_: None)
    monkeypatch.setattr(Guard, "misfits", lambda *_: ())
    monkeypatch.setattr(Guard, "drifted", lambda *_: None)
    assert [text for seed in range(20) if (text := story(seed))] != []


@pytest.mark.parametrize("room", ["head", "cluster"])
def test_each_defence_is_enough(room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head alone, or a look at the cluster alone, still leads to no false claim where the journal was cut."""
    if room == "cluster":
        monkeypatch.setattr(Head, "check", lambda *_: None)
        assert [text for seed in range(20) if (text := story(seed))] == []
    else:
        monkeypatch.setattr(Guard, "misfits", lambda *_: ())
        monkeypatch.setattr(Guard, "drifted", lambda *_: None)
        told = [text for seed in range(20) if (text := story(seed))]
        assert all("_head_that_fits" in text or "_nothing_kept" in text for text in told)
