"""A plan is bound to the cluster that it was made for."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rrplan import api
from rrplan.digest import digest
from rrplan.errors import PlanMismatch
from rrplan.exit_codes import ExitCode
from rrplan.plans import read_plan
from rrplan.ports import Document
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.resources import ClusterIdentity, decode
from rrplan.runs.preflight import SAME_CLUSTER, Situation
from rrplan.sandbox import demo_cluster
from rrplan.sandbox.build import DEMO_GUID
from rrplan.snapshots import Snapshot, read_snapshot, snapshot_of_manifests, write_snapshot
from rrplan.specs import load
from rrplan.wiring import embedded
from tests.support import SPEC, Bench

NAMESPACE: Document = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "kube-system", "uid": "1f1e"},
}


def _of(guid: str) -> list[Document]:
    """The demo cluster with another clusterGUID; "" for none."""
    documents = json.loads(json.dumps(demo_cluster(8, 2)))
    for document in documents:
        if document["kind"] == "ClusterInformation":
            document["spec"].pop("clusterGUID")
            document["spec"] |= {"clusterGUID": guid} if guid else {}
    return [*documents]


def _snapshot(documents: Sequence[Document]) -> Snapshot:
    text = json.dumps({"kind": "List", "items": documents}).encode()
    return replace(snapshot_of_manifests([("c.json", text)]), name="production", server="https://10.0.0.1:6443")


def test_another_cluster_is_refused(tmp_path: Path) -> None:
    """Although all else is the same; both are named, and nothing is written."""
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), _snapshot(_of("aaaa")))
    plan, _ = read_plan(write_plan(plan), "plan.json")
    assert plan.snapshot.cluster == ClusterIdentity("aaaa", "", "production", "https://10.0.0.1:6443")
    bench = Bench(tmp_path, documents=_of("bbbb"))
    with pytest.raises(PlanMismatch) as error:
        api.apply(plan, embedded(bench.sandbox, tmp_path))
    assert error.value.exit_code == ExitCode.STALE
    assert str(error.value) == (
        "the plan: it was made for another cluster: for `production` at `https://10.0.0.1:6443`, clusterGUID aaaa; "
        f"this is `{tmp_path}`, clusterGUID bbbb\n"
        "  hint: nothing was changed; name the cluster that it was made for, or make a new plan for this one"
    )
    assert bench.objects() == bench.before


def test_the_uid_of_a_namespace_does_it_too(tmp_path: Path) -> None:
    """Where Calico has no clusterGUID; where one side knows neither, nobody can say."""
    bench = Bench(tmp_path, documents=[*_of(""), NAMESPACE])
    state = _snapshot([*_of(""), NAMESPACE]).state
    plan = bench.plan
    assert plan.snapshot.cluster == ClusterIdentity(namespace_uid="1f1e")

    def problems(cluster: ClusterIdentity) -> object:
        bound = replace(plan, snapshot=replace(plan.snapshot, cluster=cluster))
        return SAME_CLUSTER.problems(Situation(bound, bench.sandbox, bench.sandbox, state, name="here"))

    assert problems(ClusterIdentity(namespace_uid="1f1e")) == []
    assert problems(ClusterIdentity()) == []
    assert problems(ClusterIdentity(guid="aaaa")) == []
    words = r"for namespace kube-system with uid 2; this is `here`, namespace kube-system with uid 1f1e"
    with pytest.raises(PlanMismatch, match=words):
        problems(ClusterIdentity(namespace_uid="2"))


def test_snapshots_and_manifests_carry_it() -> None:
    """With the name and the address by which a live cluster was reached; other namespaces say nothing."""
    snapshot = _snapshot([*_of("aaaa"), NAMESPACE])
    wanted = ClusterIdentity("aaaa", "1f1e", "production", "https://10.0.0.1:6443")
    assert snapshot.cluster == wanted
    assert read_snapshot(write_snapshot(snapshot), "s.json").cluster == wanted
    body = json.loads(write_snapshot(snapshot))
    assert body.pop("format_version") == "1.1"
    del body["cluster"], body["digest"]
    old = {**body, "format_version": "1.0"}
    read = read_snapshot(json.dumps({**old, "digest": digest(old)}).encode(), "s.json")
    assert read.cluster == ClusterIdentity("aaaa", "1f1e")
    assert decode({**NAMESPACE, "metadata": {"name": "default", "uid": "2"}}) is None


def test_plans_of_before_are_bound_to_none() -> None:
    """Version 2.2 did not say which cluster it was for."""
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), _snapshot(_of(DEMO_GUID)))
    body = {**plan_document(plan), "format_version": "2.2"}
    del body["digest"], body["snapshot"]["cluster"], body["snapshot"]["other_calico_versions"]
    read, _ = read_plan(json.dumps({**body, "digest": digest(body)}).encode(), "plan.json")
    assert read.snapshot.cluster == ClusterIdentity()
    assert read.snapshot.digest == plan.snapshot.digest
