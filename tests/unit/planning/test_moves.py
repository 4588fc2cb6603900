"""Reflectors and clients go from one group to another, and everybody has a reflector meanwhile."""

from __future__ import annotations

from itertools import permutations

import pytest

from rrplan.planning.promise import states
from rrplan.plans import Plan
from rrplan.resources import ClusterState
from tests.properties.naive import naive
from tests.support.clusters import mesh, node, planned, state

NAMES = [*(f"r{number}" for number in range(1, 7)), *(f"c{number}" for number in range(1, 5))]
START = state(*(node(name, number, zone="ab"[number % 2]) for number, name in enumerate(NAMES)), mesh(on=True))
EAST = "name: east, clusterID: 10.0.0.1, nodes: {names: [r1, r2]}, clients: zone == "
WEST = "name: west, clusterID: 10.0.0.2, nodes: {names: [r3, r4]}, clients: zone == "
CORE = "name: core, clusterID: 10.0.9.1, nodes: {names: [r5, r6]}"
GROUPS = {
    "one for all": "{name: main, clusterID: 10.0.3.1, nodes: {names: [r1, r2]}}",
    "zones": f"{{{EAST}'a'}}, {{{WEST}'b'}}",
    "zones the other way": f"{{{EAST}'b'}}, {{{WEST}'a'}}",
    "two levels": f"{{{EAST}'a', parent: core}}, {{{WEST}'b', parent: core}}, {{{CORE}}}",
    "shares": "{name: main, clusterID: 10.0.3.1, nodes: {names: [r1, r2, r3, r4]}, reflectorsPerClient: 2}",
    "shares of one": "{name: main, clusterID: 10.0.3.1, nodes: {names: [r1, r2]}, reflectorsPerClient: 1}",
    "shares below": "{name: main, clusterID: 10.0.3.1, parent: core, reflectorsPerClient: 2, "
    f"nodes: {{names: [r1, r2, r3, r4]}}}}, {{{CORE}}}",
}
HARD = {("shares of one", name) for name in ("zones", "zones the other way", "two levels")}
"""The last reflector of a share would go over to others."""


def spec(groups: str) -> str:
    """The spec, but for its head."""
    return (
        "topology: route-reflectors, drain: true, policy: {minReflectorsPerClient: 1, exposure: {brief: 30s}}, "
        f"groups: [{GROUPS[groups]}]"
    )


def last(plan: Plan, cluster: ClusterState) -> ClusterState:
    """The cluster once a plan was carried out."""
    *_, end = states(plan, cluster)
    return end


@pytest.mark.parametrize(("before", "after"), [pair for pair in permutations(GROUPS, 2) if pair not in HARD])
def test_from_groups_to_others(before: str, after: str) -> None:
    """Each plan is safe, a naive speaker agrees in every state, and nothing is left to do."""
    cluster = last(planned(START, spec(before)), START)
    plan = planned(cluster, spec(after))

    drained = {step.node for step in plan.steps if step.action == "DrainNode"}
    held = naive(cluster)
    for between in states(plan, cluster):
        assert not [pair for pair in held - naive(between) if not drained & set(pair)]
    end = last(plan, cluster)
    assert held == naive(end)
    assert not planned(end, spec(after)).steps


def test_clients_change_places() -> None:
    """Both BGPPeers serve both zones before either leaves one."""
    cluster = last(planned(START, spec("zones")), START)
    plan = planned(cluster, spec("zones the other way"))

    assert [step.id for step in plan.steps] == [
        "widen-peer/rrplan-east-clients",
        "widen-peer/rrplan-west-clients",
        "update-peer/rrplan-east-clients",
        "update-peer/rrplan-west-clients",
    ]
    assert [step.until for step in plan.steps[:2]] == [step.id for step in plan.steps[2:]]
    assert not [proof.step for proof in plan.proof.steps if proof.exposures]


def test_half_way() -> None:
    """A run that was given up after both were widened is gone on with, or taken back by a plan for the old spec."""
    cluster = last(planned(START, spec("zones")), START)
    _, _, between, *_ = states(planned(cluster, spec("zones the other way")), cluster)

    for wanted in ("zones", "zones the other way"):
        plan = planned(between, spec(wanted))
        assert [step.id for step in plan.steps] == [
            "update-peer/rrplan-east-clients",
            "update-peer/rrplan-west-clients",
        ]
        assert not planned(last(plan, between), spec(wanted)).steps


def test_one_for_each_group_goes_first() -> None:
    """Of reflectors that go over to another group; the others follow."""
    cluster = last(planned(START, spec("shares")), START)
    plan = planned(cluster, spec("zones"))

    promoted = [step.id for step in plan.steps if step.action == "PromoteReflector"]
    assert promoted == ["promote/r1", "promote/r3", "promote/r2", "promote/r4"]
