"""What a gate makes of what nodes say, and how long it waits; the probe is a port, so it can say anything."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from rrplan.ids import NodeName
from rrplan.plans.gate import Expectation, Gate, GateKind
from rrplan.ports import (
    Asking,
    Datastore,
    FamilyReading,
    NodeReading,
    NodeSessions,
    Probe,
    SessionReading,
    Stored,
    Survey,
    UplinkReading,
    unheard,
)
from rrplan.render.run import lack_text, node_short_text, reason_text
from rrplan.reports.gates import (
    GateFailed,
    GateUnknown,
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
from rrplan.resources import Pod, ResourceKey
from rrplan.resources.eviction import Eviction, EvictionRefusal
from rrplan.runs.gates import Extent, Look, Watch, settle
from rrplan.sandbox import Sandbox, demo_cluster
from tests.support import JumpingClock

A, B, R, S = (NodeName(name) for name in ("a", "b", "r", "s"))
SETS = {"both": (A, B)}
ROUTES = Gate(
    GateKind.ROUTES,
    "every client holds every route",
    (Expectation("both", "ipv4", 3, R), Expectation("both", "ipv4", 3, S)),
    timeout=20,
    recovery_timeout=60,
    stable=10,
)


def says(node: NodeName, *, recovering: bool = False, mesh: int = 0, **routes: int | None) -> NodeReading:
    """A node's answer: routes by reflector, None for a session that is down."""
    sessions = {
        NodeName(peer): SessionReading(NodeName(peer), count is not None, count or 0) for peer, count in routes.items()
    }
    return NodeReading(node, {"ipv4": FamilyReading(recovering, sessions, mesh)})


