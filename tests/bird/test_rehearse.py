"""`rrplan rehearse` on real BIRD, as an operator would run it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rrplan.plans import read_plan
from tests.bird.laboratory import lacking
from tests.conftest import lacks
from tests.support import SPEC

pytestmark = [pytest.mark.bird, pytest.mark.slow]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a sandbox of thirty nodes, a spec and its plan."""
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    (tmp_path / "spec.yaml").write_text(SPEC)
    for words in ("sandbox one --nodes 30", "plan spec.yaml --sandbox one --out plan.json"):
        done = rrplan(tmp_path, *words.split())
        assert done.returncode == 0, done.stderr
    return tmp_path


def rrplan(place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": root, "TMPDIR": str(place), **environment}
    return subprocess.run(
        [sys.executable, "-m", "rrplan", *words], cwd=place, env=env, capture_output=True, text=True, check=False
    )


def test_there_and_back(place: Path) -> None:
    """Nobody loses anything but exposed pairs, and those do; the result stays with the plan; nothing else stays."""
    before = json.loads((place / "plan.json").read_text())["digest"]
    done = rrplan(place, *["rehearse", "plan.json", "--sandbox", "one", "--nodes", "8", "--seed", "5", "--attach"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nrehearsal:   - matches the plan: one run; give" in done.stdout
    assert "wrote the result (matches the plan) into plan.json" in done.stderr
    # Every line says what it is, and none advises what is for a run on a cluster.
    assert {line[:10] for line in (done.stdout + done.stderr).splitlines()} == {"rehearsal:"}
    assert "resume" not in done.stderr
    assert "rollback" not in done.stderr
    plan, digest = read_plan((place / "plan.json").read_bytes(), "plan.json")
    found = plan.rehearsal
    assert found is not None
    assert (digest, found.subject.plan, found.nodes) == (before, before, 8)
    assert (found.there, found.back) == ("done", "undone")
    assert found.owed.sent > 10_000
    assert found.owed.lost <= 2
    assert found.owed.routes == 0
    # The measurement can see loss: a node that changes its role is cut off.
    assert found.exposed.lost > 50
    assert found.exposed.routes > 10
    promoted = {step.step for step in found.steps for row in step.traffic if row.routes}
    assert promoted == {"promote/rr-1", "promote/rr-2"}
    shown = rrplan(place, "show", "plan.json").stdout
    assert "Rehearsal:" in shown
    assert "  - matches the plan: one run; give `--repeat 2`" in shown
    assert sorted(path.name for path in place.iterdir()) == ["one", "plan.json", "spec.yaml"]
    birds = subprocess.run(["pgrep", "-f", str(place)], capture_output=True, text=True, check=False).stdout
    assert not birds


def test_interrupted(place: Path) -> None:
    """Ctrl-C reaches all of its processes: no traceback, no advice that is for a run, and nothing is left."""
    words = [sys.executable, "-m", "rrplan", "rehearse", "plan.json", "--sandbox", "one", "--nodes", "4"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(place)}
    process = subprocess.Popen(
        words,
        cwd=place,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    talk = ""
    while "create BGPPeer" not in talk:
        talk += process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    talk += process.stderr.read()
    assert process.wait() == 130
    last = "rehearsal: interrupted; nothing was written to the cluster, and nothing of it is left"
    assert talk.splitlines()[-1] == last
    assert {line[:10] for line in talk.splitlines() if line} == {"rehearsal:"}
    assert sorted(path.name for path in place.iterdir()) == ["one", "plan.json", "spec.yaml"]
    birds = subprocess.run(["pgrep", "-f", str(place)], capture_output=True, text=True, check=False).stdout
    assert not birds


def test_words_that_do_not_fit(place: Path) -> None:
    """Refused in words, before anything is started."""
    spec = rrplan(place, *["rehearse", "spec.yaml", "--sandbox", "one", "--attach"])
    assert (spec.returncode, spec.stderr) == (
        64,
        "error: `--attach` needs a plan file\n\nhint: `rrplan plan spec.yaml --out plan.json` writes one\n",
    )
    few = rrplan(place, *["rehearse", "plan.json", "--sandbox", "one", "--nodes", "2"])
    assert few.returncode == 64
    assert few.stderr.startswith("error: 2 nodes are too few: the plan changes or names 2, and there are 1 kinds of")
    nowhere = rrplan(place, "rehearse", "plan.json")
    assert nowhere.stderr.startswith("error: no cluster is given\n")


def test_without_bird(place: Path) -> None:
    """What is missing, and how to get it."""
    (place / "bin").mkdir()
    (place / "bin" / "ip").symlink_to(str(shutil.which("ip")))
    done = rrplan(place, *["rehearse", "plan.json", "--sandbox", "one"], PATH=str(place / "bin"))
    assert done.returncode == 8
    assert "`bird" in done.stderr
    assert "hint: `apt-get install bird`; a rehearsal needs BIRD 1.6, on which Calico's is based\n" in done.stderr
