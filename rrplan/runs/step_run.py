"""One step of a run: announced, written and gated; or taken back. Several steps may be under way in threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rrplan.errors import DatastoreError
from rrplan.ids import StepId
from rrplan.plans.change import Change
from rrplan.plans.gate import Gate
from rrplan.plans.plan import Plan, Step
from rrplan.ports import Clock, Datastore, HookRunner, Lock, Probe
from rrplan.runs import events
from rrplan.runs.gates import Look, look, settle
from rrplan.runs.guard import Guard
from rrplan.runs.hooks import Hooks
from rrplan.runs.journal import Journal
from rrplan.runs.status import Status, advance, replay
from rrplan.runs.writing import GaveUp, Outcome, Writer, Written
from rrplan.specs.model import HookPoint


@dataclass(frozen=True, slots=True)
class RunPorts:
    """The ports that a run works through."""

    datastore: Datastore
    probe: Probe
    clock: Clock
    lock: Lock
    hooks: HookRunner
    listener: events.Listener


class StepEnd(StrEnum):
    """How a step ended: in its place, or failed, or stopped where nothing is known to have failed."""

    SETTLED = "settled"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step ended, and why in words where it did not settle."""

    step: Step
    end: StepEnd
    reason: str = ""


class Abandoned(Exception):
    """The run was stopped at once: a step that is still under way must not write anything more."""


