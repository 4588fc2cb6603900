"""A node whose halves are in Kubernetes and in etcd: what is shown, and what a crash between its two writes leaves."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rrplan import api
from rrplan.adapters.etcd.calico import PREFIX, CalicoEtcd
from rrplan.adapters.etcd.client import Etcd
from rrplan.adapters.etcd.cluster import in_etcd
from rrplan.adapters.kubernetes.cluster import LiveCluster
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreTimeout, DatastoreUnreachable
from rrplan.ids import NodeName
from rrplan.planning.actions import role
from rrplan.plans.change import Change, changed
from rrplan.ports import Document, Stored, Write
from rrplan.reports.reasons import Outcome
from rrplan.resources import CALICO_NODE_LABEL, ResourceKey, decode
from rrplan.resources.documents import at, partial, patched
from rrplan.resources.node_codec import (
    CLUSTER_ID_ANNOTATION,
    KUBE_LABELS_ANNOTATION,
    UNSYNCED_ANNOTATION,
    encode_node,
    merge_nodes,
)
from rrplan.runs.writing import Writer
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.real.mixed import MixedCluster

pytestmark = pytest.mark.real

NODE = ResourceKey("Node", "rr-1")
PATH = f"{PREFIX}nodes/rr-1"
LABEL = "example.com/reflector"


@pytest.fixture
def mixed(mixed_cluster: MixedCluster) -> Iterator[MixedCluster]:
    """Four nodes, one of which may reflect."""
    mixed_cluster.fill(demo_cluster(4, 1))
    yield mixed_cluster
    mixed_cluster.clear()


class Crash(Exception):
    """The process dies here."""


@dataclass
class Fuse:
    """Burns at one of the writes: `crash`, `away` and `unheard` before it, `lost` after it."""

    kind: str = ""
    at: int = -1
    after_kubernetes: Callable[[], None] = lambda: None
    count: int = 0

    def through(self, write: Callable[[], Any], *, kubernetes: bool) -> Any:
        """One write."""
        self.count += 1
        here = self.count - 1 == self.at
        if here and self.kind == "crash":
            raise Crash
        if here and self.kind == "away":
            raise DatastoreUnreachable("on purpose")
        if here and self.kind == "unheard":
            raise DatastoreTimeout("on purpose")
        result = write()
        if kubernetes:
            self.after_kubernetes()
        if here and self.kind == "lost":
            raise DatastoreTimeout("on purpose")
        return result


class FusedServer(ApiServer):
    """An API server with a fuse before its patches."""

    fuse: Fuse

    def patch(self, path: str, body: Mapping[str, object], *, dry_run: bool = False) -> dict[str, Any]:
        """A patch, through the fuse where it is meant."""
        if dry_run:
            return super().patch(path, body, dry_run=True)
        answer: dict[str, Any] = self.fuse.through(lambda: super(FusedServer, self).patch(path, body), kubernetes=True)
        return answer


class FusedEtcd(Etcd):
    """An etcd with a fuse before its writes."""

    fuse: Fuse

    def transact(self, key: str, revision: int | None, operation: Mapping[str, object]) -> Any:
        """A transaction, through the fuse where it is meant."""
        if revision is None:
            return super().transact(key, revision, operation)
        return self.fuse.through(lambda: super(FusedEtcd, self).transact(key, revision, operation), kubernetes=False)


def fused(mixed: MixedCluster, fuse: Fuse) -> LiveCluster:
    """The datastore with a fuse."""
    server, etcd = FusedServer.connect(str(mixed.server.kubeconfig)), FusedEtcd(mixed.etcd.access())
    assert isinstance(server, FusedServer)
    server.fuse = etcd.fuse = fuse
    return in_etcd(server, CalicoEtcd(etcd))


class Hurried:
    """A clock on which nobody waits."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Later each time."""
        return self._now

    def wall(self) -> datetime:
        """The real date."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """It is later."""
        self._now += seconds


def kubernetes_node(mixed: MixedCluster, name: str = "rr-1") -> dict[str, Any]:
    """The node as Kubernetes has it."""
    return mixed.server.api.get(f"/api/v1/nodes/{name}") or {}


def calico_node(mixed: MixedCluster, name: str = "rr-1") -> dict[str, Any]:
    """The node as Calico has it, byte for byte."""
    document: dict[str, Any] = json.loads(mixed.etcd.connect().range(f"{PREFIX}nodes/{name}").entries[0].value)
    return document


def change_calico(mixed: MixedCluster, patch: Document, name: str = "rr-1") -> None:
    """Somebody changes Calico's Node."""
    store, key = CalicoEtcd(mixed.etcd.connect()), ResourceKey("Node", name)
    found = store.get(key)
    assert found is not None
    store.replace(key, patched(found.document, patch), found.version)


