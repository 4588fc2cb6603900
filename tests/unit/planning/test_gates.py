"""The numbers that gates carry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan.plans import Plan
from rrplan.plans.gate import Expectation
from rrplan.snapshots import snapshot_of_manifests
from tests.golden.__main__ import SCENARIOS, planned


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