class StepRun:
    """Carries out single steps, and keeps what the journal says of each; safe to call from several threads."""

    def __init__(self, plan: Plan, run_id: str, ports: RunPorts, journal: Journal) -> None:
        self.plan = plan
        self.ports = ports
        self.journal = journal
        self.status: dict[StepId, Status] = replay(journal.entries, plan.edges)
        self.hooks = Hooks(plan, run_id, ports.hooks, self.say)
        self.mutex = threading.RLock()
        """Held while something is said or written down: who holds it sees statuses of which all have heard."""
        self._abandoned = threading.Event()
        self._here = threading.local()
        self._writer = Writer(ports.datastore, ports.clock, self._retrying, self._go_on)
        self.guard = Guard(plan, ports.datastore, ports.lock, self._writer)

    def stands(self, step: Step, *statuses: Status) -> bool:
        """Whether a step has one of these statuses."""
        return self.status.get(step.id, Status.PENDING) in statuses

    def abandon(self) -> None:
        """Let no step that is under way write, wait or evict any more."""
        with self.mutex:
            self._abandoned.set()

    def _go_on(self) -> None:
        if self._abandoned.is_set():
            raise Abandoned

    def say(self, event: events.RunEvent) -> None:
        """Tell the listener, one event at a time."""
        with self.mutex:
            self.ports.listener.report(event)

    def mark(self, step: Step, event: str, note: str = "", *, durable: bool = True) -> None:
        """Write what happened to a step to the journal; raises JournalUnwritable."""
        with self.mutex:
            self._go_on()
            self.status[step.id] = advance(step.id, self.status.get(step.id, Status.PENDING), event)
            self.journal.append(step.id, event, self.ports.clock.wall(), note, durable=durable)

    def note(self, event: str, text: str = "") -> None:
        """Write what happened to the run to the journal; raises JournalUnwritable."""
        with self.mutex:
            self.journal.append("", event, self.ports.clock.wall(), text)

    # --- forward -------------------------------------------------------------------------------

    def forward(self, step: Step) -> StepResult:
        """Carry a step out, from wherever it stands; raises LockHeldError where the lock is somebody else's."""
        self._here.step = step.id
        with self.mutex:
            objection = self.guard.objection(step, self.status)
        if objection:
            return self._stopped(step, objection)
        total = len(self.plan.steps)
        self.say(events.StepStarted(step.id, self.plan.steps.index(step) + 1, total, step.summary))
        began = self.ports.clock.now()
        if not self.stands(step, Status.APPLIED, Status.SETTLE_FAILED):
            written = self._written(step)
            if written.outcome is Outcome.AWAY:
                return self._stopped(step, written.reason)
            if written.outcome is not Outcome.LANDED:
                if not written.part:
                    self.mark(step, "apply-failed", written.reason)
                return self._failed(step, written.reason)
        reason = self.gated(step, step.gates) or self.hooks.objection(HookPoint.AFTER_STEP, step)
        if reason:
            if self.stands(step, Status.APPLIED):
                self.mark(step, "settle-failed", reason)
            return self._failed(step, reason)
        with self.mutex:
            self.mark(step, "settled", durable=False)
            self.say(events.StepSettled(step.id, round(self.ports.clock.now() - began)))
        return StepResult(step, StepEnd.SETTLED)

    def _stopped(self, step: Step, reason: str) -> StepResult:
        self.say(events.StepFailed(step.id, reason))
        return StepResult(step, StepEnd.STOPPED, reason)

    def _failed(self, step: Step, reason: str) -> StepResult:
        self.say(events.StepFailed(step.id, reason))
        return StepResult(step, StepEnd.FAILED, reason)

    def _written(self, step: Step) -> Written:
        """Intent first, then the writes; writes that were announced before a crash are read back, not repeated."""
        again = self.stands(step, Status.STARTED)
        if not again:
            vetoed = self.hooks.objection(HookPoint.BEFORE_STEP, step)
            self.mark(step, "started")
            if vetoed:
                return Written(Outcome.REFUSED, vetoed)
        try:
            written = self._write(step, step.changes, again=again)
        except GaveUp as error:
            return Written(Outcome.AWAY, str(error))
        if written.outcome is Outcome.LANDED:
            self.mark(step, "applied", durable=False)
        return written

    def _write(self, step: Step, changes: Sequence[Change], *, again: bool) -> Written:
        if step.unordered and len(changes) > 1:
            return self._writer.write_at_once(changes, step.id, self.guard.unlocked, again=again)
        return self._writer.write_all(changes, step.id, again=again)

    # --- back ----------------------------------------------------------------------------------

    def settle_doubt(self, step: Step) -> str:
        """Of a step that was announced, find out which writes landed; why not, where that cannot be known."""
        self._here.step = step.id
        try:
            landed = self._writer.landed_late(step.changes)
        except GaveUp as error:
            return str(error)
        if None in landed:
            return f"{step.changes[landed.index(None)].key} is neither as before nor as after `{step.id}`"
        if all(landed):
            self.mark(step, "applied")
        elif any(landed):
            self.mark(step, "undo-started", "landed in part")
        else:
            self.mark(step, "apply-failed", "did not land")
        return ""

    def back(self, step: Step) -> str:
        """Take a step back; why not, in words, where that failed."""
        self._here.step = step.id
        began = self.ports.clock.now()
        # An undo that was cut off, or whose gate failed, may have been written already.
        again = self.stands(step, Status.UNDO_STARTED, Status.UNDO_FAILED)
        self.say(events.UndoStarted(step.id))
        if not self.stands(step, Status.UNDO_STARTED):
            self.mark(step, "undo-started")
        reason = self._unwritten(step, again=again) or self.gated(step, step.undo_gates)
        if reason:
            self.mark(step, "undo-failed", reason)
            self.say(events.UndoFailed(step.id, reason))
            return reason
        self.mark(step, "undone")
        self.say(events.StepUndone(step.id, round(self.ports.clock.now() - began)))
        return ""

    def _unwritten(self, step: Step, *, again: bool) -> str:
        # What landed in part may not be there: each change is looked at first.
        try:
            written = self._write(step, step.undo_changes, again=again)
        except GaveUp as error:
            return str(error)
        return "" if written.outcome is Outcome.LANDED else written.reason

    # --- what both ways need -------------------------------------------------------------------

    def gated(self, step: Step, gates: Sequence[Gate]) -> str:
        """Wait for gates one after the other; why the first that fails does, "" where all pass."""
        self._here.step = step.id
        for gate in gates:

            def waiting(seen: Look, waited: int, gate: Gate = gate) -> None:
                times = (waited, gate.expected, gate.timeout)
                self.say(events.GateWaiting(step.id, gate.title, seen.missing, *times, holding=seen.passed))

            def check(gate: Gate = gate) -> Look:
                self._go_on()
                try:
                    return self._writer.patiently(
                        lambda: look(gate, self.plan.node_sets, self.ports.datastore, self.ports.probe)
                    )
                except DatastoreError as error:
                    return Look(passed=False, missing=str(error))

            try:
                reason = settle(gate, check, self.ports.clock, waiting)
            except GaveUp as error:
                reason = str(error)
            if reason:
                return reason
        return ""

    def _retrying(self, reason: str, delay: int) -> None:
        self.say(events.Retrying(getattr(self._here, "step", StepId("")), reason, delay))
