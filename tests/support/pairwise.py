"""Pairwise covering: few rows of values in which every two values of different factors meet."""

from collections.abc import Sequence
from itertools import combinations, product

Value = tuple[int, int]
"""(factor, number of its value)."""


def pairs(row: Sequence[int]) -> set[tuple[Value, Value]]:
    """The pairs that meet in a row."""
    return set(combinations(enumerate(row), 2))


def covering(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Rows for factors with so many values each; greedy, and the same every time."""
    left = {pair for pair in combinations(_values(sizes), 2) if pair[0][0] != pair[1][0]}
    rows = []
    while left:
        row = dict(min(left))
        for factor in range(len(sizes)):
            if factor not in row:
                row[factor] = max(range(sizes[factor]), key=lambda value: _met(row, (factor, value), left))
        rows.append(tuple(row[factor] for factor in range(len(sizes))))
        left -= pairs(rows[-1])
    return rows


def _values(sizes: Sequence[int]) -> list[Value]:
    return [value for factor, size in enumerate(sizes) for value in product([factor], range(size))]


def _met(row: dict[int, int], value: Value, left: set[tuple[Value, Value]]) -> int:
    """How many pairs that are still left a value adds to a row."""
    return sum((min(one, value), max(one, value)) in left for one in row.items())
