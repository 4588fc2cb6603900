"""The same with Calico's data in etcd, to standalone reflectors; see `test_end_to_end`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rrplan.bgp.speaker import Family
from rrplan.ports import Document
from rrplan.rehearsal.announcements import POOLS
from rrplan.sandbox import ucp_cluster
from tests.e2e.agent import MixedBirdAgent
from tests.e2e.cases import BACK, FIRST, GATES, NODES, SEED, checked, here
from tests.e2e.story import Fault, Harm, Place, Story
from tests.real.mixed import MixedCluster
from tests.support.mixed import begin
from tests.support.specs import STANDALONE

pytestmark = [pytest.mark.real, pytest.mark.bird, pytest.mark.crash, pytest.mark.slow]

THERE = [
    Fault("GateWaiting", "create-peer/rrplan-rr-2", Harm.KILL_RRPLAN),
    Fault("StepStarted", "await/clients", Harm.RESTART_API),
    Fault("GateWaiting", "mesh-off", Harm.KILL_BIRD, FIRST),
]


@pytest.fixture
def story(mixed_cluster: MixedCluster, tmp_path: Path) -> Iterator[Story]:
    """Three managers, workers, two candidates."""
    here()
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


def test_standalone_there_and_back(story: Story) -> None:
    """Reflectors in containers, by way of UCP's two datastores."""
    checked(story.there_and_back(THERE, BACK))
