"""What another tool made on a real API server: taken over, and put back as it was."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rrplan.ports import Document
from rrplan.runs import Result
from rrplan.sandbox import demo_cluster
from tests.real.audit import outside
from tests.real.server import RealServer
from tests.support import SPEC
from tests.support.live import LiveBench

pytestmark = pytest.mark.real


def by_another_tool() -> Iterator[Document]:
    """The cluster of the other tests, where rr-1 and rr-2 reflect by BGPPeers, a label and a cluster ID of others."""
    for document in demo_cluster(8, 2):
        body: dict[str, Any] = copy.deepcopy(dict(document))
        if body["kind"] == "BGPConfiguration":
            body["spec"]["nodeToNodeMeshEnabled"] = False
        if body["metadata"]["name"] in ("rr-1", "rr-2"):
            body["metadata"]["labels"]["route-reflector"] = "true"
            body["metadata"]["annotations"]["projectcalico.org/RouteReflectorClusterID"] = "224.0.0.1"
        yield body
    reflectors = {"peerSelector": "route-reflector == 'true'"}
    for name, nodes in (("to-rr", "!has(route-reflector)"), ("rr-to-rr", "has(route-reflector)")):
        yield {
            "apiVersion": "crd.projectcalico.org/v1",
            "kind": "BGPPeer",
            "metadata": {"name": name, "annotations": {"tool": "x"}, "labels": {"made-by": "tool"}},
            "spec": {"nodeSelector": nodes, **reflectors},
        }


@pytest.mark.parametrize(
    ("spec", "last"),
    [
        (SPEC, "unlabel/adopted"),
        (re.sub(r"  topology: .*?(?=  drain)", "  topology: full-mesh\n", SPEC, flags=re.DOTALL), "uncordon/rr-2"),
    ],
    ids=["to-ours", "to-the-mesh"],
)
def test_what_others_made_is_taken_over_and_put_back(
    crd_server: RealServer, tmp_path: Path, spec: str, last: str
) -> None:
    """BGPPeers and label of another tool go once ours, or the mesh, serve every node; the rollback restores them."""
    bench = LiveBench(crd_server, tmp_path, documents=by_another_tool())
    try:
        plan = bench.plan(spec + "  adopt: reflection\n")
        ids = [str(step.id) for step in plan.steps]
        assert {"delete-peer/to-rr", "delete-peer/rr-to-rr"} <= set(ids)
        assert ids[-1] == last
        assert bench.apply() is Result.DONE, bench.told()
        assert not bench.plan(spec + "  adopt: reflection\n", keep=False).steps
        left = bench.objects()
        assert "tool" not in str(left["peers"])
        assert "route-reflector': 'true'" not in str(left["nodes"])
        assert bench.rollback() is Result.UNDONE, bench.told()
        assert bench.objects() == bench.before
        assert outside(bench.made, bench.written()) == []
    finally:
        bench.agent.stop()
        crd_server.clear()
