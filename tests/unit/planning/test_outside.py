"""Gates and runs with speakers outside: waiting until their side is up, and what they must have configured."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from rrplan import api, operations
from rrplan.cli.outside import command
from rrplan.errors import PolicyRefusal, PreflightError, UnsafePlanError, UsageProblem
from rrplan.ids import NodeName
from rrplan.planning.counterparts import counterparts
from rrplan.plans import Plan, read_plan
from rrplan.plans.gate import Expectation, Gate, GateKind
from rrplan.plans.plan import Tolerance
from rrplan.ports import (
    Asking,
    FamilyReading,
    NodeReading,
    NodeSessions,
    Probe,
    Survey,
    UplinkReading,
    unheard,
)
from rrplan.render.outside import CONFIGURATIONS
from rrplan.render.plan_json import write_plan
from rrplan.render.run import reason_text
from rrplan.reports.gates import GateFailed, NodeShort, NodesShort, Shortfall
from rrplan.resources import CalicoVersion, ClusterState, Node, encode
from rrplan.runs import Result
from rrplan.runs.gates import judged
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support import Bench
from tests.support.clusters import HEAD, VERSION, VERSIONS, mesh, node, peer, state

RR = """\
  outside:
    - {name: rr-east, address: 10.0.9.1, asNumber: 64512, reflects: {clusterID: 10.0.9.1}}
    - {name: rr-west, address: [10.0.9.2, "fd00::902"], asNumber: 64512, reflects: {clusterID: 10.0.9.2}}
"""
SPEC = HEAD + "spec:\n  topology: route-reflectors\n  groups: [{name: main, outside: [rr-east, rr-west]}]\n" + RR
PASSWORD = {"secretKeyRef": {"name": "bgp", "key": "word"}}


def plain() -> ClusterState:
    """Three nodes in a mesh, two of them with IPv6."""
    return state(node("a", 1, ipv6=True), node("b", 2, ipv6=True), node("c", 3), mesh(on=True))


def plan_of(cluster: ClusterState, text: str = SPEC) -> Plan:
    """The plan."""
    return api.plan(load(text.encode(), "spec.yaml"), Snapshot(cluster), version=VERSION)


def gates_of(plan: Plan, step: str) -> tuple[Gate, ...]:
    """The gates of a step."""
    return next(each.gates for each in plan.steps if each.id == step)


@pytest.mark.parametrize("version", ["v3.3.7", "v3.12.3", "v3.20.6"])
def test_before_v3_21_reflectors_outside_can_be_planned(version: str) -> None:
    """They are in no mesh: no session waits behind one (measured without loss on BIRD 1.6.8); nodes are refused."""
    told = CalicoVersion.parse(version)
    cluster = state(*(node(name, number) for number, name in enumerate("abcd", 1)), mesh(on=True))
    away = load((SPEC.replace(', "fd00::902"', "")).encode(), "spec.yaml")
    plan = api.plan(away, Snapshot(cluster), version=told)
    steps = ["create-peer/rrplan-main-rr-east", "create-peer/rrplan-main-rr-west", "await/clients", "mesh-off"]
    assert [str(step.id) for step in plan.steps] == steps
    assert plan.proof.violations == ()

    both = "clusterID: 1.0.0.1, nodes: {names: [a]}, outside: [rr-east]"
    beside = load(SPEC.replace("outside: [rr-east, rr-west]", both).encode(), "spec.yaml")
    with pytest.raises(PolicyRefusal, match="its reflectors stay in the mesh at one end or both"):
        api.plan(beside, Snapshot(cluster), version=told)


def test_gates_ask_for_the_routes_of_reflectors_outside() -> None:
    """Per node and family, and again before and after the mesh goes; a plan file keeps what they ask."""
    plan = plan_of(state(*(node(name, number) for number, name in enumerate("abc", 1)), mesh(on=True)))
    (gate,) = gates_of(plan, "create-peer/rrplan-main-rr-east")
    assert gate.kind is GateKind.ROUTES
    (east,) = gate.expectations
    assert (east.outside, east.peer, east.count, east.without) == ("10.0.9.1", "rr-east (outside)", 2, "")
    assert plan.node_sets[east.nodes] == ("a", "b", "c")
    (last,) = gates_of(plan, "mesh-off")
    assert {each.outside for each in last.expectations} == {"10.0.9.1", "10.0.9.2"}
    assert (last.minimum, read_plan(write_plan(plan), "plan")[0].steps) == (2, plan.steps)


def test_a_session_that_is_up_and_carries_too_little() -> None:
    """The gate counts the routes that came over the session of a reflector outside."""
    expectation = Expectation("all", "ipv4", 2, NodeName("rr-east (outside)"), outside="10.0.9.1")
    for routes, lacks in ((2, False), (1, True)):
        ((_, _, short),) = judged([expectation], {"all": (NodeName("a"),)}, Uplinked(routes))
        assert (short is not None) is lacks
        assert short is None or (short.shortfall, short.found, short.wanted) == (Shortfall.ROUTES, 1, 2)


class Uplinked:
    """A probe to which so many routes came over the session with 10.0.9.1."""

    def __init__(self, routes: int) -> None:
        self._routes = routes

    def read(self, survey: Survey, _asking: Asking = unheard) -> Sequence[NodeReading]:
        """The same of every node; the survey names the address."""
        assert survey.reflecting == {"10.0.9.1"}
        uplinks = {"10.0.9.1": UplinkReading(established=True, routes=self._routes)}
        return [NodeReading(name, {"ipv4": FamilyReading(False, {}, uplinks=uplinks)}) for name in survey.nodes]

    def quiet(self, _family: str) -> frozenset[NodeName]:
        """Nobody."""
        return frozenset()

    def sessions(self, _nodes: Collection[NodeName]) -> Sequence[NodeSessions]:
        """Nobody asks."""
        return []


def test_how_many_clients_a_reflector_outside_has() -> None:
    """What it can bear is not ours to say: the policy's limit is for reflectors among the nodes."""
    cluster = state(*(node(name, number) for number, name in enumerate("abc", 1)), mesh(on=True))
    assert plan_of(cluster, SPEC + "  policy: {maxClientsPerReflector: 1}\n").steps


