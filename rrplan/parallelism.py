"""How many things are under way at the same time, where nothing else is said."""

from __future__ import annotations

PARALLELISM = 4
"""Steps, where none of them touches sessions."""
PROBE_PARALLELISM = 64
"""Nodes that are asked."""