def change_kubernetes(mixed: MixedCluster, patch: Document) -> None:
    """Somebody changes Kubernetes' Node."""
    mixed.server.api.patch("/api/v1/nodes/rr-1", patch)


def copy_labels(mixed: MixedCluster, name: str = "rr-1") -> None:
    """What kube-controllers do whenever a Node changes: add and change labels, remove those that they noted."""
    wanted: dict[str, str] = kubernetes_node(mixed, name)["metadata"].get("labels", {})
    metadata = calico_node(mixed, name)["metadata"]
    labels, noted = metadata.get("labels", {}), json.loads(metadata["annotations"][KUBE_LABELS_ANNOTATION])
    patch: dict[str, str | None] = {label: value for label, value in wanted.items() if labels.get(label) != value}
    patch |= {label: None for label in noted if label not in wanted}
    if patch:
        note = json.dumps(wanted, sort_keys=True, separators=(",", ":"))
        change_calico(mixed, {"metadata": {"labels": patch, "annotations": {KUBE_LABELS_ANNOTATION: note}}}, name)


def seen_by_confd(mixed: MixedCluster, since: int) -> list[tuple[object, object]]:
    """Label and cluster ID in every version of Calico's Node that there was, repetitions left out."""
    etcd = mixed.etcd.connect()
    found: list[tuple[object, object]] = []
    for revision in range(since, etcd.range(PATH).revision + 1):
        document = json.loads(etcd.range(PATH, revision=revision).entries[0].value)
        state = (at(document, ("metadata", "labels", LABEL)), at(document, ("spec", "bgp", "routeReflectorClusterID")))
        if found[-1:] != [state]:
            found.append(state)
    return found


# --- what is shown --------------------------------------------------------------------------------


def shown(mixed: MixedCluster) -> Stored:
    """The node as the datastore shows it; the same alone and in the list."""
    store = mixed.connect()
    found = store.get(NODE)
    assert found is not None
    listed = [one for one in store.everything() if one.document["kind"] == "Node"]
    assert found in [one for one in listed if one.version == found.version]
    assert found.document == next(one.document for one in listed if one.version == found.version)
    return found


def test_a_node_is_shown_as_one(mixed: MixedCluster) -> None:
    """Calico's annotations are those of the merged node, the rest is Kubernetes', the version is both."""
    own = calico_node(mixed)
    found = shown(mixed)
    kubernetes = kubernetes_node(mixed)
    expected = encode_node(merge_nodes(_node(kubernetes), _node(own)))
    assert found.document["metadata"]["annotations"] == expected["metadata"]["annotations"]  # type: ignore[index]
    assert found.document["metadata"]["labels"] == expected["metadata"]["labels"]  # type: ignore[index]
    assert found.document["metadata"]["uid"] == kubernetes["metadata"]["uid"]  # type: ignore[index]
    assert _node(found.document) == merge_nodes(_node(kubernetes), _node(own))
    revision = mixed.etcd.connect().range(PATH).entries[0].revision
    assert found.version == f"{kubernetes['metadata']['resourceVersion']}/{revision}"


def _node(document: Document) -> Any:
    return decode(document)


def test_labels_are_what_selectors_see(mixed: MixedCluster) -> None:
    """A label that only Kubernetes has does not count; one that only Calico has does; the difference is named."""
    change_kubernetes(mixed, {"metadata": {"labels": {LABEL: "yes"}}})
    change_calico(mixed, {"metadata": {"labels": {"calico-only": "x", "role": "other"}}})
    node = _node(shown(mixed).document)
    assert LABEL not in node.labels
    assert (node.labels["calico-only"], node.labels["role"]) == ("x", "other")
    assert node.unsynced == (LABEL, "role")
    copy_labels(mixed)
    node = _node(shown(mixed).document)
    assert (node.labels[LABEL], node.labels["calico-only"], node.labels["role"]) == ("yes", "x", "rr")
    assert UNSYNCED_ANNOTATION not in json.dumps(shown(mixed).document)


