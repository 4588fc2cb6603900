"""What is made from the code for docs/ is current."""

from pathlib import Path

import pytest

from tests.references import files


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_current(path: Path) -> None:
    """`python -m tests.references` would change nothing."""
    assert path.read_text(encoding="utf-8") == files()[path]
