"""The action graph: steps, edges with reasons, and the order that they give. networkx stays in here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rrplan.ids import StepId
from rrplan.plans.plan import Edge, Step

if TYPE_CHECKING:
    import networkx as nx


class Contradiction(Exception):
    """Edges that no order of the steps can keep; its text says which."""


class ActionGraph:
    """A directed acyclic graph of steps; raises Contradiction for a cycle, a step twice, or an edge to no step."""

    def __init__(self, steps: Sequence[Step], edges: Iterable[Edge]) -> None:
        # Most verbs order no steps, and networkx takes as long to load as all of ours.
        import networkx as nx

        self._steps = {step.id: step for step in steps}
        if len(self._steps) < len(steps):
            raise Contradiction("two steps have one id")
        self._graph: nx.DiGraph[StepId] = nx.DiGraph()
        self._graph.add_nodes_from(self._steps)
        for edge in edges:
            unknown = next((end for end in (edge.before, edge.after) if end not in self._steps), None)
            if unknown is not None:
                raise Contradiction(f"an edge names step `{unknown}`, which does not exist")
            self._graph.add_edge(edge.before, edge.after)
        if not nx.is_directed_acyclic_graph(self._graph):
            cycle = [before for before, _ in nx.find_cycle(self._graph)]
            raise Contradiction(f"each of these steps must come before the next: {', '.join([*cycle, cycle[0]])}")

    def order(self) -> tuple[Step, ...]:
        """The steps so that every edge points forward; those that no edge orders stand by phase, wave and name."""
        import networkx as nx

        names = nx.lexicographical_topological_sort(self._graph, key=lambda name: self._steps[name].place)
        return tuple(self._steps[name] for name in names)

    def before(self, step: StepId) -> frozenset[StepId]:
        """The steps that must be settled before this one may begin."""
        return frozenset(self._graph.predecessors(step))

    def after(self, step: StepId) -> frozenset[StepId]:
        """The steps that this one must be settled for; an undo waits for these."""
        return frozenset(self._graph.successors(step))
