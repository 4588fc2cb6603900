"""A plan from a file against the plan that is made again from its own spec and the cluster.

A plan that was edited and given a new digest holds together only by luck; against the plan made again every edit of
what is carried out shows. Readiness is taken as the plan has it: nodes that were down then are down here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import TypeVar

from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.bgp.speaker import Settings, is_down
from rrplan.errors import PreflightError, RRPlanError
from rrplan.planning.build import draft_plan
from rrplan.plans.change import Change
from rrplan.plans.gate import Gate
from rrplan.plans.plan import Plan, Proof, Step
from rrplan.plans.planfile import FORMAT_VERSION
from rrplan.resources import ClusterState, Pod

TOLD = frozenset({"gates", "undo_gates", "changes"})
"""Fields of a step that are told one by one."""
LATER = frozenset({"summary", "until", "ungated", "undo_ungated"})
"""Fields of a step that older files lack, or word in another way."""
SINCE_2 = frozenset({"node", "phase", "wave", "unordered"})
"""Those that files of version 1 lack."""
LATER_OF_GATES = frozenset({"title", "expected", "eviction", "pods", "daemonset", "recovery_timeout"})
"""The same of a gate."""
T = TypeVar("T", Step, Gate)


def differences(plan: Plan, state: ClusterState) -> list[str]:
    """Where a plan is not what its spec comes to on this cluster, in words.

    The fingerprints of the plan must fit the cluster. Of a file of an older version, what that did not say is not
    compared.
    """
    versions = _versions(plan, state)
    awake = sorted(set(plan.down) - set(Model(state, versions, roles=plan.spec.roles).down()))
    if awake:
        return [f"the plan counts {name} among the nodes that are down, and it is up" for name in awake]
    try:
        again = draft_plan(plan.spec, _as_then(plan, state), versions, plan.snapshot)
    except PreflightError as error:
        return [f"no plan can be made from its spec any more: {failure}" for failure in error.failures]
    except RRPlanError as error:
        return [f"no plan can be made from its spec any more: {error}"]
    return list(_compared(plan, again))


def is_older(plan: Plan) -> bool:
    """Whether the plan was read from a file of an older version."""
    return plan.written_as not in ("", FORMAT_VERSION)


def _versions(plan: Plan, state: ClusterState) -> Versions:
    """The versions that the plan was made for, where the cluster does not say others."""
    versions = calico_versions(state)
    planned = plan.snapshot.calico_version
    return calico_versions(state, planned) if versions.assumed or versions.default != planned else versions


def _as_then(plan: Plan, state: ClusterState) -> ClusterState:
    """The cluster with the nodes down that the plan was made with, and no others."""
    settings, down = Settings.of(state), set(plan.down)
    woken = {name for name, node in state.nodes.items() if is_down(node, settings) and name not in down}
    if not woken:
        return state
    nodes = {
        name: replace(node, ready=True) if name in woken and node.ready is False else node
        for name, node in state.nodes.items()
    }
    others = {
        key: replace(resource, ready=True) if isinstance(resource, Pod) and resource.node in woken else resource
        for key, resource in state.others.items()
    }
    return replace(state, nodes=nodes, others=others)


# --- what differs ---------------------------------------------------------------------------------


def _compared(plan: Plan, again: Plan) -> Iterator[str]:
    left_out = frozenset[str]()
    if is_older(plan):
        left_out = LATER | SINCE_2 if _of_version_1(plan) else LATER
    planned = {step.id: step for step in again.steps}
    present = {step.id: step for step in plan.steps}
    yield from (f"step `{name}` is missing" for name in planned if name not in present)
    yield from (f"step `{name}` is not planned" for name in present if name not in planned)
    for name, step in present.items():
        if name in planned:
            yield from (f"step `{name}`: {fault}" for fault in _step(step, planned[name], left_out))
    yield from _order(plan, again)
    if not _of_version_1(plan):
        yield from _edges(plan, again)
    yield from _sets(plan, again)
    yield from _proof(plan.proof, again.proof, facts=not is_older(plan))


def _of_version_1(plan: Plan) -> bool:
    """Whether its file had no phases, and edges that did not decide the order."""
    return plan.written_as.startswith("1.")


def _step(step: Step, planned: Step, left_out: frozenset[str]) -> Iterator[str]:
    yield from _changes(step.changes, planned.changes)
    for what, gates, wanted in (
        ("gate", step.gates, planned.gates),
        ("undo gate", step.undo_gates, planned.undo_gates),
    ):
        yield from _gates(what, gates, wanted, LATER_OF_GATES if left_out else frozenset())
    for name in _differing(step, planned, TOLD | left_out):
        yield f"its `{name}` is `{getattr(step, name)}`, planned is `{getattr(planned, name)}`"


def _differing(present: T, planned: T, left_out: frozenset[str]) -> list[str]:
    names = [field.name for field in fields(planned) if field.name not in left_out]
    return [name for name in names if getattr(present, name) != getattr(planned, name)]


def _changes(changes: Sequence[Change], planned: Sequence[Change]) -> Iterator[str]:
    wanted = {change.key: change for change in planned}
    present = {change.key: change for change in changes}
    yield from (f"its change of {key} is missing" for key in wanted if key not in present)
    yield from (f"its change of {key} is not planned" for key in present if key not in wanted)
    different = [key for key, change in present.items() if key in wanted and change != wanted[key]]
    yield from (f"its change of {key} is another one than planned" for key in different)
    if not different and present.keys() == wanted.keys() and list(changes) != list(planned):
        yield "its changes stand in another order than planned"


def _gates(what: str, gates: Sequence[Gate], planned: Sequence[Gate], left_out: frozenset[str]) -> Iterator[str]:
    for number, wanted in enumerate(planned):
        if number >= len(gates) or gates[number].kind is not wanted.kind:
            yield f"its {what} `{wanted.title}` is missing"
            return
        names = _differing(gates[number], wanted, left_out)
        if names:
            yield f"its {what} `{wanted.title}` is another one than planned ({', '.join(names)})"
    yield from (f"its {what} `{gate.title}` is not planned" for gate in gates[len(planned) :])


def _order(plan: Plan, again: Plan) -> Iterator[str]:
    """Where both have the same steps: the first that stands elsewhere."""
    here, there = [step.id for step in plan.steps], [step.id for step in again.steps]
    if here != there and sorted(here) == sorted(there):
        number = next(index for index, pair in enumerate(zip(here, there, strict=True)) if pair[0] != pair[1])
        yield f"step `{here[number]}` stands where `{there[number]}` is planned"


def _edges(plan: Plan, again: Plan) -> Iterator[str]:
    here = {(edge.before, edge.after): edge.reason for edge in plan.edges}
    there = {(edge.before, edge.after): edge.reason for edge in again.edges}
    for (before, after), reason in there.items():
        if (before, after) not in here:
            yield f"the edge from `{before}` to `{after}` is missing ({reason})"
        elif here[before, after] != reason and not is_older(plan):
            yield f"the edge from `{before}` to `{after}` has another reason than planned ({reason})"
    for before, after in here.keys() - there.keys():
        yield f"the edge from `{before}` to `{after}` is not planned"


def _sets(plan: Plan, again: Plan) -> Iterator[str]:
    for name, nodes in again.node_sets.items():
        if tuple(plan.node_sets.get(name, ())) != nodes:
            left = sorted(set(nodes) - set(plan.node_sets.get(name, ())))
            named = f": {left[0]} is missing" if left else ""
            yield f"node set `{name}` has other nodes than planned{named}"
    yield from (f"node set `{name}` is not planned" for name in plan.node_sets if name not in again.node_sets)


def _proof(proof: Proof, again: Proof, *, facts: bool) -> Iterator[str]:
    for violation in again.violations:
        if violation not in proof.violations:
            yield f"`{violation.step}` does not hold what is to be proved ({violation.invariant})"
    if not facts:
        return
    here, there = ({step.step: step for step in each.steps} for each in (proof, again))
    for name in dict.fromkeys([*there, *here]):
        if here.get(name) != there.get(name):
            yield f"what is proved of step `{name}` is not what the plan says"
    if (proof.final, proof.violations) != (again.final, again.violations):
        yield "what is proved of the final state is not what the plan says"
