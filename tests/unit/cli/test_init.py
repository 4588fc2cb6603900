"""`rrplan init`: what it says, what it writes, and what it refuses."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from rrplan.cli.example import EXAMPLES
from rrplan.cli.main import rrplan
from rrplan.errors import UsageProblem
from rrplan.exit_codes import ExitCode
from tests.fixture_clusters import CALICO, FOLDER, KUBERNETES
from tests.support.scenarios import SCENARIOS

REFUSED = next(folder for folder in SCENARIOS if folder.name == "bgp-disabled") / "cluster.yaml"


def files(name: str) -> list[str]:
    """The options for one of the clusters."""
    return ["-f", str(FOLDER / name / KUBERNETES), "-f", str(FOLDER / name / CALICO)]


def run(*words: str) -> Result:
    """Run `rrplan init`."""
    return CliRunner().invoke(rrplan, ["init", *words])


def test_what_is_seen_and_the_spec() -> None:
    """Talk goes to stderr, the spec alone to stdout."""
    result = run(*files("kubeadm"), "--name", "kubeadm")

    assert result.exit_code == ExitCode.DONE
    assert result.stdout == (FOLDER / "kubeadm" / "spec.yaml").read_text()
    assert result.stderr.splitlines() == [
        "nodes: 12, 3 zones (eu-1a: 4, eu-1b: 4, eu-1c: 4)",
        "Calico: v3.30.4",
        "BGP: full mesh of 12 nodes, 11 sessions on each, 66 in all; IPv4, AS 64512",
        "depends on it: IPPool default-ipv4-ippool (IPIP CrossSubnet)",
        "",
        "A mesh of 12 nodes works well: below about 100 nodes nothing needs to be done. Reflectors are worth",
        "it before a cluster grows, where nodes have little memory for BIRD, and where a new node should",
        "bring a few sessions and not one with each node",
        "",
        "The spec plans to 11 steps, proved",
        "",
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cluster at hand: two files as kubectl and calicoctl write them, and the spec for them; twice too."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        result = run("--example", name, "--name", name)

        assert result.exit_code == ExitCode.DONE
        assert result.stderr.startswith("wrote kubernetes.yaml and calico.yaml: what kubectl and calicoctl say of ")
        assert result.stdout == (FOLDER / name / "spec.yaml").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {KUBERNETES, CALICO}


def test_example_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown one, one beside a cluster, and one whose files would be written over others; nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert {*EXAMPLES} == {path.name for path in FOLDER.iterdir()}
    said = [str(run("--example", word).exception) for word in ("kubeadmin", "nothing")]
    assert said == ["`kubeadmin` is no example", "`nothing` is no example"]
    unknown = run("--example", "kubeadmin").exception
    assert isinstance(unknown, UsageProblem)
    assert unknown.hint == "did you mean `kubeadm`?"
    both = run("--example", "kubeadm", "--sandbox", "one")
    assert str(both.exception) == "`--example` and a cluster exclude one another"
    (tmp_path / CALICO).write_text("mine\n")
    foreign = run("--example", "kubeadm")
    assert str(foreign.exception) == (
        "calico.yaml is there and is not that of the example kubeadm: it is not overwritten"
    )
    assert [path.name for path in tmp_path.iterdir()] == [CALICO]


def test_what_is_not_decided_is_told() -> None:
    """A proof rests on what the spec says of switches: whoever runs it must confirm that first."""
    assert run(*files("racks")).stderr.rstrip().splitlines()[-1] == (
        "The spec plans to 22 steps, proved; 3 questions stand at its end: answer before you rely on it"
    )


def test_the_schema_lies_beside_the_spec(tmp_path: Path) -> None:
    """The first line names it, so that an editor needs no network; the spec passes it."""
    spec = tmp_path / "spec.yaml"
    result = run(*files("racks"), "--out", str(spec))

    assert result.exit_code == ExitCode.DONE
    assert "next: `rrplan plan" in result.stderr
    first = spec.read_text().splitlines()[0]
    schema = tmp_path / first.removeprefix("# yaml-language-server: $schema=")
    jsonschema.validate(yaml.safe_load(spec.read_text()), json.loads(schema.read_text()))
    # One that is there stays: it may be of another spec.
    schema.write_text("{}")
    other = run(*files("racks"), "--out", str(tmp_path / "other.yaml"))
    assert other.exit_code == ExitCode.DONE
    assert schema.read_text() == "{}"


def test_schema_verb_writes_the_same(tmp_path: Path) -> None:
    """As the second line of the spec says; a file of another kind is not overwritten."""
    path = tmp_path / "spec.schema.json"
    for _ in range(2):
        assert CliRunner().invoke(rrplan, ["schema", "spec", "--out", str(path)]).exit_code == 0
    assert json.loads(path.read_text())["title"] == "BGPTopology"
    path.write_text("mine")
    result = CliRunner().invoke(rrplan, ["schema", "spec", "--out", str(path)])
    assert "is no JSON Schema of rrplan: it is not overwritten" in str(result.exception)


def test_json() -> None:
    """The same for programs."""
    body = json.loads(run(*files("ucp"), "-o", "json").stdout)

    assert (body["kind"], body["plans"]) == ("Initial", True)
    assert "Calico: v3.8.9" in body["seen"]
    assert body["questions"]
    assert "flavor: standalone" in body["text"]


def test_a_spec_that_is_refused_is_a_question() -> None:
    """Nothing helps where BGP is off: the draft says so, stderr too, and the exit code is 0."""
    result = run("-f", str(REFUSED))

    assert result.exit_code == ExitCode.DONE
    assert "The spec is refused: " in result.stderr
    assert "# - As it stands, this spec is refused here: " in result.stdout


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--name", "A b"], "`--name A b` is no name", "give small letters, digits and `-`, such as `production`"),
        (["--out", __file__], "is there: it is not overwritten", "give another name, or remove it first"),
    ],
    ids=["name", "out"],
)
def test_errors(words: list[str], message: str, hint: str) -> None:
    """Bad words are told with a hint, before the cluster is read."""
    error = run(*files("kubeadm"), *words).exception

    assert message in str(error)
    assert getattr(error, "hint", "") == hint


def test_no_cluster() -> None:
    """A cluster is named on purpose."""
    assert "no cluster is given" in str(run().exception)


def test_cluster_without_nodes() -> None:
    """Calico's file alone: it is said what is missing, and no spec is made up."""
    result = run("-f", str(FOLDER / "kubeadm" / CALICO))
    assert isinstance(result.exception, UsageProblem)
    assert str(result.exception) == "no node is known, so there is nothing to look at"
    assert "`kubectl get nodes,daemonsets,pods -A -o yaml`" in result.exception.hint
    assert result.stdout == ""


def test_what_comes_next_can_be_typed(tmp_path: Path) -> None:
    """With the files that were given; quoted where a shell would read them otherwise."""
    for name in (KUBERNETES, CALICO):
        (tmp_path / f"my {name}").write_bytes((FOLDER / "kubeadm" / name).read_bytes())
    given = [str(tmp_path / f"my {name}") for name in (KUBERNETES, CALICO)]
    result = run("-f", given[0], "-f", given[1], "--out", str(tmp_path / "spec.yaml"))
    last = result.stderr.splitlines()[-1]
    assert last.endswith(f"next: `rrplan plan {tmp_path}/spec.yaml -f '{given[0]}' -f '{given[1]}' --out plan.json`")
