"""Inputs that were damaged on purpose: `python -m tests.soak.readers SEED COUNT`.

The corpus is what the project's own tests read: specs and clusters of the scenarios, the snapshot, plan, journal and
descriptions of a run on an embedded cluster, and what programs on nodes and servers say (`tests.soak.answers`). Each is
mutated as text or, where it is JSON or YAML, as a value (files with a digest get a new one), and read and shown; for a
cluster that can be read a plan is made. A reader may say no in words; whatever else it raises is a finding, and so is
one that takes longer than 20 s or more than 500 MB.
"""

import copy
import json
import random
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from rrplan import api
from rrplan.adapters.local.heads import read_head
from rrplan.adapters.local.lock import described, read_holder
from rrplan.adapters.local.runs import RunDirectory
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.sessions import Speakers
from rrplan.cli.say import shown
from rrplan.digest import digest
from rrplan.errors import RRPlanError
from rrplan.plans import Plan, read_plan
from rrplan.plans.planfile import BESIDE
from rrplan.render.graph import dot, graph_json, mermaid
from rrplan.render.markdown import plan_markdown
from rrplan.render.plan_json import write_plan
from rrplan.render.sessions import sessions_text
from rrplan.render.terminal import plan_text
from rrplan.runs.journal import Journal
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import capture, joined_documents, read_snapshot, snapshot_of_manifests, write_snapshot
from rrplan.snapshots.ignored import ignored
from rrplan.specs import load
from rrplan.text import printable
from tests.soak.answers import PIECES, TEXTS_ALONE, changed_texts
from tests.support.bench import SPEC

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20
MEGABYTES = 500
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**63,
    10**30,
    1.5,
    float("nan"),
    "",
    "x" * 5000,
    "\x1b[2J",
    "\u202eevil",
    "\ud800",
    "a\nb",
    "\0",
    "n;touch x",
    "2_0",
    "0.0.0.0",
    "224.0.0.1",
    "10.0.0.1/99",
    "9" * 5000,
    [],
    {},
    [[]],
    {"": None},
    {"a": {"b": [1, {"c": None}]}},
)
TEXTS = (
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\x1b",
    b"&-a [x]",
    b"*-a",
    b"<<: *a",
    b"!!python/object/apply:os.system [x]",
    b"!x",
    b"- ",
    b": ",
    b"{",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"9" * 5000,
    b"0x" + b"f" * 5000,
    b".nan",
    b"1e999",
    b"2024-99-99",
    b'"\\ud800"',
    b"\n---\n",
    b"\n...\n",
)
Reader = Callable[[bytes], object]


class TooLong(Exception):
    """A reader took longer than it may."""


def _spec(data: bytes) -> object:
    spec = load(data, "spec.yaml")
    return spec.to_document()


def _manifests(spec: bytes, data: bytes) -> object:
    snapshot = snapshot_of_manifests([("cluster.yaml", data)])
    joined_documents([("cluster.yaml", data)])
    versions = calico_versions(snapshot.state)
    list(sessions_text(Speakers.of(snapshot.state, versions).all_sessions()))
    return write_snapshot(snapshot), ignored(snapshot.state), _shown(api.plan(load(spec, "spec.yaml"), snapshot))


def _snapshot(data: bytes) -> object:
    snapshot = read_snapshot(data, "snapshot.json")
    return write_snapshot(snapshot), snapshot.digest


def _shown(plan: Plan) -> object:
    return (
        plan_text(plan),
        plan_markdown(plan),
        dot(plan),
        mermaid(plan),
        graph_json(plan),
        write_plan(plan),
    )


def _plan(data: bytes) -> object:
    plan, _ = read_plan(data, "plan.json")
    return _shown(plan)


class _Lines:
    """A log in memory."""

    place = "journal.jsonl"

    def __init__(self, data: bytes) -> None:
        self._lines = data.split(b"\n")[:-1]

    def lines(self) -> list[bytes]:
        """All lines."""
        return self._lines

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add one."""
        self._lines.append(line)

    def close(self) -> None:
        """Nothing to close."""


def _run(data: bytes) -> object:
    with tempfile.TemporaryDirectory(prefix="rrplan-reader-") as name:
        folder = Path(name) / "runs" / "r1"
        folder.mkdir(parents=True)
        (folder / "plan.json").write_bytes(b"{}")
        (folder / "run.json").write_bytes(data)
        return RunDirectory(Path(name)).runs()


@cache
def _corpus() -> tuple[tuple[str, Reader, bytes], ...]:
    """What is mutated: its kind, its reader, and the input as it should be."""
    found: list[tuple[str, Reader, bytes]] = []
    for folder in sorted((ROOT / "fixtures" / "scenarios").iterdir()):
        found.append(("spec", _spec, (folder / "spec.yaml").read_bytes()))
        reader = partial(_manifests, (folder / "spec.yaml").read_bytes())
        found.append(("manifests", reader, (folder / "cluster.yaml").read_bytes()))
    with tempfile.TemporaryDirectory(prefix="rrplan-readers-") as name:
        path = Path(name) / "c"
        sandbox = Sandbox.make(path, demo_cluster(6, 2))
        snapshot = capture(sandbox)
        plan = api.plan(load(SPEC.encode(), "spec.yaml"), snapshot)
        api.apply(plan, api.embedded(sandbox, path))
        run = next((path / "runs").iterdir())
        start = str(json.loads((run / "plan.json").read_bytes())["digest"])
        journal = (run / "journal.jsonl").read_bytes()
        found += [("snapshot", _snapshot, write_snapshot(snapshot))] * 20
        found += [("plan", _plan, write_plan(plan))] * 60
        found += [("journal", lambda data: Journal.open(_Lines(data), start), journal)] * 20
        found += [("run", _run, (run / "run.json").read_bytes())] * 10
        found += [
            ("head", lambda data: read_head(data.decode(errors="replace"), "journal"), (run / "head").read_bytes())
        ] * 5
        holder = json.dumps({"who": "a", "where": "b", "since": "c", "why": "d", "run": "e"}).encode()
        found += [("lock", lambda data: described(read_holder(data.decode(errors="replace"))), holder)] * 5
        sandbox.close()
    found += [piece for piece in PIECES for _ in range(10)]
    return tuple(found)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a value."""
    places: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        part = waiting.pop()
        keys = [*part] if isinstance(part, dict) else [*range(len(part))] if isinstance(part, list) else []
        places += [(part, key) for key in keys]
        waiting += [part[key] for key in keys]
    return places


