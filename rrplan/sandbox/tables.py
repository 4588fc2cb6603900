"""Fallback tables of an embedded cluster: a file says which nodes have one, so that they outlive a process."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from rrplan.bgp.speaker import FAMILIES
from rrplan.fallback import FamilyTable, TableReading
from rrplan.ids import NodeName
from rrplan.resources import Node
from rrplan.sandbox.cluster import Sandbox

FILE = "fallback-tables.json"


class SandboxTables:
    """Implements the port FallbackTables; nodes that are dead are silent."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self._sandbox = sandbox
        self._file = directory / FILE

    def fill(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Note that these nodes have one."""
        return self._with(nodes, self._filled() | self._awake(nodes))

    def remove(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Note that these nodes have none."""
        return self._with(nodes, self._filled() - self._awake(nodes))

    def read(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """One route for each other node, and the same number of copies where there is a table."""
        filled, awake = self._filled(), self._awake(nodes)
        state = self._sandbox.state
        speaking = {family: sum(_speaks(node, family) for node in state.nodes.values()) for family in FAMILIES}
        return [
            TableReading(
                name,
                {
                    str(family): FamilyTable(
                        speaking[family] - 1, (speaking[family] - 1) * (name in filled), 2 * (name in filled)
                    )
                    for family in FAMILIES
                    if _speaks(state.nodes[name], family)
                },
            )
            for name in nodes
            if name in awake
        ]

    def _with(self, nodes: Collection[NodeName], filled: set[NodeName]) -> Sequence[TableReading]:
        if filled != self._filled():
            self._file.write_text(json.dumps(sorted(filled)))
        return self.read(nodes)

    def _filled(self) -> set[NodeName]:
        return set(json.loads(self._file.read_text())) if self._file.exists() else set()

    def _awake(self, nodes: Collection[NodeName]) -> set[NodeName]:
        return {name for name in nodes if name in self._sandbox.state.nodes} - self._sandbox.dead()


def _speaks(node: Node, family: str) -> bool:
    return bool(node.ipv6 if family == "ipv6" else node.ipv4 or node.host_ip)
