"""The command line itself: words, forms, files, help, the environment."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from rrplan.cli.examples import EXAMPLES
from rrplan.cli.explain import pages
from rrplan.cli.main import VERBS
from rrplan.cli.main import rrplan as program
from tests.support import SPEC, processes

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: production, context: {cluster: c, user: u}}, {name: staging, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A sandbox, a spec and a kubeconfig."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "config").write_text(KUBECONFIG)
    assert rrplan(tmp_path, "sandbox", "one", "--nodes", "8").returncode == 0
    return tmp_path


def rrplan(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RRPLAN_", "KUBECONFIG"))}
    return processes.rrplan(*words, folder=folder, env={**clean, "XDG_CONFIG_HOME": str(folder), **environment})


WRONG = [
    (["aply"], "`aply` is no verb of rrplan", "did you mean `rrplan apply`?"),
    (["xyzzy"], "`xyzzy` is no verb of rrplan", "`rrplan --help` lists the verbs"),
    (
        ["init", "nodes.yaml", "calico.yaml"],
        "got unexpected extra arguments (nodes.yaml calico.yaml)",
        "files of a cluster come with `-f` before each: `-f nodes.yaml -f calico.yaml`",
    ),
    (
        ["apply", "plan.json", "-f", "nodes.yaml"],
        "`rrplan apply` has no option `-f`",
        "this verb needs a cluster that can change: `--context NAME`, or an embedded one with `--sandbox DIR`",
    ),
    (["apply"], "`rrplan apply` needs PLAN", "`rrplan apply --help` says what it takes"),
    (
        ["apply", "p", "--auto-aprove"],
        "`rrplan apply` has no option `--auto-aprove`",
        "did you mean `--auto-approve` or `--approval`?",
    ),
    (
        ["plan", "spec.yaml", "--sandbox", "one", "-o", "plan.json"],
        "`-o plan.json` is no form of output",
        "it is one of terminal, json, markdown, runbook; `--out plan.json` writes a file",
    ),
    (["report", "plan.json", "-o", "pdf"], "`-o pdf` is no form of output", "it is `html`"),
    (["status", "--sandbox", "one", "-o", "yaml"], "`-o yaml` is no form of output", "it is one of terminal, json"),
    (
        ["plan", "spec.yaml", "--sandbox", "one", "--out", "spec.yaml"],
        "spec.yaml is there and is no plan: it is not overwritten",
        "give another name, or remove it first",
    ),
    (
        ["snapshot", "--sandbox", "one", "--out", "spec.yaml"],
        "spec.yaml is there and is no snapshot: it is not overwritten",
        "give another name, or remove it first",
    ),
    (
        ["sandbox", "two", "--nodes", "-5"],
        "invalid value for '--nodes': -5 is not in the range 1<=x<=100000",
        "`rrplan sandbox --help` says what it takes",
    ),
    (["explain", "one-lnk"], "`one-lnk` is no check", "did you mean `one-link`?"),
]


@pytest.mark.parametrize(("words", "text", "hint"), WRONG, ids=[" ".join(words)[:40] for words, *_ in WRONG])
def test_wrong_words(words: list[str], text: str, hint: str, place: Path) -> None:
    """What is wrong, and what was meant; exit code 64, and no file is touched."""
    done = rrplan(place, *words)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.endswith(f"error: {text}\n\nhint: {hint}\n")
    assert (place / "spec.yaml").read_text() == SPEC
    assert not (place / "plan.json").exists()


def test_rrplan_alone(tmp_path: Path) -> None:
    """The help, on stdout."""
    done = rrplan(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == rrplan(tmp_path, "--help").stdout


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_examples(verb: str) -> None:
    """Each verb has some, and each of them is understood."""
    command = program.get_command(click.Context(program), verb)
    assert command is not None
    with click.Context(command, info_name=f"rrplan {verb}") as context:
        text = command.get_help(context)
        assert EXAMPLES[verb]
        for line in EXAMPLES[verb]:
            assert f"\n    {line}\n" in f"{text}\n"
            name, called, *words = shlex.split(line)
            assert (name, called) == ("rrplan", verb)
            command.make_parser(context).parse_args(words)


def test_own_files_are_written_again(place: Path) -> None:
    """A plan in place of a plan, a snapshot in place of a snapshot."""
    for words in (["plan", "spec.yaml", "--out", "plan.json"], ["snapshot", "--out", "cluster.json"]):
        for _ in range(2):
            assert rrplan(place, *words, "--sandbox", "one").returncode == 0


def test_json_is_an_object_with_a_version(place: Path) -> None:
    """Also where all is well."""
    rrplan(place, "plan", "spec.yaml", "--sandbox", "one", "--out", "plan.json")
    where = ["--sandbox", "one", "-o", "json"]
    for words in (
        ["validate", "spec.yaml", "-o", "json"],
        ["plan", "spec.yaml", *where],
        ["show", "plan.json", "-o", "json"],
        ["graph", "plan.json", "-o", "json"],
        ["status", *where],
        ["runs", *where],
        ["verify", "spec.yaml", *where],
        ["sessions", *where],
        ["sessions", "--summary", *where],
        ["routes", *where],
        ["routes", "--from", "rr-1", *where],
    ):
        document = json.loads(rrplan(place, *words).stdout)
        assert document["format_version"], words


def test_events_carry_time_and_run(place: Path) -> None:
    """Each line says when, and of which run."""
    done = rrplan(place, "apply", "spec.yaml", "--sandbox", "one", "--auto-approve", "-o", "json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["run"] for event in events} == {events[0]["run_id"]}
    times = [event["time"] for event in events]
    assert times == sorted(times)
    assert times[0].endswith("Z")


def test_explain(tmp_path: Path) -> None:
    """The page of a check from the package itself, and all of them in a list."""
    assert rrplan(tmp_path, "explain", "one-link").stdout.startswith("# one-link\n")
    listed = rrplan(tmp_path, "explain").stdout.splitlines()
    assert [line.split()[0] for line in listed] == sorted(pages())


def test_contexts_that_exist(place: Path) -> None:
    """An unknown context: the nearest one, or those that exist."""
    near = rrplan(place, "status", "--kubeconfig", "config", "--context", "prodution")
    assert near.returncode == 8
    assert near.stderr.endswith("\n\nhint: did you mean `production`?\n")
    far = rrplan(place, "status", "--kubeconfig", "config", "--context", "x")
    assert far.stderr.endswith("\n\nhint: it has production, staging\n")


def test_the_environment_names_a_cluster(place: Path) -> None:
    """Where the command line names none; then a file of the operator's, with its mistakes told."""
    told = rrplan(place, "status", RRPLAN_CONTEXT="prodution", RRPLAN_KUBECONFIG="config")
    assert "hint: did you mean `production`?" in told.stderr
    assert rrplan(place, "status", "--sandbox", "one", RRPLAN_CONTEXT="prodution").returncode == 0
    (place / "rrplan").mkdir()
    file = place / "rrplan" / "config.yaml"
    file.write_text("context: staginng\nkubeconfig: config\n")
    assert "hint: did you mean `staging`?" in rrplan(place, "status").stderr
    for text, problem in (
        ("contxt: x\n", "has an unknown key `contxt`\n  hint: did you mean `context`?"),
        ("[1]\n", "is no mapping\n  hint: it has lines like `context: production`"),
        ("{\n", "is not YAML"),
        ("context: 1\n", "has no text for `context`"),
    ):
        file.write_text(text)
        wrong = rrplan(place, "status")
        assert wrong.returncode == 1
        assert f"error: {file} {problem}" in wrong.stderr
    missing = rrplan(place, "status", RRPLAN_CONFIG="nowhere.yaml")
    assert "error: cannot read nowhere.yaml: No such file or directory" in missing.stderr


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, False), ({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False)]
)
def test_colour(environment: dict[str, str], coloured: bool, tmp_path: Path) -> None:
    """None without a terminal, unless FORCE_COLOR is set."""
    assert ("\x1b[31merror:\x1b[0m" in rrplan(tmp_path, "aply", **environment).stderr) is coloured


