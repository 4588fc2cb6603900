"""Scenarios rehearsed on real BIRD, each in a process of its own: `python -m tests.bird.rehearsals [NAME...]`.

Every scenario that yields a plan with steps is rehearsed, some at a time: they mostly wait for BIRD's timers. One line
for each: name, exit code, contradictions, seconds. What went wrong is shown, and kept in the folder that is named.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rrplan import api
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.support.scenarios import FOLDER, SCENARIOS, parts

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 4
LONGEST_SECONDS = 1200
MOST_NODES = 60
SHOWN = 3
TOLD = ("contradictions", "differences", "unsettled")


@dataclass(frozen=True, slots=True)
class Ended:
    """One rehearsal: its exit code, how often it contradicts the plan (None: it did not end), and what it said."""

    name: str
    code: int
    contradictions: int | None
    seconds: float
    talk: str

    @property
    def well(self) -> bool:
        """Whether it went there and back as the plan says."""
        return self.code == 0

    def line(self) -> str:
        """For a table."""
        counted = "-" if self.contradictions is None else str(self.contradictions)
        return f"{self.name:56} {self.code:4} {counted:>4} {self.seconds:6.0f} s"


def begin(place: Path, *words: str) -> subprocess.Popen[str]:
    """A verb in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(place)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "rrplan", *words], cwd=place, env=env, stdout=pipe, stderr=pipe, text=True
    )


def words_of(folder: Path) -> list[str]:
    """`rrplan rehearse` of a scenario in its folder."""
    state = ["-f", str(folder / "cluster.yaml")]
    return ["rehearse", str(folder / "spec.yaml"), *state, "--nodes", str(MOST_NODES), "-o", "json"]


def to_rehearse() -> list[str]:
    """The scenarios that yield a plan with steps, by name."""
    return [folder.name for folder in SCENARIOS if "refused" not in parts(folder)[2] and _steps(folder)]


def _steps(folder: Path) -> bool:
    cluster, spec, _ = parts(folder)
    return bool(api.plan(load(spec, "spec.yaml"), snapshot_of_manifests([("cluster.yaml", cluster)])).steps)


def rehearsed(name: str, place: Path) -> Ended:
    """One scenario."""
    own = place / name
    own.mkdir()
    began = time.monotonic()
    process = begin(own, *words_of(FOLDER / name))
    try:
        out, err = process.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    took = time.monotonic() - began
    (own / "out.json").write_text(out)
    (own / "err.txt").write_text(err)
    try:
        result = json.loads(out)
        contradictions = result["contradictions"]
        told = [f"{word}: {text}" for word in TOLD for text in result[word][:SHOWN]]
        talk = "\n".join(told)
    except (ValueError, KeyError):
        return Ended(name, process.returncode, None, took, err[-3000:])
    return Ended(name, process.returncode, len(contradictions), took, talk or err[-3000:])


def every(names: Sequence[str], place: Path, at_once: int = AT_ONCE) -> Iterator[Ended]:
    """All of them, as they end."""
    with ThreadPoolExecutor(at_once) as pool:
        rehearsals = [pool.submit(rehearsed, name, place) for name in names]
        yield from (ended.result() for ended in as_completed(rehearsals))


def main(words: Sequence[str]) -> int:
    """Prints a line for each, and what was said by those that went wrong."""
    names = list(words) or to_rehearse()
    place = Path(tempfile.mkdtemp(prefix="rrplan-rehearsals-"))
    wrong = 0
    for ended in every(names, place):
        wrong += not ended.well
        sys.stdout.write(f"{ended.line()}\n")
        if not ended.well:
            sys.stdout.write("".join(f"    {line}\n" for line in ended.talk.splitlines()))
        sys.stdout.flush()
    sys.stdout.write(f"{len(names) - wrong} of {len(names)} as planned; {place}\n")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
