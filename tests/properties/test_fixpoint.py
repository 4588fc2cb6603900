"""Random clusters with a past, random specs: what is applied is done, and nothing else has changed."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from rrplan import api
from rrplan.errors import PolicyRefusal, PreflightError, UnsafePlanError
from rrplan.plans import Plan
from rrplan.ports import Document
from rrplan.resources import key_of
from rrplan.resources.documents import patched
from rrplan.runs import Result
from rrplan.specs import Spec, load
from tests.support import Bench

pytestmark = pytest.mark.slow

PASSWORDS = st.sampled_from([None, *({"secretKeyRef": {"name": "bgp", "key": key}} for key in "ab")])
RESTART = st.sampled_from([None, "90s", "2m"])
CALICO = "projectcalico.org/"


def options(draw: st.DrawFn, password: str, restart: str) -> dict[str, object]:
    """A password, a restart time, both or none."""
    found = {password: draw(PASSWORDS), restart: draw(RESTART)}
    return {name: value for name, value in found.items() if value is not None}


def resource(kind: str, name: str, spec: Mapping[str, object], **metadata: object) -> Document:
    """An object of Calico, with a field that rrplan does not know."""
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": {"name": name, "annotations": {"example.org/by": "hand"}, **metadata},
        "spec": spec,
    }


@st.composite
def clusters(draw: st.DrawFn) -> list[Document]:
    """A mesh, or reflectors of somebody else's, with labels, taints and fields of others everywhere."""
    reflected = draw(st.booleans())
    size = draw(st.integers(5, 8))
    reflectors = draw(st.integers(2, 3)) if reflected else 0
    documents: list[Document] = [resource("ClusterInformation", "default", {"calicoVersion": "v3.30.4"})]
    for index in range(size):
        labels = {"example.org/team": draw(st.sampled_from("xy")), "zone": draw(st.sampled_from("ab"))}
        annotations = {f"{CALICO}IPv4Address": f"10.0.0.{index + 1}/24", "example.org/note": "keep"}
        if index < reflectors:
            labels["rr"] = "true"
            annotations[f"{CALICO}RouteReflectorClusterID"] = "10.7.0.0"
        if index < 5 or draw(st.booleans()):
            labels["role"] = "rr"
        if index == 4 and draw(st.booleans()):
            labels["rrplan.io/route-reflector"] = "g0"  # somebody began by hand
        taints = [{"key": "example.org/t", "effect": "NoSchedule"}] if draw(st.booleans()) else []
        documents.append(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": f"n{index}", "labels": labels, "annotations": annotations},
                "spec": {"podCIDR": f"10.1.{index}.0/24", "taints": taints},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        )
    mesh = options(draw, "nodeMeshPassword", "nodeMeshMaxRestartTime") if not reflected else {}
    told = {"nodeToNodeMeshEnabled": not reflected, "asNumber": 64600, "logSeverityScreen": "Info", **mesh}
    documents.append(resource("BGPConfiguration", "default", told))
    if reflected:
        one = {"nodeSelector": "all()", "peerSelector": draw(st.sampled_from(["has(rr)", "rr == 'true'"]))}
        documents.append(resource("BGPPeer", "theirs", {**one, **options(draw, "password", "maxRestartTime")}))
    if draw(st.booleans()):
        name = draw(st.sampled_from(["rrplan-g0-clients", "rrplan-reflectors", "switch"]))
        spec = {"nodeSelector": "example.org/team == 'x'", "peerIP": "10.9.9.9", "asNumber": 65001}
        documents.append(resource("BGPPeer", name, spec))
    return documents


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Reflectors in one group or two, levels or shares, or the mesh, with or without a word on options and labels."""
    head = "apiVersion: rrplan.io/v1\nkind: BGPTopology\nmetadata: {name: random}\nspec:\n"
    text = "  drain: true\n"
    key = draw(st.sampled_from(["", "", "rr"]))
    text += f"  labelKey: {key}\n" if key else ""
    said = draw(st.sampled_from(["", "", "password: none", "maxRestartTime: 120s, password: none"]))
    text += f"  peering: {{{said}}}\n" if said else ""
    if draw(st.integers(0, 3)):
        text += "  topology: route-reflectors\n"
        shared = draw(st.booleans())
        text += "  clusterID: 10.7.0.0\n" if shared else ""
        text += "  groups:\n"
        layout = "plain" if shared else draw(st.sampled_from(["plain", "levels", "shares"]))
        for index in range(2 if layout == "levels" else draw(st.integers(1, 2))):
            own = "" if shared else f", clusterID: 10.7.{index}.1"
            own += ", parent: g0, clients: all()" if layout == "levels" and index else ""
            own += ", reflectorsPerClient: 1" if layout == "shares" and not index else ""
            spread = ", spreadOver: zone" if draw(st.booleans()) else ""
            nodes = f"{{selector: role == 'rr', count: 2{spread}}}"
            if draw(st.booleans()):
                nodes = f"{{names: [n{2 * index}, n{2 * index + 1}]}}"
            text += f"    - {{name: g{index}, nodes: {nodes}{own}}}\n"
        text += "  dedicated: true\n" if draw(st.booleans()) else ""
        text += "  rollout: {waves: [1]}\n" if draw(st.booleans()) else ""
        brief = ", exposure: {brief: 30s}" if draw(st.booleans()) else ""
        text += f"  policy: {{minReflectorsPerClient: {1 if layout == 'shares' else 2}{brief}}}\n"
    else:
        text += "  topology: full-mesh\n"
    text += (
        draw(st.sampled_from(["", "  adopt: reflection\n", "  adopt: {peers: [theirs], labels: [rr]}\n"]))
        if not key
        else ""
    )
    note(text)
    return load((head + text).encode(), "spec.yaml")


def objects(bench: Bench) -> dict[str, Document]:
    """Every object as it is stored, but pods, without empty mappings and lists."""
    keyed = {key_of(one.document): one.document for one in bench.sandbox.everything()}
    return {str(key): _plain(document) for key, document in keyed.items() if key.kind != "Pod"}


def _plain(document: Document) -> dict[str, object]:
    inner = {key: _plain(value) if isinstance(value, Mapping) else value for key, value in document.items()}
    return {key: value for key, value in inner.items() if value not in ({}, [], None)}


def planned_alone(before: Mapping[str, Document], plan: Plan) -> dict[str, Document]:
    """The objects with the changes of a plan, and nothing else."""
    found = dict(before)
    for _, change in plan.writes:
        key = str(change.key)
        if change.after is None:
            del found[key]
        else:
            found[key] = _plain(patched(found.get(key, {}), change.after))
    return found


def checked(spec: Spec, documents: list[Document], *, back: bool) -> list[Document] | None:
    """The cluster after a plan that was carried out; None where it is refused with a reason."""
    path = Path(tempfile.mkdtemp(prefix="rrplan-property-"))
    try:
        try:
            bench = Bench(path, spec, documents=documents)
        except (PolicyRefusal, UnsafePlanError, PreflightError) as refusal:
            told = [*getattr(refusal, "violations", ()), ""]
            COUNT[f"{type(refusal).__name__}"] += 1
            event(f"refused: {refusal}"[:70])
            note(f"{refusal} {told[0]}")
            return None
        COUNT["planned" if bench.plan.steps else "nothing to do"] += 1
        event("planned")
        before = objects(bench)
        runner = bench.runner()
        assert runner.apply() is Result.DONE
        assert bench.left() == ()
        assert api.verify(spec, api.embedded(bench.sandbox, path)).good
        after = objects(bench)
        assert after == planned_alone(before, bench.plan)
        for key, document in before.items():
            if key.startswith("Node/"):
                assert _of_others(document) == _of_others(after[key])
            elif spec.adopt and key == "BGPPeer/theirs":
                assert key not in after
            elif "rrplan" not in str(document.get("metadata")):
                assert document == after[key] or key == "BGPConfiguration/default"
        if back:
            assert runner.rollback() is Result.UNDONE
            assert objects(bench) == before
        left = list(objects(bench).values())
        bench.sandbox.close()
        return left
    finally:
        shutil.rmtree(path)


COUNT: Counter[str] = Counter()


def _of_others(node: Document) -> dict[str, object]:
    """What is not rrplan's of a node: labels, annotations, taints."""
    metadata, spec = node["metadata"], node["spec"]
    assert isinstance(metadata, Mapping)
    assert isinstance(spec, Mapping)
    return {
        "labels": {key: value for key, value in metadata["labels"].items() if "example.org" in key},
        "annotations": {key: value for key, value in metadata["annotations"].items() if "ClusterID" not in key},
        "taints": [one for one in spec.get("taints", []) if "rrplan.io" not in one["key"]],
    }


@settings(max_examples=40)
@given(clusters(), specs(), specs())
def test_applied_is_done(documents: list[Document], first: Spec, second: Spec) -> None:
    """After `apply` there is nothing left to do, what the plan does not name is as it was, and all can be taken back.

    A second spec finds what the first one left.
    """
    checked(first, documents, back=True)
    left = checked(first, documents, back=False)
    checked(second, left if left is not None else documents, back=True)
