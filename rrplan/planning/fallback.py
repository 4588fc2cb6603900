"""Fallback tables: the steps that fill them and take them away, their gates, and where a plan may count on them.

While the role of a node in use changes, its pairs have no route of BGP. Every node has a copy of its routes by then,
and the next hop of each is the node that it leads to, whatever reflects it: so it is as good as the route that is away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import ceil

from rrplan.bgp.model import Model
from rrplan.bgp.speaker import FAMILIES
from rrplan.errors import PolicyRefusal
from rrplan.fallback import TABLE
from rrplan.ids import ActionName, NodeName, StepId
from rrplan.planning.node_sets import NodeSets
from rrplan.plans.cost import NODES_PER_SECOND
from rrplan.plans.gate import Expectation, Gate, GateKind
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Proof, Step, Tolerance
from rrplan.resources import ClusterState
from rrplan.specs import InUse, Spec

FILL, REMOVE = StepId("fallback/fill"), StepId("fallback/remove")
SCRIPT_SECONDS = 3
"""What the script takes on a node, with the request for it."""


def fallback_steps(spec: Spec, state: ClusterState, in_use: Collection[NodeName]) -> list[Step]:
    """The two steps, where nodes in use change their role and the spec wants that carried by fallback tables.

    Raises PolicyRefusal where a route may lead by way of another node than the one that it is of.
    """
    if spec.policy.in_use is not InUse.FALLBACK_TABLE or not in_use:
        return []
    numbers = {node.as_number for node in state.nodes.values()}
    if len(numbers) > 1:
        raise PolicyRefusal(
            "`policy.inUse: fallback-table` needs one AS number for all nodes: between AS numbers a route may lead by "
            "way of another node, and a copy of it is no longer right when that node has none",
            hint="drain the nodes (`drain: true`), or accept brief exposure (`policy: {exposure: {brief: 25s}}`)",
        )
    fill = Step(
        FILL,
        ActionName.FILL_FALLBACK,
        f"copy the routes of every node into routing table {TABLE}, which carries what has no route of BGP for seconds",
        phase=Phase.FALLBACK,
    )
    remove = Step(
        REMOVE,
        ActionName.REMOVE_FALLBACK,
        f"take routing table {TABLE} away from every node",
        phase=Phase.END_OF_FALLBACK,
    )
    return [fill, remove]


def carries(step: Step, steps: Sequence[Step]) -> bool:
    """Whether fallback tables carry what a step exposes."""
    return step.phase.with_fallback and any(each.action is ActionName.FILL_FALLBACK for each in steps)


def with_fallback_gates(
    spec: Spec, steps: Sequence[Step], proof: Proof, sets: NodeSets, model: Model
) -> tuple[Step, ...]:
    """The steps with the gates that ask for fallback tables; whoever is down has none.

    Before each step that they carry, there and back, the tables are filled again with what main has by then.
    """
    if not any(step.action is ActionName.FILL_FALLBACK for step in steps):
        return tuple(steps)
    filled, removed = _gates(spec, sets, model)
    carried = {each.step for each in proof.steps if any(loss.tolerated is Tolerance.CARRIED for loss in each.exposures)}
    gated: list[Step] = []
    for place, step in enumerate(steps):
        match step.action:
            case ActionName.FILL_FALLBACK:
                gated.append(replace(step, gates=filled, undo_gates=removed))
                continue
            case ActionName.REMOVE_FALLBACK:
                gated.append(replace(step, gates=removed, undo_gates=filled))
                continue
        inside = step.phase.with_fallback
        following = steps[place + 1] if place + 1 < len(steps) else None
        before = steps[place - 1] if place else None
        if inside and following is not None and following.id in carried:
            step = replace(step, gates=step.gates + filled, ungated="")
        if inside and before is not None and before.id in carried:
            step = replace(step, undo_gates=step.undo_gates + filled, undo_ungated="")
        gated.append(step)
    return tuple(gated)


def _gates(spec: Spec, sets: NodeSets, model: Model) -> tuple[tuple[Gate, ...], tuple[Gate, ...]]:
    """What asks for full tables, and what asks for none."""
    filled: list[Expectation] = []
    asked: set[NodeName] = set()
    for family in FAMILIES:
        nodes = tuple(
            sorted(
                name
                for name, speaker in model.population.speakers.items()
                if speaker.role is None and not speaker.down and not speaker.standalone and speaker.address(family)
            )
        )
        # Who has no route of BIRD at all has just been started: its table would carry nothing.
        owed = model.view().holdings[family].owed and len(nodes) > 1
        asked.update(nodes)
        if nodes:
            filled.append(Expectation(sets.name(nodes), str(family), int(owed)))
    removed = tuple(replace(expectation, count=0) for expectation in filled)
    expected = SCRIPT_SECONDS + ceil(len(asked) / NODES_PER_SECOND)
    fill = Gate(
        GateKind.FALLBACK,
        f"every node has its routes in table {TABLE} too",
        tuple(filled),
        stable=0,
        expected=expected,
        timeout=spec.gates.sessions,
        recovery_timeout=spec.gates.sessions,
    )
    # What got no answer may still be done: a while later it is looked at once more.
    remove = Gate(
        GateKind.NO_FALLBACK,
        f"no node has table {TABLE} any more",
        removed,
        stable=spec.gates.stable,
        expected=expected + spec.gates.stable,
        timeout=spec.gates.sessions,
        recovery_timeout=spec.gates.sessions,
    )
    return (fill,), (remove,)
