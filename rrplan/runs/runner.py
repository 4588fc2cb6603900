"""The walk over the graph of a plan: a step begins when everything before it is settled; resuming is the same walk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice

from rrplan.errors import JournalError, PreflightError, StalePlanError
from rrplan.ids import ActionName, StepId
from rrplan.parallelism import PARALLELISM
from rrplan.plans.graph import ActionGraph
from rrplan.plans.plan import Plan, Step
from rrplan.render.run import drift_text, reason_text
from rrplan.reports import events
from rrplan.reports.entry import JournalEvent
from rrplan.reports.events import Result
from rrplan.reports.reasons import Drifted, Reason
from rrplan.runs.journal import Journal
from rrplan.runs.status import LANDED, Direction, Status, direction
from rrplan.runs.step_run import RunPorts, StepEnd, StepFailure, StepRun
from rrplan.specs.model import HookPoint, OnFailure
from rrplan.text import listed

MISFIT = (
    "nothing was done; restore the journal from a copy or, where somebody did these steps by hand, make a new plan "
    "from the cluster as it is with `rrplan plan`"
)
ACCEPT = (
    "nothing was taken back: the way back was proved for the cluster of the plan; `rrplan rollback --accept-drift` "
    "takes it back all the same, or make a new plan from the cluster as it is"
)
ENDINGS = {
    Result.DONE: JournalEvent.RUN_DONE,
    Result.UNDONE: JournalEvent.RUN_UNDONE,
    Result.STOPPED: JournalEvent.RUN_STOPPED,
    Result.INTERRUPTED: JournalEvent.RUN_INTERRUPTED,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a walk ended, and why where it is not done: the first failure first."""

    result: Result
    reasons: tuple[Reason, ...] = ()


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
        *,
        approvers: Sequence[str] = (),
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
        self._approvers = approvers
        self._settled = 0
        """So many steps at the beginning of the plan are known to be settled, and are not looked at again."""

    # --- forward -------------------------------------------------------------------------------

    def apply(self, *, again: bool = False) -> Result:
        """Carry out what is not settled yet; a run whose way back began goes on with the way back.

        `again` says that the run began before, whatever is left of its journal. Raises JournalError where that does not
        fit the cluster.
        """
        began = self._ports.clock.now()
        resumed = bool(self._journal.entries)
        back = direction(self._journal.entries)
        if back is Direction.ROLLBACK:
            return self.rollback()
        if resumed or again:
            self._check_fit()
        if back is Direction.UNDO:
            self._undrifted()
        self._steps.say(events.RunStarted(self.run_id, len(self.plan.steps), resumed))
        if not resumed:
            objection = self._steps.hooks.objection(HookPoint.BEFORE_RUN, None)
            if objection is not None:
                hint = "nothing was changed; correct what the hook objects to"
                raise PreflightError([reason_text(objection)], hint=hint)
        if resumed:
            self._steps.note(JournalEvent.RUN_RESUMED)
        else:
            self._steps.note(JournalEvent.RUN_STARTED, approvers=self._approvers)
        ending = self._unwind() if back is Direction.UNDO else self._forward(resumed=resumed)
        if ending.result is Result.DONE:
            objection = self._steps.hooks.objection(HookPoint.AFTER_RUN, None)
            ending = Ending(Result.STOPPED, (objection,)) if objection is not None else ending
        return self._finish(ending, began)

    def _check_fit(self) -> None:
        """Raise JournalError where the cluster shows steps that the journal does not have."""
        misfits = self._steps.guard.misfits(self._steps.status)
        if misfits:
            steps = f"step{'' if len(misfits) == 1 else 's'} {listed(misfits)}"
            raise JournalError(
                f"the journal of run {self.run_id} does not fit the cluster: {steps} did not land by the journal, and "
                "the cluster is as if they had",
                hint=MISFIT,
            )

    def _undrifted(self) -> None:
        """Raise StalePlanError where somebody else changed what the way back was proved for."""
        drifted = self._steps.guard.drifted(self._steps.status)
        if isinstance(drifted, Drifted):
            raise StalePlanError(drifted.drifts, [drift_text(drift) for drift in drifted.drifts], hint=ACCEPT)

    def _forward(self, *, resumed: bool) -> Ending:
        if resumed:
            drifted = self._steps.guard.drifted(self._steps.status)
            if drifted is not None:
                self._steps.say(events.StepFailed(self._next(), drifted))
                return Ending(Result.STOPPED, (drifted,))
            frontier = self._frontier()
            failure = self._steps.gated(frontier, frontier.gates) if frontier else None
            if frontier and failure is not None:
                self._steps.say(events.StepFailed(frontier.id, failure))
                return self._failed(frontier, failure)
        while (step := self._ready()) is not None:
            if self.stop():
                return Ending(Result.INTERRUPTED)
            failures = self._alone(step) if self._goes_alone(step) else self._beside(step)
            failed = next((failure for failure in failures if failure.end is StepEnd.FAILED), None)
            if failed is not None:
                return self._failed(failed.step, failed.why)
            if failures:
                return Ending(Result.STOPPED, (failures[0].why,))
        return Ending(Result.DONE)

    def _ready(self, *, running: frozenset[StepId] = frozenset()) -> Step | None:
        """The first step in the plan's order that is not begun here, and before which everything is settled."""
        steps, stands = self.plan.steps, self._steps.stands
        with self._steps.mutex:
            while self._settled < len(steps) and stands(steps[self._settled], Status.SETTLED):
                self._settled += 1
            for step in islice(steps, self._settled, None):
                if step.id in running or stands(step, Status.SETTLED):
                    continue
                if all(self._steps.status.get(earlier) is Status.SETTLED for earlier in self._graph.before(step.id)):
                    return step
        return None

    def _goes_alone(self, step: Step) -> bool:
        """Steps that touch sessions, or wait for them, run by themselves: the proof knows one change at a time."""
        return self._parallelism < 2 or not step.independent

    def _alone(self, step: Step) -> list[StepFailure]:
        """Carry out one step; the failure, if it did not settle."""
        failure = self._steps.forward(step)
        return [failure] if failure is not None else []

    def _beside(self, step: Step) -> list[StepFailure]:
        """Carry out steps that touch no session at the same time; after a failure those under way finish."""
        failures: list[StepFailure] = []
        running: dict[Future[StepFailure | None], StepId] = {}
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
                        failure = future.result()
                        failures += [failure] if failure is not None else []
                on = not failures and not self.stop()
                following = self._ready(running=frozenset(running.values())) if on else None
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
        return failures

    def _next(self) -> StepId:
        return next((step.id for step in self.plan.steps if not self._steps.stands(step, Status.SETTLED)), StepId(""))

    def _frontier(self) -> Step | None:
        """The last settled step with gates: what it waited for must still hold when a run goes on."""
        settled = [step for step in self.plan.steps if self._steps.stands(step, Status.SETTLED) and step.gates]
        return settled[-1] if settled else None

    def _failed(self, step: Step, failure: Reason) -> Ending:
        self._steps.hooks.objection(HookPoint.ON_FAILURE, step)
        # A fallback table that does not go is no reason to take back what BGP carries by then.
        if self.plan.on_failure is OnFailure.HALT or step.action is ActionName.REMOVE_FALLBACK:
            return Ending(Result.STOPPED, (failure,))
        # The way back was proved for the cluster of the plan; beside the changes of others a person must look.
        drifted = self._steps.guard.drifted(self._steps.status)
        if drifted is not None:
            self._steps.say(events.StepFailed(step.id, drifted))
            return Ending(Result.STOPPED, (failure, drifted))
        ending = self._unwind()
        return ending if ending.reasons else replace(ending, reasons=(failure,))

    # --- back ----------------------------------------------------------------------------------

    def rollback(self, *, accept_drift: bool = False) -> Result:
        """Take everything back, in reverse order, each undo gated.

        Raises JournalError where the journal does not fit the cluster and, unless `accept_drift`, StalePlanError where
        somebody else changed what the plan rests on: the way back was proved for another cluster then.
        """
        self._check_fit()
        if not accept_drift:
            self._undrifted()
        began = self._ports.clock.now()
        self._steps.say(events.RunStarted(self.run_id, len(self.plan.steps), resumed=True))
        objection = self._steps.hooks.objection(HookPoint.ON_ROLLBACK, None)
        if objection is not None:
            return self._finish(Ending(Result.STOPPED, (objection,)), began)
        self._steps.note(JournalEvent.ROLLBACK_STARTED)
        return self._finish(self._unwind(), began)

    def _unwind(self) -> Ending:
        """Undo what landed in reverse topological order, one step after the other."""
        for step in reversed(self.plan.steps):
            if self._steps.stands(step, Status.STARTED):
                doubt = self._steps.settle_doubt(step)
                if doubt is not None:
                    self._steps.say(events.UndoFailed(step.id, doubt))
                    return Ending(Result.STOPPED, (doubt,))
            if not self._steps.stands(step, *LANDED):
                continue
            if self.stop():
                return Ending(Result.INTERRUPTED)
            unlocked = self._steps.guard.unlocked()
            if unlocked is not None:
                self._steps.say(events.UndoFailed(step.id, unlocked))
                return Ending(Result.STOPPED, (unlocked,))
            failure = self._steps.back(step)
            if failure is not None:
                return Ending(Result.STOPPED, (failure,))
        return Ending(Result.UNDONE)

    # --- the end -------------------------------------------------------------------------------

    def _finish(self, ending: Ending, began: float) -> Result:
        # What may be said of the cluster after everything was taken back is looked at, not concluded.
        back = ending.result is Result.UNDONE
        difference = self._steps.guard.drifted(self._steps.status) if back else None
        if isinstance(difference, Drifted) and self._is_ours(difference):
            ending = Ending(Result.STOPPED, (*ending.reasons, difference))
            difference = None
        self._steps.note(ENDINGS[ending.result], ending.reasons)
        seconds = round(self._ports.clock.now() - began)
        self._steps.say(events.RunFinished(ending.result, seconds, difference, ending.reasons))
        return ending.result

    def _is_ours(self, difference: Drifted) -> bool:
        """Whether something differs that the run itself wrote."""
        ours = {str(change.key) for _, change in self.plan.writes}
        return any(drift.key in ours for drift in difference.drifts)
