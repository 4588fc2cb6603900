"""The action graph: steps, edges with reasons, a deterministic order, stages. networkx stays in here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx as nx

from rrplan.ids import StepId
from rrplan.plans.plan import Edge, Step


class ActionGraph:
    """A directed acyclic graph of steps; raises AssertionError for a cycle, which is a bug of the ordering rules."""

    def __init__(self, steps: Sequence[Step], edges: Iterable[Edge]) -> None:
        self._position = {step.id: index for index, step in enumerate(steps)}
        self._steps = {step.id: step for step in steps}
        self._graph: nx.DiGraph[StepId] = nx.DiGraph()
        self._graph.add_nodes_from(self._position)
        self._graph.add_edges_from([(edge.before, edge.after) for edge in edges])
        assert nx.is_directed_acyclic_graph(self._graph), "the ordering rules contradict each other"

    def order(self) -> tuple[Step, ...]:
        """The steps so that every edge points forward; ties in the order given."""
        names = nx.lexicographical_topological_sort(self._graph, key=lambda name: self._position[name])
        return tuple(self._steps[name] for name in names)

    def stages(self) -> list[list[StepId]]:
        """Steps with no edge between them, stage by stage."""
        return [
            sorted(stage, key=lambda name: self._position[name]) for stage in nx.topological_generations(self._graph)
        ]
