"""What is said of a resource that somebody else changed, beside what the run wrote to it."""

from pathlib import Path

from rrplan.reports import events
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.reasons import Drifted
from rrplan.resources import ResourceKey
from rrplan.runs import Result
from tests.support import Bench

NODE = ResourceKey("Node", "rr-1")
CLUSTER_ID, AS_NUMBER = "projectcalico.org/RouteReflectorClusterID", "projectcalico.org/ASNumber"


def test_what_the_run_wrote_says_most(tmp_path: Path) -> None:
    """A node with another AS number, and with another value where the run wrote one: named once, with both values."""
    bench = Bench(tmp_path)
    promoted = next(place for place, step in enumerate(bench.plan.steps) if step.id == "promote/rr-1")
    asked = iter([False] * (promoted + 1) + [True])
    assert bench.runner(stop=lambda: next(asked)).apply() is Result.INTERRUPTED
    stored = bench.sandbox.get(NODE)
    assert stored is not None
    edit = {"metadata": {"annotations": {CLUSTER_ID: "9.9.9.9", AS_NUMBER: "65001"}}}
    bench.sandbox.patch(NODE, edit, stored.version)

    assert bench.runner().apply() is Result.PARTIAL
    path = f"metadata.annotations.{CLUSTER_ID}"
    drift = Drift("Node/rr-1", DriftKind.OVERWRITTEN, path, "9.9.9.9", "224.0.0.1")
    assert bench.listener.of(events.StepFailed)[0].why == Drifted((drift,))
