"""Ask the cluster what a gate wants to know, and wait until it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from math import ceil

from rrplan.fallback import NO_TABLES, FallbackTables
from rrplan.ids import NodeName
from rrplan.plans.cost import HOLD_SECONDS
from rrplan.plans.gate import Expectation, Gate, GateKind
from rrplan.plans.plan import Plan
from rrplan.ports import Asking, Clock, Datastore, Document, NodeReading, Probe, Survey, unheard
from rrplan.reports.gates import (
    GateFailed,
    Lack,
    NodeShort,
    NodesShort,
    PodKept,
    PodLeft,
    PodsKept,
    PodsLeft,
    PodState,
    RolloutLack,
    RolloutShort,
    Shortfall,
    StillHolding,
    Sweeping,
    Waiting,
)
from rrplan.resources import Node, Pod, ResourceKey, decode
from rrplan.resources.documents import at
from rrplan.resources.eviction import Eviction
from rrplan.runs.fallback import as_it_is, make_so

POLL_SECONDS = (1, 1, 1, 2, 2, 3, 5)
"""Between two looks while a gate waits; the last one repeats, so that a large cluster is not asked all the time."""


class Extent(StrEnum):
    """Whom a look asks."""

    EVERYBODY = "everybody"
    """All nodes of the gate."""
    REST = "rest"
    """The reflectors, and the nodes that did not pass yet."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a gate: what it lacks, None where it holds, and whether a BIRD is in graceful-restart recovery.

    `final` says that waiting does not help; `passed` are the nodes that have all that is expected of them.
    """

    lack: Lack | None = None
    recovering: bool = False
    final: bool = False
    passed: frozenset[NodeName] = frozenset()


class Watch:
    """One wait for a gate: looks at it, and remembers which nodes passed.

    A node that passed is not asked in the looks at the rest: it counts as passed until a reflector says that its
    session is down, or that a BIRD is in recovery.
    """

    def __init__(
        self,
        gate: Gate,
        node_sets: Mapping[str, tuple[NodeName, ...]],
        datastore: Datastore,
        probe: Probe,
        tables: FallbackTables = NO_TABLES,
    ) -> None:
        self._gate = gate
        self._node_sets = node_sets
        self._datastore = datastore
        self._probe = probe
        self._tables = tables
        self._passed: frozenset[NodeName] = frozenset()

    def look(self, extent: Extent = Extent.EVERYBODY, asking: Asking = unheard) -> Look:
        """Compare what the cluster says with what the gate expects; `asking` hears how far that is."""
        gate = self._gate
        match gate.kind:
            case GateKind.DRAINED:
                return _drained(gate, self._datastore)
            case GateKind.ROLLOUT:
                return _rolled_out(gate, self._datastore)
            case GateKind.FALLBACK | GateKind.NO_FALLBACK:
                spared = self._passed if extent is Extent.REST else frozenset()
                tables = make_so(gate, self._node_sets, self._tables, spared, self._away)
                self._passed = tables.passed
                return Look(tables.lack, final=tables.final, passed=tables.passed)
            case GateKind.ROUTES | GateKind.MESH | GateKind.UPLINKS:
                spared = self._passed if extent is Extent.REST else frozenset()
                seen = _compared(gate, self._node_sets, self._probe, spared, asking)
                self._passed = seen.passed
                return seen

    def _away(self, name: NodeName) -> bool:
        """Whether a node is deleted or not Ready."""
        stored = self._datastore.get(ResourceKey("Node", name))
        node = decode(stored.document) if stored else None
        return not isinstance(node, Node) or node.ready is False


def glimpse(
    gate: Gate,
    node_sets: Mapping[str, tuple[NodeName, ...]],
    datastore: Datastore,
    probe: Probe,
    tables: FallbackTables = NO_TABLES,
) -> Lack | None:
    """What a gate lacks at this moment, None where it holds; unlike a look of the run it changes nothing."""
    if gate.kind in (GateKind.FALLBACK, GateKind.NO_FALLBACK):
        return as_it_is(gate, node_sets, tables)
    if gate.kind is GateKind.DRAINED:
        pods = datastore.pods_to_evict(_node(gate))
        return PodsLeft(tuple(_left(pod, frozenset()) for pod in pods)) if pods else None
    return Watch(gate, node_sets, datastore, probe).look().lack


def undrainable(plan: Plan, datastore: Datastore) -> tuple[PodKept, ...]:
    """The pods that the drains of a plan would not evict."""
    drains = [gate for step in plan.steps for gate in step.gates if gate.kind is GateKind.DRAINED]
    return tuple(pod for gate in drains for pod in _kept(gate, datastore.pods_to_evict(_node(gate))))


def _node(gate: Gate) -> NodeName:
    assert gate.node is not None
    return gate.node


def _kept(gate: Gate, pods: Sequence[Pod]) -> Iterator[PodKept]:
    eviction = gate.eviction or Eviction()
    for pod in pods:
        refusal = eviction.refusal(pod)
        if refusal is not None:
            yield PodKept(pod.namespace, pod.name, pod.node, refusal)


def _drained(gate: Gate, datastore: Datastore) -> Look:
    pods = datastore.pods_to_evict(_node(gate))
    kept = tuple(_kept(gate, pods))
    if kept:
        # Like `kubectl drain`: nothing is evicted unless everything may be.
        return Look(PodsKept(kept), final=True)
    grace = gate.eviction.grace if gate.eviction else None
    held = {pod.key for pod in pods if not pod.terminating and not datastore.evict(pod.key, grace)}
    left = tuple(_left(pod, held) for pod in datastore.pods_to_evict(_node(gate)))
    return Look(PodsLeft(left) if left else None)


def _left(pod: Pod, held: Collection[ResourceKey]) -> PodLeft:
    return PodLeft(pod.namespace, pod.name, PodState.HELD if pod.key in held else PodState.TERMINATING)


def _rolled_out(gate: Gate, datastore: Datastore) -> Look:
    """What `kubectl rollout status` looks at (apps/v1 DaemonSetStatus), and pods that do not belong where they are."""
    assert gate.daemonset is not None
    name = str(gate.daemonset)
    stored = datastore.get(gate.daemonset)
    if stored is None:
        return Look(RolloutShort(name, RolloutLack.GONE), final=True)
    document = stored.document
    if _number(document, "status", "observedGeneration") < _number(document, "metadata", "generation"):
        return Look(RolloutShort(name, RolloutLack.UNSEEN))
    misscheduled = _number(document, "status", "numberMisscheduled")
    if misscheduled:
        return Look(RolloutShort(name, RolloutLack.MISSCHEDULED, "numberMisscheduled", misscheduled))
    wanted = max(gate.pods, _number(document, "status", "desiredNumberScheduled"))
    counts = {number: _number(document, "status", number) for number in ("updatedNumberScheduled", "numberAvailable")}
    fewest = min(counts, key=lambda number: counts[number])
    if gate.pods and counts[fewest] < wanted:
        return Look(RolloutShort(name, RolloutLack.PODS, fewest, counts[fewest], wanted))
    return Look()


def _number(document: Document, *path: str) -> int:
    value = at(document, path)
    return value if isinstance(value, int) else 0


def _compared(
    gate: Gate,
    node_sets: Mapping[str, tuple[NodeName, ...]],
    probe: Probe,
    spared: frozenset[NodeName],
    asking: Asking,
) -> Look:
    good: dict[tuple[NodeName, str], int] = {}
    asked: dict[tuple[NodeName, str], int] = {}
    shorts: dict[tuple[NodeName, str], NodeShort] = {}
    recovering = False
    for expectation, name, short in judged(gate.expectations, node_sets, probe, spared, asking):
        key = name, expectation.family
        asked[key] = asked.get(key, 0) + 1
        if short is None:
            good[key] = good.get(key, 0) + 1
            continue
        recovering = recovering or short.shortfall is Shortfall.RECOVERING
        shorts.setdefault(key, short)
    # `minimum` counts peers, in each family by itself: what one family has makes up for nothing in the other.
    failing = [
        key for key in shorts if good.get(key, 0) < (min(gate.minimum, asked[key]) if gate.minimum else asked[key])
    ]
    nodes = {name for name, _ in asked}
    passed = frozenset(nodes.difference(name for name, _ in failing))
    ready = len(passed)
    if ready * 100 >= gate.fraction * len(nodes) and not recovering:
        return Look(passed=passed)
    example = shorts[failing[0] if failing else next(iter(shorts))]
    return Look(NodesShort(ready, len(nodes), example), recovering=recovering, passed=passed)


def judged(
    expectations: Sequence[Expectation],
    node_sets: Mapping[str, tuple[NodeName, ...]],
    probe: Probe,
    spared: frozenset[NodeName] = frozenset(),
    asking: Asking = unheard,
) -> Iterator[tuple[Expectation, NodeName, NodeShort | None]]:
    """Each expectation of each node, and what the node lacks of it, None for nothing; every node is asked once.

    Nodes in `spared` are not asked: they lack what a reflector says that they lack.
    """
    nodes = sorted(_of(node_sets, expectations))
    inside = {expectation.peer for expectation in expectations if expectation.peer and not expectation.outside}
    peers = sorted(inside)
    reflecting = {expectation.outside for expectation in expectations if expectation.peer and expectation.outside}
    survey = Survey(
        nodes,
        peers,
        meshed=_of(node_sets, (expectation for expectation in expectations if expectation.mesh)),
        uplinked=_of(node_sets, (each for each in expectations if each.outside or each.direct)),
        spared=spared,
        reflecting=frozenset(reflecting),
    )
    readings = {reading.node: reading for reading in probe.read(survey, asking)}
    families = {expectation.family for expectation in expectations if expectation.peer}
    quiet = {family: probe.quiet(family) for family in families}
    for expectation in expectations:
        # Nodes that announce nothing are not waited for; they are nodes of the plan, or another check notices.
        without = node_sets.get(expectation.without, ())
        mute = quiet[expectation.family].difference(without) if expectation.peer else frozenset()
        for name in node_sets[expectation.nodes]:
            reading = readings.get(name)
            if name in spared and not _contradicts(expectation, reading):
                yield expectation, name, None
                continue
            wanted = expectation.count - len(mute) + (name in mute)
            yield expectation, name, _short(expectation, name, wanted, reading)


def _of(node_sets: Mapping[str, tuple[NodeName, ...]], expectations: Iterable[Expectation]) -> frozenset[NodeName]:
    """All nodes of which something is expected."""
    sets = {expectation.nodes for expectation in expectations}
    return frozenset(name for nodes in sets for name in node_sets[nodes])


def _contradicts(expectation: Expectation, reading: NodeReading | None) -> bool:
    """Whether the reflectors say that a node has no longer what it had when it was asked itself."""
    family = reading.families.get(expectation.family) if reading is not None else None
    if family is None:
        return False
    session = family.sessions.get(expectation.peer) if expectation.peer else None
    return family.recovering or (session is not None and not session.established)


def _short(expectation: Expectation, name: NodeName, wanted: int, reading: NodeReading | None) -> NodeShort | None:
    def short(shortfall: Shortfall, peer: str = "", *, found: int = 0, wanted: int = 0, why: str = "") -> NodeShort:
        return NodeShort(name, shortfall, expectation.family, peer, found, wanted, why)

    if reading is None:
        return short(Shortfall.NO_ANSWER)
    family = reading.families.get(expectation.family)
    if family is None:
        return short(Shortfall.NO_FAMILY)
    if family.recovering:
        return short(Shortfall.RECOVERING)
    if expectation.outside:
        uplink = family.uplinks.get(expectation.outside)
        if uplink is None or not uplink.established:
            return short(Shortfall.SESSION, expectation.outside, why=uplink.why if uplink else "")
        if expectation.peer and uplink.routes < wanted:
            return short(Shortfall.ROUTES, expectation.outside, found=uplink.routes, wanted=wanted)
        return None
    if expectation.direct:
        if family.direct_up >= expectation.count:
            return None
        return short(Shortfall.DIRECT_SESSIONS, found=family.direct_up, wanted=expectation.count)
    if expectation.peer is None:
        if family.mesh_up >= expectation.count:
            return None
        return short(Shortfall.MESH_SESSIONS, found=family.mesh_up, wanted=expectation.count)
    session = family.sessions.get(expectation.peer)
    if session is None or not session.established:
        return short(Shortfall.SESSION, expectation.peer, why=session.why if session else "")
    if session.routes < wanted:
        return short(Shortfall.ROUTES, expectation.peer, found=session.routes, wanted=wanted)
    return None


ASKING_SECONDS = 2
"""Between two words on how far a look is."""


def settle(
    gate: Gate,
    check: Callable[[Extent, Asking], Look],
    clock: Clock,
    waiting: Callable[[Waiting, int], None],
) -> GateFailed | None:
    """Wait until the gate holds for its stability time, and return None; else what it lacked when it timed out.

    The first look asks everybody. After it, the reflectors and the nodes that did not pass are asked, until nothing
    is missing and the stability time is over; then a closing look asks everybody again, and decides. So at the moment
    the gate passes, every node passed before the stability time began and again in the one closing look, and no
    reflector lost a session in between. What else goes down and comes back within the stability time, as a session of
    the mesh, is not seen.

    The timeout counts from the end of the first look, and is longer by what that look took, because the closing one
    takes as long: a node that lags in a long look is asked again. `waiting` hears of each look that does not end the
    wait, of how far a long look is, and for how many seconds the gate was waited for.
    """
    began = told = clock.now()

    def asking(asked: int, nodes: int) -> None:
        nonlocal told
        now = clock.now()
        if now - told >= ASKING_SECONDS and asked < nodes:
            told = now
            waiting(Sweeping(asked, nodes), round(now - began))

    extent = Extent.EVERYBODY
    rest = Extent.REST if gate.expectations else Extent.EVERYBODY
    swept: float | None = None
    holds_since: float | None = None
    recovered = 0.0
    for looks in count():
        closing = extent is Extent.EVERYBODY
        told = clock.now()
        seen = check(extent, asking)
        now = clock.now()
        swept = now if swept is None else swept
        if seen.lack is None:
            holds_since = now if holds_since is None else holds_since
            left = holds_since + gate.stable - now
            if left <= 0 and closing:
                return None
            waiting(StillHolding(gate.stable), round(now - began))
            extent = rest if left > HOLD_SECONDS else Extent.EVERYBODY
            clock.sleep(max(0, min(HOLD_SECONDS, left)))
        else:
            if seen.final:
                return GateFailed(gate.kind, gate.title, seen.lack, None)
            holds_since = None
            recovered = now - swept if seen.recovering else recovered
            limit = gate.recovery_timeout if seen.recovering else _limit(gate, recovered)
            left = swept + (swept - began) + limit - now
            if left <= 0:
                return GateFailed(gate.kind, gate.title, seen.lack, limit)
            waiting(seen.lack, round(now - began))
            extent = rest
            clock.sleep(min(POLL_SECONDS[min(looks, len(POLL_SECONDS) - 1)], left))
    raise AssertionError("a gate passes or times out")


def _limit(gate: Gate, recovered: float) -> int:
    """Seconds that a gate may take whose last recovery ended after so many: what waited for it has its time too."""
    return max(gate.timeout, min(gate.recovery_timeout, ceil(recovered) + gate.timeout))
