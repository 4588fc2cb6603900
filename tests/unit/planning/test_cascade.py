"""A plan that deletes a Calico Node contains what Calico's client would delete with it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rrplan import api
from rrplan.adapters.kubernetes.rights import Right, rights
from rrplan.bgp.profile import calico_versions
from rrplan.desired import compile_desired
from rrplan.desired.ownership import OURS
from rrplan.digest import digest
from rrplan.errors import PolicyRefusal, StalePlanError
from rrplan.ids import ActionName, StepId
from rrplan.plans import Plan, Step, read_plan
from rrplan.plans.change import Change, changed
from rrplan.ports import Document, Write
from rrplan.render.folding import folded
from rrplan.render.markdown import plan_markdown
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.render.runbook import Site, runbook
from rrplan.render.terminal import plan_text
from rrplan.render.words import totals
from rrplan.reports.drift import Drift, DriftKind
from rrplan.resources import CalicoVersion, ClusterState, HostEndpoint, ResourceKey, decode
from rrplan.runs.preflight import WRITES, Situation, check_fresh
from rrplan.sandbox import Sandbox
from rrplan.snapshots import Snapshot, read_snapshot, write_snapshot
from rrplan.specs import load
from tests.support.cascade import HOST, STATUS, STEP, cluster, of_host
from tests.support.specs import STANDALONE
from tests.unit.render.test_runbook import commands

OLD = CalicoVersion(3, 17, 4)
NEW = CalicoVersion(3, 18, 0)
CASCADE = [f"BGPPeer/backup-{HOST}", f"FelixConfiguration/node.{HOST}", f"BGPConfiguration/node.{HOST}"]
ENDPOINT = f"HostEndpoint/{HOST}-eth0"


def state(version: CalicoVersion | None = None) -> ClusterState:
    """The cluster."""
    return ClusterState.of(one for one in map(decode, cluster(version)) if one is not None)


def plan(found: ClusterState) -> Plan:
    """The plan for it."""
    return api.plan(load(STANDALONE.encode(), "spec.yaml"), Snapshot(found))


def deletion(made: Plan) -> Step:
    """The step that deletes the Calico Node of the host."""
    return next(step for step in made.steps if step.id == STEP)


def test_in_the_order_of_the_client() -> None:
    """First what belongs to the host, then its Calico Node; back the other way round; what others have stays."""
    made = plan(state())
    step = deletion(made)
    assert [str(change.key) for change in step.changes] == [*CASCADE, f"CalicoNode/{HOST}"]
    assert [str(change.key) for change in step.undo_changes] == [f"CalicoNode/{HOST}", *reversed(CASCADE)]
    assert {change.action for change in step.undo_changes} == {"create"}
    assert step.summary.endswith(f", and what Calico deletes with it: {', '.join(CASCADE)}")
    other = next(one for one in made.steps if one.id == "delete-calico-node/rr-2")
    assert len(other.changes) == 1
    assert not [change for _, change in made.writes if "worker-002" in change.key.name]


@pytest.mark.parametrize(("version", "taken"), [(OLD, False), (NEW, True), (CalicoVersion(3, 30, 7), True)])
def test_host_endpoints_go_since_v3_18(version: CalicoVersion, taken: bool) -> None:
    """The release of ClusterInformation decides: calicoctl has to be of it."""
    made = plan(state(version))
    assert (ENDPOINT in [str(change.key) for change in deletion(made).changes]) is taken


def test_everything_is_kept_as_it_was() -> None:
    """Labels, annotations, uid, time, fields that nobody here knows, and the status of the Node."""
    by_key = {str(change.key): change.before for change in deletion(plan(state(NEW))).changes}
    wanted = {f"{one['kind']}/{one['metadata']['name']}": one for one in cluster(NEW)}  # type: ignore[index]
    assert by_key == {key: wanted[key] for key in [*CASCADE, ENDPOINT, f"CalicoNode/{HOST}"]}
    node = by_key[f"CalicoNode/{HOST}"]
    assert node is not None
    assert node["status"] == STATUS


def test_a_snapshot_file_keeps_what_calico_knows() -> None:
    """A plan from a file is the same plan."""
    documents: list[Any] = cluster(NEW)
    for document in documents:
        document["metadata"].get("annotations", {}).pop("ticket", None)
    there = Snapshot(ClusterState.of(one for one in map(decode, documents) if one is not None))
    again = read_snapshot(write_snapshot(there), "snapshot.json")
    assert deletion(plan(again.state)) == deletion(plan(there.state))


def test_a_snapshot_file_does_not_keep_what_others_noted() -> None:
    """What a file leaves out no undo could restore, so a plan from it does not delete it."""
    again = read_snapshot(write_snapshot(Snapshot(state(NEW))), "snapshot.json")
    with pytest.raises(PolicyRefusal) as refused:
        plan(again.state)
    assert str(refused.value) == (
        "the plan deletes BGPPeer/backup-rr-1, and the snapshot file leaves out fields of it that may hold secrets"
    )
    assert refused.value.hint == "plan from the live cluster with `--context`, or from its manifests with `-f`"


def test_the_plan_ends_where_it_says() -> None:
    """Nothing is left to do, and nobody's other objects are gone."""
    first = state(NEW)
    last = first
    for _, change in plan(first).writes:
        last = changed(last, change)
    assert plan(last).steps == ()
    spec = load(STANDALONE.encode(), "spec.yaml")
    desired = compile_desired(spec, first, calico_versions(first)).state
    assert (desired.peers, desired.configurations) == (last.peers, last.configurations)
    gone = {resource.key for resource in first} - {resource.key for resource in last}
    assert {str(key) for key in gone} == {*CASCADE, ENDPOINT, f"CalicoNode/{HOST}", "CalicoNode/rr-2"}


