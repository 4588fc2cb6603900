"""The plan as a value, and its file: steps, changes, gates, edges and proof. Pure.

Everything that a run needs is in it, so that whoever carries it out compares and never decides.
"""

from rrplan.plans.change import Change
from rrplan.plans.plan import Edge, Plan, Proof, Step
from rrplan.plans.planfile import is_plan, read_plan

__all__ = ["Change", "Edge", "Plan", "Proof", "Step", "is_plan", "read_plan"]
