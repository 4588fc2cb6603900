"""The numbers that gates carry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan.plans import Plan
from rrplan.plans.gate import Expectation
from rrplan.snapshots import snapshot_of_manifests
from tests.golden.__main__ import SCENARIOS, planned
from tests.support.clusters import meshed
from tests.support.clusters import planned as plan_of


def asked(plan: Plan | None) -> Iterator[Expectation]:
    """What a plan's gates expect over single sessions."""
    for step in plan.steps if plan else ():
        for gate in (*step.gates, *step.undo_gates):
            yield from (one for one in gate.expectations if one.peer)


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda path: path.name)
def test_counts_and_those_who_are_not_waited_for_add_up(folder: Path) -> None:
    """Routes over a session are those of every node but the receiver and the ones that the gate names."""
    plan = planned(folder)
    nodes = snapshot_of_manifests([("cluster.yaml", (folder / "cluster.yaml").read_bytes())]).state.nodes.values()
    speaking = {
        "ipv4": {node.name for node in nodes if node.ipv4 or node.host_ip},
        "ipv6": {node.name for node in nodes if node.ipv6},
    }
    for one in asked(plan):
        assert plan is not None
        without = set(plan.node_sets[one.without]) if one.without else set()
        assert without <= speaking[one.family]
        for receiver in plan.node_sets[one.nodes]:
            assert one.count == len(speaking[one.family]) - 1 - len(without - {receiver}), (one, receiver)


def test_the_scenarios_ask_enough() -> None:
    """Gates with and without nodes that are not waited for are among them."""
    found = [one for folder in SCENARIOS for one in asked(planned(folder))]
    assert any(one.without for one in found)
    assert any(not one.without for one in found)


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ("{fraction: 99%}", ["`gates: {fraction: 99%}`: a gate passes while other nodes lack sessions or routes"]),
        ("{stable: 1s}", ["`gates: {stable: 1s}`: one in four new sessions with reflectors goes down again"]),
        ("{stable: 0s, fraction: 5%}", ["`gates: {fraction: 5%}`", "`gates: {stable: 0s}`"]),
        ("{stable: 2s, fraction: 100%, routes: 5s}", []),
    ],
)
def test_a_plan_says_what_its_gates_do_not_see(gates: str, words: list[str]) -> None:
    """Where the spec lets them pass although sessions are missing, or may go down again."""
    reflectors = "topology: route-reflectors, clusterID: 1.0.0.1, drain: true"
    reflectors += ", groups: [{name: main, nodes: {names: [r1, r2]}}]"
    told = [notice for notice in plan_of(meshed(), f"{reflectors}, gates: {gates}").notices if "gates:" in notice]
    assert len(told) == len(words)
    assert all(notice.startswith(lead) for notice, lead in zip(told, words, strict=True))