def test_nothing_is_deleted_twice() -> None:
    """A BGPPeer of ours that names the host goes with its Calico Node, and not once more in the end."""
    peer = state().peers[f"backup-{HOST}"]
    made = plan(state().put(replace(peer, labels=OURS)))
    assert [step.id for step, change in made.writes if change.key == peer.key] == [STEP]


def test_what_is_not_restored_is_said() -> None:
    """The address blocks, in one sentence; nothing where no Calico Node is deleted."""
    said = [text for text in plan(state()).notices if "address blocks" in text]
    text = (
        "an undo does not restore the address blocks of rr-1, rr-2: calicoctl releases them with a Calico Node, "
        "and calico-node claims new ones when it starts again. calicoctl also deletes the WorkloadEndpoints of pods "
        "that are still there, such as those of DaemonSets, and frees their addresses; and what it creates has a new "
        "uid and creation time. With `--calico-config` all of this stays"
    )
    assert said == [text]


# --- the plan file ---------------------------------------------------------------------------------


def test_the_plan_file() -> None:
    """Every destroyed object is a resource change; what is written is read."""
    made = plan(state())
    body = plan_document(made)
    assert body["format_version"] == "2.4"
    destroyed = [one["address"] for one in body["resource_changes"] if one["step"] == STEP]
    assert destroyed == [*CASCADE, f"CalicoNode/{HOST}"]
    assert read_plan(write_plan(made), "plan.json")[0].steps == made.steps


def test_plans_of_before_are_read() -> None:
    """Version 1.0 had one change for each step, 1.1 those before it too; such steps go on one by one."""
    body = plan_document(plan(state()))
    for step in body["steps"]:
        *before, change = step.pop("changes") or [None]
        step["change"] = change
        step["cascade"] = before
        for field in ("node", "phase", "wave", "unordered"):
            del step[field]
    found = _read_as(body, "1.1")
    assert [step.changes for step in found.steps] == [step.changes for step in plan(state()).steps]
    assert deletion(found).node == HOST
    assert not any(step.independent for step in found.steps)
    for step in body["steps"]:
        del step["cascade"]
    assert [str(change.key) for change in deletion(_read_as(body, "1.0")).changes] == [f"CalicoNode/{HOST}"]


def _read_as(body: dict[str, Any], version: str) -> Plan:
    told = {name: value for name, value in body.items() if name != "digest"} | {"format_version": version}
    return read_plan(json.dumps({**told, "digest": digest(told)}).encode(), "plan.json")[0]


def test_a_plan_of_before_is_stale_where_it_would_destroy() -> None:
    """It does not say what goes with the Node, so it is not carried out; without such objects it is."""
    made = plan(state())
    old = replace(made, steps=tuple(replace(step, changes=step.changes[-1:]) for step in made.steps))
    with pytest.raises(StalePlanError) as error:
        check_fresh(old, state())
    assert error.value.changed == tuple(Drift(key, DriftKind.NOT_RESTORED, node=HOST) for key in sorted(CASCADE))
    assert f"{min(CASCADE)} is deleted with CalicoNode/{HOST}, and the plan does not restore it" in str(error.value)
    assert error.value.hint == "make a new plan from the cluster as it is now"
    plain = ClusterState.of(one for one in state() if str(one.key) not in CASCADE)
    check_fresh(plan(plain), plain)


def test_shown_in_every_format() -> None:
    """As destroyed; steps with a cascade are never folded away."""
    made = plan(state())
    assert " 5 to destroy" in totals(made)
    for text, lead in ((plan_text(made), "  - "), (plan_markdown(made), "| - | `")):
        for key in CASCADE:
            assert f"{lead}{key}" in text
    plain = replace(deletion(made), changes=deletion(made).changes[-1:], gates=())
    many = [replace(plain, id=StepId(f"x/{number}")) for number in range(20)]
    assert [count for _, count in folded(many)] == [20]
    assert [count for _, count in folded([*many[:15], deletion(made), *many[15:]])] == [15, 1, *[1] * 5]


