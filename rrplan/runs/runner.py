"""The walk over the graph of a plan: a step begins when everything before it is settled; resuming is the same walk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import StrEnum

from rrplan.errors import PreflightError
from rrplan.ids import StepId
from rrplan.plans.graph import ActionGraph
from rrplan.plans.plan import Plan, Step
from rrplan.runs import events
from rrplan.runs.journal import Journal
from rrplan.runs.status import LANDED, Direction, Status, direction
from rrplan.runs.step_run import RunPorts, StepEnd, StepResult, StepRun
from rrplan.specs.model import HookPoint, OnFailure

PARALLELISM = 4
"""Steps that are under way at the same time, where none of them touches sessions."""
HINT = "`rrplan resume` goes on, `rrplan rollback` takes everything back"


class Result(StrEnum):
    """How a run ended."""

    DONE = "done"
    UNDONE = "undone"
    PARTIAL = "partial"
    INTERRUPTED = "interrupted"


class Runner:
    """Executes exactly one plan, forward or back; `stop` is asked between steps."""

    def __init__(
        self,
        plan: Plan,
        run_id: str,
        ports: RunPorts,
        journal: Journal,
        stop: Callable[[], bool],
        parallelism: int = PARALLELISM,
    ) -> None:
        self.plan = plan
        self.run_id = run_id
        self.stop = stop
        self._ports = ports
        self._journal = journal
        self._graph = ActionGraph(plan.steps, plan.edges)
        # A datastore of one writer is one for steps too.
        self._parallelism = min(parallelism, ports.datastore.at_once)
        self._steps = StepRun(plan, run_id, ports, journal)

    # --- forward -------------------------------------------------------------------------------

    def apply(self) -> Result:
        """Carry out what is not settled yet; a run whose way back began goes on with the way back."""
        began = self._ports.clock.now()
        resumed = bool(self._journal.entries)
        back = direction(self._journal.entries)
        if back is Direction.ROLLBACK:
            return self.rollback()
        self._steps.say(events.RunStarted(self.run_id, len(self.plan.steps), resumed))
        if not resumed:
            vetoed = self._steps.hooks.objection(HookPoint.BEFORE_RUN, None)
            if vetoed:
                raise PreflightError([vetoed], hint="nothing was changed; correct what the hook objects to")
        self._steps.note("run-resumed" if resumed else "run-started")
        result, reason = self._unwind() if back is Direction.UNDO else self._forward(resumed=resumed)
        if result is Result.DONE:
            self._steps.hooks.objection(HookPoint.AFTER_RUN, None)
        return self._finish(result, reason, began)

    def _forward(self, *, resumed: bool) -> tuple[Result, str]:
        if resumed:
            reason = self._steps.guard.drifted(self._steps.status)
            if reason:
                self._steps.say(events.StepFailed(self._next(), reason))
                return Result.PARTIAL, reason
            frontier = self._frontier()
            reason = self._steps.gated(frontier, frontier.gates) if frontier else ""
            if frontier and reason:
                self._steps.say(events.StepFailed(frontier.id, reason))
                return self._failed(frontier, reason)
        while (step := self._ready()) is not None:
            if self.stop():
                return Result.INTERRUPTED, ""
            ended = [self._steps.forward(step)] if self._alone(step) else self._beside(step)
            failed = next((one for one in ended if one.end is StepEnd.FAILED), None)
            if failed is not None:
                return self._failed(failed.step, failed.reason)
            stopped = next((one for one in ended if one.end is StepEnd.STOPPED), None)
            if stopped is not None:
                return Result.PARTIAL, stopped.reason
        return Result.DONE, ""

    def _ready(self, *, running: frozenset[StepId] = frozenset()) -> Step | None:
        """The first step in the plan's order that is not begun here, and before which everything is settled."""
        with self._steps.mutex:
            settled = {step for step, status in self._steps.status.items() if status is Status.SETTLED}
        for step in self.plan.steps:
            if step.id not in running and step.id not in settled and self._graph.before(step.id) <= settled:
                return step
        return None

    def _alone(self, step: Step) -> bool:
        """Steps that touch sessions, or wait for them, run by themselves: the proof knows one change at a time."""
        return self._parallelism < 2 or not step.independent

    def _beside(self, step: Step) -> list[StepResult]:
        """Carry out steps that touch no session at the same time; after a failure those under way finish."""
        ended: list[StepResult] = []
        running: dict[Future[StepResult], StepId] = {}
        following: Step | None = step
        pool = ThreadPoolExecutor(self._parallelism)
        try:
            while following is not None or running:
                if following is not None:
                    running[pool.submit(self._steps.forward, following)] = following.id
                if following is None or len(running) >= self._parallelism:
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        del running[future]
                        ended.append(future.result())
                good = all(one.end is StepEnd.SETTLED for one in ended)
                following = self._ready(running=frozenset(running.values())) if good and not self.stop() else None
                if following is not None and not following.independent:
                    following = None
                if len(running) >= self._parallelism:
                    following = None
        except BaseException:
            # A second Ctrl-C does not wait for a drain; what is under way is found by whoever resumes.
            self._steps.abandon()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return ended

    def _next(self) -> StepId:
        return next((step.id for step in self.plan.steps if not self._steps.stands(step, Status.SETTLED)), StepId(""))

    def _frontier(self) -> Step | None:
        """The last settled step with gates: what it waited for must still hold when a run goes on."""
        settled = [step for step in self.plan.steps if self._steps.stands(step, Status.SETTLED) and step.gates]
        return settled[-1] if settled else None

    def _failed(self, step: Step, failure: str) -> tuple[Result, str]:
        self._steps.hooks.objection(HookPoint.ON_FAILURE, step)
        if self.plan.on_failure is OnFailure.HALT:
            return Result.PARTIAL, failure
        # The way back was proved for the cluster of the plan; beside the changes of others a person must look.
        reason = self._steps.guard.drifted(self._steps.status)
        if reason:
            self._steps.say(events.StepFailed(step.id, reason))
            return Result.PARTIAL, f"{failure}; {reason}"
        result, reason = self._unwind()
        return result, reason or failure

    # --- back ----------------------------------------------------------------------------------

    def rollback(self) -> Result:
        """Take everything back, in reverse order, each undo gated."""
        began = self._ports.clock.now()
        self._steps.say(events.RunStarted(self.run_id, len(self.plan.steps), resumed=True))
        self._steps.hooks.objection(HookPoint.ON_ROLLBACK, None)
        self._steps.note("rollback-started")
        return self._finish(*self._unwind(), began)

    def _unwind(self) -> tuple[Result, str]:
        """Undo what landed in reverse topological order, one step after the other."""
        for step in reversed(self.plan.steps):
            if self._steps.stands(step, Status.STARTED):
                doubt = self._steps.settle_doubt(step)
                if doubt:
                    self._steps.say(events.UndoFailed(step.id, doubt))
                    return Result.PARTIAL, doubt
            if not self._steps.stands(step, *LANDED):
                continue
            if self.stop():
                return Result.INTERRUPTED, ""
            reason = self._steps.guard.unlocked()
            if reason:
                self._steps.say(events.UndoFailed(step.id, reason))
                return Result.PARTIAL, reason
            reason = self._steps.back(step)
            if reason:
                return Result.PARTIAL, reason
        return Result.UNDONE, ""

    # --- the end -------------------------------------------------------------------------------

    def _compared(self) -> str:
        """What may be said of the cluster after everything was taken back: it is looked at, not concluded."""
        reason = self._steps.guard.drifted(self._steps.status)
        return f"every step was taken back; {reason}" if reason else "the cluster is as it was before the run"

    def _finish(self, result: Result, reason: str, began: float) -> Result:
        hint = {Result.DONE: "", Result.PARTIAL: HINT, Result.INTERRUPTED: HINT}.get(result)
        self._steps.note(f"run-{result}", reason)
        text = self._compared() if hint is None else hint
        self._steps.say(events.RunFinished(result.value, round(self._ports.clock.now() - began), text))
        return result