def test_each_family_has_reflectors_of_its_own() -> None:
    """Two nodes speak IPv6, and one reflector does: the policy wants two."""
    with pytest.raises(UnsafePlanError) as refusal:
        plan_of(plain())
    invariants = {getattr(violation, "invariant", "") for violation in refusal.value.violations}
    assert "reflectors-per-client" in invariants
    assert "`rrplan outside SPEC` prints what the reflectors outside must have configured" in refusal.value.hints


def test_a_session_brought_by_a_label_is_gated_too() -> None:
    """A node that becomes a reflector gets a session to a switch that passes routes on: a gate asks for these."""
    text = HEAD + (
        "spec:\n  topology: route-reflectors\n  clusterID: 10.0.0.0\n  drain: true\n"
        "  policy: {minReflectorsPerClient: 1}\n  groups: [{name: main, nodes: {names: [a]}}]\n"
        "  outside: [{name: tor, address: 10.0.9.1, asNumber: 65000, transit: true}]\n"
    )
    cluster = state(
        *(node(name, number) for number, name in enumerate("abc", 1)),
        mesh(on=True),
        peer("tor", nodeSelector="has(rrplan.io/route-reflector)", peerIP="10.0.9.1", asNumber=65000),
    )
    plan = plan_of(cluster, text)
    asked = [each.outside for gate in gates_of(plan, "promote/a") for each in gate.expectations]
    assert "10.0.9.1" in asked
    (effect,) = next(proof.outside for proof in plan.proof.steps if proof.step == "promote/a")
    assert effect.tolerated is Tolerance.BY_ROUTES


def test_one_step_rests_on_no_session_that_it_brings() -> None:
    """From one reflector outside to another in one write: the new one may not be up, so the routes would be lost."""
    there = peer(
        "rrplan-main-rr", ours=True, nodeSelector="!has(rrplan.io/route-reflector)", peerIP="10.0.9.7", asNumber=64512
    )
    text = HEAD + (
        "spec:\n  topology: route-reflectors\n  policy: {minReflectorsPerClient: 1, exposure: {brief: 25s}}\n"
        "  groups: [{name: main, outside: [rr]}]\n"
        "  outside:\n"
        "    - {name: rr, address: 10.0.9.1, asNumber: 64512, reflects: {clusterID: 10.0.9.1}}\n"
        "    - {name: old, address: 10.0.9.7, asNumber: 64512, reflects: {clusterID: 10.0.9.7}}\n"
    )
    with pytest.raises(UnsafePlanError) as refusal:
        plan_of(state(*(node(name, number) for number, name in enumerate("abc", 1)), there, mesh(on=False)), text)
    assert {getattr(violation, "step", "") for violation in refusal.value.violations} == {"update-peer/rrplan-main-rr"}