def test_annotations_of_the_other_datastore_do_not_count(mixed: MixedCluster) -> None:
    """A cluster ID on the Kubernetes Node makes no reflector where Calico uses etcd; we say that it is ignored."""
    change_kubernetes(mixed, {"metadata": {"annotations": {CLUSTER_ID_ANNOTATION: "9.9.9.9"}}})
    store = mixed.connect()
    assert _node(shown(mixed).document).cluster_id == ""
    notices = store.everything().notices
    assert notices == ("not read: Calico's annotations on Kubernetes Nodes (rr-1); Calico uses etcd here",)


def test_nodes_with_one_half(mixed: MixedCluster) -> None:
    """A node that Kubernetes forgot still has sessions; one that Calico does not know has none, and no role."""
    store = CalicoEtcd(mixed.etcd.connect())
    found = store.get(NODE)
    assert found is not None
    store.delete(NODE, found.version)
    mixed.server.force("/api/v1/nodes/node-001")
    nodes = capture(mixed.connect()).state.nodes
    assert (nodes[NodeName("rr-1")].ipv4, nodes[NodeName("rr-1")].ready) == ("", True)
    assert (nodes[NodeName("node-001")].ipv4, nodes[NodeName("node-001")].ready) == ("10.0.0.2", None)
    stored = mixed.connect().get(NODE)
    assert stored is not None
    with pytest.raises(DatastoreRefused, match="Node/rr-1 is not known to Calico: etcd has no such Node"):
        mixed.connect().patch(NODE, {"metadata": {"annotations": {CLUSTER_ID_ANNOTATION: CID}}}, stored.version)
    mixed.connect().patch(
        NODE, {"metadata": {"labels": {LABEL: "yes"}}, "spec": {"unschedulable": True}}, stored.version
    )
    node = kubernetes_node(mixed)
    assert (node["spec"]["unschedulable"], node["metadata"]["labels"][LABEL]) == (True, "yes")


def test_the_label_of_the_daemonset(mixed: MixedCluster) -> None:
    """What keeps calico-node away is between Kubernetes and its DaemonSet: shown, written, never in Calico's Node."""
    stored = mixed.connect().get(NODE)
    assert stored is not None
    mixed.connect().patch(NODE, {"metadata": {"labels": {CALICO_NODE_LABEL: "away"}}}, stored.version)
    shown = capture(mixed.connect()).state.nodes[NodeName("rr-1")]
    assert (shown.labels[CALICO_NODE_LABEL], shown.unsynced) == ("away", ())
    assert CALICO_NODE_LABEL not in json.dumps(calico_node(mixed))


def test_names_must_agree(mixed: MixedCluster) -> None:
    """Calico's Node of another Kubernetes Node is refused rather than taken for a node without pods."""
    change_calico(mixed, {"spec": {"orchRefs": [{"orchestrator": "k8s", "nodeName": "rr-1.example.com"}]}})
    with pytest.raises(DatastoreRefused, match=r"Calico.s Node `rr-1` belongs to the Kubernetes Node `rr-1\.ex"):
        mixed.connect().everything()


# --- two writes -----------------------------------------------------------------------------------

CID = "224.0.0.1"


def _promotion(mixed: MixedCluster) -> Change:
    node = capture(mixed.connect()).state.nodes[NodeName("rr-1")]
    wanted = replace(node, cluster_id=CID, labels={**node.labels, LABEL: "main"})
    (change,) = role(node, wanted, [LABEL]).changes
    return change


def _label(before: str | None, after: str | None) -> Change:
    path = ("metadata", "labels", LABEL)
    return Change.update(NODE, partial({path: before}), partial({path: after}))


def promotion(mixed: MixedCluster) -> Change:
    """Label and cluster ID together."""
    return _promotion(mixed)


def demotion(mixed: MixedCluster) -> Change:
    """Both away, on a node that was promoted by rrplan."""
    made = _promotion(mixed)
    assert written(mixed.connect(), made) is Outcome.LANDED
    return made.inverse()


