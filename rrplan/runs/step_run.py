"""One step of a run: announced, written and gated; or taken back. Several steps may be under way in threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rrplan.errors import DatastoreError
from rrplan.fallback import NO_TABLES, FallbackTables
from rrplan.ids import StepId
from rrplan.plans.change import Change
from rrplan.plans.cost import seconds_left
from rrplan.plans.gate import Gate
from rrplan.plans.plan import Plan, Step
from rrplan.ports import Asking, Clock, Datastore, HookRunner, Lock, Probe
from rrplan.render.run import approved_text, read_back_text, reason_text
from rrplan.reports import events
from rrplan.reports.entry import JournalEvent
from rrplan.reports.gates import GateFailed, GateUnknown, Waiting
from rrplan.reports.reasons import DatastoreFailed, MayStillLand, NeitherState, NotWritten, Outcome, ReadBack, Reason
from rrplan.runs.gates import Extent, Look, Watch, settle
from rrplan.runs.guard import Guard
from rrplan.runs.hooks import Hooks
from rrplan.runs.journal import Journal
from rrplan.runs.status import Status, advance, replay
from rrplan.runs.writing import GaveUp, Writer, Written
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
    tables: FallbackTables = NO_TABLES


class StepEnd(StrEnum):
    """How a step ended that did not settle."""

    FAILED = "failed"
    STOPPED = "stopped"
    """Nothing is known to have failed: it did not begin, or the datastore did not come back in time."""


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A step that did not settle, how it ended, and why."""

    step: Step
    end: StepEnd
    why: Reason


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
        self._place = {step.id: place for place, step in enumerate(plan.steps, 1)}
        self._left = seconds_left(plan)
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

    def mark(
        self, step: Step, event: JournalEvent, why: Reason | ReadBack | None = None, *, durable: bool = True
    ) -> None:
        """Write what happened to a step to the journal; raises JournalUnwritable."""
        note = read_back_text(why) if isinstance(why, ReadBack) else reason_text(why) if why else ""
        with self.mutex:
            self._go_on()
            self.status[step.id] = advance(step.id, self.status.get(step.id, Status.PENDING), event)
            self.journal.append(step.id, event, self.ports.clock.wall(), note, durable=durable)

    def note(self, event: JournalEvent, reasons: Sequence[Reason] = (), *, approvers: Sequence[str] = ()) -> None:
        """Write what happened to the run to the journal; raises JournalUnwritable."""
        texts = [*map(reason_text, reasons), *([approved_text(approvers)] if approvers else ())]
        with self.mutex:
            self.journal.append("", event, self.ports.clock.wall(), "; ".join(texts))

    # --- forward -------------------------------------------------------------------------------

    def forward(self, step: Step) -> StepFailure | None:
        """Carry a step out, from wherever it stands; None where it settled.

        Raises LockHeldError where the lock is somebody else's.
        """
        self._here.step = step.id
        with self.mutex:
            objection = self.guard.objection(step, self.status)
        if objection is not None:
            return self._ended(step, StepEnd.STOPPED, objection)
        total = len(self.plan.steps)
        place = self._place[step.id]
        self.say(events.StepStarted(step.id, place, total, step.summary, self._left[place - 1]))
        began = self.ports.clock.now()
        if not self.stands(step, Status.APPLIED, Status.SETTLE_FAILED):
            failed = self._apply(step)
            if failed is not None:
                return failed
        why = self.gated(step, step.gates) or self.hooks.objection(HookPoint.AFTER_STEP, step)
        if why is not None:
            if self.stands(step, Status.APPLIED):
                self.mark(step, JournalEvent.SETTLE_FAILED, why)
            return self._ended(step, StepEnd.FAILED, why)
        with self.mutex:
            self.mark(step, JournalEvent.SETTLED, durable=False)
            self.say(events.StepSettled(step.id, round(self.ports.clock.now() - began)))
        return None

    def _ended(self, step: Step, end: StepEnd, why: Reason) -> StepFailure:
        self.say(events.StepFailed(step.id, why))
        return StepFailure(step, end, why)

    def _apply(self, step: Step) -> StepFailure | None:
        """Intent first, then the writes; None where all of them landed.

        Writes that were announced before a crash are read back, not repeated.
        """
        again = self.stands(step, Status.STARTED)
        if not again:
            objection = self.hooks.objection(HookPoint.BEFORE_STEP, step)
            self.mark(step, JournalEvent.STARTED)
            if objection is not None:
                self.mark(step, JournalEvent.APPLY_FAILED, objection)
                return self._ended(step, StepEnd.FAILED, objection)
        try:
            written = self._write(step, step.changes, again=again)
        except GaveUp as error:
            return self._ended(step, StepEnd.STOPPED, DatastoreFailed(str(error)))
        if written.outcome is Outcome.LANDED:
            self.mark(step, JournalEvent.APPLIED, durable=False)
            return None
        why = NotWritten(written.outcome, written.reason)
        if written.outcome is Outcome.AWAY:
            return self._ended(step, StepEnd.STOPPED, why)
        # Where a part landed the step stays begun, so that the way back looks at each of its writes.
        if not written.part:
            self.mark(step, JournalEvent.APPLY_FAILED, why)
        return self._ended(step, StepEnd.FAILED, why)

    def _write(self, step: Step, changes: Sequence[Change], *, again: bool) -> Written:
        if step.unordered and len(changes) > 1:
            return self._writer.write_at_once(changes, step.id, self._lock_lost, again=again)
        return self._writer.write_all(changes, step.id, again=again)

    def _lock_lost(self) -> str | None:
        failure = self.guard.unlocked()
        return failure.detail if failure is not None else None

    # --- back ----------------------------------------------------------------------------------

    def settle_doubt(self, step: Step) -> Reason | None:
        """Of a step that was announced, find out which writes landed; why not, where that cannot be known."""
        self._here.step = step.id
        try:
            landed = self._writer.landed_late(step.changes)
        except GaveUp as error:
            return DatastoreFailed(str(error))
        if None in landed:
            return NeitherState(str(step.changes[landed.index(None)].key), step.id)
        if all(landed):
            self.mark(step, JournalEvent.APPLIED)
        elif any(landed):
            self.mark(step, JournalEvent.UNDO_STARTED, ReadBack.IN_PART)
        else:
            self.mark(step, JournalEvent.APPLY_FAILED, ReadBack.NOT_LANDED)
        return None

    def back(self, step: Step) -> Reason | None:
        """Take a step back; why not, where that failed."""
        self._here.step = step.id
        began = self.ports.clock.now()
        # An undo that was cut off, or whose gate failed, may have been written already.
        again = self.stands(step, Status.UNDO_STARTED, Status.UNDO_FAILED)
        self.say(events.UndoStarted(step.id))
        if not self.stands(step, Status.UNDO_STARTED):
            self.mark(step, JournalEvent.UNDO_STARTED)
        why = self._unwrite(step, again=again) or self.gated(step, step.undo_gates)
        if why is not None:
            self.mark(step, JournalEvent.UNDO_FAILED, why)
            self.say(events.UndoFailed(step.id, why))
            return why
        self.mark(step, JournalEvent.UNDONE)
        self.say(events.StepUndone(step.id, round(self.ports.clock.now() - began)))
        return None

    def _unwrite(self, step: Step, *, again: bool) -> DatastoreFailed | NotWritten | None:
        # What landed in part may not be there: each change is looked at first.
        try:
            written = self._write(step, step.undo_changes, again=again)
        except GaveUp as error:
            return DatastoreFailed(str(error))
        return None if written.outcome is Outcome.LANDED else NotWritten(written.outcome, written.reason)

    # --- what both ways need -------------------------------------------------------------------

    def gated(self, step: Step, gates: Sequence[Gate]) -> GateFailed | DatastoreFailed | None:
        """Wait for gates one after the other; why the first that fails does, None where all pass."""
        self._here.step = step.id
        for gate in gates:
            watch = Watch(gate, self.plan.node_sets, self.ports.datastore, self.ports.probe, self.ports.tables)

            def waiting(lack: Waiting, waited: int, gate: Gate = gate) -> None:
                # A long look ends here, where the run was stopped at once.
                self._go_on()
                self.say(events.GateWaiting(step.id, gate.title, lack, waited, gate.expected, gate.timeout))

            def check(extent: Extent, asking: Asking, watch: Watch = watch) -> Look:
                self._go_on()
                try:
                    return self._writer.patiently(lambda: watch.look(extent, asking))
                except DatastoreError as error:
                    return Look(GateUnknown(str(error)))

            try:
                failed = settle(gate, check, self.ports.clock, waiting)
            except GaveUp as error:
                return DatastoreFailed(str(error))
            if failed is not None:
                return failed
        return None

    def _retrying(self, why: str | MayStillLand, delay: int) -> None:
        fact = DatastoreFailed(why) if isinstance(why, str) else why
        self.say(events.Retrying(getattr(self._here, "step", StepId("")), fact, delay))
