"""`rrplan report` and `rrplan bundle` as their users meet them."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support import SPEC
from tests.unit.cli.test_words import rrplan


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sandbox, its snapshot, and a plan."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "note.txt").write_text("not ours")
    for words in (
        ("sandbox", "one", "--nodes", "8"),
        ("snapshot", "--sandbox", "one", "--out", "cluster.json"),
        ("plan", "spec.yaml", "--sandbox", "one", "--out", "plan.json"),
    ):
        done = rrplan(folder, *words)
        assert done.returncode == 0, done.stderr
    return folder


def done(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that must succeed."""
    result = rrplan(folder, *words)
    assert result.returncode == 0, result.stderr
    return result


def test_a_plan_becomes_a_page(place: Path) -> None:
    """To stdout, or to a file that is written over when it is ours; the same input gives the same bytes."""
    told = done(place, "report", "plan.json", "-o", "html", "--snapshot", "cluster.json").stdout
    assert told.startswith('<!doctype html>\n<html lang="en" data-rrplan="report">')
    assert "No cluster was given" not in told
    for _ in range(2):
        wrote = done(place, "report", "plan.json", "--snapshot", "cluster.json", "--out", "r.html").stderr
        assert wrote.startswith("wrote r.html (")
    assert (place / "r.html").read_text() == told
    assert "No cluster was given" in done(place, "report", "plan.json").stdout


WRONG = [
    (("report", "none.json"), "there is no file none.json", "name a plan file, or a run with its cluster"),
    (("report", "spec.yaml"), "spec.yaml is no plan file", "`rrplan plan SPEC --out plan.json` writes one"),
    (("bundle", "spec.yaml"), "spec.yaml is no plan file", "`rrplan plan SPEC --out plan.json` writes one"),
    (
        ("report", "plan.json", "--out", "note.txt"),
        "note.txt is there and is no report: it is not overwritten",
        "give another name, or remove it first",
    ),
    (
        ("bundle", "plan.json", "--out", "note.txt"),
        "note.txt is there and is no bundle of rrplan: it is not overwritten",
        "give another name, or remove it first",
    ),
    (
        ("bundle", "plan.json", "--runbook-calicoctl", "kubectl"),
        "`--runbook-calicoctl` is for runbooks, and these need the cluster",
        "give `--snapshot FILE` with the snapshot that the plan was made from, or `--context NAME`",
    ),
    (("report", "plan.json", "-o", "r.html"), "`-o r.html` is no form of output", "`--out r.html` writes a file"),
    (("report", "20260102t030405-0000001a", "--sandbox", "one"), "20260102t030405-0000001a", ""),
]


@pytest.mark.parametrize(("words", "text", "hint"), WRONG, ids=lambda value: " ".join(value)[:40])
def test_what_cannot_be_told_is_refused_in_words(place: Path, words: tuple[str, ...], text: str, hint: str) -> None:
    """What is wrong, and what to do; nothing is written over."""
    result = rrplan(place, *words)
    assert result.returncode != 0
    told = " ".join(result.stderr.split())
    assert text in told
    assert hint in told
    assert "Traceback" not in result.stderr
    assert (place / "note.txt").read_text() == "not ours"


def test_another_cluster_is_not_drawn(place: Path) -> None:
    """The pictures are then those of the plan alone, and stderr says why."""
    done(place, "sandbox", "other", "--nodes", "9")
    result = done(place, "report", "plan.json", "--sandbox", "other")
    assert "the cluster is neither as it was when the plan was made nor as the plan leaves it" in " ".join(
        result.stderr.split()
    )
    assert "No cluster was given" in result.stdout


def test_a_bundle_holds_everything_for_the_ticket(place: Path) -> None:
    """The page, Markdown, the plan byte for byte, runbooks there and back; twice the same bytes."""
    done(place, "bundle", "plan.json", "--snapshot", "cluster.json", "--out", "b.zip")
    whole = (place / "b.zip").read_bytes()
    done(place, "bundle", "plan.json", "--snapshot", "cluster.json", "--out", "b.zip")
    assert (place / "b.zip").read_bytes() == whole
    with zipfile.ZipFile(place / "b.zip") as archive:
        names = ["MANIFEST", "report.html", "plan.md", "plan.json", "runbook.md", "rollback.md"]
        assert archive.namelist() == names
        assert archive.read("plan.json") == (place / "plan.json").read_bytes()
        digest = json.loads((place / "plan.json").read_text())["digest"]
        back = archive.read("rollback.md").decode()
        assert digest in back
        assert digest in archive.read("MANIFEST").decode()
        assert back.startswith("# Way back: test\n")
        assert "## Undo step " in back
        assert "rr-1" in back
    result = done(place, "bundle", "plan.json", "--out", "small.zip")
    assert "no runbooks in it" in result.stderr
    with zipfile.ZipFile(place / "small.zip") as archive:
        assert "runbook.md" not in archive.namelist()


def test_a_run_becomes_a_page_with_what_happened(place: Path) -> None:
    """Also when the cluster has gone on: the plan's beginning is found by taking its steps back."""
    done(place, "sandbox", "run", "--nodes", "8")
    done(place, "apply", "plan.json", "--sandbox", "run", "--auto-approve")
    run = json.loads(done(place, "runs", "--sandbox", "run", "-o", "json").stdout)["runs"][0]["run"]
    page = done(place, "report", run, "--sandbox", "run").stdout
    assert f"Run {run} of plan <code>test</code> is done" in page or f"run {run} of plan" in page
    assert "No cluster was given" not in page
    assert "What happened" in page
    assert "Timeline" in page
