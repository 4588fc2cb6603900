"""Write the pictures of the documents again: `python -m tests.pictures`; a test proves them current."""

from __future__ import annotations

from pathlib import Path

from tests.pictures.concepts import concept_svgs
from tests.pictures.terminal import terminal_svg
from tests.pictures.topology import topology_svg

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"


def files() -> dict[Path, str]:
    """Every picture with its text."""
    run = terminal_svg("done", "rrplan apply spec.yaml --sandbox one --auto-approve", "A run of eleven steps, done")
    drawn = {"topology": topology_svg(), "run": run, **concept_svgs()}
    return {FOLDER / f"{name}.svg": text for name, text in drawn.items()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
