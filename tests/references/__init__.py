"""The references that are made from the code: docs/events.md, docs/python.md and docs/plan.md.

`python -m tests.references` writes them again; a test proves them current.
"""

from pathlib import Path

from tests.references.events import events_page
from tests.references.planfile import plan_page
from tests.references.python import python_page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def files() -> dict[Path, str]:
    """Every file with its text."""
    return {DOCS / "events.md": events_page(), DOCS / "python.md": python_page(), DOCS / "plan.md": plan_page()}
