"""`kill -9` at random instants: `python -m tests.soak.kills SEED COUNT`.

A run on an embedded cluster is killed up to four times, whatever it does at that moment; each time `resume` or
`rollback` goes on. In the end the cluster is as after an unbroken run, or as before it.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.stories import tell
from tests.support.processes import end, prepared, rrplan

MOST_KILLS = 4
STARTUP_SECONDS = 0.6


def words(verb: str, cluster: Path, spec: Path) -> list[str]:
    """The command line of a verb."""
    command = [sys.executable, "-m", "rrplan", verb, "--sandbox", str(cluster), "-o", "json"]
    return [*command, *([str(spec)] if verb == "apply" else []), *([] if verb == "resume" else ["--auto-approve"])]


def story(seed: int) -> str:
    """One run with its deaths; returns what is wrong, or nothing."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="rrplan-kills-") as name:
        (Path(name) / "unbroken").mkdir()
        cluster, spec = prepared(Path(name) / "unbroken")
        before = end(cluster)
        lasts, _ = _for(None, words("apply", cluster, spec), begun=True)
        after = end(cluster)

        cluster, spec = prepared(Path(name))
        verb, told = "apply", []
        for _ in range(dice.randint(1, MOST_KILLS)):
            begun = dice.random() < 0.8
            moment = dice.uniform(0, lasts if begun else STARTUP_SECONDS)
            _, code = _for(moment, words(verb, cluster, spec), begun=begun)
            told.append(f"{verb}: {code} at {moment:.3f} s {'of the run' if begun else 'of the process'}")
            verb = _next(verb, cluster, dice)
            if code >= 0:
                break
        code, text = _ended(verb, cluster, spec)
        told.append(f"{verb}: {code}")
        state = _state(cluster)
        if state in ("done", "undone") and end(cluster) == (after if state == "done" else before):
            return ""
        return f"seed {seed}: {'; '.join(told)}; {text.strip()[-800:]}"


def _for(moment: float | None, command: list[str], *, begun: bool) -> tuple[float, int]:
    """Run a command for a moment, or to its end; how long it ran, and its exit code.

    With `begun`, time counts from its first event: before that, it is Python that starts.
    """
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert run.stdout is not None
    if begun:
        run.stdout.readline()
    start = time.monotonic()
    try:
        run.wait(moment)
    except subprocess.TimeoutExpired:
        run.kill()
    run.communicate()
    return time.monotonic() - start, run.returncode


def _next(verb: str, cluster: Path, dice: random.Random) -> str:
    """What an operator may do: begin where nothing was begun, go on, or go back; what goes back stays so."""
    if not any((cluster / "runs").glob("*/journal.jsonl")):
        return "apply"
    return "rollback" if verb == "rollback" or dice.random() < 0.3 else "resume"


def _ended(verb: str, cluster: Path, spec: Path) -> tuple[int, str]:
    done = subprocess.run(words(verb, cluster, spec), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _state(cluster: Path) -> str:
    listed = json.loads(rrplan("runs", "--sandbox", str(cluster), "-o", "json").stdout)["runs"]
    return str(listed[-1]["state"]) if listed else ""


if __name__ == "__main__":
    sys.exit(tell(story, "ended as promised"))
