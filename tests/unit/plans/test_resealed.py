"""Plan files that were edited and given a new digest."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rrplan import api
from rrplan.bgp.profile import calico_versions
from rrplan.digest import digest
from rrplan.errors import PlanMismatch
from rrplan.exit_codes import ExitCode
from rrplan.planning import draft_plan
from rrplan.planning.reproof import differences
from rrplan.plans import Plan, read_plan
from rrplan.plans.planfile import FORMAT_VERSION
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.resources import ResourceKey
from rrplan.snapshots import capture
from rrplan.wiring import embedded
from tests.support import SPEC, Bench

HOOKED = f"{SPEC}  hooks: [{{name: ticket, on: before-run, command: ['true']}}]\n"
Edit = Callable[[dict[str, Any]], None]


def resealed(plan: Plan, edit: Edit, version: str = "") -> bytes:
    """A plan file that somebody edited, with a digest that fits."""
    body = plan_document(plan)
    del body["digest"]
    body["format_version"] = version or body["format_version"]
    told = {key: json.dumps(body[key]) for key in ("resource_changes", "rollback")}
    edit(body)
    if all(json.dumps(body[key]) == text for key, text in told.items()):
        _tell_readers(body)
    body["spec"]["digest"] = digest(body["spec"]["document"])
    return json.dumps({**body, "digest": digest(body)}).encode()


def _tell_readers(body: dict[str, Any]) -> None:
    """Whoever edits steps with care also writes what readers are told of them."""
    body["rollback"] = {"order": [step["id"] for step in reversed(body["steps"])]}
    body["resource_changes"] = [
        {
            "address": str(ResourceKey(**change["key"])),
            "change": {"before": change["before"], "after": change["after"]},
            "step": step["id"],
        }
        for step in body["steps"]
        for change in step.get("changes", [])
    ]


def _step(body: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in body["steps"] if step["id"] == name)


# --- what shows without the cluster ---------------------------------------------------------------


def told_less(body: dict[str, Any]) -> None:
    """Readers of Terraform's keys are told of fewer changes than are made."""
    del body["resource_changes"][-1]


def told_other(body: dict[str, Any]) -> None:
    """They are told of a harmless change."""
    body["resource_changes"][-1]["change"]["after"] = {"kind": "Node"}


def told_another_way_back(body: dict[str, Any]) -> None:
    """They are told of another way back."""
    body["rollback"]["order"].reverse()


def told_refused(body: dict[str, Any]) -> None:
    """They are told that the plan was refused, and it was not."""
    body["errored"] = True


def secret(body: dict[str, Any]) -> None:
    """A step creates a Secret."""
    key = {"kind": "Secret", "name": "y", "namespace": "kube-system"}
    after = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "y", "namespace": "kube-system"}}
    change = {"key": key, "action": "create", "before": None, "after": after}
    _step(body, "mesh-off")["changes"].append(change)


def another_kind(body: dict[str, Any]) -> None:
    """A BGPPeer is created by a document that says Secret."""
    step = next(step for step in body["steps"] if step["action"] == "CreatePeer")
    step["changes"][0]["after"]["kind"] = "Secret"


def kind_of_another_action(body: dict[str, Any]) -> None:
    """A drain turns the mesh off."""
    _step(body, "drain/rr-1")["changes"] += _step(body, "mesh-off")["changes"]


def foreign_hook(body: dict[str, Any]) -> None:
    """A command that nobody asked for."""
    body["hooks"].append({"name": "evil", "on": "before-run", "command": ["sh", "-c", "id"]})


def no_hook(body: dict[str, Any]) -> None:
    """The hook that could veto is gone."""
    body["hooks"] = []


def halts(body: dict[str, Any]) -> None:
    """A failure takes nothing back."""
    body["on_failure"] = "halt"


def hasty(body: dict[str, Any]) -> None:
    """A gate that holds for a second."""
    _step(body, "mesh-off")["gates"][0]["stable"] = 1


def ungated(body: dict[str, Any]) -> None:
    """No gate after the mesh is gone."""
    _step(body, "mesh-off")["gates"] = []


def undrained(body: dict[str, Any]) -> None:
    """Nobody waits for the pods."""
    _step(body, "drain/rr-1")["gates"] = []


def forced(body: dict[str, Any]) -> None:
    """Pods are deleted that the spec protects."""
    _step(body, "drain/rr-1")["gates"][0]["eviction"]["force"] = True


def nobody_asked(body: dict[str, Any]) -> None:
    """The nodes that a gate asks are gone."""
    body["node_sets"] = {name: [] for name in body["node_sets"]}


def never_uncordoned(body: dict[str, Any]) -> None:
    """The step that puts the cordon back is gone."""
    body["steps"] = [step for step in body["steps"] if step["id"] != "uncordon/rr-1"]
    body["edges"] = [edge for edge in body["edges"] if edge["after"] != "uncordon/rr-1"]


