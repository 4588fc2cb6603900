"""What is said of a resource that somebody else changed, beside what the run wrote to it."""

from dataclasses import replace
from pathlib import Path

from rrplan.plans.change import Change
from rrplan.ports import Document
from rrplan.reports import events
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.reasons import Drifted
from rrplan.resources import ResourceKey, encode, key_of
from rrplan.runs import Result
from rrplan.runs.drift import Memory, drift
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import capture
from rrplan.snapshots.decoded import Decoded
from rrplan.snapshots.snapshot import state_of
from rrplan.specs.shares import CLIENTS_OF
from tests.support import Bench

NODE = ResourceKey("Node", "rr-1")
CLUSTER_ID, AS_NUMBER = "projectcalico.org/RouteReflectorClusterID", "projectcalico.org/ASNumber"


def test_what_the_run_wrote_says_most(tmp_path: Path) -> None:
    """A node with another AS number, and with another value where the run wrote one: named once, with both values."""
    bench = Bench(tmp_path)
    promoted = next(place for place, step in enumerate(bench.plan.steps) if step.id == "promote/rr-1")
    asked = iter([False] * (promoted + 1) + [True])
    assert bench.runner(stop=lambda: next(asked)).apply() is Result.INTERRUPTED
    stored = bench.sandbox.get(NODE)
    assert stored is not None
    edit = {"metadata": {"annotations": {CLUSTER_ID: "9.9.9.9", AS_NUMBER: "65001"}}}
    bench.sandbox.patch(NODE, edit, stored.version)

    assert bench.runner().apply() is Result.STOPPED
    path = f"metadata.annotations.{CLUSTER_ID}"
    drift = Drift("Node/rr-1", DriftKind.OVERWRITTEN, path, "9.9.9.9", "224.0.0.1")
    assert bench.listener.of(events.StepFailed)[0].why == Drifted((drift,))


def test_a_share_that_a_run_left(tmp_path: Path) -> None:
    """A client has the label of a share already, which no BGPPeer reads yet: nobody changed it since the plan."""
    spec = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: test}
spec:
  topology: route-reflectors
  groups: [{name: main, clusterID: 10.0.0.1, reflectorsPerClient: 1, nodes: {names: [rr-1, rr-2]}}]
  drain: true
  policy: {minReflectorsPerClient: 1}
"""
    documents = demo_cluster(8, 2)
    client = next(one for one in state_of(documents).nodes.values() if not one.name.startswith("rr-"))
    left = encode(replace(client, labels={**client.labels, CLIENTS_OF: "main-2"}))
    bench = Bench(tmp_path, spec, documents=[one for one in documents if key_of(one) != client.key] + [left])

    assert bench.runner().apply() is Result.DONE
    assert bench.left() == ()


def test_memory_changes_no_answer(tmp_path: Path) -> None:
    """Between edits of all kinds, a guard that remembers says what one that knows nothing says."""
    bench = Bench(tmp_path)
    decoded, memory = Decoded(), Memory()
    landed: list[Change] = []
    answers: list[tuple[Drift, ...]] = []

    def compare() -> None:
        state = decoded.state(bench.sandbox.everything())
        answers.append(drift(bench.plan, state, landed, memory))
        assert answers[-1] == drift(bench.plan, capture(bench.sandbox).state, landed)

    def edit(key: ResourceKey, patch: Document) -> None:
        stored = bench.sandbox.get(key)
        assert stored is not None
        bench.sandbox.patch(key, patch, stored.version)
        compare()

    compare()
    for _, change in bench.plan.writes:
        stored = bench.sandbox.get(change.key)
        if change.after is None:
            assert stored is not None
            bench.sandbox.delete(change.key, stored.version)
        elif stored is None:
            bench.sandbox.create(change.key, change.after)
        else:
            bench.sandbox.patch(change.key, change.after, stored.version)
        landed.append(change)
        compare()
    assert set(answers) == {()}
    edit(NODE, {"metadata": {"annotations": {CLUSTER_ID: "9.9.9.9"}}})
    edit(NODE, {"metadata": {"annotations": {CLUSTER_ID: "224.0.0.1"}}})
    edit(NODE, {"metadata": {"annotations": {AS_NUMBER: "65001"}}})
    edit(ResourceKey("Node", "node-001"), {"spec": {"unschedulable": True}})
    assert [len(answer) for answer in answers[-4:]] == [1, 0, 1, 2]
    edit(ResourceKey("Node", "node-002"), {"metadata": {"labels": {"color": "red"}}})
    looks = {"peerIP": "192.0.2.1", "asNumber": 65000, "nodeSelector": "color == 'red'"}
    other = {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "other"}, "spec": looks}
    bench.sandbox.create(ResourceKey("BGPPeer", "other"), other)
    compare()
    assert [len(answer) for answer in answers[-2:]] == [2, 4]
    del landed[-1]
    compare()
    stored = bench.sandbox.get(NODE)
    assert stored is not None
    bench.sandbox.delete(NODE, stored.version)
    compare()
    assert DriftKind.REMOVED in {each.kind for each in answers[-1]}
