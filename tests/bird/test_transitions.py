"""Single transitions on real BIRD in which doubt decides: what the model says of them, taken rightly and wrongly."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rrplan import api
from rrplan.bgp import holdings, model
from rrplan.bgp.adjacency import Adjacency, adjacency
from rrplan.bgp.holdings import Converged, converged
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.speaker import Speaker
from rrplan.ids import NodeName, StepId
from rrplan.plans import Plan
from rrplan.plans.promise import Pair, Promise, exposed_pairs, held_pairs, promises, reflecting, states
from rrplan.rehearsal.isolation import isolated
from rrplan.rehearsal.judging import Judge, Window
from rrplan.rehearsal.laboratory import Laboratory
from rrplan.resources import ClusterState
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.bird.cases import LEAST, Crossing, cross
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
COMES_SECONDS = 60.0


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
    monkeypatch.setattr(holdings, "adjacency", _absent_where_disputed)
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

    assert isolated(lambda: _held_in_turn(before, after, versions, pairs)) == [pairs, set()]
    assert pairs <= held_pairs(before, versions, Doubt.FOR)
    assert not pairs & held_pairs(before, versions)
    assert not pairs & held_pairs(after, versions, Doubt.FOR)
    assert pairs <= exposed_pairs(before, after, versions)


def _contradictions(plan: Plan, state: ClusterState, promise: Promise, crossing: Crossing) -> list[str]:
    """What a rehearsal of the plan says of the recording, if that is all the plan promises."""
    judge = Judge(plan, {promise.step: promise}, crossing.origins, frozenset(), reflecting(plan, state))
    return [*judge.contradictions(crossing.recording, [Window(promise.step, False, 0.0, float("inf"))])]


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


def _held_in_turn(before: ClusterState, after: ClusterState, versions: Versions, pairs: set[Pair]) -> list[set[Pair]]:
    """Which of the pairs hold in the one state, once all do, and in the other, once none does."""
    found: list[set[Pair]] = []
    with tempfile.TemporaryDirectory(prefix="rrplan-lab-") as folder:
        laboratory = Laboratory([before, after], versions, Path(folder), recover=False)
        try:
            for state, wanted in ((before, pairs), (after, set[Pair]())):
                laboratory.run(state)
                began = time.monotonic()
                held = _held(laboratory, pairs)
                while held != wanted and time.monotonic() - began < COMES_SECONDS:
                    time.sleep(1)
                    held = _held(laboratory, pairs)
                # Long enough for every session that could still come up.
                time.sleep(LEAST)
                found.append(_held(laboratory, pairs))
        finally:
            laboratory.close()
    return found


def _held(laboratory: Laboratory, pairs: set[Pair]) -> set[Pair]:
    return pairs & {Pair("ipv4", *pair) for pair in laboratory.held(laboratory.speaking("ipv4"), "ipv4")}
