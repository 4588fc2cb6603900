"""What a plan costs a live cluster: the requests of its gates, how long a look takes, writes that are alike.

A gate that passes at once asks everybody in a first and a closing look, and its reflectors in those between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil

from rrplan.digest import canonical
from rrplan.ids import NodeName
from rrplan.plans.gate import Gate
from rrplan.plans.plan import Plan

HOLD_SECONDS = 2
"""Between two looks while a gate holds: a session that went down needs longer than this to come back.

BIRD waits `connect delay time` (5 s) before it tries again (proto/bgp, version 1.6).
"""
PER_REFLECTOR = 5
"""Requests to a reflector in a look at everybody: a CalicoNodeStatus made, read twice and removed, and one command."""
PER_LOOK = 4
"""Lists in a look at everybody: pods, address blocks, now and then nodes."""
NODES_PER_SECOND = 50
"""That are asked with 64 at a time; measured with 600 nodes whose API server and kubelets shared two busy cores."""


@dataclass(frozen=True, slots=True)
class GatesCost:
    """Of all gates that ask nodes: how many there are, and their requests if each passes at once.

    `nodes` are those that the largest of them asks in a look at everybody, which takes about `seconds`.
    """

    gates: int
    requests: int
    nodes: int
    seconds: int


def gates_cost(plan: Plan) -> GatesCost:
    """What the gates of a plan cost if all goes well; the way back costs about the same again."""
    gates = [gate for step in plan.steps for gate in step.gates if gate.expectations]
    asked = [_asked(gate, plan.node_sets) for gate in gates]
    requests = sum(_requests(gate, *numbers) for gate, numbers in zip(gates, asked, strict=True))
    nodes = max((clients + reflectors for clients, reflectors in asked), default=0)
    return GatesCost(len(gates), requests, nodes, ceil(nodes / NODES_PER_SECOND))


def _asked(gate: Gate, node_sets: Mapping[str, tuple[NodeName, ...]]) -> tuple[int, int]:
    """The clients, or nodes of the mesh, and the reflectors that a gate asks."""
    reflectors = {expectation.peer for expectation in gate.expectations if expectation.peer and not expectation.outside}
    names = {name for nodes in {each.nodes for each in gate.expectations} for name in node_sets[nodes]}
    return len(names - reflectors), len(reflectors)


def _requests(gate: Gate, clients: int, reflectors: int) -> int:
    whole = 2 if gate.stable else 1
    between = max(0, ceil(gate.stable / HOLD_SECONDS) - 1)
    return whole * (clients + PER_REFLECTOR * reflectors + PER_LOOK) + between * reflectors


@dataclass(frozen=True, slots=True)
class Duration:
    """How long the way forward takes in seconds: as usual, and if each gate passes at its last moment."""

    expected: int
    worst: int


def duration(plan: Plan) -> Duration:
    """What the gates of a plan take together, one after the other; the writes take next to nothing."""
    return waiting([gate for step in plan.steps for gate in step.gates])


def waiting(gates: Sequence[Gate]) -> Duration:
    """How long gates take, one after the other."""
    worst = sum(max(gate.timeout, gate.recovery_timeout) if gate.expectations else gate.timeout for gate in gates)
    return Duration(sum(gate.expected for gate in gates), worst)


def seconds_left(plan: Plan) -> list[int]:
    """By the place of a step: how many seconds it and those after it usually wait."""
    waits = [sum(gate.expected for gate in step.gates) for step in plan.steps]
    return list(accumulate(reversed(waits)))[::-1]


def alike_writes(plan: Plan) -> int:
    """The largest number of writes of a plan that say the same of different nodes."""
    said = Counter(
        canonical([change.before, change.after])
        for _, change in plan.writes
        if change.key.kind == "Node" and change.before is not None and change.after is not None
    )
    return max(said.values(), default=0)
