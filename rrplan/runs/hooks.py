"""The operator's commands at the points of a run that a spec names."""

from __future__ import annotations

from collections.abc import Callable

from rrplan.plans.plan import Plan, Step
from rrplan.ports import HookRunner
from rrplan.reports import events
from rrplan.reports.reasons import HookObjected
from rrplan.specs.model import HookPoint

VETOING = (HookPoint.BEFORE_RUN, HookPoint.BEFORE_STEP)
"""Where the failure of any hook is an objection; elsewhere only that of a required one is."""
SHOWN = 200
"""Characters of a hook's output that are kept for people."""


class Hooks:
    """Runs the hooks of a plan; `say` hears how each ended."""

    def __init__(self, plan: Plan, run_id: str, runner: HookRunner, say: Callable[[events.RunEvent], None]) -> None:
        self._plan = plan
        self._run_id = run_id
        self._runner = runner
        self._say = say

    def objection(self, point: HookPoint, step: Step | None) -> HookObjected | None:
        """Run the hooks of a point, up to the first that objects; None where none does."""
        for hook in self._plan.hooks:
            if hook.on is not point or (hook.action and (step is None or hook.action is not step.action)):
                continue
            message = {
                "run": self._run_id,
                "plan": self._plan.name,
                "point": point.value,
                "step": step.id if step else None,
                "action": step.action if step else None,
            }
            result = self._runner.run(hook.command, message, hook.timeout)
            self._say(events.HookRan(hook.name, point.value, result.code))
            if result.code != 0 and (point in VETOING or hook.required):
                return HookObjected(hook.name, result.code, result.output.strip()[:SHOWN])
        return None
