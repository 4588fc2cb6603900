"""What speakers outside do, as the directory of an embedded cluster keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rrplan.bgp.roles import OutsideRole, Roles

OUTSIDE = "outside"
"""The name of the fact."""


def roles_text(roles: Roles) -> str:
    """The roles for the store."""
    return json.dumps([asdict(role) for role in roles])


def roles_from(text: str) -> Roles:
    """The same roles again."""
    kept: list[dict[str, Any]] = json.loads(text)
    lists = ("announces", "others")
    return tuple(OutsideRole(**{**role, **{name: tuple(role[name]) for name in lists}}) for role in kept)
