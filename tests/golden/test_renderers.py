"""What people read, word by word: `python -m tests.golden` writes the files again, and the diff is the review."""

from pathlib import Path

import pytest

from rrplan.plans import Plan
from rrplan.render.graph import dot, graph_json, mermaid
from rrplan.render.markdown import plan_markdown
from rrplan.render.terminal import plan_text
from tests.golden.__main__ import FILES, SCENARIOS, planned, written


@pytest.mark.parametrize("name", written(), ids=str)
def test_as_agreed(name: str) -> None:
    """Every format of a few plans, a session table and the progress of a run."""
    assert (FILES / name).read_bytes().decode() == written()[name]


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda path: path.name)
def test_every_plan_fits_the_terminal(folder: Path) -> None:
    """At 80 columns nothing but a single long word stands out."""
    plan = planned(folder)
    if plan is None:
        return
    for line in plan_text(plan).splitlines():
        assert len(line) <= 80 or not line[:80].strip().count(" ") or ": " in line


@pytest.mark.parametrize("folder", SCENARIOS[:5], ids=lambda path: path.name)
def test_all_formats_name_all_steps(folder: Path) -> None:
    """No format leaves a step out."""
    plan = planned(folder)
    if plan is None:
        return
    assert isinstance(plan, Plan)
    for text in (dot(plan), mermaid(plan), graph_json(plan), plan_markdown(plan)):
        assert [step.id for step in plan.steps if step.summary not in text] == []
