"""One loop over the steps of a plan; resuming is the same loop over replayed statuses."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from rrplan.errors import DatastoreError, PreflightError
from rrplan.ids import StepId
from rrplan.plans.gate import Gate
from rrplan.plans.plan import Plan, Step
from rrplan.ports import Clock, Datastore, HookRunner, Lock, Probe
from rrplan.runs import events
from rrplan.runs.gates import Look, look, settle
from rrplan.runs.guard import LABELS, Guard
from rrplan.runs.journal import Journal
from rrplan.runs.status import LANDED, Status, advance, replay
from rrplan.runs.writing import Away, Outcome, Writer, Written

BATCH = 100
"""Labels that are announced in the journal together."""


class Result(StrEnum):
    """How a run ended."""

    DONE = "done"
    UNDONE = "undone"
    PARTIAL = "partial"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class World:
    """The ports that a run works through."""

    datastore: Datastore
    probe: Probe
    clock: Clock
    lock: Lock
    hooks: HookRunner
    listener: events.Listener


class Runner:
    """Executes exactly one plan, forward or back; `stop` is asked between steps."""

    def __init__(self, plan: Plan, run_id: str, world: World, journal: Journal, stop: Callable[[], bool]) -> None:
        self.plan = plan
        self.run_id = run_id
        self.world = world
        self.journal = journal
        self.stop = stop
        self.status: dict[StepId, Status] = replay(journal.entries)
        self.failure = ""
        self._current = StepId("")
        self._writer = Writer(world.datastore, world.clock, self._retrying)
        self._guard = Guard(plan, world.datastore, world.lock, self._writer)

    # --- forward -------------------------------------------------------------------------------

    def apply(self) -> Result:
        """Carry out what is not settled yet; a run whose rollback began goes on with the rollback."""
        clock = self.world.clock
        began = clock.now()
        resumed = bool(self.journal.entries)
        if any(entry.event == "rollback-started" for entry in self.journal.entries):
            return self.rollback()
        self._say(events.RunStarted(self.run_id, len(self.plan.steps), resumed))
        if not resumed:
            vetoed = self._hooks("before-run", None)
            if vetoed:
                raise PreflightError([vetoed], hint="nothing was changed; correct what the hook objects to")
        self.journal.append("", "run-resumed" if resumed else "run-started", clock.wall())
        result = self._forward(resumed=resumed)
        if result is Result.DONE:
            self._hooks("after-run", None)
        return self._finish(result, began)

    def _forward(self, *, resumed: bool) -> Result:
        total = len(self.plan.steps)
        if any(self._is(step, Status.UNDO_STARTED, Status.UNDONE, Status.UNDO_FAILED) for step in self.plan.steps):
            return self._unwind()
        reason = self._guard.drifted(self.status) if resumed else ""
        if reason:
            self.failure = reason
            self._say(events.StepFailed(self._next(), reason))
            return Result.PARTIAL
        frontier = self._frontier() if resumed else None
        for index, step in enumerate(self.plan.steps, 1):
            together = self._alike(index - 1)
            if together:
                result = self._together(together, index)
                if result is not Result.DONE:
                    return result
            if self._is(step, Status.SETTLED):
                if step is frontier and not self._gated(step, step.gates):
                    return self._failed(step)
                continue
            if self.stop():
                return Result.INTERRUPTED
            self._current = step.id
            if not self._may_go_on(step):
                return Result.PARTIAL
            self._say(events.StepStarted(step.id, index, total, step.summary))
            began = self.world.clock.now()
            if not self._is(step, Status.APPLIED, Status.SETTLE_FAILED):
                written = self._written(step)
                if written.outcome is Outcome.AWAY:
                    self._say(events.StepFailed(step.id, written.reason))
                    return Result.PARTIAL
                if written.outcome is not Outcome.LANDED:
                    self.failure = written.reason
                    if not written.part:
                        self._mark(step, "apply-failed", written.reason)
                    self._say(events.StepFailed(step.id, written.reason))
                    return self._failed(step)
            if not self._gated(step, step.gates) or self._after_step_fails(step):
                if self._is(step, Status.APPLIED):
                    self._mark(step, "settle-failed", self.failure)
                return self._failed(step)
            self._mark(step, "settled", durable=False)
            self._say(events.StepSettled(step.id, round(self.world.clock.now() - began)))
        return Result.DONE

    # --- many alike ----------------------------------------------------------------------------

    def _alike(self, start: int) -> list[Step]:
        """The label steps from here on that may be written together: no gate, no hook and no doubt between them."""
        hooked = any(hook["on"] in ("before-step", "after-step") for hook in self.plan.hooks)
        first = self.plan.steps[start]
        if self.world.datastore.at_once < 2 or hooked or first.action not in LABELS:
            return []
        found = []
        for step in self.plan.steps[start:]:
            alike = step.action == first.action and not step.gates and self._is(step, Status.PENDING)
            if not alike or step.change is None:
                break
            found.append(step)
        return found if len(found) > 1 else []

    def _together(self, steps: list[Step], index: int) -> Result:
        """Write many labels, BATCH announced at a time; read once before, each write follows the version read."""
        self._current = steps[0].id
        if not self._may_go_on(steps[0]):
            return Result.PARTIAL
        for start in range(0, len(steps), BATCH):
            batch = steps[start : start + BATCH]
            if self.stop():
                return Result.INTERRUPTED
            reason = self._guard.unlocked()
            if reason:
                self.failure = reason
                self._say(events.StepFailed(batch[0].id, reason))
                return Result.PARTIAL
            for number, step in enumerate(batch):
                self._say(events.StepStarted(step.id, index + start + number, len(self.plan.steps), step.summary))
                self._mark(step, "started", durable=step is batch[-1])
            failed = self._outcomes(batch)
            if failed is not None:
                return self._failed(failed) if self.failure else Result.PARTIAL
        return Result.DONE

    def _outcomes(self, batch: list[Step]) -> Step | None:
        """Write and mark; the first step that failed. `failure` stays empty where the datastore is only away."""

        def write(step: Step) -> Written:
            assert step.change is not None
            return self._writer.write(step.change, self._guard.seen.get(step.change.key))

        with ThreadPoolExecutor(self.world.datastore.at_once) as pool:
            outcomes = list(pool.map(write, batch))
        failed: Step | None = None
        for step, written in zip(batch, outcomes, strict=True):
            if written.outcome is Outcome.LANDED:
                self._mark(step, "applied", durable=False)
                self._mark(step, "settled", durable=False)
                self._say(events.StepSettled(step.id, 0))
                continue
            self._say(events.StepFailed(step.id, written.reason))
            if written.outcome is not Outcome.AWAY:
                self._mark(step, "apply-failed", written.reason)
                self.failure = self.failure or written.reason
            failed = failed or step
        return failed

    def _next(self) -> StepId:
        return next((step.id for step in self.plan.steps if not self._is(step, Status.SETTLED)), StepId(""))

    def _frontier(self) -> Step | None:
        settled = [step for step in self.plan.steps if self._is(step, Status.SETTLED) and step.gates]
        return settled[-1] if settled else None

    def _written(self, step: Step) -> Written:
        """Intent first, then the write; a write that was announced before a crash is read back, not repeated."""
        try:
            if self._is(step, Status.STARTED):
                written = self._writer.write_all(step.writes, step.id, again=True)
            else:
                vetoed = self._hooks("before-step", step)
                self._mark(step, "started")
                if vetoed:
                    return Written(Outcome.REFUSED, vetoed)
                written = self._writer.write_all(step.writes, step.id)
        except Away as error:
            return Written(Outcome.AWAY, str(error))
        if written.outcome is Outcome.LANDED:
            self._mark(step, "applied", durable=False)
        return written

    def _failed(self, step: Step) -> Result:
        self._hooks("on-failure", step)
        if self.plan.on_failure == "halt":
            return Result.PARTIAL
        # The way back was proved for the cluster of the plan; beside the changes of others a person must look.
        reason = self._guard.drifted(self.status)
        if reason:
            self.failure = f"{self.failure}; {reason}"
            self._say(events.StepFailed(step.id, reason))
            return Result.PARTIAL
        return self._unwind()

    def _may_go_on(self, step: Step) -> bool:
        """The lock is ours and, before a step that touches sessions, nobody else changed what the plan rests on."""
        reason = self._guard.objection(step, self.status)
        if reason:
            self.failure = reason
            self._say(events.StepFailed(step.id, reason))
        return not reason

    # --- back ----------------------------------------------------------------------------------

    def rollback(self) -> Result:
        """Take everything back, in reverse order, each undo gated."""
        clock = self.world.clock
        began = clock.now()
        self._say(events.RunStarted(self.run_id, len(self.plan.steps), resumed=True))
        self._hooks("on-rollback", None)
        self.journal.append("", "rollback-started", clock.wall())
        return self._finish(self._unwind(), began)

    def _unwind(self) -> Result:
        for step in reversed(self.plan.steps):
            if self._is(step, Status.STARTED):
                doubt = self._settle_doubt(step)
                if doubt:
                    self.failure = doubt
                    self._say(events.UndoFailed(step.id, doubt))
                    return Result.PARTIAL
            if not self._is(step, *LANDED):
                continue
            if self.stop():
                return Result.INTERRUPTED
            self._current = step.id
            reason = self._guard.unlocked()
            if reason:
                self.failure = reason
                self._say(events.UndoFailed(step.id, reason))
                return Result.PARTIAL
            if not self._undone(step):
                return Result.PARTIAL
        return Result.UNDONE

    def _settle_doubt(self, step: Step) -> str:
        """A step that was announced: find out which of its writes landed; why not, where that cannot be known."""
        try:
            landed = self._writer.landed_late(step.writes)
        except Away as error:
            return str(error)
        if None in landed:
            return f"{step.writes[landed.index(None)].key} is neither as before nor as after `{step.id}`"
        if all(landed):
            self._mark(step, "applied")
        elif any(landed):
            self._mark(step, "undo-started", "landed in part")
        else:
            self._mark(step, "apply-failed", "did not land")
        return ""

    def _undone(self, step: Step) -> bool:
        began = self.world.clock.now()
        # An undo that was cut off, or whose gate failed, may have been written already.
        again = self._is(step, Status.UNDO_STARTED, Status.UNDO_FAILED)
        self._say(events.UndoStarted(step.id))
        if not self._is(step, Status.UNDO_STARTED):
            self._mark(step, "undo-started")
        reason = self._undo(step, again=again)
        if not reason:
            self.failure = ""
            if not self._gated(step, step.undo_gates):
                reason = self.failure or "the undo gate failed"
        if reason:
            self._mark(step, "undo-failed", reason)
            self._say(events.UndoFailed(step.id, reason))
            return False
        self._mark(step, "undone")
        self._say(events.StepUndone(step.id, round(self.world.clock.now() - began)))
        return True

    def _undo(self, step: Step, *, again: bool) -> str:
        try:
            for inverse in step.undo_writes:
                if again and self._writer.landed(inverse):
                    continue
                written = self._writer.write(inverse, doubtful=again)
                if written.outcome is not Outcome.LANDED:
                    return written.reason
        except Away as error:
            return str(error)
        return ""

    # --- what both ways need -------------------------------------------------------------------

    def _gated(self, step: Step, gates: tuple[Gate, ...]) -> bool:
        for gate in gates:

            def waiting(missing: str, waited: int, gate: Gate = gate) -> None:
                self._say(events.GateWaiting(step.id, gate.title, missing, waited, gate.expected, gate.timeout))

            def check(gate: Gate = gate) -> Look:
                try:
                    return self._writer.patiently(
                        lambda: look(gate, self.plan.node_sets, self.world.datastore, self.world.probe)
                    )
                except DatastoreError as error:
                    return Look(passed=False, missing=str(error))

            try:
                reason = settle(gate, check, self.world.clock, waiting)
            except Away as error:
                reason = str(error)
            if reason:
                self.failure = reason
                self._say(events.StepFailed(step.id, reason))
                return False
        return True

    def _after_step_fails(self, step: Step) -> bool:
        objection = self._hooks("after-step", step)
        if objection:
            self.failure = objection
            self._say(events.StepFailed(step.id, objection))
        return bool(objection)

    def _hooks(self, point: str, step: Step | None) -> str:
        """Run the hooks of a point; the text of the first objection, or ""."""
        for hook in self.plan.hooks:
            if hook["on"] != point or (hook.get("action") and (step is None or hook["action"] != step.action)):
                continue
            message = {
                "run": self.run_id,
                "plan": self.plan.name,
                "point": point,
                "step": step.id if step else None,
                "action": step.action if step else None,
            }
            timeout = int(str(hook["timeout"]).removesuffix("s"))
            command = hook["command"]
            assert isinstance(command, list | tuple)
            result = self.world.hooks.run([str(word) for word in command], message, timeout)
            self._say(events.HookRan(str(hook["name"]), point, result.code))
            if result.code != 0 and (point.startswith("before-") or hook["required"]):
                how = "did not end in time" if result.code is None else f"ended with {result.code}"
                return f"hook `{hook['name']}` {how}: {result.output.strip()[:200]}".rstrip(": ")
        return ""

    def _is(self, step: Step, *statuses: Status) -> bool:
        return self.status.get(step.id, Status.PENDING) in statuses

    def _mark(self, step: Step, event: str, note: str = "", *, durable: bool = True) -> None:
        self.status[step.id] = advance(step.id, self.status.get(step.id, Status.PENDING), event)
        self.journal.append(step.id, event, self.world.clock.wall(), note, durable=durable)

    def _retrying(self, reason: str, delay: int) -> None:
        self._say(events.Retrying(self._current, reason, delay))

    def _say(self, event: events.RunEvent) -> None:
        self.world.listener.report(event)

    def _compared(self) -> str:
        """What may be said of the cluster after everything was taken back: it is looked at, not concluded."""
        reason = self._guard.drifted(self.status)
        return f"every step was taken back; {reason}" if reason else "the cluster is as it was before the run"

    def _finish(self, result: Result, began: float) -> Result:
        hint = {
            Result.DONE: "",
            Result.UNDONE: self._compared() if result is Result.UNDONE else "",
            Result.PARTIAL: "`rrplan resume` goes on, `rrplan rollback` takes everything back",
            Result.INTERRUPTED: "`rrplan resume` goes on, `rrplan rollback` takes everything back",
        }[result]
        self.journal.append("", f"run-{result}", self.world.clock.wall(), self.failure)
        self._say(events.RunFinished(result.value, round(self.world.clock.now() - began), hint))
        return result