@dataclass
class Told:
    """A probe that says what it is told, one list per look; the last one stays."""

    looks: list[list[NodeReading]]
    asked: list[tuple[list[NodeName], list[NodeName]]] = field(default_factory=list)
    spared: list[set[NodeName]] = field(default_factory=list)
    counted: list[tuple[set[NodeName], set[NodeName]]] = field(default_factory=list)
    """Of whom mesh sessions are counted, and of whom sessions to the outside are read."""
    mute: frozenset[NodeName] = frozenset()

    def read(self, survey: Survey, asking: Asking = unheard) -> Sequence[NodeReading]:
        """The next answer."""
        self.asked.append((list(survey.nodes), list(survey.peers)))
        self.counted.append((set(survey.meshed), set(survey.uplinked)))
        self.spared.append(set(survey.spared))
        asking(1, len(survey.nodes))
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def sessions(self, nodes: Collection[NodeName]) -> Sequence[NodeSessions]:
        """No gate asks."""
        return []

    def quiet(self, family: str) -> frozenset[NodeName]:
        """Who announces nothing."""
        return self.mute


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A datastore that a routes gate does not ask."""
    return Sandbox.make(tmp_path_factory.mktemp("sandbox"), demo_cluster(3, 1))


def look(gate: Gate, node_sets: Mapping[str, tuple[NodeName, ...]], datastore: Datastore, probe: Probe) -> Look:
    """A first look at a gate."""
    return Watch(gate, node_sets, datastore, probe).look()


def short(node: NodeName, shortfall: Shortfall, peer: str = "", found: int = 0, wanted: int = 0) -> NodeShort:
    """What a node lacks in IPv4."""
    return NodeShort(node, shortfall, "ipv4", peer, found, wanted)


DOWN = short(A, Shortfall.SESSION, R)
RECOVERS = short(A, Shortfall.RECOVERING)
CASES = [
    ("all there", [says(A, r=3, s=3), says(B, r=4, s=3)], 100, 0, None),
    ("a session is down", [says(A, r=None, s=3), says(B, r=3, s=3)], 100, 0, NodesShort(1, 2, DOWN)),
    ("unknown session", [says(A, s=3), says(B, r=3, s=3)], 100, 0, NodesShort(1, 2, DOWN)),
    (
        "routes are missing",
        [says(A, r=3, s=2), says(B, r=3, s=3)],
        100,
        0,
        NodesShort(1, 2, short(A, Shortfall.ROUTES, S, 2, 3)),
    ),
    ("a node is silent", [says(B, r=3, s=3)], 100, 0, NodesShort(1, 2, short(A, Shortfall.NO_ANSWER))),
    (
        "a family is missing",
        [NodeReading(A, {}), says(B, r=3, s=3)],
        100,
        0,
        NodesShort(1, 2, short(A, Shortfall.NO_FAMILY)),
    ),
    ("half is enough", [says(A, r=None, s=None), says(B, r=3, s=3)], 50, 0, None),
    ("half is not enough", [says(A, r=None, s=None), says(B, r=3, s=3)], 51, 0, NodesShort(1, 2, DOWN)),
    ("one of two reflectors is enough", [says(A, r=None, s=3), says(B, r=3, s=None)], 100, 1, None),
    ("two are wanted", [says(A, r=None, s=3), says(B, r=3, s=3)], 100, 2, NodesShort(1, 2, DOWN)),
    ("recovery", [says(A, r=3, s=3, recovering=True), says(B, r=3, s=3)], 100, 0, NodesShort(1, 2, RECOVERS)),
    (
        "recovery counts whatever the fraction",
        [says(A, r=3, s=3, recovering=True), says(B, r=3, s=3)],
        50,
        0,
        NodesShort(1, 2, RECOVERS),
    ),
]


@pytest.mark.parametrize(("name", "answers", "fraction", "minimum", "lack"), CASES, ids=[case[0] for case in CASES])
def test_routes(
    name: str, answers: list[NodeReading], fraction: int, minimum: int, lack: NodesShort | None, cluster: Sandbox
) -> None:
    """A gate passes, or says which node misses what."""
    gate = Gate(
        ROUTES.kind, ROUTES.title, ROUTES.expectations, timeout=20, stable=10, fraction=fraction, minimum=minimum
    )
    found = look(gate, SETS, cluster, Told([answers]))
    assert found.lack == lack
    assert found.recovering is ("recovery" in name)


def test_minimum_counts_in_each_family_by_itself(cluster: Sandbox) -> None:
    """Two of two reflectors in IPv4 make up for nothing in IPv6: pooled, every IPv6 session could be down."""
    expectations = tuple(Expectation("both", family, 3, peer) for family in ("ipv4", "ipv6") for peer in (R, S))
    gate = replace(ROUTES, expectations=expectations, minimum=1)

    def both(node: NodeName, *, ipv6: bool) -> NodeReading:
        good = says(node, r=3, s=3).families["ipv4"]
        bad = says(node, r=None, s=None).families["ipv4"]
        return NodeReading(node, {"ipv4": good, "ipv6": good if ipv6 else bad})

    assert look(gate, SETS, cluster, Told([[both(A, ipv6=True), both(B, ipv6=True)]])).lack is None
    found = look(gate, SETS, cluster, Told([[both(A, ipv6=True), both(B, ipv6=False)]]))
    assert found.lack == NodesShort(1, 2, NodeShort(B, Shortfall.SESSION, "ipv6", R))


UPLINKS = [
    ("up", {"192.0.2.1": UplinkReading(established=True)}, None),
    (
        "down",
        {"192.0.2.1": UplinkReading(established=False, why="BIRD says `start Active`")},
        replace(short(B, Shortfall.SESSION, "192.0.2.1"), why="BIRD says `start Active`"),
    ),
    ("not configured", {}, short(B, Shortfall.SESSION, "192.0.2.1")),
]


@pytest.mark.parametrize(("name", "told", "lacking"), UPLINKS, ids=[case[0] for case in UPLINKS])
def test_uplinks(name: str, told: dict[str, UplinkReading], lacking: NodeShort | None, cluster: Sandbox) -> None:
    """A session to the outside is asked of its node alone."""
    gate = Gate(GateKind.UPLINKS, "uplinks", (Expectation("both", "ipv4", 1, outside="192.0.2.1"),), stable=10)
    good = {"192.0.2.1": UplinkReading(established=True)}
    answers = [
        NodeReading(node, {"ipv4": FamilyReading(False, {}, 0, uplinks)}) for node, uplinks in ((A, good), (B, told))
    ]
    assert look(gate, SETS, cluster, Told([answers])).lack == (NodesShort(1, 2, lacking) if lacking else None)


def test_mesh(cluster: Sandbox) -> None:
    """Mesh sessions are counted."""
    gate = Gate(GateKind.MESH, "mesh", (Expectation("both", "ipv4", 2),), timeout=20, stable=10)
    assert look(gate, SETS, cluster, Told([[says(A, mesh=2), says(B, mesh=2)]])).lack is None
    found = look(gate, SETS, cluster, Told([[says(A, mesh=2), says(B, mesh=1)]]))
    assert found.lack == NodesShort(1, 2, short(B, Shortfall.MESH_SESSIONS, found=1, wanted=2))


def test_sessions_of_whatever_kind(cluster: Sandbox) -> None:
    """Between nodes that do not reflect they are counted, whether the mesh or BGPPeers make them."""
    gate = Gate(GateKind.MESH, "sessions", (Expectation("both", "ipv4", 3, direct=True),), timeout=20, stable=10)

    def said(node: NodeName, direct_up: int) -> NodeReading:
        return NodeReading(node, {"ipv4": FamilyReading(False, {}, 1, direct_up=direct_up)})

    assert look(gate, SETS, cluster, Told([[said(A, 3), said(B, 4)]])).lack is None
    probe = Told([[said(A, 3), said(B, 2)]])
    assert look(gate, SETS, cluster, probe).lack == NodesShort(
        1, 2, short(B, Shortfall.DIRECT_SESSIONS, found=2, wanted=3)
    )
    assert probe.counted == [({A, B}, {A, B})]
    assert node_short_text(short(B, Shortfall.DIRECT_SESSIONS, found=2, wanted=3)) == (
        f"{B}: 2 of 3 sessions with other nodes (ipv4)"
    )


def test_a_look_says_what_it_wants_of_whom(cluster: Sandbox) -> None:
    """Mesh sessions are counted, and uplinks read, only where they are expected."""
    sets = {**SETS, "first": (A,)}
    mesh, uplink = Expectation("both", "ipv4", 2), Expectation("first", "ipv4", 1, outside="192.0.2.1")
    routes = Expectation("both", "ipv4", 3, R)
    for expectations, wanted in [
        ((mesh,), ({A, B}, set())),
        ((routes, uplink), (set(), {A})),
        ((routes,), (set(), set())),
    ]:
        probe = Told([[says(A, mesh=2), says(B, mesh=2)]])
        look(Gate(GateKind.MESH, "mesh", expectations, timeout=20, stable=10), sets, cluster, probe)
        assert probe.counted == [wanted]


def test_asks_each_node_once_for_all_reflectors(cluster: Sandbox) -> None:
    """One look is one question to the probe."""
    probe = Told([[says(A, r=3, s=3), says(B, r=3, s=3)]])
    look(ROUTES, SETS, cluster, probe)
    assert probe.asked == [([A, B], [R, S])]


def test_drained(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A drain gate evicts and waits for the pods to be gone."""
    sandbox = Sandbox.make(tmp_path_factory.mktemp("sandbox"), demo_cluster(8, 2))
    stored = sandbox.get(ResourceKey("Node", "rr-1"))
    assert stored is not None
    sandbox.patch(ResourceKey("Node", "rr-1"), {"spec": {"unschedulable": True}}, stored.version)
    gate = Gate(GateKind.DRAINED, "drained", node=NodeName("rr-1"), timeout=20, stable=0)
    assert look(gate, {}, sandbox, Told([[]])) == Look()