def _changed_value(value: Any, dice: random.Random) -> Any:
    """A value with some of its parts removed, replaced, moved or doubled."""
    value = copy.deepcopy(value)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        places = _places(value)
        if not places:
            return dice.choice(ODD)
        container, key = dice.choice(places)
        match dice.randrange(5):
            case 0:
                del container[key]
            case 1 | 2:
                container[key] = copy.deepcopy(dice.choice(ODD))
            case 3:
                other, place = dice.choice(places)
                container[key] = copy.deepcopy(other[place])
            case _ if isinstance(container, list):
                container.insert(key, copy.deepcopy(container[key]))
            case _:
                container[dice.choice(("x", "", "spec", "\ud800"))] = copy.deepcopy(container[key])
    return value


def _changed_text(data: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 1, 2, 5))):
        at, to = sorted(dice.randrange(len(data) + 1) for _ in range(2))
        match dice.randrange(5):
            case 0:
                data = data[:at] + data[min(to, at + 40) :]
            case 1 | 2:
                data = data[:at] + dice.choice(TEXTS) + data[at:]
            case 3:
                data = data[:at] + data[at : at + 200] * 2 + data[at + 200 :]
            case _:
                data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
    return data


def mutated(kind: str, data: bytes, dice: random.Random) -> bytes:
    """An input of a kind, damaged."""
    if kind == "kept-run":
        return json.dumps(changed_texts(json.loads(data), dice.choice)).encode()
    if kind in TEXTS_ALONE or dice.random() < 0.3:
        return _changed_text(data, dice)
    if kind in ("spec", "manifests", "etcd-config", "kubeconfig"):
        documents = [_changed_value(document, dice) for document in yaml.safe_load_all(data)]
        return json.dumps(documents[0]).encode() if dice.random() < 0.3 else _yaml(documents)
    if kind == "journal":
        lines = [json.loads(line) for line in data.splitlines()]
        at = dice.randrange(len(lines))
        lines[at] = _changed_value(lines[at], dice)
        if isinstance(lines[at], dict):
            lines[at]["hash"] = _digest({name: part for name, part in lines[at].items() if name != "hash"})
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    value = _changed_value(json.loads(data), dice)
    if kind in ("plan", "snapshot") and isinstance(value, dict):
        value["digest"] = _digest({name: part for name, part in value.items() if name not in ("digest", BESIDE)})
    return json.dumps(value).encode()


def _yaml(documents: list[Any]) -> bytes:
    try:
        return yaml.safe_dump_all(documents, allow_unicode=True).encode(errors="surrogatepass")
    except yaml.YAMLError:
        return json.dumps(documents).encode()


def _digest(value: Any) -> str:
    try:
        return digest(value)
    except (RecursionError, TypeError, ValueError):
        return "sha256:0"


def story(seed: int) -> str:
    """One damaged input; returns what its reader did that it may not, or nothing."""
    dice = random.Random(seed)
    kind, reader, data = dice.choice(_corpus())
    bad = mutated(kind, data, dice)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        reader(bad)
    except RRPlanError as error:
        text = shown(error)
        return "" if printable(text) == text else f"seed {seed}: {kind}: a character that acts, in {text!r}"
    except TooLong:
        return f"seed {seed}: {kind}: more than {SECONDS} s"
    except Exception:  # noqa: BLE001  # whatever it is, it is a finding
        return f"seed {seed}: {kind}: {traceback.format_exc(limit=-4)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


def _late(_number: int, _frame: object) -> None:
    raise TooLong


def main() -> int:
    """Prints which inputs a reader cannot stand, and their seeds."""
    signal.signal(signal.SIGALRM, _late)
    first, count = int(sys.argv[1]), int(sys.argv[2])
    wrong = [text for seed in range(first, first + count) if (text := story(seed))]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if used > MEGABYTES:
        wrong.append(f"seed {first}: {used} MB were used for {count} inputs")
    sys.stdout.write("".join(f"{text}\n" for text in wrong))
    sys.stdout.write(f"{count - len(wrong)} of {count} damaged inputs were read or refused in words; {used} MB\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
