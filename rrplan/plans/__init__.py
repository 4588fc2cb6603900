"""From two states to a proved, ordered, undoable plan. Pure: it reads, waits and writes nothing."""

from rrplan.plans.build import build_plan, draft_plan
from rrplan.plans.change import Change
from rrplan.plans.plan import Edge, Plan, Proof, Step
from rrplan.plans.planfile import is_plan, read_plan

__all__ = [
    "Change",
    "Edge",
    "Plan",
    "Proof",
    "Step",
    "build_plan",
    "draft_plan",
    "is_plan",
    "read_plan",
]