def noted_demotion(mixed: MixedCluster) -> Change:
    """Both away, on a node whose label kube-controllers copied."""
    made = _promotion(mixed)
    change_kubernetes(mixed, {"metadata": {"labels": {LABEL: "main"}}})
    copy_labels(mixed)
    change_calico(mixed, {"spec": {"bgp": {"routeReflectorClusterID": CID}}})
    return made.inverse()


def labelled(mixed: MixedCluster) -> Change:
    """A label alone."""
    return _label(None, "client")


def unlabelled(mixed: MixedCluster) -> Change:
    """A label alone, away."""
    change_kubernetes(mixed, {"metadata": {"labels": {LABEL: "client"}}})
    copy_labels(mixed)
    return _label("client", None)


def relabelled(mixed: MixedCluster) -> Change:
    """A label alone, with another value."""
    change_kubernetes(mixed, {"metadata": {"labels": {LABEL: "client"}}})
    copy_labels(mixed)
    return _label("client", "other")


CHANGES = [promotion, demotion, noted_demotion, labelled, unlabelled, relabelled]


def written(store: LiveCluster, change: Change) -> Outcome:
    """Write as a run does."""
    return Writer(store, Hurried(), lambda _reason, _delay: None).write(change).outcome


def halves(mixed: MixedCluster) -> tuple[object, object, object]:
    """The label in Kubernetes, the label in etcd, the cluster ID."""
    own = calico_node(mixed)
    return (
        at(kubernetes_node(mixed), ("metadata", "labels", LABEL)),
        at(own, ("metadata", "labels", LABEL)),
        at(own, ("spec", "bgp", "routeReflectorClusterID")),
    )


def complete(change: Change) -> tuple[object, object, object]:
    """What `halves` is after a change."""
    label = at(change.after, ("metadata", "labels", LABEL))
    return label, label, at(change.after, ("metadata", "annotations", CLUSTER_ID_ANNOTATION))


@pytest.mark.parametrize("synced", [False, True], ids=["alone", "kube-controllers-at-once"])
@pytest.mark.parametrize("make", CHANGES, ids=lambda make: make.__name__)
def test_both_halves_are_written(mixed: MixedCluster, make: Callable[[MixedCluster], Change], synced: bool) -> None:
    """Both are there afterwards; Calico never sees half of a role, however quick kube-controllers are."""
    change = make(mixed)
    since = mixed.etcd.connect().range(PATH).revision
    before = seen_by_confd(mixed, since)
    fuse = Fuse(after_kubernetes=(lambda: copy_labels(mixed)) if synced else (lambda: None))
    assert written(fused(mixed, fuse), change) is Outcome.LANDED
    assert halves(mixed) == complete(change)
    copy_labels(mixed)
    assert halves(mixed) == complete(change)
    assert seen_by_confd(mixed, since) == [*before, complete(change)[1:]]


@pytest.mark.parametrize("synced", [False, True], ids=["alone", "kube-controllers-afterwards"])
@pytest.mark.parametrize("point", range(4))
@pytest.mark.parametrize("make", CHANGES, ids=lambda make: make.__name__)
def test_a_crash_between_the_writes(
    mixed: MixedCluster, make: Callable[[MixedCluster], Change], point: int, synced: bool
) -> None:
    """What a dead run leaves is never taken for landed without Calico's half, nor for drift, and can be completed."""
    change = make(mixed)
    since = mixed.etcd.connect().range(PATH).revision
    before = seen_by_confd(mixed, since)
    try:
        written(fused(mixed, Fuse("crash", point)), change)
        return  # it has fewer writes
    except Crash:
        pass
    if synced:
        copy_labels(mixed)
    store = mixed.connect()
    landed = Writer(store, Hurried(), lambda _reason, _delay: None).landed(change)
    assert landed is not None
    if landed:
        assert halves(mixed)[1:] == complete(change)[1:]
    else:
        assert written(store, change) is Outcome.LANDED
        assert halves(mixed) == complete(change)
    assert seen_by_confd(mixed, since) == [*before, complete(change)[1:]]