def status(body: dict[str, Any]) -> None:
    """A change of what no plan changes."""
    _step(body, "drain/rr-1")["changes"][0]["after"]["status"] = {"phase": "Terminated"}


def broken_chain(body: dict[str, Any]) -> None:
    """The uncordon begins with something else than the cordon left."""
    change = _step(body, "uncordon/rr-1")["changes"][0]
    change["before"]["spec"]["unschedulable"] = False


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (told_less, r"`resource_changes` lists other changes than its steps make"),
        (told_other, r"`resource_changes` lists other changes than its steps make"),
        (told_another_way_back, r"`rollback` has another order than its steps"),
        (told_refused, r"`errored` does not fit its proof"),
        (secret, r"step `mesh-off`: change of Secret/kube-system/y: no kind that a plan may change"),
        (another_kind, r"its document is of Secret/"),
        (kind_of_another_action, r"change of BGPConfiguration/default: no kind that `DrainNode` changes"),
        (foreign_hook, r"hook `evil` \(`sh -c id`\) is not in its spec"),
        (no_hook, r"hook `ticket` of its spec is missing"),
        (halts, r"`on_failure` is `halt`, and its spec says `undo`"),
        (hasty, r"step `mesh-off`: its gate `.*` is held for 1 s, its spec says 10 s"),
        (ungated, r"step `mesh-off` changes sessions, and has no gate and no reason why"),
        (undrained, r"step `drain/rr-1` drains a node, and no gate waits for its pods"),
        (forced, r"its gate `.*` evicts pods otherwise than its spec says"),
        (nobody_asked, r"a gate names node set `nodes-1`, which has no nodes"),
        (never_uncordoned, r"step `drain/rr-1`: no later step `uncordon/rr-1` puts back what it changes"),
        (status, r"change of Node/rr-1: a plan may not change `status`"),
        (broken_chain, r"its change of Node/rr-1 does not begin where `drain/rr-1` ends \(spec.unschedulable\)"),
    ],
)
def test_refused_when_it_is_read(edit: Edit, words: str, tmp_path: Path) -> None:
    """Without the cluster: what is named does not hold together, or is not what the plan's own spec says."""
    plan = Bench(tmp_path, HOOKED).plan
    assert read_plan(resealed(plan, lambda body: None), "plan.json")[0] == plan
    with pytest.raises(PlanMismatch, match=words) as error:
        read_plan(resealed(plan, edit), "plan.json")
    assert error.value.exit_code == ExitCode.STALE
    assert str(error.value).startswith("plan.json: the plan does not hold together: ")
    assert error.value.problems[0].hint == "make a new plan"


# --- what shows on the cluster --------------------------------------------------------------------


def other_gate(body: dict[str, Any]) -> None:
    """A gate asks about fewer routes."""
    gate = _step(body, "mesh-off")["gates"][0]
    for expectation in gate["expectations"]:
        expectation["count"] = 0


def less_gates(body: dict[str, Any]) -> None:
    """A gate is replaced by a reason."""
    step = _step(body, "mesh-off")
    step["gates"], step["ungated"] = [], "no session comes up"


def reordered(body: dict[str, Any]) -> None:
    """The mesh goes first, and no edge says otherwise."""
    off = _step(body, "mesh-off")
    body["steps"].remove(off)
    body["steps"].insert(0, off)
    body["edges"] = [edge for edge in body["edges"] if "mesh-off" not in (edge["before"], edge["after"])]


def more(body: dict[str, Any]) -> None:
    """A step more, which takes a label off a node."""
    labels = {"metadata": {"labels": {"role": "x"}}}
    change = {"key": {"kind": "Node", "name": "worker-001", "namespace": ""}, "action": "update"}
    change |= {"before": {"metadata": {"labels": {"role": None}}}, "after": labels}
    step = {**_step(body, "drain/rr-1"), "id": "extra", "action": "TaintNode", "gates": [], "until": None}
    body["steps"].append({**step, "changes": [change]})


def other_peer(body: dict[str, Any]) -> None:
    """A BGPPeer towards an address of the attacker."""
    step = next(step for step in body["steps"] if step["action"] == "CreatePeer")
    step["changes"][0]["after"]["spec"] = {"peerIP": "192.0.2.66", "asNumber": 64512}


def less_edges(body: dict[str, Any]) -> None:
    """Two steps may run in any order."""
    body["edges"] = [edge for edge in body["edges"] if edge["after"] != "mesh-off"]


def all_down(body: dict[str, Any]) -> None:
    """A node that is up counts as down, so that nobody waits for it."""
    body["down"] = ["rr-1"]


