"""What stands in docs/packaging holds together: the container, the manifest for Krew, the example for CI."""

import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.addresses import HOME

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "packaging"
PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONTAINER = (FOLDER / "Containerfile").read_text(encoding="utf-8")
WORKFLOW_TEXT = (FOLDER / "ci.yaml").read_text(encoding="utf-8")
WORKFLOW: Any = yaml.safe_load(WORKFLOW_TEXT)


def test_instructions_of_the_container() -> None:
    """Each line is an instruction, the Python is one that rrplan runs on, and it starts what the package installs."""
    lines = [line.split() for line in CONTAINER.splitlines() if line and not line.startswith("#")]
    assert {words[0] for words in lines} <= {"FROM", "COPY", "RUN", "USER", "WORKDIR", "ENTRYPOINT"}
    bases = [words[1] for words in lines if words[0] == "FROM"]
    least = tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    for base in bases:
        version = re.fullmatch(r"python:(\d+)\.(\d+)-slim", base)
        assert version, base
        assert tuple(map(int, version.groups())) >= least
    # What one part makes is what the next one takes.
    stages = [words[3] for words in lines if words[0] == "FROM" and "AS" in words]
    assert stages == [source.removeprefix("--from=") for words in lines for source in words if "--from=" in source]
    (user,) = (words[1] for words in lines if words[0] == "USER")
    assert int(user) > 0
    assert lines[-1][0] == "ENTRYPOINT"
    assert yaml.safe_load(lines[-1][1]) == [name for name in PROJECT["scripts"] if name == "rrplan"]


def test_file_of_the_container_is_the_one_that_is_named() -> None:
    """Its own first line and the release recipe build it by its path."""
    for text in (CONTAINER.splitlines()[0], (ROOT / "docs" / "release.md").read_text(encoding="utf-8")):
        (path,) = re.findall(r"podman build [^`]*-f (\S+)", text)
        assert (ROOT / path).samefile(FOLDER / "Containerfile")


def test_fields_of_the_manifest_for_krew() -> None:
    """Those that Krew demands, of the version and at the address of the project."""
    manifest = yaml.safe_load((FOLDER / "krew.yaml").read_text(encoding="utf-8"))
    spec, name = manifest["spec"], manifest["metadata"]["name"]
    assert (manifest["apiVersion"], manifest["kind"]) == ("krew.googlecontainertools.github.com/v1alpha2", "Plugin")
    assert spec.keys() >= {"version", "homepage", "shortDescription", "description", "platforms"}
    assert len(spec["shortDescription"]) <= 80
    assert spec["homepage"] == HOME
    for platform in spec["platforms"]:
        assert platform.keys() == {"selector", "uri", "sha256", "bin"}
        # `kubectl rrplan` looks for this program.
        assert platform["bin"] == f"kubectl-{name}"
        assert platform["uri"].startswith(HOME)
        assert spec["version"] in platform["uri"]
        assert re.fullmatch(r"[0-9a-f]{64}", platform["sha256"])
        assert {*platform["selector"]["matchLabels"].values()} <= {"linux", "darwin", "amd64", "arm64"}


@pytest.mark.parametrize("job", WORKFLOW["jobs"])
def test_files_of_the_workflow(job: str) -> None:
    """Each file that a command reads was written by an earlier one, or is said to be in the repository."""
    there = {*re.findall(r"`([\w.-]+)`", WORKFLOW_TEXT.partition("name:")[0])}
    steps = WORKFLOW["jobs"][job]["steps"]
    assert steps[0]["uses"].startswith("actions/checkout@v")
    for step in steps[1:]:
        words = shlex.split(step.get("run", "").replace(">>", " >> "))
        written = {word for before, word in pairwise(words) if before in ("--out", ">")}
        written |= {words[-1]} if words[:1] == ["install"] else set()
        named = {word for word in words if re.fullmatch(r"[\w-]+\.(?:yaml|json)|kubeconfig|trusted-keys", word)}
        named |= {step["with"]["path"]} if "path" in step.get("with", {}) else set()
        assert named - written <= there, step
        there |= written


def test_who_starts_the_workflow() -> None:
    """A plan is made of the spec in a pull request, and carried out when it is merged, one at a time and approved."""
    # YAML 1.1 reads the key `on` as true.
    events = WORKFLOW[True]
    assert events["pull_request"]["paths"] == ["spec.yaml"]
    assert events["push"]["paths"] == ["plan.json"]
    apply = WORKFLOW["jobs"]["apply"]
    assert apply["concurrency"]
    (command,) = (step["run"] for step in apply["steps"] if step.get("run", "").startswith("rrplan apply"))
    assert "--require-approvals 2 --trusted-keys trusted-keys" in command