@pytest.mark.parametrize("synced", [False, True], ids=["alone", "kube-controllers-at-once"])
@pytest.mark.parametrize("kind", ["away", "unheard", "lost"])
@pytest.mark.parametrize("point", range(4))
@pytest.mark.parametrize("make", CHANGES, ids=lambda make: make.__name__)
def test_an_answer_that_does_not_come(
    mixed: MixedCluster, make: Callable[[MixedCluster], Change], point: int, kind: str, synced: bool
) -> None:
    """A server that is away, or says nothing and did or did not do it: both halves are there in the end."""
    change = make(mixed)
    since = mixed.etcd.connect().range(PATH).revision
    before = seen_by_confd(mixed, since)
    fuse = Fuse(kind, point, after_kubernetes=(lambda: copy_labels(mixed)) if synced else (lambda: None))
    assert written(fused(mixed, fuse), change) is Outcome.LANDED
    assert halves(mixed) == complete(change)
    assert seen_by_confd(mixed, since) == [*before, complete(change)[1:]]


@pytest.mark.parametrize("synced", [False, True], ids=["alone", "kube-controllers-at-once"])
@pytest.mark.parametrize(("make", "value"), [(labelled, "client"), (promotion, "main")])
def test_labels_stay_copies(
    mixed: MixedCluster, make: Callable[[MixedCluster], Change], value: str, synced: bool
) -> None:
    """A label that we wrote goes away in Calico too once somebody removes it in Kubernetes, and ours stay noted."""
    fuse = Fuse(after_kubernetes=(lambda: copy_labels(mixed)) if synced else (lambda: None))
    assert written(fused(mixed, fuse), make(mixed)) is Outcome.LANDED
    note = json.loads(calico_node(mixed)["metadata"]["annotations"][KUBE_LABELS_ANNOTATION])
    assert (note[LABEL], note["role"]) == (value, "rr")
    change_kubernetes(mixed, {"metadata": {"labels": {LABEL: None}}})
    copy_labels(mixed)
    assert halves(mixed)[:2] == (None, None)


def test_calicoctl_that_shows_kubernetes_itself(mixed: MixedCluster) -> None:
    """Where Kubernetes is Calico's datastore, its Nodes and Calico's are the same objects."""
    shown = kubernetes_node(mixed)["metadata"]
    change_calico(mixed, {"metadata": {"uid": shown["uid"]}})
    with pytest.raises(DatastoreRefused, match="Calico keeps its data in Kubernetes here") as error:
        mixed.connect().everything()
    assert error.value.hint == "leave `--calicoctl` out; rrplan reads Calico's resources from Kubernetes itself"


def test_others_write_to_the_same_node(mixed: MixedCluster) -> None:
    """Felix, calico-node and colleagues change other fields between our two writes: theirs stay, ours land."""
    numbers = iter(range(100))

    def felix() -> None:
        change_calico(mixed, {"spec": {"wireguard": {"interfaceIPv4Address": f"10.9.0.{next(numbers)}"}}})

    assert written(fused(mixed, Fuse(after_kubernetes=felix)), _label(None, "client")) is Outcome.LANDED
    own = calico_node(mixed)
    assert own["spec"]["wireguard"] == {"interfaceIPv4Address": "10.9.0.0"}
    assert own["spec"]["orchRefs"] == [{"nodeName": "rr-1", "orchestrator": "k8s"}]
    assert halves(mixed) == ("client", "client", None)


def test_others_write_to_the_same_field(mixed: MixedCluster) -> None:
    """A colleague gives the label another value between our two writes: that is a conflict, not overwritten."""
    store = fused(mixed, Fuse(after_kubernetes=lambda: change_calico(mixed, {"metadata": {"labels": {LABEL: "his"}}})))
    found = store.get(NODE)
    assert found is not None
    with pytest.raises(DatastoreConflict, match="Node/rr-1 is changed by others in etcd"):
        store.patch(NODE, {"metadata": {"labels": {LABEL: "client"}}}, found.version)
    assert halves(mixed)[1] == "his"


@pytest.mark.parametrize("half", ["kubernetes", "calico"])
@pytest.mark.parametrize("make", CHANGES, ids=lambda make: make.__name__)
def test_both_versions_are_preconditions(
    mixed: MixedCluster, make: Callable[[MixedCluster], Change], half: str
) -> None:
    """A write that follows an old version of either half is a conflict, and nothing is written."""
    change = make(mixed)
    store = mixed.connect()
    found = store.get(NODE)
    assert found is not None
    assert change.after is not None
    if half == "kubernetes":
        change_kubernetes(mixed, {"metadata": {"annotations": {"example.com/x": "y"}}})
    else:
        change_calico(mixed, {"metadata": {"annotations": {"example.com/x": "y"}}})
    before = halves(mixed)
    with pytest.raises(DatastoreConflict):
        store.patch(NODE, change.after, found.version)
    assert halves(mixed) == before