def test_the_runbook() -> None:
    """The same commands by hand: first what belongs to the host, then its Node; back the other way round."""
    made, there = plan(state()), state()
    forward, back = runbook(made, Site.of(there, "calicoctl")).split("## Back")
    done = commands(forward)
    begin = done.index(f"calicoctl delete bgppeer backup-{HOST}")
    assert done[begin : begin + 5] == [
        f"calicoctl delete bgppeer backup-{HOST}",
        f"calicoctl delete felixconfiguration node.{HOST}",
        f"calicoctl delete bgpconfiguration node.{HOST}",
        f"calicoctl get node {HOST} -o yaml > calico-node-{HOST}.yaml",
        f"calicoctl delete node {HOST}",
    ]
    _, _, section = back.partition(f"delete the Calico Node of {HOST}")
    kinds = [line.removeprefix("kind: ") for line in section.partition("###")[0].splitlines() if "kind: " in line]
    assert kinds == ["Node", "BGPConfiguration", "FelixConfiguration", "BGPPeer"]
    assert "  wireguardPublicKey: " in section


def test_rights() -> None:
    """Where Calico's resources are in Kubernetes, each write needs its right."""
    found = set(rights(plan(state(NEW)), "projectcalico.org/v3"))
    for resource, name in (("felixconfigurations", f"node.{HOST}"), ("hostendpoints", f"{HOST}-eth0")):
        assert Right("projectcalico.org", resource, "delete", name=name) in found
        assert Right("projectcalico.org", resource, "create") in found


class Asked(Sandbox):
    """A sandbox that keeps what a dry run asks about."""

    writes: tuple[Write, ...] = ()

    def dry_run(self, writes) -> list[str]:  # type: ignore[no-untyped-def]
        """Nothing is refused."""
        self.writes = tuple(writes)
        return []


def test_every_write_is_tried_before(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Those of a cascade too."""
    Sandbox.make(tmp_path / "cluster", cluster()).close()
    sandbox = Asked.open(tmp_path / "cluster")
    assert isinstance(sandbox, Asked)
    assert not WRITES.problems(Situation(plan(state()), sandbox, sandbox))
    assert set(CASCADE) <= {str(write.key) for write in sandbox.writes}


# --- staleness -------------------------------------------------------------------------------------


def added(document: Document) -> Callable[[ClusterState], ClusterState]:
    """Somebody makes an object."""
    resource = decode(document)
    assert resource is not None
    return lambda found: found.put(resource)


STALE = [
    (Drift("BGPPeer/late", DriftKind.NEW), added(of_host("BGPPeer", "late", peerIP="172.31.0.5", asNumber=64512))),
    (
        Drift("FelixConfiguration/node.rr-2", DriftKind.NEW),
        added(of_host("FelixConfiguration", "node.rr-2", logSeverityScreen="Info")),
    ),
    (
        Drift("BGPConfiguration/node.rr-2", DriftKind.NEW),
        added(of_host("BGPConfiguration", "node.rr-2", logSeverityScreen="Info")),
    ),
    (Drift("HostEndpoint/late", DriftKind.NEW), added(of_host("HostEndpoint", "late", interfaceName="eth1"))),
    (
        Drift(f"FelixConfiguration/node.{HOST}", DriftKind.CHANGED),
        added(of_host("FelixConfiguration", f"node.{HOST}", logSeverityScreen="Info")),
    ),
    (Drift(ENDPOINT, DriftKind.GONE), lambda found: found.remove(ResourceKey("HostEndpoint", f"{HOST}-eth0"))),
]


@pytest.mark.parametrize(("drift", "change"), STALE, ids=[f"{drift.key} {drift.kind}" for drift, _ in STALE])
def test_stale(drift: Drift, change: Callable[[ClusterState], ClusterState]) -> None:
    """What would be destroyed is what the plan relies on."""
    made = plan(state(NEW))
    check_fresh(made, state(NEW))
    with pytest.raises(StalePlanError) as error:
        check_fresh(made, change(state(NEW)))
    assert error.value.changed == (drift,)


def test_what_belongs_to_others_makes_nothing_stale() -> None:
    """Nor does a HostEndpoint where the release leaves it."""
    elsewhere = of_host("FelixConfiguration", "node.worker-001", logSeverityScreen="Info")
    check_fresh(plan(state(NEW)), added(elsewhere)(state(NEW)))
    endpoint = HostEndpoint("late", HOST, spec={"node": HOST})
    check_fresh(plan(state(OLD)), state(OLD).put(endpoint))


def test_a_step_without_a_cascade() -> None:
    """Its writes are its change, or none."""
    change = Change.create(ResourceKey("BGPPeer", "x"), {"kind": "BGPPeer", "spec": {}})
    step = Step(StepId("x"), ActionName.CREATE_PEER, "x", (change,))
    assert (step.changes, step.undo_changes) == ((change,), (change.inverse(),))
    assert replace(step, changes=()).undo_changes == ()
