"""Nodes in use become reflectors under probes, and something breaks: `python -m tests.bird.in_use [FAULT...] [SEEDS]`.

Each fault ends as it says, and no probe may be lost but the one that can fall between BIRD's delete and add. A line of
JSON for each run.
"""

import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rrplan import operations
from rrplan.adapters.local.clock import SystemClock
from rrplan.adapters.nodes.birdcl import Birds, OneByOne
from rrplan.adapters.nodes.fallback import NodeTables, OneShell
from rrplan.adapters.nodes.probe import LiveProbe
from rrplan.ids import NodeName, StepId
from rrplan.operations import Control
from rrplan.planning.promise import states
from rrplan.plans import Plan
from rrplan.rehearsal.stage import ObservedDatastore, Stage
from rrplan.reports import events
from rrplan.resources import encode
from rrplan.runs import Result
from rrplan.sandbox import Sandbox
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from rrplan.wiring import Cluster, embedded
from tests.bird.measuring import NODES, cluster, recorded, say
from tests.support import Acting
from tests.support.clusters import HEAD, VERSION

SPEC = f"""{HEAD}spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{{name: main, nodes: {{names: [rr-1, rr-2]}}}}]
  gates: {{stable: 4s}}
  policy: {{inUse: fallback-table}}
"""
WITHOUT = SPEC.replace("inUse: fallback-table", "exposure: {brief: 25s}")
"""The control: the same nodes in use without tables."""
FIRST, SECOND = StepId("promote/rr-1"), StepId("promote/rr-2")
SOME = NodeName("node-3")
SPARE = 1
"""Probes that a run may lose: BIRD replaces a route by deleting and adding it."""


class Died(BaseException):
    """The process of the run was killed."""


class Run:
    """One run on a stage; `broken` is what happens once, at the first of these events."""

    def __init__(self, stage: Stage, folder: Path, plan: Plan) -> None:
        self.stage = stage
        self.plan = plan
        self._once = True
        self._sandbox = Sandbox.make(
            folder / "cluster", map(encode, cluster(NODES, mesh=True, peers=False, reflect=()))
        )
        laboratory = stage.laboratory
        probe = LiveProbe(Birds(OneByOne(laboratory.ask)), laboratory, None, lambda _notice: None)
        heard = ObservedDatastore(self._sandbox, lambda: stage.hear(self._sandbox.state))
        self.tables = NodeTables(OneShell(laboratory.execute))
        here = embedded(self._sandbox, folder / "cluster")
        self.cluster: Cluster = replace(here, datastore=heard, probe=probe, clock=SystemClock(), tables=self.tables)

    def control(self, moment: Callable[[events.RunEvent], bool], act: Callable[[], None]) -> Control:
        """A listener that acts once, at a moment."""

        def hear(event: events.RunEvent) -> None:
            if self._once and moment(event):
                self._once = False
                act()

        return Control(Acting(hear))

    def apply(self, moment: Callable[[events.RunEvent], bool], act: Callable[[], None]) -> Result | None:
        """Carry the plan out; None where the run died on the way."""
        try:
            return operations.apply(self.plan, self.cluster, self.control(moment, act))
        except Died:
            return None

    def left(self) -> list[NodeName]:
        """The nodes with a table."""
        return [reading.node for reading in self.tables.read(sorted(self._sandbox.state.nodes)) if reading.left]


def waiting(step: StepId) -> Callable[[events.RunEvent], bool]:
    """While a step takes effect."""
    return lambda event: isinstance(event, events.GateWaiting) and event.step == step


def settled(step: StepId) -> Callable[[events.RunEvent], bool]:
    """Between a step and the next one."""
    return lambda event: isinstance(event, events.StepSettled) and event.step == step


def none(run: Run) -> None:
    """There and back."""
    assert run.apply(lambda _event: False, lambda: None) is Result.DONE
    assert run.left() == []
    assert operations.rollback(run.cluster) is Result.UNDONE


def no_tables(run: Run) -> None:
    """The control: without tables probes are lost."""
    assert run.apply(lambda _event: False, lambda: None) is Result.DONE


def reflector_dies(run: Run) -> None:
    """The first reflector's BIRD is killed while the second node is promoted, and started again by calico-node."""

    def kill() -> None:
        run.stage.laboratory.kill(NodeName("rr-1"), signal.SIGKILL)
        run.stage.laboratory.start_again(NodeName("rr-1"))

    assert run.apply(waiting(SECOND), kill) is Result.DONE


def _die() -> None:
    raise Died


def killed_and_resumed(run: Run) -> None:
    """rrplan dies while a step takes effect, and somebody goes on."""
    assert run.apply(waiting(SECOND), _die) is None
    assert len(run.left()) == NODES
    assert operations.resume(run.cluster) is Result.DONE


def killed_and_taken_back(run: Run) -> None:
    """rrplan dies while a step takes effect, and somebody takes all of it back."""
    assert run.apply(waiting(FIRST), _die) is None
    assert operations.rollback(run.cluster) is Result.UNDONE


def table_lost(run: Run) -> None:
    """A node has no table any more between two steps, as after a start; the next step waits until it has one."""

    def lose() -> None:
        run.tables.remove([SOME])

    assert run.apply(settled(StepId("create-peer/rrplan-main-clients")), lose) is Result.DONE


def rule_of_others(run: Run) -> None:
    """Somebody adds a rule where ours stand: the run takes everything back, and leaves that rule alone."""

    def add() -> None:
        run.stage.laboratory.execute(
            SOME, ["ip", "rule", "add", "priority", "32500", "from", "10.9.9.9", "lookup", "77"]
        )

    assert run.apply(waiting(FIRST), add) is Result.UNDONE
    assert "32500" in run.stage.laboratory.execute(SOME, ["ip", "rule"])


FAULTS: Mapping[str, Callable[[Run], None]] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        none,
        no_tables,
        reflector_dies,
        killed_and_resumed,
        killed_and_taken_back,
        table_lost,
        rule_of_others,
    )
}


def broken(fault: str, seed: int) -> dict[str, object]:
    """One run with a fault; AssertionError where it does not end as it should."""
    state = cluster(NODES, mesh=True, peers=False, reflect=())
    spec = WITHOUT if fault == "no-tables" else SPEC
    plan = operations.plan(load(spec.encode(), "spec.yaml"), Snapshot(state), version=VERSION)

    def act(stage: Stage, _moments: dict[str, float]) -> None:
        with tempfile.TemporaryDirectory(prefix="rrplan-in-use-") as folder:
            run = Run(stage, Path(folder), plan)
            FAULTS[fault](run)
            assert run.left() == []

    return recorded([*states(plan, state)], act, seed).summary()


def main(words: Sequence[str]) -> int:
    """The faults that are named, or all of them; exit code 1 where probes were lost, or none without tables."""
    seeds = next((int(word) for word in words if word.isdecimal()), 5)
    bad = 0
    for fault in [word for word in words if not word.isdecimal()] or [*FAULTS]:
        for seed in range(1, seeds + 1):
            row = broken(fault, seed)
            bad += (int(str(row["lost"])) > SPARE) is not (fault == "no-tables")
            say({"fault": fault, "nodes": NODES, "seed": seed, **row})
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
