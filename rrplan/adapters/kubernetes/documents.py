"""Parts of documents as they come from outside, where any part may be missing or of another type."""

from __future__ import annotations

import json
from collections.abc import Mapping


def mapping(value: object) -> dict[str, object]:
    """A copy of a mapping; empty for anything else, such as a part that is missing or null."""
    return dict(value) if isinstance(value, Mapping) else {}


def compact_json(value: object) -> str:
    """JSON in one form: keys in order, no spaces, so that equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def mappings(value: object) -> list[dict[str, object]]:
    """Copies of the mappings in a list; empty for anything else."""
    return [dict(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
