"""What a program can do with rrplan: plan, apply, resume, rollback."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from rrplan.adapters.files import read_bytes, write_atomically
from rrplan.adapters.hooks import CommandHooks
from rrplan.adapters.lock import FileLock
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.errors import RRPlanError, StalePlanError
from rrplan.plans import Plan, build_plan, plan_document, read_plan, write_plan
from rrplan.plans.fingerprint import fingerprints
from rrplan.resources import CalicoVersion
from rrplan.runs import FileJournal, Result, Runner
from rrplan.runs.events import Listener
from rrplan.runs.runner import World
from rrplan.sandbox import Sandbox
from rrplan.snapshots import Snapshot, capture
from rrplan.specs import Spec, from_document


def plan(spec: Spec, snapshot: Snapshot, *, version: CalicoVersion | None = None) -> Plan:
    """The proved plan from a snapshot to a spec; raises PolicyRefusal or UnsafePlanError."""
    versions: Versions = calico_versions(snapshot.state, version)
    about: dict[str, object] = {
        "digest": snapshot.digest,
        "taken_at": snapshot.taken_at or None,
        "calico_version": str(versions.default),
    }
    return build_plan(spec, snapshot.state, versions, about)


def check_fresh(made: Plan, snapshot: Snapshot) -> None:
    """Raise StalePlanError where the cluster is not what the plan was made for."""
    document = made.spec["document"]
    assert isinstance(document, dict)
    told = CalicoVersion.parse(str(made.snapshot.get("calico_version")))
    versions = calico_versions(snapshot.state)
    if versions.assumed or str(versions.default) != str(told):
        versions = calico_versions(snapshot.state, told)
    present = fingerprints(from_document(document), snapshot.state, versions)
    changed = sorted(
        key for key in present.keys() | made.fingerprints.keys() if present.get(key) != made.fingerprints.get(key)
    )
    if changed:
        raise StalePlanError(changed)


def apply(
    made: Plan,
    sandbox: Sandbox,
    directory: Path,
    listener: Listener,
    *,
    stop: Callable[[], bool] = lambda: False,
    wrap: Callable[[FileJournal], FileJournal] = lambda journal: journal,
) -> Result:
    """Carry a plan out on a sandbox kept in `directory`; raises StalePlanError before anything is written."""
    run_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%S-") + uuid.uuid4().hex[:6]
    lock = _locked(directory, run_id, "apply")
    try:
        check_fresh(made, capture(sandbox))
        where = directory / "runs" / run_id
        where.mkdir(parents=True)
        write_atomically(where / "plan.json", write_plan(made), 0o600)
        journal = wrap(FileJournal.create(where / "journal.jsonl", str(plan_document(made)["digest"])))
        return Runner(made, run_id, _world(sandbox, lock, listener), journal, stop).apply()
    finally:
        lock.release()


def resume(
    sandbox: Sandbox,
    directory: Path,
    listener: Listener,
    *,
    stop: Callable[[], bool] = lambda: False,
    wrap: Callable[[FileJournal], FileJournal] = lambda journal: journal,
) -> Result:
    """Go on with the last run."""
    return _again(sandbox, directory, listener, stop, wrap, back=False)


def rollback(
    sandbox: Sandbox,
    directory: Path,
    listener: Listener,
    *,
    stop: Callable[[], bool] = lambda: False,
    wrap: Callable[[FileJournal], FileJournal] = lambda journal: journal,
) -> Result:
    """Take the last run back."""
    return _again(sandbox, directory, listener, stop, wrap, back=True)


def _again(
    sandbox: Sandbox,
    directory: Path,
    listener: Listener,
    stop: Callable[[], bool],
    wrap: Callable[[FileJournal], FileJournal],
    *,
    back: bool,
) -> Result:
    where = last_run(directory)
    lock = _locked(directory, where.name, "rollback" if back else "resume")
    try:
        made, digest = read_plan(read_bytes(where / "plan.json"), str(where / "plan.json"))
        path = where / "journal.jsonl"
        journal = wrap(FileJournal.open(path, digest) if path.exists() else FileJournal.create(path, digest))
        runner = Runner(made, where.name, _world(sandbox, lock, listener), journal, stop)
        return runner.rollback() if back else runner.apply()
    finally:
        lock.release()


def last_run(directory: Path) -> Path:
    """The directory of the newest run; raises RRPlanError where there is none."""
    runs = sorted(path for path in (directory / "runs").glob("*") if (path / "plan.json").exists())
    if not runs:
        raise RRPlanError(f"no run is known in {directory}", hint="`rrplan apply` starts one")
    return runs[-1]


def _locked(directory: Path, run_id: str, why: str) -> FileLock:
    lock = FileLock(directory / "lock")
    lock.acquire(
        {
            "who": getpass.getuser(),
            "where": f"{socket.gethostname()} (pid {os.getpid()})",
            "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            "why": why,
            "run": run_id,
        }
    )
    return lock


def _world(sandbox: Sandbox, lock: FileLock, listener: Listener) -> World:
    return World(sandbox, sandbox, sandbox.clock, lock, CommandHooks(), listener)


KINDS = {
    "spec": "rrplan.specs",
    "snapshot": "rrplan.snapshots.file",
    "plan": "rrplan.plans.planfile",
    "journal": "rrplan.runs.journal",
    "report": "rrplan.render.progress",
    "sessions": "rrplan.render.sessions",
}
"""Kinds of files and of output, and where their JSON Schema comes from."""


def schema_of(kind: str) -> dict[str, object]:
    """The JSON Schema of a kind of file."""
    schema: dict[str, object] = import_module(KINDS[kind]).json_schema()
    return schema