def test_the_other_side_never_comes(tmp_path: Path) -> None:
    """The gate says which session is missing and what prints the other side; everything is taken back."""
    documents = [
        encode(resource) for resource in state(*(node(name, n) for n, name in enumerate("abc", 1)), mesh(on=True))
    ]
    bench = Bench(tmp_path, SPEC, documents=documents, faults=["outside-down=10.0.9.2"])
    assert bench.runner().apply() is Result.UNDONE
    assert bench.objects() == bench.before
    failed = GateFailed(
        GateKind.ROUTES, "t", NodesShort(0, 3, NodeShort(NodeName("a"), Shortfall.SESSION, "ipv4", "10.0.9.2")), 120
    )
    assert "`rrplan outside SPEC` prints what 10.0.9.2 must have configured" in reason_text(failed)


def test_a_speaker_outside_with_the_address_of_a_node() -> None:
    """It is no speaker outside."""
    with pytest.raises(PolicyRefusal, match=r"`rr-east` has the address 10\.0\.9\.1, which is node `x`'s"):
        plan_of(state(*plain(), Node(NodeName("x"), {}, ipv4="10.0.9.1")))


def test_waves_reach_reflectors_outside() -> None:
    """The clients of a wave get their sessions first, and the gate of the wave asks for all reflectors."""
    cluster = state(*(node(name, number) for number, name in enumerate("abcd", 1)), mesh(on=True))
    plan = plan_of(cluster, SPEC + "  rollout: {waves: [1]}\n")
    ids = [str(step.id) for step in plan.steps]
    assert ids.index("create-peer/rrplan-main-rr-east-wave") < ids.index("wave/1")
    assert ids.index("wave/2") < ids.index("create-peer/rrplan-main-rr-east")
    (gate,) = gates_of(plan, "wave/1")
    assert {each.outside for each in gate.expectations} == {"10.0.9.1", "10.0.9.2"}


def test_the_other_side_in_three_languages() -> None:
    """Addresses, AS numbers, clients and passwords by reference, of all nodes and of those of another AS."""
    cluster = state(
        node("a", 1),
        node("b.example", 2, as_number=65002),
        peer("hand", peerIP="10.0.9.1", asNumber=64512, password=PASSWORD, ttlSecurity=2),
        mesh(on=True),
    )
    spec = load(
        (HEAD + "spec:\n  topology: full-mesh\n" + RR).encode(),
        "spec.yaml",
    )
    (east, *west) = counterparts(spec, cluster, VERSIONS)
    assert [(each.node, each.client, each.secret) for each in east.neighbours] == [
        ("a", True, "bgp"),
        ("b.example", False, "bgp"),
    ]
    assert [(each.family, each.neighbours) for each in west] == [("ipv4", ()), ("ipv6", ())]
    bird, frr, junos = (CONFIGURATIONS[language](east) for language in ("bird", "frr", "junos"))
    assert "  rr cluster id 10.0.9.1;\n" in bird
    assert '  neighbor 10.0.0.1 as 64512;\n  rr client;\n  password "PASSWORD";  # password: key `word` of' in bird
    assert bird.count("rr client;") == 1
    assert "  neighbor 10.0.0.1 route-reflector-client\n" in frr
    assert " neighbor 10.0.0.2 remote-as 65002\n" in frr
    assert "  neighbor 10.0.0.2 route-reflector-client\n" not in frr
    assert "set protocols bgp group cluster-rr-east-internal-inet cluster 10.0.9.1\n" in junos
    assert "neighbor 10.0.0.2 peer-as 65002\n" in junos


