"""Ask the cluster what a gate wants to know, and wait until it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from rrplan.ids import NodeName
from rrplan.plans.gate import Expectation, Gate, GateKind
from rrplan.plans.plan import Plan
from rrplan.ports import Clock, Datastore, Document, FamilyReading, NodeReading, Probe
from rrplan.resources import Pod, ResourceKey
from rrplan.resources.documents import at
from rrplan.resources.eviction import Eviction
from rrplan.text import listed

POLL_SECONDS = (1, 1, 1, 2, 2, 3, 5)
"""Between two looks while a gate waits; the last one repeats, so that a large cluster is not asked all the time."""
"""Pods that are named."""
HOLD_SECONDS = 2
"""Between two looks while a gate holds: a session that went down needs longer than this to come back.

BIRD waits `connect delay time` (5 s) before it tries again (proto/bgp, version 1.6).
"""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a gate: passed or what is missing, and whether a BIRD is in graceful-restart recovery.

    `final` says that waiting does not help.
    """

    passed: bool
    missing: str = ""
    recovering: bool = False
    final: bool = False


def look(gate: Gate, node_sets: Mapping[str, tuple[NodeName, ...]], datastore: Datastore, probe: Probe) -> Look:
    """Compare what the cluster says with what the gate expects."""
    match gate.kind:
        case GateKind.DRAINED:
            return _drained(gate, datastore)
        case GateKind.ROLLOUT:
            return _rolled_out(gate, datastore)
        case GateKind.ROUTES | GateKind.MESH | GateKind.UPLINKS:
            return _compared(gate, node_sets, probe)


def undrainable(plan: Plan, datastore: Datastore) -> list[str]:
    """The pods that the drains of a plan would not evict, in words."""
    drains = [gate for step in plan.steps for gate in step.gates if gate.kind is GateKind.DRAINED]
    return [text for gate in drains for text in _objections(gate, datastore.pods_to_evict(_node(gate)))]


def _node(gate: Gate) -> NodeName:
    assert gate.node is not None
    return gate.node


def _objections(gate: Gate, pods: Sequence[Pod]) -> list[str]:
    eviction = gate.eviction or Eviction()
    return [text for pod in pods if (text := eviction.objection(pod))]


def _drained(gate: Gate, datastore: Datastore) -> Look:
    pods = datastore.pods_to_evict(_node(gate))
    objections = _objections(gate, pods)
    if objections:
        # Like `kubectl drain`: nothing is evicted unless everything may be.
        return Look(passed=False, missing=listed(objections), final=True)
    grace = gate.eviction.grace if gate.eviction else None
    held = {pod.key for pod in pods if not pod.terminating and not datastore.evict(pod.key, grace)}
    left = [f"{pod.namespace}/{pod.name} {_why(pod, held)}" for pod in datastore.pods_to_evict(_node(gate))]
    return Look(not left, f"{len(left)} of its pods are left: {listed(left)}" if left else "")


def _rolled_out(gate: Gate, datastore: Datastore) -> Look:
    """What `kubectl rollout status` looks at (apps/v1 DaemonSetStatus), and pods that do not belong where they are."""
    assert gate.daemonset is not None
    stored = datastore.get(gate.daemonset)
    if stored is None:
        return Look(passed=False, missing=f"{gate.daemonset} is gone", final=True)
    document = stored.document
    if _number(document, "status", "observedGeneration") < _number(document, "metadata", "generation"):
        return Look(passed=False, missing="its controller has not seen the change")
    astray = _number(document, "status", "numberMisscheduled")
    if astray:
        return Look(passed=False, missing=f"{astray} of its pods still run where none belongs")
    wanted = max(gate.pods, _number(document, "status", "desiredNumberScheduled"))
    updated, available = (_number(document, "status", name) for name in ("updatedNumberScheduled", "numberAvailable"))
    if gate.pods and min(updated, available) < wanted:
        return Look(passed=False, missing=f"{min(updated, available)} of {wanted} pods are available")
    return Look(passed=True)


def _number(document: Document, *path: str) -> int:
    value = at(document, path)
    return value if isinstance(value, int) else 0


def _why(pod: Pod, held: Collection[ResourceKey]) -> str:
    return "is held by a PodDisruptionBudget" if pod.key in held else "is terminating"


