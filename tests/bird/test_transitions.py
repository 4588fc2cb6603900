"""Single transitions on real BIRD in which doubt decides: what the model says of them, taken rightly and wrongly."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from rrplan import api
from rrplan.bgp import connections, model
from rrplan.bgp.adjacency import Adjacency, adjacency
from rrplan.bgp.connections import Converged, converged
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.speaker import Speaker
from rrplan.ids import NodeName, StepId
from rrplan.planning.promise import Pair, Promise, exposed_pairs, held_pairs, promises, reflecting, states
from rrplan.plans import Plan
from rrplan.rehearsal.isolation import isolated
from rrplan.rehearsal.judging import Judge, Window
from rrplan.resources import BGPConfiguration, BGPPeer, CalicoVersion, ClusterState, Node
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.bird.cases import Crossing, cross, held_in_turn
from tests.bird.drawing import Case
from tests.bird.laboratory import lacking
from tests.conftest import lacks
from tests.support.scenarios import FOLDER

pytestmark = [pytest.mark.bird, pytest.mark.slow]

DEMOTED = StepId("demote/r1")
BACK = b"""apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: back}
spec: {topology: full-mesh, drain: true, policy: {exposure: {brief: 30s}}}
"""


@pytest.fixture(autouse=True)
def parts() -> None:
    """A laboratory can be made here."""
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")


def test_doubt_does_not_hide_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second BGPPeer for the same sessions: what goes away is what the plan exposes, and not what it once said.

    Once a session that BGPPeers disagree about was taken to be absent before and after, so that nothing was lost with
    it; the same recording contradicts a plan that says so.
    """
    cluster = (FOLDER / "second-peer-for-the-same-sessions" / "cluster.yaml").read_bytes()
    snapshot = snapshot_of_manifests([("cluster.yaml", cluster)])
    state, versions = snapshot.state, calico_versions(snapshot.state)
    plan = api.plan(load(BACK, "spec.yaml"), snapshot)
    place = [step.id for step in plan.steps].index(DEMOTED)
    chain = [*states(plan, state)]
    crossing = isolated(lambda: cross(Case(chain[place], chain[place + 1], versions), 0.5))
    assert (crossing.before["more"], crossing.before["less"]) == ([], [])
    assert len(crossing.away()) > 3

    promise = promises(plan, state, versions)[DEMOTED]
    assert _contradictions(plan, state, promise, crossing) == []
    monkeypatch.setattr(connections, "adjacency", _absent_where_disputed)
    monkeypatch.setattr(model, "converged", _certain_alone)
    blind = promises(plan, state, versions)[DEMOTED].exposed
    assert not blind & {pair for pair, _ in crossing.away()}
    (text,) = _contradictions(plan, state, replace(promise, exposed=blind), crossing)
    assert text.startswith("while `demote/r1` takes effect, ")
    assert text.endswith("the proof says that nobody but exposed pairs is without a route")


def test_held_before_and_lost_for_certain() -> None:
    """A BGPPeer with another AS number beside the mesh: real BIRD holds the routes of x until x leaves the mesh.

    Before, the session may be up; afterwards, none can be. What may be held counts before, what is certain afterwards.
    """
    cluster = (FOLDER / "leftover-peer-with-a-wrong-as" / "cluster.yaml").read_bytes()
    before = snapshot_of_manifests([("cluster.yaml", cluster)]).state
    versions = calico_versions(before)
    x = before.nodes[NodeName("x")]
    after = before.put(replace(x, cluster_id="224.0.0.1"))
    pairs = {Pair("ipv4", name, x.name) for name in before.nodes if name != x.name}

    assert isolated(lambda: held_in_turn(before, after, versions, pairs)) == [pairs, set()]
    assert pairs <= held_pairs(before, versions, Doubt.FOR)
    assert not pairs & held_pairs(before, versions)
    assert not pairs & held_pairs(after, versions, Doubt.FOR)
    assert pairs <= exposed_pairs(before, after, versions)


