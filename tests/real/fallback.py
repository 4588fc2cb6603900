"""Fallback tables of nodes that are played: what the script of `rrplan.fallback` prints there."""

from __future__ import annotations

from collections.abc import Callable

from rrplan.fallback import SCRIPT
from rrplan.ids import NodeName


class PlayedTables:
    """Which nodes have a fallback table; `routes` counts what BIRD has in the kernel of a node, IPv4 and IPv6."""

    def __init__(self, routes: Callable[[NodeName], tuple[int, int]]) -> None:
        self._routes = routes
        self.filled: set[NodeName] = set()

    def ran(self, node: NodeName, command: list[str]) -> str:
        """What a node prints."""
        assert command[:4] == ["sh", "-c", SCRIPT, "rrplan"], command
        match command[4]:
            case "fill":
                self.filled.add(node)
            case "remove":
                self.filled.discard(node)
        there = node in self.filled
        lines = [
            f"rrplan: {number} is {routes} {routes * there} {2 * there}"
            for number, routes in zip((4, 6), self._routes(node), strict=True)
        ]
        return "\n".join([*lines, "rrplan: done", ""])
