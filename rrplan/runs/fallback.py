"""Looks at gates about fallback tables: a look fills the tables or takes them away, and says what is lacking then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rrplan.fallback import FallbackTables, FamilyTable, Obstacle, TableReading
from rrplan.ids import NodeName
from rrplan.plans.gate import Gate, GateKind
from rrplan.plans.plan import Plan
from rrplan.reports.gates import NodeShort, NodesShort, Shortfall

OBSTACLES = {
    Obstacle.RULE: Shortfall.RULE_TAKEN,
    Obstacle.TABLE: Shortfall.TABLE_TAKEN,
    Obstacle.DEAD_END: Shortfall.DEAD_END,
    Obstacle.COMMAND: Shortfall.COMMAND,
}
LASTING = frozenset({Shortfall.RULE_TAKEN, Shortfall.TABLE_TAKEN, Shortfall.DEAD_END})
"""What does not go away by waiting."""


@dataclass(frozen=True, slots=True)
class TablesSeen:
    """What is lacking, None for nothing; `final` says that waiting does not help, `passed` who lacks nothing."""

    lack: NodesShort | None
    final: bool
    passed: frozenset[NodeName]


def nodes_of(gate: Gate, node_sets: Mapping[str, tuple[NodeName, ...]]) -> tuple[NodeName, ...]:
    """All nodes of a gate, sorted."""
    return tuple(sorted({name for each in gate.expectations for name in node_sets[each.nodes]}))


def make_so(
    gate: Gate,
    node_sets: Mapping[str, tuple[NodeName, ...]],
    tables: FallbackTables,
    spared: frozenset[NodeName] = frozenset(),
    away: Callable[[NodeName], bool] = lambda _name: False,
) -> TablesSeen:
    """Fill the tables, or take them away, on all nodes but those that are spared; what is lacking then.

    A node that is silent and `away` (deleted, or not Ready) need not lose its table: it does when it starts again.
    """
    nodes = [name for name in nodes_of(gate, node_sets) if name not in spared]
    if gate.kind is GateKind.FALLBACK:
        return _judged(gate, node_sets, tables.fill(nodes) if nodes else (), spared)
    readings = tables.remove(nodes) if nodes else ()
    silent = set(nodes) - {reading.node for reading in readings}
    return _judged(gate, node_sets, readings, spared | {name for name in silent if away(name)})


def as_it_is(gate: Gate, node_sets: Mapping[str, tuple[NodeName, ...]], tables: FallbackTables) -> NodesShort | None:
    """What a gate lacks at this moment; nothing is changed."""
    return _judged(gate, node_sets, tables.read(nodes_of(gate, node_sets)), frozenset()).lack


def _judged(
    gate: Gate,
    node_sets: Mapping[str, tuple[NodeName, ...]],
    readings: Sequence[TableReading],
    spared: frozenset[NodeName],
) -> TablesSeen:
    by_node = {reading.node: reading for reading in readings}
    shorts: dict[NodeName, NodeShort] = {}
    for expectation in gate.expectations:
        for name in node_sets[expectation.nodes]:
            if name in spared or name in shorts:
                continue
            short = _short(gate.kind, name, expectation.family, expectation.count, by_node.get(name))
            if short is not None:
                shorts[name] = short
    nodes = nodes_of(gate, node_sets)
    passed = frozenset(nodes) - shorts.keys()
    if not shorts:
        return TablesSeen(None, final=False, passed=passed)
    # What does not go away by waiting is told first.
    lasting = [short for short in shorts.values() if short.shortfall in LASTING]
    example = lasting[0] if lasting else next(iter(shorts.values()))
    return TablesSeen(NodesShort(len(passed), len(nodes), example), final=bool(lasting), passed=passed)


def _short(kind: GateKind, name: NodeName, family: str, least: int, reading: TableReading | None) -> NodeShort | None:
    if reading is None:
        return NodeShort(name, Shortfall.NO_ANSWER, family)
    table = reading.families.get(family)
    if kind is GateKind.NO_FALLBACK:
        return _left(name, family, table) if reading.families else NodeShort(name, Shortfall.NO_FAMILY, family)
    if table is None:
        return NodeShort(name, Shortfall.NO_FAMILY, family)
    if table.obstacle is not None:
        return NodeShort(name, OBSTACLES[table.obstacle], family, why=table.detail)
    if table.copied < max(table.routes, least):
        return NodeShort(name, Shortfall.COPIES, family, found=table.copied, wanted=max(table.routes, least))
    return None if table.filled else NodeShort(name, Shortfall.TABLE_UNUSED, family)


def _left(name: NodeName, family: str, table: FamilyTable | None) -> NodeShort | None:
    """What stands against "nothing is left"; what others have put in the way is not ours to take away."""
    if table is not None and table.obstacle is Obstacle.COMMAND:
        # Where nothing can be run, nobody knows what is there.
        return NodeShort(name, Shortfall.COMMAND, family, why=table.detail)
    if table is None or table.removed or (table.obstacle is Obstacle.TABLE and not table.rules):
        return None
    return NodeShort(name, Shortfall.TABLE_LEFT, family, found=table.copied)


# --- before a run ---------------------------------------------------------------------------------


def in_the_way(plan: Plan, tables: FallbackTables) -> list[NodeShort]:
    """Why fallback tables that a plan needs cannot be had: of each node the first reason; tables that are left too."""
    gate = _filling(plan)
    if gate is None:
        return []
    nodes = nodes_of(gate, plan.node_sets)
    by_node = {reading.node: reading for reading in tables.read(nodes)}
    shorts: dict[NodeName, NodeShort] = {}
    for expectation in gate.expectations:
        for name in plan.node_sets[expectation.nodes]:
            short = _hindered(name, expectation.family, by_node.get(name))
            if short is not None:
                shorts.setdefault(name, short)
    return [*shorts.values()]


def tables_left(plan: Plan, tables: FallbackTables) -> tuple[NodeName, ...]:
    """The nodes that have something of a fallback table, where a plan fills some; nobody is asked where it does not."""
    gate = _filling(plan)
    readings = tables.read(nodes_of(gate, plan.node_sets)) if gate is not None else ()
    return tuple(reading.node for reading in readings if reading.left)


def _filling(plan: Plan) -> Gate | None:
    gates = (gate for step in plan.steps for gate in step.gates)
    return next((gate for gate in gates if gate.kind is GateKind.FALLBACK), None)


def _hindered(name: NodeName, family: str, reading: TableReading | None) -> NodeShort | None:
    if reading is None:
        return NodeShort(name, Shortfall.NO_ANSWER, family)
    table = reading.families.get(family)
    if table is None:
        return NodeShort(name, Shortfall.NO_FAMILY, family)
    if table.obstacle is not None:
        return NodeShort(name, OBSTACLES[table.obstacle], family, why=table.detail)
    return None if table.removed else NodeShort(name, Shortfall.TABLE_LEFT, family, found=table.copied)
