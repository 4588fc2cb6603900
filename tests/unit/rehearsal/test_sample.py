"""A sample keeps the shape of its cluster."""

from collections import Counter

import pytest

from rrplan import api
from rrplan.bgp.profile import calico_versions
from rrplan.errors import UsageProblem
from rrplan.plans import Plan
from rrplan.rehearsal.sample import sample, shortened
from rrplan.resources import ClusterState, decode
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support import SPEC

ODD = """\
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: tor}
spec: {nodeSelector: "rack == 'b'", peerIP: 192.0.2.9, asNumber: 65001}
"""


def cluster(nodes: int = 60) -> ClusterState:
    """Two nodes meant to reflect; one node has an AS number of its own, one stands in a rack of its own."""
    documents = [dict(one) for one in demo_cluster(nodes, 2)]
    for one in documents:
        metadata = one["metadata"]
        assert isinstance(metadata, dict)
        if metadata["name"] == "node-007":
            metadata["annotations"]["projectcalico.org/ASNumber"] = "64999"
        if metadata["name"] == "node-009":
            metadata["labels"]["rack"] = "b"
    state = ClusterState.of(one for one in map(decode, documents) if one is not None)
    import yaml

    peer = decode(yaml.safe_load(ODD))
    assert peer is not None
    return state.put(peer)


@pytest.fixture(scope="module")
def made() -> tuple[Plan, ClusterState]:
    """The plan to reflectors."""
    state = cluster()
    text = SPEC + "  drain: true\n" if "drain" not in SPEC else SPEC
    return api.plan(load(text.encode(), "spec.yaml"), Snapshot(state)), state


def test_every_kind_stays(made: tuple[Plan, ClusterState]) -> None:
    """Reflectors, the node with its own AS number and the one with a ToR switch are there; the rest is filled up."""
    plan, state = made
    found = sample(plan, state, calico_versions(state), 8, seed=1)
    assert len(found.state.nodes) == 8
    assert {"rr-1", "rr-2", "node-007", "node-009"} <= found.state.nodes.keys()
    assert found.state.peers == state.peers
    told = Counter({one.kind: 0 for one in found.kept})
    for one in found.kept:
        told[one.kind] += one.of
    assert told == {"nodes that become reflectors": 2, "clients": 58}


def test_seeds(made: tuple[Plan, ClusterState]) -> None:
    """The same seed gives the same sample, another one others of the ordinary nodes."""
    plan, state = made
    samples = [sample(plan, state, calico_versions(state), 20, seed).state.nodes.keys() for seed in (1, 1, 2)]
    assert samples[0] == samples[1] != samples[2]


def test_all_of_a_small_cluster(made: tuple[Plan, ClusterState]) -> None:
    """A cluster that is no larger is taken whole."""
    plan, state = made
    assert sample(plan, state, calico_versions(state), 100, 1).state.nodes == state.nodes


def test_too_few(made: tuple[Plan, ClusterState]) -> None:
    """The least number is told."""
    plan, state = made
    with pytest.raises(UsageProblem) as error:
        sample(plan, state, calico_versions(state), 3, 1)
    assert str(error.value) == "3 nodes are too few: the plan changes or names 2, and there are 3 kinds of other nodes"
    assert error.value.hint == "give `--nodes 5` or more"


def test_pauses_are_cut(made: tuple[Plan, ClusterState]) -> None:
    """Gates that only watch for long are cut to what other gates hold, and that is told."""
    plan, _ = made
    short, told = shortened(plan, 3)
    assert {gate.stable for step in short.steps for gate in (*step.gates, *step.undo_gates)} <= {0, 3}
    assert any(text.endswith("holds for 3 s, not 10 s") for text in told)
