"""What nodes of a laboratory pick up, and when."""

import random
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from rrplan.adapters.local.clock import SystemClock
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.rehearsal.agents import LATEST, SOONEST, Agents
from rrplan.rehearsal.configuration import Daemon
from rrplan.rehearsal.laboratory import Configurations, Laboratory
from rrplan.resources import ClusterState, Node

NODE = NodeName("a")


class Written:
    """A laboratory of one node whose configuration is its label; it keeps what it was told to run."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.rendered = threading.Semaphore(0)

    def configurations(self, state: ClusterState) -> Configurations:
        """One daemon, with the label as its file."""
        self.rendered.release()
        return {NODE: {"ipv4": Daemon(Family.IPV4, state.nodes[NODE].labels["v"])}}

    def apply(self, _name: NodeName, daemons: dict[str, Daemon]) -> None:
        """It has this file now."""
        self.texts.append(daemons["ipv4"].text)


def labelled(text: str) -> ClusterState:
    """A state of the node."""
    return ClusterState.of([Node(NODE, {"v": text}, ipv4="10.0.0.1")])


def seeds() -> Iterator[int]:
    """Those with which the second of two changes is due before the first one."""
    for seed in range(1000):
        dice = random.Random(seed)
        if dice.uniform(SOONEST, LATEST) > dice.uniform(SOONEST, LATEST) + 0.4:
            yield seed


@pytest.mark.parametrize("seed", [next(seeds())])
def test_an_older_change_is_never_written_after_a_newer_one(seed: int) -> None:
    """The node is due for the first change when it has written the second one already."""
    laboratory = Written()
    agents = Agents(cast(Laboratory, cast(Any, laboratory)), seed)
    agents.start(labelled("first"))
    laboratory.rendered.acquire()
    for text in ("second", "third"):
        agents.hear(labelled(text))
        assert laboratory.rendered.acquire(timeout=10)
    clock = SystemClock()
    end = clock.now() + 30
    while len(laboratory.texts) < 2 and clock.now() < end:
        clock.sleep(0.01)
    clock.sleep(2 * LATEST)
    agents.stop()
    assert agents.failure is None
    assert laboratory.texts == ["first", "third"]
