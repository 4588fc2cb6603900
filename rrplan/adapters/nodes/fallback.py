"""Fallback tables by commands on nodes: a fixed shell script that calls `ip`, in the calico-node container of a node.

calico-node is privileged, has the network of its host, and `sh` and `ip` in its image
(projectcalico/calico node/Dockerfile.amd64, node/clean-up-filesystem.sh, v3.20 to v3.32).

Nothing of the cluster is in the script: it is the same for every node. What the kernel says of routes becomes words for
`ip -batch`, which is no shell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Protocol

from rrplan.adapters.kubernetes.server import NoOutput
from rrplan.errors import DatastoreRefused, DatastoreTimeout
from rrplan.fallback import SCRIPT, FamilyTable, Obstacle, TableReading
from rrplan.ids import NodeName
from rrplan.parallelism import PROBE_PARALLELISM

FAMILIES = {"4": "ipv4", "6": "ipv6"}
MARK = "rrplan: "
DONE = "done"
DETAIL = 200
"""Characters of what a node says of an obstacle."""


class Deed(StrEnum):
    """What the script is told."""

    FILL = "fill"
    REMOVE = "remove"
    READ = "read"


def command(deed: Deed) -> list[str]:
    """The whole command, which is the same for every node."""
    return ["sh", "-c", SCRIPT, "rrplan", deed.value]


class Shell(Protocol):
    """Where commands are run on nodes."""

    def look(self, *, anew: bool) -> None:
        """A look begins; with `anew`, nothing that was found for an earlier one is used."""
        ...

    def run(self, node: NodeName, command: Sequence[str]) -> str:
        """What a command on a node prints; DatastoreRefused or DatastoreTimeout where it cannot be run there."""
        ...


class NodeTables:
    """Implements the port FallbackTables; `at_once` nodes are asked at the same time."""

    def __init__(self, shell: Shell, at_once: int = PROBE_PARALLELISM) -> None:
        self._shell = shell
        self._at_once = at_once

    def fill(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Copy the routes of BIRD, and let the kernel look there."""
        return self._all(Deed.FILL, nodes)

    def remove(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Take rules and table away."""
        return self._all(Deed.REMOVE, nodes)

    def read(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """What is there."""
        return self._all(Deed.READ, nodes)

    def _all(self, deed: Deed, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        if not nodes:
            return []
        self._shell.look(anew=True)
        away: list[DatastoreTimeout] = []

        def ask(node: NodeName) -> TableReading | None:
            try:
                return TableReading(node, parsed(self._shell.run(node, command(deed))))
            except DatastoreTimeout as error:
                away.append(error)
            except DatastoreRefused as error:
                refused = FamilyTable(obstacle=Obstacle.COMMAND, detail=str(error))
                return TableReading(node, dict.fromkeys(FAMILIES.values(), refused))
            return None

        with ThreadPoolExecutor(self._at_once) as pool:
            readings = [reading for reading in pool.map(ask, nodes) if reading is not None]
        if away and not readings:
            raise away[0]
        return readings


def parsed(output: str) -> Mapping[str, FamilyTable]:
    """What the script printed, by family; raises NoOutput for a part of it, DatastoreRefused where nothing ran it."""
    lines = [line.removeprefix(MARK) for line in output.splitlines() if line.startswith(MARK)]
    if not lines:
        raise DatastoreRefused(f"`sh` and `ip` cannot be run there: {output.strip()[:DETAIL]}")
    if lines[-1] != DONE:
        raise NoOutput("what a node says of its fallback table broke off")
    tables: dict[str, FamilyTable] = {}
    for line in lines[:-1]:
        number, what, rest = line.split(" ", 2)
        family = FAMILIES[number]
        if what == "is":
            routes, copied, rules = map(int, rest.split())
            tables[family] = FamilyTable(routes, copied, rules, *_obstacle(lines, number))
    return tables


def _obstacle(lines: Sequence[str], number: str) -> tuple[Obstacle | None, str]:
    """The first obstacle of a family."""
    lead = f"{number} obstacle "
    for line in lines:
        if line.startswith(lead):
            kind, _, detail = line.removeprefix(lead).partition(" ")
            return Obstacle(kind), detail.strip()[:DETAIL]
    return None, ""


Run = Callable[[NodeName, Sequence[str]], str]


class OneShell:
    """Implements Shell where nothing has to be found first."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def look(self, *, anew: bool) -> None:
        """There is nothing to find."""