def test_a_definite_no_leaves_nothing(mixed: MixedCluster) -> None:
    """Where Kubernetes refuses after Calico's half was written, that half is taken back."""

    def refuse() -> None:
        raise DatastoreRefused("on purpose: a webhook of this moment")

    before = calico_node(mixed)
    assert written(fused(mixed, Fuse(after_kubernetes=refuse)), promotion(mixed)) is Outcome.REFUSED
    assert calico_node(mixed) == before


def test_what_kubernetes_refuses_is_known_before(mixed: MixedCluster) -> None:
    """A label that Kubernetes does not take: Calico's half is not written either, and a dry run says so."""
    patch = {"metadata": {"labels": {LABEL: "no label value!"}, "annotations": {CLUSTER_ID_ANNOTATION: CID}}}
    store = mixed.connect()
    found = store.get(NODE)
    assert found is not None
    told = {"metadata": {"labels": {LABEL: None}, "annotations": {CLUSTER_ID_ANNOTATION: None}}}
    before = mixed.etcd.connect().range(PATH).revision
    refusals = store.dry_run([Write(NODE, told, patch)])
    assert len(refusals) == 1
    assert "no label value!" in refusals[0]
    with pytest.raises(DatastoreRefused, match="no label value!"):
        store.patch(NODE, patch, found.version)
    assert mixed.etcd.connect().range(PATH).revision == before


def test_nodes_are_not_made_or_removed(mixed: MixedCluster) -> None:
    """That is the kubelet's, calico-node's and the operator's business; so are Calico's addresses."""
    store = mixed.connect()
    with pytest.raises(DatastoreRefused, match="Node/new is not made here"):
        store.create(ResourceKey("Node", "new"), {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "new"}})
    with pytest.raises(DatastoreRefused, match="Node/rr-1 is not removed here"):
        store.delete(NODE, "1/1")
    found = store.get(NODE)
    assert found is not None
    address = {"metadata": {"annotations": {"projectcalico.org/IPv4Address": "10.0.0.1/24"}}}
    with pytest.raises(DatastoreRefused, match=r"annotation projectcalico.org/IPv4Address is not written"):
        store.patch(NODE, address, found.version)


def test_unknown_fields_of_a_node_survive(mixed: MixedCluster) -> None:
    """A promotion and a demotion leave all else in Calico's Node as it was, to the last field."""
    change_calico(mixed, {"spec": {"future": {"list": [1, {"a": None}]}, "bgp": {"ipv4IPIPTunnelAddr": "10.244.0.1"}}})
    before = calico_node(mixed)
    made = promotion(mixed)
    assert written(mixed.connect(), made) is Outcome.LANDED
    assert written(mixed.connect(), made.inverse()) is Outcome.LANDED
    assert calico_node(mixed) == before


SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: test}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  dedicated: true
  drain: true
"""


def test_a_plan_there_and_back(mixed_cluster: MixedCluster) -> None:
    """All writes of a plan, with kube-controllers at once behind; each state is as proved; then all of them back."""
    mixed_cluster.fill(demo_cluster(8, 2))
    try:

        def kube_controllers() -> None:
            for name in ("rr-1", "rr-2"):
                copy_labels(mixed_cluster, name)

        store = fused(mixed_cluster, Fuse(after_kubernetes=kube_controllers))
        state = capture(store).state
        began = state
        plan = api.plan(load(SPEC.encode(), "spec.yaml"), capture(store))
        changes = [change for _, change in plan.writes]
        assert store.dry_run([Write(one.key, one.before, one.after) for one in _first_of_each(changes)]) == []
        assert capture(store).state == state
        for change in [*changes, *(one.inverse() for one in reversed(changes))]:
            state = changed(state, change)
            assert written(store, change) is Outcome.LANDED
            found = capture(store).state
            assert (found.nodes, found.peers, found.configurations) == (
                state.nodes,
                state.peers,
                state.configurations,
            )
        assert (found.nodes, found.peers) == (began.nodes, began.peers)
    finally:
        mixed_cluster.clear()


def _first_of_each(changes: list[Change]) -> list[Change]:
    return list({change.key: change for change in reversed(changes)}.values())[::-1]
