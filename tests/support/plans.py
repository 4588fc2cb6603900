"""Plans made by hand, where a test needs one that no planner makes."""

from collections.abc import Iterable, Sequence

from rrplan.plans.plan import Edge, Plan, Proof, SnapshotReference, Step
from rrplan.resources import CalicoVersion
from rrplan.specs import load
from tests.support.bench import SPEC

REFERENCE = SnapshotReference("", None, CalicoVersion(3, 30, 4))
"""Which snapshot they come from: none."""


def plan_of(steps: Sequence[Step], edges: Iterable[Edge] = (), proof: Proof | None = None) -> Plan:
    """A plan of these steps; its spec is that of the benches."""
    spec = load(SPEC.encode(), "spec.yaml")
    return Plan("handmade", tuple(steps), tuple(edges), proof or Proof((), ()), {}, {}, spec, REFERENCE)