def drains(eviction: Eviction | None = None) -> Gate:
    """The gate of a drain."""
    return Gate(GateKind.DRAINED, "empty", node=NodeName("rr-1"), timeout=20, stable=0, eviction=eviction)


class Pods:
    """Implements what a drain asks of a Datastore: pods that stay until they have been asked to go twice."""

    def __init__(self, *pods: Pod, held: frozenset[str] = frozenset()) -> None:
        self.pods = list(pods)
        self.held = held
        self.asked: list[tuple[str, int | None]] = []

    def pods_to_evict(self, node: NodeName) -> list[Pod]:
        """Those of the node."""
        return [pod for pod in self.pods if pod.node == node]

    def evict(self, pod: ResourceKey, grace: int | None = None) -> bool:
        """It begins to end, unless it is held."""
        self.asked.append((pod.name, grace))
        if pod.name not in self.held:
            self.pods = [replace(one, terminating=True) if one.key == pod else one for one in self.pods]
        return pod.name not in self.held


def pod(name: str, owner: str = "ReplicaSet", *, local_data: bool = False) -> Pod:
    """A pod on rr-1."""
    return Pod(name, "x", NodeName("rr-1"), owner, local_data=local_data)


def test_drain_says_what_each_pod_waits_for() -> None:
    """Pods that end are not asked again; those that a budget holds are."""
    pods = Pods(pod("a"), pod("b"), held=frozenset({"b"}))
    gate = drains(Eviction(grace=7))
    found = look(gate, {}, pods, Told([[]]))  # type: ignore[arg-type]
    assert found.lack == PodsLeft((PodLeft("x", "a", PodState.TERMINATING), PodLeft("x", "b", PodState.HELD)))
    assert lack_text(found.lack) == "2 of its pods are left: x/a is terminating, x/b is held by a PodDisruptionBudget"
    look(gate, {}, pods, Told([[]]))  # type: ignore[arg-type]
    assert pods.asked == [("a", 7), ("b", 7), ("b", 7)]
    many = look(drains(), {}, Pods(*(pod(f"p{n}") for n in range(9))), Told([[]]))  # type: ignore[arg-type]
    assert many.lack is not None
    assert lack_text(many.lack).endswith("x/p4 is terminating and 4 more")