def _compared(gate: Gate, node_sets: Mapping[str, tuple[NodeName, ...]], probe: Probe) -> Look:
    good: dict[tuple[NodeName, str], int] = {}
    asked: dict[tuple[NodeName, str], int] = {}
    complaints: dict[tuple[NodeName, str], str] = {}
    recovering = False
    for one, name, family, complaint in judged(gate.expectations, node_sets, probe):
        key = name, one.family
        asked[key] = asked.get(key, 0) + 1
        recovering = recovering or (family is not None and family.recovering)
        if complaint:
            complaints.setdefault(key, complaint)
        else:
            good[key] = good.get(key, 0) + 1
    # `minimum` counts peers, in each family by itself: what one family has makes up for nothing in the other.
    failing = [
        key for key in complaints if good.get(key, 0) < (min(gate.minimum, asked[key]) if gate.minimum else asked[key])
    ]
    nodes = {name for name, _ in asked}
    passing = len(nodes) - len({name for name, _ in failing})
    if passing * 100 >= gate.fraction * len(nodes) and not recovering:
        return Look(passed=True)
    first = failing[0] if failing else next(iter(complaints), None)
    detail = f"{first[0]}: {complaints[first]}" if first else "a BIRD is in graceful-restart recovery"
    return Look(passed=False, missing=f"{passing} of {len(nodes)} nodes ready; {detail}", recovering=recovering)


def judged(
    expectations: Sequence[Expectation], node_sets: Mapping[str, tuple[NodeName, ...]], probe: Probe
) -> Iterator[tuple[Expectation, NodeName, FamilyReading | None, str]]:
    """Each expectation of each node, what the node says, and the complaint ("" for none); every node is asked once."""
    nodes = sorted({name for one in expectations for name in node_sets[one.nodes]})
    peers = sorted({one.peer for one in expectations if one.peer})
    readings = {reading.node: reading for reading in probe.read(nodes, peers)}
    quiet = {family: probe.quiet(family) for family in {one.family for one in expectations if one.peer}}
    for one in expectations:
        # Nodes that announce nothing are not waited for; they are nodes of the plan, or another check notices.
        mute = quiet[one.family] - set(node_sets.get(one.without, ())) if one.peer else frozenset()
        for name in node_sets[one.nodes]:
            wanted = one.count - len(mute) + (name in mute)
            yield one, name, *_judge(one, wanted, readings.get(name))


def _judge(one: Expectation, wanted: int, reading: NodeReading | None) -> tuple[FamilyReading | None, str]:
    if reading is None:
        return None, "does not answer"
    family = reading.families.get(one.family)
    if family is None:
        return None, f"has no {one.family}"
    if family.recovering:
        return family, f"graceful-restart recovery in progress ({one.family})"
    if one.outside:
        uplink = family.uplinks.get(one.outside)
        if uplink is None or not uplink.established:
            why = f": {uplink.why}" if uplink is not None and uplink.why else ""
            return family, f"session with {one.outside} is not established ({one.family}){why}"
        return family, ""
    if one.peer is None:
        return (
            family,
            "" if family.mesh_up >= one.count else f"{family.mesh_up} of {one.count} mesh sessions ({one.family})",
        )
    session = family.sessions.get(one.peer)
    if session is None or not session.established:
        why = f": {session.why}" if session is not None and session.why else ""
        return family, f"session with {one.peer} is not established ({one.family}){why}"
    if session.routes < wanted:
        return family, f"{session.routes} of {wanted} routes from {one.peer} ({one.family})"
    return family, ""


def settle(
    gate: Gate,
    check: Callable[[], Look],
    clock: Clock,
    waiting: Callable[[Look, int], None],
) -> str:
    """Wait until the gate holds for its stability time; "" when it does, else why it timed out.

    `waiting` hears of each look that does not end it, and for how many seconds the gate was waited for.
    """
    began = clock.now()
    holds_since: float | None = None
    for looks in count():
        seen = check()
        now = clock.now()
        if seen.passed:
            holds_since = now if holds_since is None else holds_since
            if now - holds_since >= gate.stable:
                return ""
            waiting(replace(seen, missing=f"holds, must hold {gate.stable} s"), round(now - began))
            clock.sleep(min(HOLD_SECONDS, holds_since + gate.stable - now))
        else:
            if seen.final:
                return f"{gate.title}: {seen.missing}"
            holds_since = None
            limit = gate.recovery_timeout if seen.recovering else gate.timeout
            if now - began >= limit:
                return f"gate timed out after {limit} s: {gate.title}; {seen.missing}"
            waiting(seen, round(now - began))
            clock.sleep(min(POLL_SECONDS[min(looks, len(POLL_SECONDS) - 1)], began + limit - now))
    raise AssertionError("a gate passes or times out")
