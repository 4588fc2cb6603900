"""A disk without room, and a file that is damaged: what the embedded cluster says, and how a run ends."""

from pathlib import Path

import pytest

from rrplan import api
from rrplan.errors import DatastoreRefused, RRPlanError, RunBroken
from rrplan.exit_codes import ExitCode
from rrplan.plans import Plan
from rrplan.reports.events import RunEvent
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.sandbox.store import FILE
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.support.bench import SPEC


@pytest.fixture(name="planned")
def _planned(tmp_path: Path) -> tuple[Path, Plan]:
    """An embedded cluster, and a plan for it."""
    sandbox = Sandbox.make(tmp_path / "c", demo_cluster(8, 2))
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), capture(sandbox))
    sandbox.close()
    return tmp_path / "c", plan


def test_a_write(planned: tuple[Path, Plan]) -> None:
    """The reason is SQLite's, and the advice destroys nothing."""
    sandbox = Sandbox.open(planned[0])
    database = sandbox._store._db
    database.execute("pragma max_page_count = 1")
    with pytest.raises(DatastoreRefused) as refused:
        sandbox._store.set_meta("filler", "x" * 10_000_000)
    assert str(refused.value) == f"cannot use {planned[0] / FILE}: database or disk is full"
    assert refused.value.hint == "make room on the disk"


def test_a_run_that_had_begun(planned: tuple[Path, Plan]) -> None:
    """Nobody says that nothing was changed: the run is stopped, and how to go on is told."""
    sandbox = Sandbox.open(planned[0])
    cluster = api.embedded(sandbox, planned[0])

    class Full:
        """A disk that is full from the first event on."""

        def report(self, event: RunEvent) -> None:
            """As the operating system says it."""
            raise OSError(28, "No space left on device", str(planned[0] / FILE))

    with pytest.raises(RunBroken) as broken:
        api.apply(planned[1], cluster, api.Control(Full()))
    assert broken.value.exit_code is ExitCode.PARTIAL
    assert str(broken.value) == f"{planned[0] / FILE}: No space left on device"
    assert broken.value.hint == (
        "make room or give the right; `rrplan resume` goes on, `rrplan rollback` takes everything back"
    )


def test_a_damaged_file(planned: tuple[Path, Plan]) -> None:
    """Damage is told as such, and nothing is to be removed."""
    (planned[0] / FILE).write_bytes(b"not a database" * 1000)
    with pytest.raises(RRPlanError) as refused:
        Sandbox.open(planned[0])
    assert str(refused.value) == f"{planned[0] / FILE} is damaged: file is not a database"
    assert refused.value.hint == "restore it from a copy, or make another with `rrplan sandbox` in a new directory"