@pytest.mark.parametrize(
    ("one", "allowed", "refusal", "words"),
    [
        (
            pod("a", ""),
            Eviction(force=True),
            EvictionRefusal.NO_CONTROLLER,
            "x/a on rr-1 has no controller that makes it again (`force` evicts it)",
        ),
        (
            pod("a", local_data=True),
            Eviction(delete_empty_dir_data=True),
            EvictionRefusal.LOCAL_DATA,
            "x/a on rr-1 has data in an emptyDir (`deleteEmptyDirData` evicts it)",
        ),
    ],
    ids=["unmanaged", "local data"],
)
def test_drain_refuses(one: Pod, allowed: Eviction, refusal: EvictionRefusal, words: str) -> None:
    """What would be lost is not evicted, and nothing else is before that is settled; waiting does not help."""
    pods = Pods(pod("b"), one)
    found = look(drains(), {}, pods, Told([[]]))  # type: ignore[arg-type]
    assert found.final
    assert found.lack == PodsKept((PodKept("x", "a", NodeName("rr-1"), refusal),))
    assert not pods.asked
    failed, clock = settled([found])
    assert failed == GateFailed(ROUTES.kind, ROUTES.title, found.lack, None)
    assert reason_text(failed) == f"{ROUTES.title}: {words}"
    assert clock.now() == JumpingClock().now()
    assert not look(drains(allowed), {}, pods, Told([[]])).final  # type: ignore[arg-type]
    assert len(pods.asked) == 2


