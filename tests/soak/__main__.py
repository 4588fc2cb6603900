"""Random tests with a fresh seed: `python -m tests.soak [--times N] [--seed SEED] [LANE...]`.

The seed is printed first. What fails is printed at once, with the one command that repeats it. A table ends it; the
exit code is 1 if a lane failed, or if one was left out where RRPLAN_REQUIRE_REAL demands every real part.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.soak.lanes import ROOT, Lane, Task, lanes

TAIL = 60
"""Lines of output of a command that failed."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a lane."""

    lane: Lane
    seconds: float
    result: str

    @property
    def good(self) -> bool:
        """Nothing failed, and it ran, or need not."""
        return self.result == "passed" or (bool(self.lane.lacks) and not os.environ.get("RRPLAN_REQUIRE_REAL"))


def say(line: str) -> None:
    """At once: whoever watches sees how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(lane: Lane) -> Row:
    """Every command of a lane, some at once."""
    if lane.lacks:
        say(f"{lane.name}: left out; missing: {'; '.join(lane.lacks)}")
        return Row(lane, 0.0, "left out")
    say(f"{lane.name}: {lane.cases} cases")
    began = time.monotonic()
    with ThreadPoolExecutor(lane.at_once) as pool:
        failed = sum(pool.map(_fails, lane.tasks))
    seconds = time.monotonic() - began
    return Row(lane, seconds, f"{failed} failed" if failed else "passed")


def _fails(task: Task) -> int:
    """How many cases of a command failed, after they were told."""
    done = subprocess.run(
        task.words,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **task.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode == 0:
        for line in lines if task.tells else lines[-1:]:
            say(f"  {line}")
        return 0
    repeats = task.repeats(done.stdout)
    for line in [*lines[-TAIL:], *(f"to repeat it: {command}" for command in repeats)]:
        say(f"  {line}")
    return len(repeats)


def table(rows: Sequence[Row], seed: int) -> str:
    """Lane, cases, seed, seconds, result."""
    cells: list[tuple[str, ...]] = [("lane", "cases", "seed", "seconds", "result")]
    cells += [(row.lane.name, str(row.lane.cases), str(seed), f"{row.seconds:.0f}", row.result) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in cells)


def main(words: Sequence[str]) -> int:
    """The exit code."""
    names = [lane.name for lane in lanes(0, 1)]
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Random tests with a fresh seed.")
    parser.add_argument("--times", type=int, default=1, help="how many times as long; 1 takes some minutes")
    parser.add_argument("--seed", type=int, help="the seed of an earlier soak; without it, a fresh one is drawn")
    parser.add_argument("lane", nargs="*", metavar="LANE", help=f"only these: {', '.join(names)}")
    asked = parser.parse_args(words)
    unknown = sorted(set(asked.lane) - set(names))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(names)}")
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    only = f" LANES='{' '.join(asked.lane)}'" if asked.lane else ""
    say(f"seed {seed}; all of it again: make soak N={asked.times} SEED={seed}{only}")
    rows = [run(lane) for lane in lanes(seed, asked.times) if not asked.lane or lane.name in asked.lane]
    say(table(rows, seed))
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