@pytest.mark.parametrize("links", ["AS numbers", "cluster IDs"])
def test_outside_speaker_hears_the_best_path_alone(links: str) -> None:
    """n hands a route of x on to an iBGP speaker outside, until a new session brings it a better path that it does not.

    With three AS numbers that path is iBGP, and n is no reflector. With three cluster IDs it went through n's own
    already. Whoever negotiates `add paths` hears the other path all the same; a switch does not.
    """
    nodes, before_links, new = (_three_as_numbers if links == "AS numbers" else _three_cluster_ids)()
    off = BGPConfiguration("default", mesh_enabled=False, spec={"nodeToNodeMeshEnabled": False})
    outside = _peer("outside", "n", "10.0.9.2", 64512)
    before = ClusterState.of([*nodes, off, outside, *before_links])
    after = ClusterState.of([*nodes, off, outside, *before_links, *new])
    versions = Versions(CalicoVersion(3, 30), "test", {})
    crossing = isolated(lambda: cross(Case(before, after, versions), 0.0))
    if (crossing.before["more"], crossing.before["less"]) != ([], []):
        pytest.fail("it is another disagreement that comes first")
    safe = held_pairs(before, versions, Doubt.FOR) - exposed_pairs(before, after, versions)
    assert {pair for pair, _ in crossing.away()} & safe == set()


Network = tuple[list[Node], list[BGPPeer], list[BGPPeer]]
"""Nodes, BGPPeers, and those that come."""


def _three_as_numbers() -> Network:
    n, m, b, x = _speaker("n", 1), _speaker("m", 2), _speaker("b", 3, 65001), _speaker("x", 4, 65002)
    return [n, m, b, x], [*_between(n, b), *_between(b, x), *_between(m, x)], _between(n, m)


def _three_cluster_ids() -> Network:
    n, r = _speaker("n", 1, cluster_id="1.1.1.1"), _speaker("r", 2, cluster_id="1.1.1.1")
    q, p = _speaker("q", 3, cluster_id="2.2.2.2"), _speaker("p", 4, cluster_id="3.3.3.3")
    x = _speaker("x", 5)
    links = [*_between(r, x), *_between(q, x), *_between(q, p), *_between(p, n)]
    # By selectors, so that neither regards the other as its client.
    ends = {"nodeSelector": "name == 'n'", "peerSelector": "name == 'r'"}
    new = BGPPeer("n-r", node_selector=ends["nodeSelector"], peer_selector=ends["peerSelector"], spec=ends)
    return [n, r, q, p, x], links, [new]


def _speaker(name: str, number: int, as_number: int | None = None, cluster_id: str = "") -> Node:
    labels = {"name": name}
    return Node(NodeName(name), labels, ipv4=f"10.0.0.{number}", as_number=as_number, cluster_id=cluster_id)


def _between(one: Node, other: Node) -> list[BGPPeer]:
    return [
        _peer(f"{here.name}-{there.name}", here.name, there.ipv4, there.as_number or 64512)
        for here, there in ((one, other), (other, one))
    ]


def _peer(name: str, node: str, address: str, as_number: int) -> BGPPeer:
    spec = {"node": node, "peerIP": address, "asNumber": as_number}
    return BGPPeer(name, node=node, peer_ip=address, as_number=as_number, spec=spec)


def _contradictions(plan: Plan, state: ClusterState, promise: Promise, crossing: Crossing) -> list[str]:
    """What a rehearsal of the plan says of the recording, if that is all the plan promises."""
    judge = Judge(plan, {promise.step: promise}, crossing.origins, frozenset(), reflecting(plan, state))
    return judge.findings(crossing.recording, [Window(promise.step, False, 0.0, float("inf"))]).contradictions


def _absent_where_disputed(
    own: Speaker, here: Sequence[Protocol], other: Speaker, there: Sequence[Protocol]
) -> Adjacency:
    found = adjacency(own, here, other, there)
    disputed = any(protocol.disputed for protocol in (*here, *there))
    return Adjacency(found.links, certain=False) if disputed else found


def _certain_alone(*words: object, **more: object) -> Converged:
    ask: Callable[..., Converged] = converged
    found = ask(*words, **more)
    return Converged(found.certain, found.certain)
