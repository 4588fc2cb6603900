"""How long sessions take: drawn from what real BIRD 1.6.8 did, the same draw for the same seed."""

from __future__ import annotations

import hashlib

NEVER = 1e18

_FIRST_UP = ((0.95, 2.1), (0.99, 4.1), (1.0, 6.1))
_STABLE_AFTER_FLAP = ((0.5, 6.1), (0.8, 8.1), (0.95, 12.2), (1.0, 14.2))
"""Seconds after the change, laboratory of 30 nodes, 171 sessions: first up, and stable where it flapped."""
FLAPPING = 0.25
MESH_SECONDS = 2.1
DROP_SECONDS = 0.9


def _draws(seed: int, *what: object) -> tuple[float, float, float]:
    data = hashlib.sha256(repr((seed, what)).encode()).digest()
    first, second, third = (int.from_bytes(data[start : start + 6], "big") / 2**48 for start in (0, 6, 12))
    return first, second, third


def _quantile(table: tuple[tuple[float, float], ...], draw: float) -> float:
    return next(value for share, value in table if draw <= share)


def session(seed: int, pair: str, at: float, extra: float) -> tuple[float, float, float]:
    """(first up, down again, up for good) of a session that both ends configured at `at`; `extra` seconds later."""
    flaps, first, stable = _draws(seed, pair, at)
    up = at + extra + _quantile(_FIRST_UP, first)
    if flaps >= FLAPPING:
        return up, up, up
    return up, up + DROP_SECONDS, max(at + extra + _quantile(_STABLE_AFTER_FLAP, stable), up + DROP_SECONDS)


def mesh(seed: int, node: str, at: float, extra: float) -> float:
    """When the mesh sessions of a node are up; one side is passive, so they do not flap."""
    draw = _draws(seed, node, at)[0]
    return at + extra + MESH_SECONDS + draw


def is_up(times: tuple[float, float, float], now: float) -> bool:
    """Whether a session with these times is established."""
    up, down, stable = times
    return up <= now < down or now >= stable