def praised(body: dict[str, Any]) -> None:
    """What is exposed is not told."""
    for step in body["proof"]["steps"]:
        step["exposures"] = []


def other_summary(body: dict[str, Any]) -> None:
    """The words that a reviewer reads."""
    _step(body, "mesh-off")["summary"] = "do nothing at all"


def fewer_nodes(body: dict[str, Any]) -> None:
    """A gate asks one node less."""
    name = next(name for name, nodes in body["node_sets"].items() if len(nodes) > 1)
    del body["node_sets"][name][0]


ON_THE_CLUSTER = [
    (fewer_nodes, r"node set `nodes-\d+` has other nodes than planned: .* is missing"),
    (other_gate, r"step `mesh-off`: its gate `.*` is another one than planned \(expectations\)"),
    (less_gates, r"step `mesh-off`: its gate `.*` is missing"),
    (reordered, r"step `mesh-off` stands where `.*` is planned"),
    (more, r"step `extra` is not planned"),
    (other_peer, r"its change of BGPPeer/.* is another one than planned"),
    (less_edges, r"the edge from `.*` to `mesh-off` is missing \(the mesh goes only when"),
    (all_down, r"the plan counts rr-1 among the nodes that are down, and it is up"),
    (praised, r"what is proved of step `promote/rr-1` is not what the plan says"),
    (other_summary, r"step `mesh-off`: its `summary` is `do nothing at all`, planned is `turn the node-to-node mesh"),
]


@pytest.mark.parametrize(("edit", "words"), ON_THE_CLUSTER)
def test_refused_on_the_cluster(edit: Edit, words: str, tmp_path: Path) -> None:
    """What holds together, and is not what the plan's spec comes to on the cluster, is named; nothing is written."""
    bench = Bench(tmp_path)
    plan, _ = read_plan(resealed(bench.plan, edit), "plan.json")
    with pytest.raises(PlanMismatch, match=words) as error:
        api.apply(plan, embedded(bench.sandbox, tmp_path))
    assert error.value.exit_code == ExitCode.STALE
    assert str(error.value).startswith("the plan: not what its spec comes to on this cluster: ")
    assert error.value.problems[-1].hint == (
        "the plan was edited, or it was made from less or more than the cluster has; nothing was changed; "
        "make a new plan from the cluster as it is"
    )
    assert bench.objects() == bench.before


def test_an_honest_plan_is_applied(tmp_path: Path) -> None:
    """From its file, whose version it knows."""
    bench = Bench(tmp_path)
    plan, _ = read_plan(write_plan(bench.plan), "plan.json")
    assert plan.written_as == FORMAT_VERSION
    assert api.apply(plan, embedded(bench.sandbox, tmp_path)).value == "done"


def test_what_went_down_since_is_no_edit(tmp_path: Path) -> None:
    """A node that went down since is the operator's to accept; the plan is still the one that its spec comes to."""
    bench = Bench(tmp_path)
    state = capture(bench.sandbox).state
    name = next(name for name in sorted(state.nodes) if not name.startswith("rr-"))
    fallen = state.put(replace(state.nodes[name], ready=False))
    assert differences(bench.plan, fallen) == []
    assert draft_plan(bench.spec, fallen, calico_versions(fallen), bench.plan.snapshot).down == (name,)


def _of_before(body: dict[str, Any]) -> None:
    """As version 1.1 had it."""
    for step in body["steps"]:
        changes = step.pop("changes")
        for change in changes:
            del change["action"]
        *step["cascade"], step["change"] = changes or [None]
        for field in ("node", "phase", "wave", "unordered", "until"):
            del step[field]


def test_an_honest_plan_of_before_is_applied(tmp_path: Path) -> None:
    """What its version did not say is not compared."""
    bench = Bench(tmp_path)
    plan, _ = read_plan(resealed(bench.plan, _of_before, "1.1"), "plan.json")
    assert api.apply(plan, embedded(bench.sandbox, tmp_path)).value == "done"


def test_a_plan_of_before_that_is_planned_otherwise_now(tmp_path: Path) -> None:
    """It is refused with what is other, and with what to do."""

    def edit(body: dict[str, Any]) -> None:
        _of_before(body)
        _step(body, "mesh-off")["gates"][0]["minimum"] = 1

    bench = Bench(tmp_path)
    plan, _ = read_plan(resealed(bench.plan, edit, "1.1"), "plan.json")
    with pytest.raises(PlanMismatch, match=r"its gate `.*` is another one than planned \(minimum\)") as error:
        api.apply(plan, embedded(bench.sandbox, tmp_path))
    assert error.value.problems[-1].hint == (
        "the plan is of format version 1.1, and this rrplan plans otherwise; nothing was changed; "
        "make a new plan from the cluster as it is"
    )
