"""Journals that were damaged: `python -m tests.soak.journals SEED COUNT`.

A run on an embedded cluster stops somewhere; then its journal, or what is kept beside it, is cut, emptied, removed or
edited, and `rollback` or `resume` is called. Whatever is claimed afterwards of the cluster must be true of it.
"""

import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from rrplan import api
from rrplan.adapters.local.heads import Head
from rrplan.errors import RRPlanError
from rrplan.plans import Plan
from rrplan.reports import events
from rrplan.runs import Result
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.soak.stories import tell
from tests.support.bench import SPEC
from tests.support.dying import Crash, DyingLog, after
from tests.support.listeners import Remembering

Mutation = Callable[[Path, random.Random], None]


def _lines(run: Path) -> list[bytes]:
    return (run / "journal.jsonl").read_bytes().splitlines(keepends=True)


def _put(run: Path, lines: list[bytes]) -> None:
    (run / "journal.jsonl").write_bytes(b"".join(lines))


def _cut(run: Path, dice: random.Random) -> None:
    lines = _lines(run)
    _put(run, lines[: dice.randrange(len(lines))])


def _cut_in_a_line(run: Path, dice: random.Random) -> None:
    data = (run / "journal.jsonl").read_bytes()
    (run / "journal.jsonl").write_bytes(data[: dice.randrange(len(data))])


def _empty(run: Path, _dice: random.Random) -> None:
    _put(run, [])


def _remove(run: Path, _dice: random.Random) -> None:
    (run / "journal.jsonl").unlink()


def _drop(run: Path, dice: random.Random) -> None:
    lines = _lines(run)
    del lines[dice.randrange(len(lines))]
    _put(run, lines)


def _swap(run: Path, dice: random.Random) -> None:
    lines = _lines(run)
    dice.shuffle(lines)
    _put(run, lines)


def _again(run: Path, dice: random.Random) -> None:
    lines = _lines(run)
    _put(run, [*lines, dice.choice(lines)])


def _edit(run: Path, dice: random.Random) -> None:
    data = bytearray((run / "journal.jsonl").read_bytes())
    data[dice.randrange(len(data))] = dice.randrange(256)
    (run / "journal.jsonl").write_bytes(bytes(data))


def _no_head(run: Path, dice: random.Random) -> None:
    _cut(run, dice)
    (run / "head").unlink()


def _head_that_fits(run: Path, dice: random.Random) -> None:
    """Whoever cuts the journal cuts the head too: only the cluster itself tells."""
    _cut(run, dice)
    head = Head()
    for line in _lines(run):
        head = head.after(line)
    (run / "head").write_text(head.text().ljust(128))


def _nothing_kept(run: Path, _dice: random.Random) -> None:
    (run / "journal.jsonl").unlink()
    about = {name: value for name, value in json.loads((run / "run.json").read_text()).items() if name != "head"}
    (run / "run.json").write_text(json.dumps(about))
    (run / "head").unlink()


MUTATIONS: tuple[Mutation, ...] = (
    _cut,
    _cut_in_a_line,
    _empty,
    _remove,
    _drop,
    _swap,
    _again,
    _edit,
    _no_head,
    _head_that_fits,
    _nothing_kept,
)


def _objects(sandbox: Sandbox) -> dict[str, object]:
    """The cluster without its pods: an eviction is not taken back."""
    state = capture(sandbox).state
    return {"nodes": state.nodes, "peers": state.peers, "configurations": state.configurations}


@cache
def _prepared() -> tuple[Path, Plan, dict[str, object], dict[str, object]]:
    """A sandbox to copy, its plan, and the cluster before and after an unbroken run."""
    folder = Path(tempfile.mkdtemp(prefix="rrplan-journals-"))
    sandbox = Sandbox.make(folder / "template", demo_cluster(8, 2))
    plan = api.plan(load(SPEC.encode(), "spec.yaml"), capture(sandbox))
    before = _objects(sandbox)
    sandbox.close()
    shutil.copytree(folder / "template", folder / "unbroken")
    there = api.embedded(Sandbox.open(folder / "unbroken"), folder / "unbroken")
    assert api.apply(plan, there) is Result.DONE
    return folder / "template", plan, before, _objects(Sandbox.open(folder / "unbroken"))


def story(seed: int) -> str:
    """One damaged journal; returns what was claimed and is not true, or nothing."""
    dice = random.Random(seed)
    template, plan, before, done = _prepared()
    with tempfile.TemporaryDirectory(prefix="rrplan-journal-") as name:
        path = Path(name) / "cluster"
        shutil.copytree(template, path)
        there = api.embedded(Sandbox.open(path), path)
        lines = dice.randint(1, 3 * len(plan.steps) + 4)
        try:
            api.apply(plan, there, api.Control(wrap=lambda log: DyingLog(log, after(lines))))
        except Crash:
            there.lock.release()
        mutation, verb = dice.choice(MUTATIONS), dice.choice(("rollback", "resume"))
        mutation(next((path / "runs").iterdir()), dice)
        listener = Remembering()
        there = api.embedded(Sandbox.open(path), path)
        try:
            act = api.rollback if verb == "rollback" else api.resume
            result = act(there, api.Control(listener))
        except RRPlanError:
            return ""
        there.datastore.close() if isinstance(there.datastore, Sandbox) else None
        seen = _objects(Sandbox.open(path))
        finished = listener.of(events.RunFinished)
        told = f"seed {seed}: {mutation.__name__} after {lines} lines, {verb}: {result}"
        if result is Result.UNDONE and seen != before and not (finished and finished[-1].difference):
            return f"{told}, and the cluster is not as it was before"
        return f"{told}, and the cluster is not as planned" if result is Result.DONE and seen != done else ""


if __name__ == "__main__":
    sys.exit(tell(story, "journals led to no false claim"))