class Sets:
    """Implements what a rollout asks of a Datastore: one DaemonSet with a status."""

    def __init__(self, **status: int) -> None:
        self.document = {"metadata": {"generation": 2}, "status": {"observedGeneration": 2, **status}}

    def get(self, key: ResourceKey) -> Stored | None:
        """The DaemonSet."""
        return Stored(self.document, "1") if key.name == "calico-rr" else None


def rollout(lack: RolloutLack, number: str = "", found: int = 0, wanted: int = 0) -> RolloutShort:
    """What the rollout of the DaemonSet lacks."""
    return RolloutShort("DaemonSet/x/calico-rr", lack, number, found, wanted)


UPDATED, AVAILABLE = "updatedNumberScheduled", "numberAvailable"
ROLLOUTS = [
    ({"observedGeneration": 1}, 0, rollout(RolloutLack.UNSEEN), "its controller has not seen the change"),
    (
        {"numberMisscheduled": 1},
        0,
        rollout(RolloutLack.MISSCHEDULED, "numberMisscheduled", 1),
        "1 of its pods still run where none belongs",
    ),
    ({}, 0, None, ""),
    ({}, 2, rollout(RolloutLack.PODS, UPDATED, 0, 2), "0 of 2 pods are available"),
    (
        {"desiredNumberScheduled": 3, UPDATED: 3, AVAILABLE: 2},
        2,
        rollout(RolloutLack.PODS, AVAILABLE, 2, 3),
        "2 of 3 pods are available",
    ),
    (
        {"desiredNumberScheduled": 2, UPDATED: 1, AVAILABLE: 2},
        2,
        rollout(RolloutLack.PODS, UPDATED, 1, 2),
        "1 of 2 pods are available",
    ),
    ({"desiredNumberScheduled": 2, UPDATED: 2, AVAILABLE: 2}, 2, None, ""),
]


@pytest.mark.parametrize(("status", "pods", "lack", "text"), ROLLOUTS, ids=[case[3] or "done" for case in ROLLOUTS])
def test_rollout(status: dict[str, int], pods: int, lack: RolloutShort | None, text: str) -> None:
    """What `kubectl rollout status` waits for, and pods that shall be gone."""
    gate = Gate(GateKind.ROLLOUT, "rolled out", daemonset=ResourceKey("DaemonSet", "calico-rr", "x"), pods=pods)
    seen = look(gate, {}, Sets(**status), Told([[]]))  # type: ignore[arg-type]
    assert seen.lack == lack
    assert (lack_text(lack) if lack else "") == text


def test_rollout_of_nothing() -> None:
    """A DaemonSet that is gone does not come back by waiting."""
    gate = Gate(GateKind.ROLLOUT, "rolled out", daemonset=ResourceKey("DaemonSet", "gone", "x"))
    seen = look(gate, {}, Sets(), Told([[]]))  # type: ignore[arg-type]
    assert seen == Look(RolloutShort("DaemonSet/x/gone", RolloutLack.GONE), final=True)
    assert seen.lack is not None
    assert lack_text(seen.lack) == "DaemonSet/x/gone is gone"


LACK = GateUnknown("bad")
GOOD, BAD, RECOVERING = Look(), Look(LACK), Look(LACK, recovering=True)


def settled(looks: list[Look]) -> tuple[GateFailed | None, JumpingClock]:
    """The failure of a gate that sees these looks (the last one stays), and its clock."""
    clock = JumpingClock()
    given = iter(looks)
    failed = settle(ROUTES, lambda *_: next(given, looks[-1]), clock, lambda *_: None)
    return failed, clock


def test_must_hold_without_a_break() -> None:
    """A flap begins the stability time again."""
    steady, clock = settled([GOOD])
    assert (steady, clock.now()) == (None, 1010)
    flapping, clock = settled([GOOD, GOOD, GOOD, BAD, GOOD])
    assert flapping is None
    assert clock.now() > 1016


