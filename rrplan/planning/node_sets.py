"""Names for sets of nodes, so that a plan lists each of them once."""

from __future__ import annotations

from rrplan.ids import NodeName


class NodeSets:
    """Node sets by name: gates of a plan share them."""

    def __init__(self) -> None:
        self._names: dict[tuple[NodeName, ...], str] = {}

    def name(self, nodes: tuple[NodeName, ...]) -> str:
        """The name of a set, the same for the same nodes."""
        return self._names.setdefault(nodes, f"nodes-{len(self._names) + 1}")

    def table(self) -> dict[str, tuple[NodeName, ...]]:
        """All sets by name."""
        return {name: nodes for nodes, name in self._names.items()}
