"""Write `schemas/` from the models: `python -m tests.schemas`; a test proves that they are current."""

import json
from pathlib import Path

from rrplan.api import KINDS, schema_of

FOLDER = Path(__file__).resolve().parents[1] / "schemas"


def text_of(kind: str) -> str:
    """The file's text."""
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for kind in KINDS:
        (FOLDER / f"{kind}.schema.json").write_text(text_of(kind), encoding="utf-8")


if __name__ == "__main__":
    main()
