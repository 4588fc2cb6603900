"""What a program can do with rrplan; `import rrplan` offers all of this, and docs/api.md shows it at work.

| what | verbs | values |
|---|---|---|
| the spec | `load_spec` | `Spec` |
| the cluster | `LiveOptions.cluster`, `embedded`, `demo_cluster` | `Cluster`, `Sandbox`, the ports |
| its state | `capture`, `snapshot_of_manifests`, `read_snapshot`, `write_snapshot` | `Snapshot`, `CalicoVersion` |
| the plan | `plan`, `read_plan`, `write_plan`, `observed`, `rehearse` | `Plan`, `Step`, `Proof`, `Rehearsal` |
| the run | `apply`, `resume`, `rollback`, `last_run` | `Control`, `Log`, `Listener`, `RunEvent`, `Result` |
| afterwards | `verify`, `standings` | `Verdict`, `Standing` |

Every error that rrplan raises on purpose is an `RRPlanError`; `rrplan.errors` has the tree. A run that fails raises
nothing: `apply` returns how it ended, a `Result`.
"""

from __future__ import annotations

from rrplan.errors import (
    ChecksFailed,
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    DigestMismatch,
    FileFormatError,
    InputError,
    JournalError,
    JournalUnwritable,
    LockHeldError,
    ManifestError,
    PlanMismatch,
    PolicyRefusal,
    PreflightError,
    Problem,
    RRPlanError,
    SpecError,
    StalePlanError,
    UnsafePlanError,
    UsageProblem,
)
from rrplan.operations import Control, apply, last_run, observed, plan, resume, rollback, standings, verify
from rrplan.plans import Plan, Proof, Step, read_plan
from rrplan.plans.rehearsal import Rehearsal
from rrplan.ports import Datastore, Inventory, Log, Probe
from rrplan.rehearsal.rehearse import rehearse
from rrplan.render.plan_json import write_plan
from rrplan.reports.events import Listener, RunEvent
from rrplan.reports.standing import Standing
from rrplan.resources import CalicoVersion
from rrplan.runs import Result
from rrplan.runs.verification import Verdict
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import Snapshot, capture, read_snapshot, snapshot_of_manifests, write_snapshot
from rrplan.specs import Spec
from rrplan.specs import load as load_spec
from rrplan.wiring import Cluster, LiveOptions, embedded

__all__ = [
    "CalicoVersion",
    "ChecksFailed",
    "Cluster",
    "Control",
    "Datastore",
    "DatastoreConflict",
    "DatastoreError",
    "DatastoreRefused",
    "DatastoreTimeout",
    "DatastoreUnreachable",
    "DigestMismatch",
    "FileFormatError",
    "InputError",
    "Inventory",
    "JournalError",
    "JournalUnwritable",
    "Listener",
    "LiveOptions",
    "Log",
    "LockHeldError",
    "ManifestError",
    "Plan",
    "PolicyRefusal",
    "PlanMismatch",
    "PreflightError",
    "Probe",
    "Problem",
    "Proof",
    "RRPlanError",
    "Rehearsal",
    "Result",
    "RunEvent",
    "Sandbox",
    "Snapshot",
    "Spec",
    "SpecError",
    "StalePlanError",
    "Standing",
    "Step",
    "UnsafePlanError",
    "UsageProblem",
    "Verdict",
    "apply",
    "capture",
    "demo_cluster",
    "embedded",
    "last_run",
    "load_spec",
    "observed",
    "plan",
    "read_plan",
    "read_snapshot",
    "rehearse",
    "resume",
    "rollback",
    "snapshot_of_manifests",
    "standings",
    "verify",
    "write_plan",
    "write_snapshot",
]