def test_who_waits_hears_whether_the_gate_holds() -> None:
    """Until it passes what is missing, and then that nothing is missing but time."""
    heard: list[Waiting] = []
    given = iter([BAD, GOOD])
    settle(ROUTES, lambda *_: next(given, GOOD), JumpingClock(), lambda lack, _: heard.append(lack))
    assert heard[0] == LACK
    assert set(heard[1:]) == {StillHolding(10)}
    assert lack_text(StillHolding(10)) == "holds, must hold 10 s"


def test_date_that_jumps_moves_no_gate() -> None:
    """An hour forth and back at each look: neither stability nor timeout is reached a second earlier or later."""
    for looks, seconds in (([GOOD], 10), ([BAD], 20), ([RECOVERING], 60), ([BAD, GOOD], 11)):
        _, clock = settled(looks)
        assert sum(clock.waits) == seconds


def test_times_out_in_words() -> None:
    """Not a second later than the timeout."""
    failed, clock = settled([BAD])
    assert failed == GateFailed(GateKind.ROUTES, ROUTES.title, LACK, 20)
    assert reason_text(failed) == "gate timed out after 20 s: every client holds every route; bad"
    assert clock.now() == 1020


def test_recovery_is_waited_for_longer() -> None:
    """Graceful-restart recovery may take 240 s by BIRD's own timer; it has its own timeout."""
    failed, clock = settled([RECOVERING])
    assert failed is not None
    assert failed.timeout == 60
    assert clock.now() == 1060


def test_what_waited_for_a_recovery_has_its_time_too() -> None:
    """A gate whose recovery ended after the timeout is not given up at the next look, nor waited for for ever."""
    passed, clock = settled([*[RECOVERING] * 10, BAD, GOOD])
    assert passed is None
    assert clock.now() - 1000 > ROUTES.timeout + ROUTES.stable
    for recoveries, seconds in ((2, 21), (10, 45), (14, 60)):
        failed, clock = settled([*[RECOVERING] * recoveries, BAD])
        assert failed is not None
        assert clock.now() - 1000 == failed.timeout == seconds


def test_looks_less_often_with_time() -> None:
    """A large cluster is not asked all the time."""
    _, clock = settled([RECOVERING])
    assert clock.waits[:7] == [1, 1, 1, 2, 2, 3, 5]
    assert max(clock.waits) == 5


ALL, REST = Extent.EVERYBODY, Extent.REST


def test_a_node_that_passed_is_not_asked_again(cluster: Sandbox) -> None:
    """Until the closing look, only the others are; a reflector that says no of it puts it among them again."""
    good, late = says(B, r=3, s=3), says(A, r=None, s=3)
    nothing, lost = NodeReading(B, {}), says(B, r=3, s=None)
    probe = Told([[late, good], [late, nothing], [says(A, r=3, s=3), lost], [says(A, r=3, s=3), good]])
    watch = Watch(ROUTES, SETS, cluster, probe)
    lacks = [watch.look(extent).lack for extent in (ALL, REST, REST, REST, ALL)]
    assert lacks == [
        NodesShort(1, 2, DOWN),
        NodesShort(1, 2, DOWN),
        NodesShort(1, 2, short(B, Shortfall.SESSION, S)),
        None,
        None,
    ]
    assert probe.spared == [set(), {B}, {B}, {A}, set()]


def test_what_a_reflector_does_not_know_of_a_spared_node_is_no_lack(cluster: Sandbox) -> None:
    """Of its routes, its mesh and its uplinks the reflectors say nothing: the closing look asks for these."""
    expectations = (
        Expectation("both", "ipv4", 2),
        Expectation("both", "ipv4", 3, R),
        Expectation("both", "ipv4", 1, outside="x"),
    )
    up = {"x": UplinkReading(established=True)}
    session = {R: SessionReading(R, established=True, routes=3)}
    whole = [NodeReading(node, {"ipv4": FamilyReading(False, session, 2, up)}) for node in (A, B)]
    known = {R: SessionReading(R, established=True, routes=0)}
    probe = Told([whole, [NodeReading(A, {"ipv4": FamilyReading(False, known)})], whole[:1]])
    watch = Watch(replace(ROUTES, expectations=expectations), SETS, cluster, probe)
    assert [watch.look(extent).lack for extent in (ALL, REST)] == [None, None]
    assert watch.look().lack == NodesShort(1, 2, short(B, Shortfall.NO_ANSWER))