def test_the_verb(tmp_path: Path) -> None:
    """A table for people, every form of `-o`, and words for a name that is not there."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    Bench(tmp_path / "bench", HEAD + "spec: {topology: full-mesh}\n", nodes=3)
    words = [str(tmp_path / "spec.yaml"), "--sandbox", str(tmp_path / "bench" / "cluster")]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert "rr-east: 10.0.9.1, AS 64512, reflects with cluster ID 10.0.9.1\n  node-001" in done.stdout
    for form in ("json", "bird", "frr", "junos"):
        assert "10.0.9.2" in CliRunner().invoke(command, [*words, "-o", form], catch_exceptions=False).stdout
    with pytest.raises(UsageProblem, match="`outside` has no speaker `rr-north`"):
        CliRunner().invoke(command, [*words, "--name", "rr-north"], catch_exceptions=False)
    (tmp_path / "spec.yaml").write_text(HEAD + "spec: {topology: full-mesh}\n")
    with pytest.raises(UsageProblem, match="names no speakers in `outside`"):
        CliRunner().invoke(command, words, catch_exceptions=False)


def test_a_snapshot_has_no_roles() -> None:
    """What speakers outside do comes from the spec alone: the same cluster without it has no route."""
    cluster = state(node("a", 1), node("b", 2), peer("rr", peerIP="10.0.9.1", asNumber=64512), mesh(on=False))
    plain_spec = load((HEAD + "spec:\n  topology: full-mesh\n").encode(), "spec.yaml")
    plan = api.plan(plain_spec, Snapshot(cluster))
    assert [step.id for step in plan.steps] == ["mesh-on"]


SWITCH = HEAD + (
    "spec:\n  topology: route-reflectors\n  clusterID: 10.0.0.0\n  drain: true\n"
    "  policy: {minReflectorsPerClient: 1}\n  groups: [{name: main, nodes: {names: [a]}}]\n"
    "  outside: [{name: monitor, address: 10.0.9.1, asNumber: 65000, required: false}]\n"
)


def monitored() -> ClusterState:
    """Two nodes in a mesh, with a session each to a speaker whose loss is nobody's concern; it is iBGP there."""
    monitor = peer("monitor", peerIP="10.0.9.1", asNumber=64512)
    return state(node("a", 1), node("b", 2), monitor, mesh(on=True))


def test_nobody_waits_for_what_is_not_required(tmp_path: Path) -> None:
    """No gate asks for its session when it restarts, and a run begins while it is down."""
    text = SWITCH.replace("65000", "64512")
    plan = plan_of(monitored(), text)
    (effect,) = next(proof.outside for proof in plan.proof.steps if proof.step == "promote/a")
    assert effect.tolerated is Tolerance.NOT_REQUIRED
    assert GateKind.UPLINKS not in {gate.kind for gate in gates_of(plan, "promote/a")}
    required = plan_of(monitored(), text.replace(", required: false", ""))
    assert GateKind.UPLINKS in {gate.kind for gate in gates_of(required, "promote/a")}

    bench = Bench(tmp_path, text, documents=[encode(resource) for resource in monitored()])
    cluster = api.embedded(bench.sandbox, tmp_path / "cluster")
    down = replace(cluster, probe=Silent(bench.sandbox))
    assert api.apply(bench.plan, down) is Result.DONE


def test_a_required_session_that_is_down(tmp_path: Path) -> None:
    """The same without `required: false`: the run does not begin."""
    text = SWITCH.replace("65000", "64512").replace(", required: false", "")
    bench = Bench(tmp_path, text, documents=[encode(resource) for resource in monitored()])
    cluster = api.embedded(bench.sandbox, tmp_path / "cluster")
    with pytest.raises(PreflightError, match=r"10\.0\.9\.1"):
        api.apply(bench.plan, replace(cluster, probe=Silent(bench.sandbox)))


class Silent:
    """A probe to which no session with 10.0.9.1 is up."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self.read, self.quiet = probe.read, probe.quiet

    def sessions(self, nodes: Collection[NodeName]) -> Sequence[NodeSessions]:
        """What nodes report, but for that."""
        return [
            NodeSessions(
                told.node,
                {
                    family: {address: "down" if address == "10.0.9.1" else why for address, why in sessions.items()}
                    for family, sessions in told.families.items()
                },
            )
            for told in self._probe.sessions(nodes)
        ]


def test_an_embedded_cluster_keeps_what_is_outside(tmp_path: Path) -> None:
    """Opened again it plays the same speakers, and `status` counts them as the last run's spec says."""
    cluster = state(*(node(name, number) for number, name in enumerate("abc", 1)), mesh(on=True))
    bench = Bench(tmp_path, SPEC, documents=[encode(resource) for resource in cluster])
    assert api.apply(bench.plan, api.embedded(bench.sandbox, tmp_path / "cluster")) is Result.DONE
    bench.reopen()
    assert bench.sandbox.roles == bench.spec.roles
    seen = operations.standings(api.embedded(bench.sandbox, tmp_path / "cluster"))
    assert [(standing.reflector, standing.expected, standing.complete) for standing in seen] == [
        ("rr-east (outside)", 3, 3),
        ("rr-west (outside)", 3, 3),
    ]