HEAVY = (
    *(
        "pydantic",
        "networkx",
        "deepdiff",
        "kubernetes",
        "yaml",
        "jinja2",
        "cryptography",
        "urllib3",
        "etcd3gw",
        "websocket",
    ),
    *("rrplan.bgp", "rrplan.planning", "rrplan.wiring"),
)
COUNT = (
    "import sys; from rrplan.cli.main import main\ntry: main()\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
)


@pytest.mark.parametrize("verb", VERBS)
def test_help_loads_nothing_heavy(verb: str, tmp_path: Path) -> None:
    """Neither the libraries nor the model: what a verb needs is loaded when it works."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT, verb, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = done.stderr.split()
    assert "rrplan.cli.main" in loaded
    assert [name for name in loaded if name.startswith(HEAVY)] == []


def test_an_explanation_loads_no_model(tmp_path: Path) -> None:
    """The same holds of a verb that only reads pages."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT, "explain", "one-link"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert [name for name in done.stderr.split() if name.startswith(HEAVY)] == []


def completed(folder: Path, *words: str) -> list[str]:
    """What kubectl is told to complete, with the directive."""
    call = "from rrplan.cli.completion import kubectl; kubectl()"
    done = subprocess.run([sys.executable, "-c", call, *words], cwd=folder, capture_output=True, text=True, check=True)
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def test_completion(place: Path) -> None:
    """Verbs, options, forms, contexts, runs and checks; files where nothing else fits."""
    assert completed(place, "rol") == ["rollback", ":4"]
    assert completed(place, "status", "--wat") == ["--watch", ":4"]
    assert completed(place, "plan", "spec.yaml", "-o", "r") == ["runbook", ":4"]
    assert completed(place, "status", "--kubeconfig", "config", "--context", "") == ["production", "staging", ":4"]
    assert completed(place, "explain", "one-") == ["one-link", "one-version", ":4"]
    rrplan(place, "apply", "spec.yaml", "--sandbox", "one", "--auto-approve")
    [run] = json.loads(rrplan(place, "runs", "--sandbox", "one", "-o", "json").stdout)["runs"]
    assert completed(place, "rollback", "--sandbox", "one", "2") == [run["run"], ":4"]
    assert completed(place, "rollback", "--sandbox", "nowhere", "2") == [":0"]