def test_recovery_that_a_reflector_tells_is_a_lack_of_a_spared_node(cluster: Sandbox) -> None:
    """Nothing passes while a BIRD is in recovery, whoever was asked."""
    probe = Told([[says(A, r=3, s=3), says(B, r=3, s=3)], [says(A, r=3, recovering=True)], [says(A, r=3, s=3)]])
    watch = Watch(ROUTES, SETS, cluster, probe)
    watch.look()
    assert watch.look(REST).recovering
    watch.look(REST)
    assert probe.spared == [set(), {A, B}, {B}]


class Slow:
    """Looks of which one at everybody takes as long as it is told; they see what they are told."""

    def __init__(self, sees: Sequence[Look], seconds: float) -> None:
        self.clock = JumpingClock()
        self.extents: list[Extent] = []
        self.heard: list[tuple[Waiting, int]] = []
        self._sees = iter(sees)
        self._last = sees[-1]
        self._seconds = seconds

    def look(self, extent: Extent, asking: Asking) -> Look:
        """The next look; it says how far it is four times."""
        self.extents.append(extent)
        for asked in range(1, 5):
            self.clock.sleep(self._seconds / 4 if extent is ALL else 0)
            asking(asked * 1000, 4000)
        return next(self._sees, self._last)

    def settle(self, gate: Gate = ROUTES) -> GateFailed | None:
        """Wait for a gate."""
        return settle(gate, self.look, self.clock, lambda lack, waited: self.heard.append((lack, waited)))


def test_two_looks_ask_everybody() -> None:
    """The first and the closing one; those between are at the rest."""
    quick = Slow([GOOD], 0)
    assert quick.settle() is None
    assert quick.extents == [ALL, REST, REST, REST, REST, ALL]
    once = Slow([GOOD], 0)
    assert once.settle(replace(ROUTES, stable=0)) is None
    assert once.extents == [ALL]


def test_the_closing_look_decides() -> None:
    """Nodes that passed one after the other must pass together; who fails then is waited for again."""
    late = Slow([BAD, GOOD, BAD, GOOD, GOOD], 0)
    assert late.settle(replace(ROUTES, stable=0)) is None
    assert late.extents == [ALL, REST, ALL, REST, ALL]


def test_a_long_look_is_no_timeout() -> None:
    """A node that lags while thousands are asked has the whole timeout after that; the closing look has its time."""
    slow = Slow([BAD, GOOD, GOOD, GOOD, GOOD, GOOD, BAD, GOOD], 100)
    assert slow.settle() is None
    assert slow.extents.count(ALL) == 3
    stuck = Slow([BAD], 100)
    failed = stuck.settle()
    assert failed is not None
    assert failed.timeout == 20
    assert stuck.clock.now() == 1000 + 100 + 20 + 100


def test_who_waits_hears_how_far_a_long_look_is() -> None:
    """Every few seconds, and not at its end."""
    slow = Slow([BAD, GOOD], 8)
    slow.settle()
    assert slow.heard[:4] == [
        (Sweeping(1000, 4000), 2),
        (Sweeping(2000, 4000), 4),
        (Sweeping(3000, 4000), 6),
        (LACK, 8),
    ]
    assert lack_text(Sweeping(3120, 5000)) == "3,120 of 5,000 nodes asked"
    quick = Slow([BAD, GOOD], 0)
    quick.settle()
    assert not [lack for lack, _ in quick.heard if isinstance(lack, Sweeping)]
