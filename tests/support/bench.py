"""A run on an embedded cluster, and the spec that most tests use."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rrplan import api
from rrplan.adapters.local.hooks import CommandHooks
from rrplan.adapters.local.lock import FileLock
from rrplan.adapters.local.runs import FileLog
from rrplan.plans import Plan
from rrplan.plans.plan import Step
from rrplan.ports import Document, Probe
from rrplan.runs import Journal, Runner
from rrplan.runs.step_run import RunPorts
from rrplan.sandbox import Sandbox, demo_cluster, parse_fault
from rrplan.sandbox.tables import SandboxTables
from rrplan.snapshots import capture
from rrplan.specs import Spec, load
from tests.support.listeners import Remembering

SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: test}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
"""


class Bench:
    """One plan on one embedded cluster; `runner` may be asked again and again, as after a crash."""

    def __init__(
        self,
        path: Path,
        spec: str | Spec = SPEC,
        *,
        documents: Iterable[Document] = (),
        faults: Sequence[str] = (),
        nodes: int = 8,
    ) -> None:
        self.path = path
        self.spec = load(spec.encode(), "spec.yaml") if isinstance(spec, str) else spec
        Sandbox.make(path / "cluster", list(documents) or demo_cluster(nodes, 2)).close()
        self.sandbox = Sandbox.open(path / "cluster", [parse_fault(fault) for fault in faults])
        self.sandbox.plays(self.spec.roles)
        self.before = self.objects()
        self.plan: Plan = api.plan(self.spec, capture(self.sandbox))
        self.listener = Remembering()
        self._lock = FileLock(path / "lock")
        self._log: FileLog | None = None

    def objects(self) -> dict[str, object]:
        """The cluster without its pods: an eviction is not taken back."""
        state = capture(self.sandbox).state
        return {"nodes": state.nodes, "peers": state.peers, "configurations": state.configurations}

    def documents(self) -> list[Document]:
        """Everything that is in the cluster, as the datastore has it."""
        return [stored.document for stored in self.sandbox.everything()]

    @property
    def tables(self) -> SandboxTables:
        """The fallback tables of its nodes."""
        return SandboxTables(self.sandbox, self.path / "cluster")

    def left(self) -> tuple[Step, ...]:
        """What a new plan would still do."""
        return api.plan(self.spec, capture(self.sandbox)).steps

    def reopen(self, faults: Sequence[str] = ()) -> None:
        """As another process would find the cluster."""
        self.sandbox.close()
        self.sandbox = Sandbox.open(self.path / "cluster", [parse_fault(fault) for fault in faults])

    def runner(
        self,
        stop: Callable[[], bool] = lambda: False,
        journal: Journal | None = None,
        probe: Probe | None = None,
        tables: SandboxTables | None = None,
    ) -> Runner:
        """A runner over what the journal says."""
        if journal is None:
            if self._log is not None:
                self._log.close()
            self._log = FileLog(self.path / "journal.jsonl")
            journal = Journal.open(self._log, "digest")
        self._lock.release()
        self._lock.acquire({"who": "test"})
        ports = RunPorts(
            self.sandbox,
            probe or self.sandbox,
            self.sandbox.clock,
            self._lock,
            CommandHooks(),
            self.listener,
            tables or self.tables,
        )
        return Runner(self.plan, "run", ports, journal, stop)
