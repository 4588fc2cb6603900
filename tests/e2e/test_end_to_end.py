"""From end to end: a real API server and etcd, real BIRDs in namespaces, rrplan in processes of its own.

`RRPLAN_E2E_NODES` asks for another size; from thirty nodes on, more is broken, as in the soak. `RRPLAN_E2E_SEED` draws
other delays of reloads and other pairs that are probed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan.adapters.kubernetes.cluster import in_kubernetes
from rrplan.bgp.speaker import Family
from rrplan.ports import Document
from rrplan.rehearsal.laboratory import POOLS
from rrplan.sandbox import demo_cluster, ucp_cluster
from tests.bird.laboratory import lacking
from tests.conftest import lacks
from tests.e2e.agent import BirdAgent, MixedBirdAgent
from tests.e2e.story import REFLECTORS, Fault, Harm, Place, Story, Told
from tests.real.mixed import MixedCluster
from tests.real.server import RealServer
from tests.support import SPEC
from tests.support.mixed import begin
from tests.support.specs import STANDALONE

pytestmark = [pytest.mark.real, pytest.mark.bird, pytest.mark.crash, pytest.mark.slow]

NODES = int(os.environ.get("RRPLAN_E2E_NODES", "10"))
SEED = int(os.environ.get("RRPLAN_E2E_SEED", "1"))
SOAKED = NODES >= 30
GATES = "  gates: {stable: 2s}\n"
FIRST, SECOND = REFLECTORS
THERE = [
    Fault("GateWaiting", "promote/rr-2", Harm.KILL_RRPLAN),
    Fault("StepStarted", "await/clients", Harm.RESTART_API),
    Fault("StepStarted", "await/drained", Harm.KILL_BIRD, FIRST),
]
BACK = [Fault("UndoStarted", "mesh-off", Harm.KILL_BIRD, SECOND, away=8)]
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
STANDALONE_THERE = [
    Fault("GateWaiting", "create-peer/rrplan-rr-2", Harm.KILL_RRPLAN),
    Fault("StepStarted", "await/clients", Harm.RESTART_API),
    Fault("GateWaiting", "mesh-off", Harm.KILL_BIRD, FIRST),
]


def checked(told: Told) -> None:
    """What a story tells, said and judged."""
    sys.stdout.write(f"{NODES} nodes, {told.flows} flows, {told.verdict.text(told.seconds)}\n")
    sys.stdout.writelines(f"longer: {text}\n" for text in told.verdict.longer)
    assert not told.wrong, "\n".join(told.wrong)
    # The measurement can see loss: a node that changes its role, or is left by calico-node, is cut off.
    assert told.verdict.exposed.routes + told.verdict.explained > 10
    assert told.verdict.safe.sent > 10_000


@pytest.fixture
def here() -> None:
    """Skip where there can be no laboratory."""
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")


@pytest.fixture
def story(here: None, crd_server: RealServer, tmp_path: Path) -> Iterator[Story]:
    """A cluster of real BIRDs on a real API server."""
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


@pytest.fixture
def standalone(here: None, mixed_cluster: MixedCluster, tmp_path: Path) -> Iterator[Story]:
    """The same with Calico's data in etcd: three managers, workers, two candidates."""
    mixed_cluster.fill([pooled(document) for document in ucp_cluster(NODES - 5) if document["kind"] != "CalicoNode"])
    begin(mixed_cluster.server)
    kubeconfig, config = mixed_cluster.server.kubeconfig, mixed_cluster.calico_config(tmp_path)
    place = Place(
        mixed_cluster.server,
        mixed_cluster.connect,
        ["--kubeconfig", str(kubeconfig), "--context", "operator", "--calico-config", str(config)],
        lambda birds: MixedBirdAgent(mixed_cluster, tmp_path, birds),
        audited=False,
    )
    made = Story(place, tmp_path, STANDALONE + GATES, SEED)
    yield made
    made.close()
    mixed_cluster.clear()


def pooled(document: Document) -> Document:
    """Address blocks lie in the pool of the laboratory."""
    if document["kind"] != "IPPool":
        return document
    spec = document["spec"]
    assert isinstance(spec, dict)
    return {**document, "spec": {**spec, "cidr": POOLS[Family.IPV4][0]}}


def test_standalone_there_and_back(standalone: Story) -> None:
    """Reflectors in containers, by way of UCP's two datastores."""
    checked(standalone.there_and_back(STANDALONE_THERE, BACK))
