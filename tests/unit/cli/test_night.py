"""What somebody sees who was woken up: a run that stopped, who runs what, and the way back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import SPEC, processes


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A cluster on which a run was killed in its fourth step."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    assert rrplan(tmp_path, "sandbox", "one", "--nodes", "8").returncode == 0
    words = ("apply", "spec.yaml", "--sandbox", "one", "--auto-approve", "--fault", "kill-after-entry=12")
    assert rrplan(tmp_path, *words).returncode == -9
    return tmp_path


def rrplan(folder: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    return processes.rrplan(*words, folder=folder, typed=typed)


def last(folder: Path) -> dict[str, str]:
    """The last run, as `runs` has it."""
    run: dict[str, str] = json.loads(rrplan(folder, "runs", "--sandbox", "one", "-o", "json").stdout)["runs"][-1]
    return run


def test_status_of_a_run_that_stopped(stopped: Path) -> None:
    """Which run, why, where, what is exposed, and the two commands to choose from; then the sessions."""
    status = rrplan(stopped, "status", "--sandbox", "one")
    about = " ".join(status.stdout.split("\n\n")[0].split())
    run = last(stopped)["run"]
    assert about.startswith(
        f"cluster one: run {run} of plan `test` is stopped: its process ended without a word begun by "
    )
    assert "step 4 of 11, waiting for its gates since " in about
    assert "UTC: create BGPPeer rrplan-reflectors landed: 4 of 11 steps, the last one" in about
    assert "exposed now: nothing: every pair keeps a route while this step takes effect" in about
    assert "to go on, once the reason is gone: rrplan resume --sandbox one" in about
    assert about.endswith("to take everything back: rrplan rollback --sandbox one")
    document = json.loads(rrplan(stopped, "status", "--sandbox", "one", "-o", "json").stdout)
    assert document["format_version"] == "1.0"
    assert (document["run"]["state"], document["run"]["at"]["number"]) == ("stopped", 4)
    assert document["run"]["at"]["moment"] == "waiting"
    assert len(document["sessions"]) == 2


def test_the_journal_in_words(stopped: Path) -> None:
    """`runs RUN`: what happened when."""
    shown = rrplan(stopped, "runs", last(stopped)["run"], "--sandbox", "one")
    lines = shown.stdout.split("\n\n")[1].splitlines()
    assert [line.split("  ")[1] for line in lines[:4]] == [
        "run starts",
        "drain/rr-1 begins",
        "drain/rr-1 is written",
        "drain/rr-1 is done after 0 s",
    ]
    assert len(lines) == 12


def test_verbs_name_a_run_that_stopped(stopped: Path) -> None:
    """`plan` says it first; `apply` of the old plan does not advise a new one before it."""
    run = last(stopped)["run"]
    first = f"run {run} of plan `test` is stopped: `rrplan resume` goes on with it, `rrplan rollback` takes it back"
    planned = rrplan(stopped, "plan", "spec.yaml", "--sandbox", "one")
    assert planned.stderr.startswith(f"notice: {first}\n")
    plan = stopped / "one" / "runs" / run / "plan.json"
    again = rrplan(stopped, "apply", str(plan), "--sandbox", "one", "--auto-approve")
    assert again.returncode == 5
    assert f"hint: {first}; only then make a new plan" in again.stderr


def test_rollback_shows_and_asks(stopped: Path) -> None:
    """It names the cluster and each undo; no answer and a no change nothing; yes takes back, with exit code 0."""
    silent = rrplan(stopped, "rollback", "--sandbox", "one", "--no-input")
    assert silent.returncode == 1
    assert "error: nobody is there to approve\n\nhint: give `--auto-approve`" in silent.stderr
    refused = rrplan(stopped, "rollback", "--sandbox", "one", typed="n\n")
    assert refused.returncode == 1
    assert refused.stderr.startswith("cluster one: run ")
    assert (
        "4 of 11 steps will be taken back, in this order:\n   1. undo create-peer/rrplan-reflectors:" in refused.stderr
    )
    assert refused.stderr.endswith("Take this run back? [y/N]: not taken back; nothing was changed\n")
    assert last(stopped)["state"] == "stopped"
    taken = rrplan(stopped, "rollback", "--sandbox", "one", typed="y\n")
    assert taken.returncode == 0
    assert taken.stderr.endswith("; the cluster is as it was before the run\n")
    over = rrplan(stopped, "rollback", "--sandbox", "one")
    assert (over.returncode, over.stderr.split(": ", 1)[1]) == (0, "nothing is left to take back\n")
    assert rrplan(stopped, "resume", "--sandbox", "one").returncode == 3


def test_a_run_that_is_done_is_named(stopped: Path) -> None:
    """`rollback` alone takes back what stopped; what is done must be named, and `resume` says that it is done."""
    assert rrplan(stopped, "resume", "--sandbox", "one").returncode == 0
    run = last(stopped)["run"]
    bare = rrplan(stopped, "rollback", "--sandbox", "one", "--auto-approve")
    assert bare.returncode == 8
    assert f"error: preflight: run {run} of plan `test` is done" in bare.stderr
    assert f"hint: nothing was changed; `rrplan rollback {run}` takes it back" in bare.stderr
    again = rrplan(stopped, "resume", "--sandbox", "one")
    assert (again.returncode, again.stderr) == (0, f"run {run} of plan `test` is done: nothing is left to go on with\n")
    assert rrplan(stopped, "rollback", run, "--sandbox", "one", "--auto-approve").returncode == 0


def test_a_journal_that_lies(stopped: Path) -> None:
    """Cut together with its head: the cluster shows it, and nothing is claimed or done."""
    run = last(stopped)["run"]
    folder = stopped / "one" / "runs" / run
    (folder / "journal.jsonl").write_bytes(b"")
    cut = rrplan(stopped, "rollback", "--sandbox", "one", "--auto-approve")
    assert cut.returncode == 4
    assert "journal.jsonl has 0 lines, and " in cut.stderr
    assert "; the cluster shows what 4 of its " in cut.stderr
    assert "steps do, the last of them `create-peer/rrplan-reflectors`" in cut.stderr
    status = rrplan(stopped, "status", "--sandbox", "one")
    assert status.returncode == 2
    assert status.stdout.startswith("cluster one: the last run cannot be read\n")
    assert "lines, and" in rrplan(stopped, "runs", "--sandbox", "one").stdout
    (folder / "head").write_text('{"lines": 0, "digest": ""}')
    for verb in (["rollback", "--auto-approve"], ["resume"]):
        lied = rrplan(stopped, *verb, "--sandbox", "one")
        assert lied.returncode == 4
        assert (
            f"error: the journal of run {run} does not fit the cluster: steps drain/rr-1, drain/rr-2, " in lied.stderr
        )
        assert "hint: nothing was done; restore the journal from a copy" in lied.stderr


def test_nobody_reads_any_more(tmp_path: Path) -> None:
    """`| head -1`: the step in flight ends, the run stops, and the exit code says so."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    assert rrplan(tmp_path, "sandbox", "one", "--nodes", "8").returncode == 0
    command = [sys.executable, "-m", "rrplan", "apply", "spec.yaml", "--sandbox", "one", "--auto-approve", "-o", "json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.close()
        assert run.wait(60) == 130
        assert run.stderr is not None
        assert b"Traceback" not in run.stderr.read()
    assert last(tmp_path)["state"] == "stopped"
    assert rrplan(tmp_path, "resume", "--sandbox", "one").returncode == 0
