"""Nodes that are down in the embedded cluster."""

from dataclasses import replace
from pathlib import Path

from rrplan.ids import NodeName
from rrplan.ports import Survey
from rrplan.resources import encode
from rrplan.resources.node_codec import CLUSTER_ID_ANNOTATION
from rrplan.sandbox import Sandbox
from tests.support.clusters import mesh, meshed, peer


def test_sessions_to_a_node_that_is_down_are_not_counted_twice(tmp_path: Path) -> None:
    """They begin anew, and do not come up: no living node lacks another session for that."""
    cluster = meshed(mesh(on=False), peer("theirs", nodeSelector="all()", peerSelector="all()"))
    down = replace(cluster.nodes[NodeName("c")], ready=False)
    Sandbox.make(tmp_path / "cluster", [encode(one) for one in cluster.put(down)]).close()
    sandbox = Sandbox.open(tmp_path / "cluster", [])
    stored = sandbox.get(down.key)
    assert stored is not None

    sandbox.patch(down.key, {"metadata": {"annotations": {CLUSTER_ID_ANNOTATION: "10.0.0.1"}}}, stored.version)
    living = [name for name in cluster.nodes if name != "c"]
    readings = sandbox.read(Survey(living, living))

    assert {reading.node: reading.families["ipv4"].direct_up for reading in readings} == dict.fromkeys(living, 3)
    sandbox.close()
