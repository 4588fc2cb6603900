"""The date on an embedded cluster goes with its simulated time, so that records say how long things took."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rrplan.reports.entry import Entry
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.sandbox.clock import SandboxClock
from tests.support import Bench

HOUR = timedelta(hours=1)


def test_date_goes_with_simulated_time(tmp_path: Path) -> None:
    """It begins with the real date, passes with every wait, and goes back for nobody who opens the cluster later."""
    sandbox = Sandbox.make(tmp_path / "one", demo_cluster(nodes=4, reflectors=1))
    began = sandbox.clock.wall()
    assert abs(began - datetime.now(UTC)) < HOUR
    sandbox.clock.sleep(7200)
    ended = sandbox.clock.wall()
    assert abs(ended - began - 2 * HOUR) < timedelta(minutes=1)
    sandbox.close()
    assert Sandbox.open(tmp_path / "one").clock.wall() >= ended


def test_real_date_catches_up(tmp_path: Path) -> None:
    """A cluster that nobody touched for long is as late as everything else."""
    sandbox = Sandbox.make(tmp_path / "one", demo_cluster(nodes=4, reflectors=1))
    clock = sandbox.clock
    assert isinstance(clock, SandboxClock)
    clock._date -= 24 * HOUR
    assert abs(clock.wall() - datetime.now(UTC)) < HOUR


def test_what_a_run_says_is_what_its_record_says(tmp_path: Path) -> None:
    """From its first entry to its last one as long as simulated time passed."""
    bench = Bench(tmp_path)
    began = bench.sandbox.clock.now()
    bench.runner().apply()
    took = bench.sandbox.clock.now() - began
    first, *_, last = (Entry(**json.loads(line)) for line in (tmp_path / "journal.jsonl").read_text().splitlines())
    assert took > 30
    assert abs((last.time - first.time) / 1000 - took) < 10
