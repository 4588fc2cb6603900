"""What an operator sees on a terminal of 80 columns is what was agreed."""

from tests.golden.screens import FILES, screens


def test_screens() -> None:
    """Status, a run in progress, done, stopped and taken back, and a refused plan; no line is cut or too long."""
    found = screens()
    agreed = {path.name: path.read_text() for path in FILES.iterdir()}
    assert found == agreed
