"""The commands of the guide are carried out, and every command on any page is one that rrplan understands."""

import json
import re
import shlex
import shutil
from contextlib import suppress
from pathlib import Path

import click
import pytest

from rrplan import Control, Result, Sandbox, apply, capture, demo_cluster, embedded, load_spec, plan, write_snapshot
from rrplan.cli.main import VERBS, rrplan
from tests.golden.pages import BLOCK, DOCS, ROOT, in_process, last_run

GENERATED = ("cli.md", "events.md", "plan.md", "python.md")
PAGES = [path for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))) if path.name not in GENERATED]
SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: production}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
"""
NOT_RUN = {
    "rrplan rehearse plan.json -f cluster.yaml --nodes 40 --repeat 2 --attach": "it needs BIRD: tests/bird rehearses",
    "rrplan approve plan.json --key ~/.ssh/id_ed25519": "it needs a key: tests/unit/cli/test_approve.py makes some",
    (
        "rrplan apply plan.json --context production --require-approvals 2 --trusted-keys /etc/rrplan/trusted-keys"
    ): "it needs two approvals: the same",
}
"""Commands of the guide that are only parsed here, and why."""
CODES = {"rrplan verify SPEC --context production": 2}
"""Exit codes of the guide's commands that are not 0: this cluster is not yet as the spec says."""


def commands(path: Path) -> list[str]:
    """The lines of a page that call rrplan, without the comments behind them."""
    lines = [
        line.strip().removeprefix("$ ") for _, body in BLOCK.findall(path.read_text()) for line in body.splitlines()
    ]
    return [re.split(r"\s+#\s", line)[0].strip() for line in lines if line.startswith("rrplan ")]


def mentions(path: Path) -> list[str]:
    """The commands in the sentences of a page."""
    text = BLOCK.sub("", path.read_text())
    return [" ".join(words.split()) for words in re.findall(r"`(rrplan\s[^`]*)`", text)]


def check_words(line: str) -> None:
    """Raise where rrplan does not understand a command; placeholders stand for what they are called."""
    line = line.partition(" > ")[0].replace("[RUN]", "RUN")
    line = re.sub(r"(--(?:seed|nodes) )N\b", r"\g<1>1", line)
    _, verb, *rest = shlex.split(line)
    if verb == "VERB" or verb.startswith("-"):
        return
    command = rrplan.get_command(click.Context(rrplan), verb)
    assert command is not None, f"{verb} is none of {', '.join(VERBS)}"
    command.make_context(verb, rest)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_are_understood(path: Path) -> None:
    """Every line of code that calls rrplan is whole; in sentences what is required may be left out."""
    for line in commands(path):
        check_words(line)
    for line in mentions(path):
        with suppress(click.MissingParameter, click.BadOptionUsage, click.exceptions.Exit):
            check_words(line)


def test_wrong_words_are_noticed() -> None:
    """An option, a verb or a word too many that rrplan does not have."""
    for line in ("rrplan status --wach", "rrplan routes node-1", "rrplan stat"):
        with pytest.raises((click.UsageError, AssertionError)):
            check_words(line)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What a reader of the guide has: a cluster, its listing, a snapshot, a spec; and it again with a stopped run."""
    documents = demo_cluster(nodes=14, reflectors=2)
    (tmp_path / "cluster.yaml").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    (tmp_path / "wanted.yaml").write_text(SPEC)
    sandbox = Sandbox.make(tmp_path / "fresh", documents)
    snapshot = capture(sandbox)
    sandbox.close()
    (tmp_path / "cluster.json").write_bytes(write_snapshot(snapshot))
    shutil.copytree(tmp_path / "fresh", tmp_path / "stopped")
    sandbox = Sandbox.open(tmp_path / "stopped")
    wanted, looks = plan(load_spec(SPEC.encode(), "wanted.yaml"), snapshot), iter([False, False])
    ended = apply(wanted, embedded(sandbox, tmp_path / "stopped"), Control(stop=lambda: next(looks, True)))
    assert ended is Result.INTERRUPTED
    sandbox.close()
    return tmp_path


def test_guide(place: Path) -> None:
    """Each command of the guide in its order; an embedded cluster stands for the live one.

    Each finds the cluster as the guide says at that place: with a stopped run where it is about runs, else fresh.
    """
    lines = [line for line in commands(DOCS / "guide.md") if line not in NOT_RUN]
    assert len(lines) > 20
    for line in lines:
        words = shlex.split(line.replace("[RUN]", "RUN").replace("SPEC", "wanted.yaml"))
        kept = place / ("stopped" if words[1] in ("resume", "rollback", "runs", "unlock") else "fresh")
        production = place / "production"
        shutil.rmtree(production, ignore_errors=True)
        shutil.copytree(kept, production)
        words = ["--sandbox" if word == "--context" else word for word in words]
        words = [last_run(production) if word == "RUN" else word for word in words]
        if "sha256:..." in words:
            digest = json.loads((place / "plan.json").read_bytes())["digest"]
            words[words.index("sha256:...")] = digest
        done = in_process(words, place)
        expected = 3 if "--fault" in words else CODES.get(line, 0)
        assert done.code == expected, f"{line}\n{done.text[-2000:]}"


def test_what_is_not_run_is_in_the_guide() -> None:
    """The exceptions are commands of the guide."""
    assert {*NOT_RUN, *CODES} <= {*commands(DOCS / "guide.md")}
