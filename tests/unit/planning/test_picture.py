"""Pictures of a plan against the session table, which is made node by node."""

from __future__ import annotations

import pytest

from rrplan.bgp.adjacency import Established
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.session_counts import count_sessions
from rrplan.bgp.sessions import Speakers
from rrplan.ids import NodeName
from rrplan.planning.beginning import beginning
from rrplan.planning.promise import states
from rrplan.render.report.sessions import session_count
from rrplan.resources import ClusterState
from rrplan.snapshots import snapshot_of_manifests
from tests.golden.__main__ import FOLDER, planned
from tests.support.reports import demo, drawn

NAMES = (
    "waves-with-drained-reflectors",
    "way-back",
    "mesh-to-two-levels",
    "outside-reflectors-replaced-by-nodes",
    "as-numbers-of-racks",
)


def state_in(name: str) -> ClusterState:
    """The cluster of a scenario."""
    return snapshot_of_manifests([("cluster.yaml", (FOLDER / name / "cluster.yaml").read_bytes())]).state


def established(state: ClusterState) -> int:
    """The ends of sessions that come up, or may, by the session table."""
    counts = count_sessions(Speakers.of(state, calico_versions(state)))
    return sum(count for answer, count in counts.established.items() if answer is not Established.NO)


@pytest.mark.parametrize("name", NAMES)
def test_sessions_are_those_of_the_session_table(name: str) -> None:
    """Before the plan and in the end; a session between nodes has two ends in the table, one to the outside has one."""
    plan = planned(FOLDER / name)
    assert plan is not None
    before = state_in(name)
    *_, after = states(plan, before)
    made = drawn(plan, before)
    for frame, state in ((0, before), (made.frames - 1, after)):
        outside = sum(len(made.groups[line.here].names) for line in made.outside if frame in line.frames)
        assert (session_count(made, frame) - outside) * 2 + outside == established(state), frame


@pytest.mark.parametrize("name", NAMES)
def test_the_beginning_is_found_from_wherever_a_run_stands(name: str) -> None:
    """In the cluster as it was, and in the one that the plan leaves; a cluster that is another one is told apart."""
    plan = planned(FOLDER / name)
    assert plan is not None
    before = state_in(name)
    versions = calico_versions(before)
    chain = list(states(plan, before))
    for state in (chain[0], chain[len(chain) // 2], chain[-1]):
        found = beginning(plan, state, versions)
        assert found is not None
        assert (found.peers, found.configurations) == (before.peers, before.configurations)
    strange = next(iter(before.nodes))
    others = {name: node for name, node in before.nodes.items() if name != strange}
    assert beginning(plan, ClusterState(others, before.peers, before.configurations, before.others), versions) is None


def test_groups_hold_each_node_once_and_tell_who_reflects() -> None:
    """Nodes that no step tells apart are one group of their zone."""
    plan, cluster = demo(120)
    made = drawn(plan, cluster.state)
    names = [name for group in made.groups for name in group.names]
    assert sorted(names) == sorted(cluster.state.nodes)
    assert len(made.groups) == 9
    first = next(group for group in made.groups if group.names == (NodeName("rr-1"),))
    assert (first.reflects[0], first.reflects[-1]) == (False, True)
    assert made.mesh[-1] == {}


def test_a_sketch_has_the_reflectors_and_the_sessions_that_gates_ask_about() -> None:
    """Of a plan alone: the mesh until it is turned off, a reflector from its promotion on."""
    plan, _ = demo(12)
    made = drawn(plan, None)
    assert not made.exact
    reflectors = {group.names[0]: group.reflects for group in made.groups if group.ever_reflects}
    assert set(reflectors) == {f"rr-{number}" for number in range(1, 7)}
    assert not any(reflects[0] for reflects in reflectors.values())
    assert all(reflects[-1] for reflects in reflectors.values())
    assert made.mesh[0]
    assert not made.mesh[-1]
    assert made.lines
