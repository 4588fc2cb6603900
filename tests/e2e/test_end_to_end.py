"""From end to end: a real API server, real BIRDs in namespaces, rrplan in processes of its own; see `cases`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.sandbox import demo_cluster
from tests.e2e.agent import BirdAgent
from tests.e2e.cases import BACK, FIRST, GATES, NODES, SECOND, SEED, SOAKED, checked, here
from tests.e2e.story import Fault, Harm, Place, Story
from tests.real.server import RealServer
from tests.support import SPEC

pytestmark = [pytest.mark.real, pytest.mark.bird, pytest.mark.crash, pytest.mark.slow]

THERE = [
    Fault("GateWaiting", "promote/rr-2", Harm.KILL_RRPLAN),
    Fault("StepStarted", "await/clients", Harm.RESTART_API),
    Fault("StepStarted", "await/drained", Harm.KILL_BIRD, FIRST),
]
MORE_THERE = [
    Fault("GateWaiting", "mesh-off", Harm.RESTART_API),
    Fault("StepStarted", "uncordon/rr-1", Harm.KILL_RRPLAN),
]
REST = [Fault("", "", Harm.KILL_BIRD, FIRST, away=150), Fault("", "", Harm.KILL_BIRD, SECOND, away=10)]
"""Between the two runs. After 120 s the others take its graceful restart to have failed (BIRD's default)."""
MORE_BACK = [
    Fault("GateWaiting", "promote/rr-2", Harm.KILL_RRPLAN),
    Fault("UndoStarted", "promote/rr-1", Harm.RESTART_API),
]


@pytest.fixture
def story(crd_server: RealServer, tmp_path: Path) -> Iterator[Story]:
    """A cluster of real BIRDs on a real API server."""
    here()
    crd_server.fill(demo_cluster(NODES, 2))
    place = Place(
        crd_server,
        lambda: in_kubernetes(crd_server.connect()),
        ["--kubeconfig", str(crd_server.kubeconfig), "--context", "operator"],
        lambda birds: BirdAgent(crd_server, tmp_path, birds),
    )
    made = Story(place, tmp_path, SPEC + GATES, SEED)
    yield made
    made.close()
    crd_server.clear()


def test_there_and_back(story: Story) -> None:
    """Nobody but exposed pairs loses anything, whatever dies on the way; in the end all is as it was."""
    if SOAKED:
        checked(story.there_and_back(THERE + MORE_THERE, BACK + MORE_BACK, REST))
    else:
        checked(story.there_and_back(THERE, BACK))
