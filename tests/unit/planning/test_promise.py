"""Single pairs, beside the counts of the proof."""

import json
import re
from dataclasses import replace

import pytest

from rrplan import api
from rrplan.bgp.outside import Outside
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.roles import OutsideRole
from rrplan.bgp.speaker import Family
from rrplan.digest import digest as digest_of
from rrplan.errors import DigestMismatch, FileFormatError
from rrplan.ids import NodeName, StepId
from rrplan.planning.promise import Pair, held_pairs, missing_pairs, needed_prefixes, promises, reflecting
from rrplan.plans import Plan, read_plan
from rrplan.plans.change import Change
from rrplan.plans.rehearsal import Rehearsal, Subject, rehearsal_document
from rrplan.render.plan_json import plan_document, write_plan
from rrplan.resources import BGPFilter, ClusterState, DaemonSet, IPPool, decode, encode
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support import SPEC
from tests.support.clusters import VERSIONS, mesh, node, peer, planned, reflected, state


@pytest.fixture(scope="module")
def made() -> tuple[Plan, ClusterState]:
    """A plan for twelve nodes, two of which become reflectors."""
    state = ClusterState.of(one for one in map(decode, demo_cluster(12, 2)) if one is not None)
    return api.plan(load(SPEC.encode(), "spec.yaml"), Snapshot(state)), state


def test_as_many_as_the_proof_counts(made: tuple[Plan, ClusterState]) -> None:
    """Every step of the proof, pair for pair; an exposed pair ends at the node that moves."""
    plan, state = made
    told = promises(plan, state, calico_versions(state))
    assert [*told] == [step.id for step in plan.steps]
    for proof in plan.proof.steps:
        assert len(told[proof.step].exposed) == sum(one.pairs for one in proof.exposures)
    promoted = told[StepId("promote/rr-1")].exposed
    assert promoted
    assert all("rr-1" in (pair.at, pair.origin) for pair in promoted)
    assert reflecting(plan, state) == {"rr-1", "rr-2"}


def test_missing_from_the_beginning(made: tuple[Plan, ClusterState]) -> None:
    """Nobody is without a route in a mesh; without mesh and reflectors everybody is."""
    _, state = made
    assert missing_pairs(state, calico_versions(state)) == frozenset()
    off = {"apiVersion": "projectcalico.org/v3", "kind": "BGPConfiguration", "metadata": {"name": "default"}}
    configuration = decode({**off, "spec": {"nodeToNodeMeshEnabled": False}})
    assert configuration is not None
    alone = missing_pairs(state.put(configuration), calico_versions(state))
    assert len(alone) == 2 * 12 * 11
    assert Pair("ipv6", NodeName("rr-1"), NodeName("node-001")) in alone


