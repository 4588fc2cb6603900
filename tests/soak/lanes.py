"""The lanes of a soak: which commands run, on how many cases, what they need, and how one failing case is repeated."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bird.cases import JUDGED
from tests.bird.laboratory import lacking
from tests.real.parts import missing
from tests.support.entries import ENTRIES
from tests.support.scenarios import SCENARIOS, parts
from tests.walker.worlds import CASES

ROOT = Path(__file__).resolve().parents[2]
PYTHON = f".venv/bin/{Path(sys.executable).name}" if Path(sys.prefix) == ROOT / ".venv" else sys.executable
FAST = "not real and not bird and not crash and not slow"
PLANS_AT_ONCE = 100
WORLD_STRIDE = 200
"""Of the small worlds, every so many in a soak of one; all of them where it is that many times as long."""
LIVE_SEEDS, BIRD_STATES, BIRD_STEPS, KILLS, JOURNALS, READERS = 5, 20, 5, 5, 100, 10_000
"""Cases of these lanes in a soak of one."""
LIVE_KILLS = "tests/crashes/test_live_kill_at_random.py"
BIRD_AT_ONCE = 10
REHEARSED_AT_ONCE = 4
E2E_NODES = "30"
"""Of the clusters that are moved from end to end."""
BATCH = 10
"""Seeds of one call of the tests on a real API server, which starts that server."""


@dataclass(frozen=True, slots=True)
class Task:
    """One command; `failures` reads from its output how each failing case is repeated."""

    words: tuple[str, ...]
    cases: int
    environment: Mapping[str, str] = field(default_factory=dict)
    failures: Callable[[str], list[str]] | None = None
    tells: bool = False
    """What it prints is wanted also where nothing fails."""

    def command(self) -> str:
        """For a shell, in the root of the tree."""
        return shlex.join(["env", *(f"{name}={value}" for name, value in self.environment.items()), *self.words])

    def repeats(self, output: str) -> list[str]:
        """The commands that repeat what failed; where cases are not told apart, the command itself."""
        return (self.failures(output) if self.failures else []) or [self.command()]


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of random test."""

    name: str
    tasks: tuple[Task, ...]
    at_once: int = 1
    lacks: tuple[str, ...] = ()

    @property
    def cases(self) -> int:
        """Of all its commands."""
        return sum(task.cases for task in self.tasks)


def lanes(seed: int, times: int) -> list[Lane]:
    """All of them, from the quickest to the slowest."""
    processors = os.cpu_count() or 1
    return [
        Lane("speaker", _properties("test_speaker.py", 200, seed, 10 * times), processors),
        Lane("runs", _properties("test_runs.py", 260, seed, times), processors),
        Lane("kills", _chunks("tests.soak.kills", KILLS, seed, times), processors),
        Lane("journals", _chunks("tests.soak.journals", JOURNALS, seed, times), processors),
        Lane("readers", _chunks("tests.soak.readers", READERS, seed, times), processors),
        Lane("plans", _plans(seed, times), processors),
        Lane("worlds", _worlds(seed, times), processors),
        Lane("live", _live("tests/real/test_random.py", seed, times * LIVE_SEEDS), lacks=tuple(missing())),
        Lane("live-scenarios", (_LIVE_SCENARIOS,), lacks=tuple(missing())),
        Lane("end-to-end", _end_to_end(seed, times), lacks=(*missing(), *lacking())),
        Lane("live-kills", (_LIVE_KILLS, *_live(LIVE_KILLS, seed, times * LIVE_SEEDS)), lacks=tuple(missing())),
        Lane("bird-states", (_bird("states", seed, times * BIRD_STATES),), lacks=tuple(lacking())),
        Lane("bird-roles", (_bird("roles", seed, times * BIRD_STATES),), lacks=tuple(lacking())),
        Lane("bird-options", (_bird("options", seed, times * BIRD_STATES),), lacks=tuple(lacking())),
        Lane("bird-steps", (_bird("steps", seed, times * BIRD_STEPS),), lacks=tuple(lacking())),
        Lane("rehearsals", _REHEARSALS, REHEARSED_AT_ONCE, lacks=tuple(lacking())),
        Lane("lowest", (Task((PYTHON, "-m", "tests.soak.lowest"), 1, tells=True),)),
        Lane("coverage", (Task((PYTHON, "-m", "tests.soak.coverage", str(seed)), 1, tells=True),)),
    ]


def _properties(name: str, cases: int, seed: int, times: int) -> tuple[Task, ...]:
    words = (PYTHON, "-m", "pytest", "-p", "no:cacheprovider", f"tests/properties/{name}")
    return tuple(
        Task((*words, f"--hypothesis-seed={seed + number}"), cases, {"RRPLAN_PROFILE": "soak"})
        for number in range(times)
    )


