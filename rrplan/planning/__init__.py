"""From a spec and a state to a proved, ordered plan that can be undone. Pure: it reads, waits and writes nothing."""

from rrplan.planning.build import build_plan, draft_plan

__all__ = ["build_plan", "draft_plan"]