def test_pairs_with_the_outside(made: tuple[Plan, ClusterState]) -> None:
    """A switch keeps every route and is kept; when its session goes, that is exposed, and gone after the step."""
    plan, state = made
    switch = "outside 10.9.9.9 (AS 65100)"
    spec = {"peerIP": "10.9.9.9", "asNumber": 65100}
    peer = decode({"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "t"}, "spec": spec})
    assert peer is not None
    linked = state.put(peer)
    versions = calico_versions(linked)
    held = {pair for pair in held_pairs(linked, versions) if switch in pair}
    assert len(held) == 2 * 12
    assert not any(switch in pair for one in promises(plan, linked, versions).values() for pair in one.excused)
    # The session goes in the first step that touches one.
    step = next(step for step in plan.steps if step.topology and step.changes)
    gone = Change.delete(peer.key, encode(peer))
    steps = tuple(replace(one, changes=(gone,)) if one is step else one for one in plan.steps)
    told = promises(replace(plan, steps=steps), linked, versions)
    assert {pair for pair in told[step.id].exposed if switch in pair} == held
    last = told[plan.steps[-1].id]
    assert {pair for pair in last.without if switch in pair} == held
    assert not any(switch in pair for pair in told[plan.steps[0].id].excused)


def test_kept_in_the_plan_file(made: tuple[Plan, ClusterState]) -> None:
    """A rehearsal lies beside the plan: the digest stays; one that was changed, or of another plan, is refused."""
    plan, _ = made
    bare = str(plan_document(plan)["digest"])
    done = Rehearsal(Subject(bare, "", ""), 1, 12, (), (), "done", "undone")
    data = write_plan(replace(plan, rehearsal=done))
    again, digest = read_plan(data, "plan.json")
    assert (again.rehearsal, digest) == (done, bare)
    assert write_plan(again) == data
    for edited in (
        data.replace(b'"seed":1', b'"seed":2'),
        write_plan(replace(plan, rehearsal=replace(done, subject=Subject("x", "", "")))),
    ):
        with pytest.raises(DigestMismatch, match="the rehearsal in the file was changed, or is that of another plan"):
            read_plan(edited, "plan.json")


def test_rehearsal_of_another_format_or_verdict(made: tuple[Plan, ClusterState]) -> None:
    """A rehearsal that an older rrplan wrote, or whose verdict does not follow from it, is refused."""
    plan, _ = made
    document = plan_document(plan)
    done = rehearsal_document(Rehearsal(Subject(document["digest"], "", ""), 1, 12, (), (), "done", "undone"))
    for change, said in (
        ({"format_version": "1.0"}, "the rehearsal in the file has format version 1.0, and this is rrplan for 2"),
        ({"verdict": "inconclusive"}, "says `inconclusive`, and what it measured says `matches the plan`"),
    ):
        body = {name: value for name, value in {**done, **change}.items() if name != "digest"}
        data = json.dumps({**document, "rehearsal": {**body, "digest": digest_of(body)}}).encode()
        with pytest.raises(FileFormatError, match=re.escape(said)) as caught:
            read_plan(data, "plan.json")
        assert "hint: rehearse the plan again" in str(caught.value)


def test_a_node_that_is_down_is_promised_nothing() -> None:
    """It may serve routes all the same, and they may go at any moment."""
    cluster = reflected(dead="c")
    plan = planned(cluster, "topology: full-mesh, drain: true")
    told = promises(plan, cluster, VERSIONS)
    assert told
    for promise in told.values():
        assert {
            Pair("ipv4", NodeName("a"), NodeName("c")),
            Pair("ipv4", NodeName("c"), NodeName("a")),
        } <= promise.excused
        assert Pair("ipv4", NodeName("a"), NodeName("b")) not in promise.excused


def test_pools_that_a_filter_tells_apart_are_promised_by_themselves() -> None:
    """A session rejects the second pool: no end holds a route of it, and none is promised one."""
    pools = IPPool("first", "10.42.0.0/16"), IPPool("second", "10.43.0.0/16")
    reject = {"importV4": [{"action": "Reject", "matchOperator": "In", "cidr": "10.43.0.0/16"}]}
    peering = peer("p", node="a", peerSelector="all()", filters=["f"])
    cluster = state(node("a", 1), node("b", 2), peering, mesh(on=False)).put(BGPFilter("f", reject))
    for pool in pools:
        cluster = cluster.put(pool)
    second = NodeName("b, of IPPool second")
    assert held_pairs(cluster, VERSIONS) == {
        Pair("ipv4", NodeName("a"), NodeName("b")),
        Pair("ipv4", NodeName("b"), NodeName("a")),
    }
    assert Pair("ipv4", NodeName("a"), second) not in held_pairs(cluster, VERSIONS, Doubt.FOR)


def test_where_nothing_is_owed_nothing_is_held() -> None:
    """Felix programs the only pool: no pair of nodes has a route in its kernel by BIRD."""
    cluster = state(node("a", 1), node("b", 2), mesh(on=True)).put(IPPool("p", "10.42.0.0/16", vxlan_mode="Always"))
    assert held_pairs(cluster, VERSIONS) == frozenset()


def test_a_node_without_calico_node_is_promised_nothing() -> None:
    """Its DaemonSet keeps away from it, so that with its pods its routes have gone."""
    away = DaemonSet("calico-node", "kube-system", avoids=(("away", "yes"),))
    cluster = state(node("a", 1), node("b", 2), node("c", 3, away="yes"), mesh(on=True)).put(away)
    assert {(pair.at, pair.origin) for pair in held_pairs(cluster, VERSIONS)} == {("a", "b"), ("b", "a")}


def test_an_announced_prefix_is_exposed_where_all_its_sources_are() -> None:
    """`a` has a default route of two switches: when one session goes it keeps it, when both go it has none."""
    roles = tuple(
        OutsideRole(name, f"10.0.9.{number}", "", 65000, transit=True, announces=("0.0.0.0/0",))
        for number, name in enumerate(("x", "y"), 1)
    )
    ups = [peer(f"up-{number}", node="a", peerIP=f"10.0.9.{number}", asNumber=65000) for number in (1, 2)]
    cluster = state(node("a", 1), node("b", 2), mesh(on=True), *ups)
    default = Pair("ipv4", NodeName("a"), NodeName("0.0.0.0/0 that x and y announce"))
    assert default in held_pairs(cluster, VERSIONS, roles=roles)
    one, other = (Outside(Family.IPV4, f"10.0.9.{number}", 65000).name for number in (1, 2))
    (prefix,) = needed_prefixes(roles)
    heard = held_pairs(cluster, VERSIONS, roles=roles)
    first, second = (Pair("ipv4", NodeName("a"), name) for name in (one, other))
    assert list(prefix.exposed(heard, {first})) == []
    assert list(prefix.exposed(heard, {first, second})) == [default]
    assert list(prefix.missing([NodeName("a"), NodeName("b")], heard)) == [default._replace(at=NodeName("b"))]