def _chunks(module: str, cases: int, seed: int, times: int) -> tuple[Task, ...]:
    return tuple(Task((PYTHON, "-m", module, str(seed + number * cases), str(cases)), cases) for number in range(times))


def _plans(seed: int, times: int) -> tuple[Task, ...]:
    """Random plans by the walker; a part draws fewer cases than lie between its seed and the next one's."""
    seeds = (str(seed + number * 10 * PLANS_AT_ONCE) for number in range(times))
    return tuple(
        Task(
            (PYTHON, "-m", "tests.walker", "random", first, str(PLANS_AT_ONCE)),
            PLANS_AT_ONCE,
            failures=_plan_failures,
            tells=True,
        )
        for first in seeds
    )


def _plan_failures(output: str) -> list[str]:
    words = (PYTHON, "-m", "tests.walker", "random")
    return [shlex.join([*words, one, "1"]) for one in re.findall(r"^\S*seed-(\d+): ", output, re.MULTILINE)]


def _worlds(seed: int, times: int) -> tuple[Task, ...]:
    """Small worlds by the walker, one command for each size: the longer the soak, the fewer are passed over."""
    stride = max(1, WORLD_STRIDE // times)
    part = seed % stride
    return tuple(
        Task(
            (*_WORLDS, str(size), "--stride", str(stride), "--part", str(part)),
            len(range(part, count, stride)),
            failures=_world_failures,
            tells=True,
        )
        for size, count in CASES.items()
    )


_WORLDS = (PYTHON, "-m", "tests.walker", "worlds", "--size")


def _world_failures(output: str) -> list[str]:
    found = re.findall(r"^\S*world-(\d+)-(\d+): ", output, re.MULTILINE)
    return [shlex.join([*_WORLDS, size, "--part", part, "--stride", str(CASES[int(size)])]) for size, part in found]


_LIVE_SCENARIOS = Task(
    (PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "tests/scenarios/test_live_scenarios.py"),
    len(SCENARIOS),
    {"RRPLAN_SCENARIOS": "all", "RRPLAN_REQUIRE_REAL": "1"},
)
"""All scenarios, where CI takes some."""


_LIVE_KILLS = Task(
    (PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "tests/crashes/test_live_kill.py"),
    ENTRIES - 1,
    {"RRPLAN_KILLS": "all", "RRPLAN_REQUIRE_REAL": "1"},
)
"""After every entry of a journal, where CI takes some."""


_REHEARSALS = tuple(
    Task((PYTHON, "-m", "tests.bird.rehearsals", folder.name), 1)
    for folder in SCENARIOS
    if "refused" not in parts(folder)[2]
)
"""All scenarios that yield a plan, where CI takes some; each says itself how it is repeated."""


def _live(module: str, seed: int, count: int) -> tuple[Task, ...]:
    """Some seeds at a time, so that what fails is repeated without the others."""
    words = (PYTHON, "-m", "pytest", "-p", "no:cacheprovider", module)
    return tuple(
        Task(words, size, {"RRPLAN_SOAK_SEEDS": f"{seed + first}:{size}", "RRPLAN_REQUIRE_REAL": "1"})
        for first in range(0, count, BATCH)
        for size in [min(BATCH, count - first)]
    )


def _end_to_end(seed: int, times: int) -> tuple[Task, ...]:
    """A live cluster of real BIRDs, in Kubernetes and in etcd; two cases each time."""
    words = (PYTHON, "-m", "pytest", "-s", "-p", "no:cacheprovider", "tests/e2e", "-m", "real")
    return tuple(
        Task(
            words,
            2,
            {"RRPLAN_E2E_NODES": E2E_NODES, "RRPLAN_E2E_SEED": str(seed + number), "RRPLAN_REQUIRE_REAL": "1"},
            tells=True,
        )
        for number in range(times)
    )


def _bird(kind: str, seed: int, count: int) -> Task:
    words = ("unshare", "-Urn", PYTHON, "-m", "tests.bird.cases", kind, str(seed), str(count), str(BIRD_AT_ONCE))
    return Task(words, count, failures=lambda output: _bird_failures(kind, seed, output))


def _bird_failures(kind: str, seed: int, output: str) -> list[str]:
    found = []
    for line in output.splitlines():
        if line.startswith("{") and '"case"' in line:
            told = json.loads(line)
            if any(told.get(word) for word in JUDGED):
                words = ["unshare", "-Urn", PYTHON, "-m", "tests.soak.bird", kind, str(seed), str(told["case"])]
                found.append(shlex.join(words))
    return found
