"""What is made from the command line is current."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from rrplan.cli.main import rrplan
from rrplan.plans import planfile
from tests.manual import FOLDER, files


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_current(path: Path) -> None:
    """`python -m tests.manual` would change nothing."""
    assert path.read_text(encoding="utf-8") == files()[path]


def test_man_page_is_read() -> None:
    """Where there is a groff or a mandoc, it has nothing to say about the man page."""
    for words in (["groff", "-man", "-ww", "-Tascii", "-z"], ["mandoc", "-T", "lint", "-W", "error"]):
        if shutil.which(words[0]):
            done = subprocess.run([*words, str(FOLDER / "rrplan.1")], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")


def test_completion_for_bash() -> None:
    """Bash takes the file."""
    words = ["bash", "-n", str(FOLDER / "rrplan.bash")]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_workflow() -> None:
    """Every command of the CI example is one that rrplan understands."""
    jobs = yaml.safe_load((FOLDER / "ci.yaml").read_text())["jobs"]
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    words = [run.partition(">>")[0].split() for run in runs if run.startswith("rrplan ")]
    assert {verb for _, verb, *_ in words} == {"validate", "plan", "rehearse", "show", "apply", "status", "verify"}
    context = click.Context(rrplan)
    for _, verb, *rest in words:
        command = rrplan.get_command(context, verb)
        assert command is not None
        command.make_context(verb, list(rest))


def test_krew_and_container() -> None:
    """The manifest starts what the package installs, and the container starts rrplan."""
    manifest = yaml.safe_load((FOLDER / "krew.yaml").read_text())
    project = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())["project"]
    assert manifest["spec"]["platforms"][0]["bin"] in project["scripts"]
    assert manifest["spec"]["version"] == f"v{project['version']}"
    assert (FOLDER / "Containerfile").read_text().endswith('ENTRYPOINT ["rrplan"]\n')


def test_version() -> None:
    """Which rrplan, and what it reads and writes."""
    body = json.loads(CliRunner().invoke(rrplan, ["version", "-o", "json"]).stdout)
    assert body["plan_format"] == planfile.FORMAT_VERSION
    assert body["packages"]["pyyaml"] != "not installed"
    text = CliRunner().invoke(rrplan, ["version"]).stdout
    assert text.splitlines()[1] == (
        f"knows the rules of Calico up to {body['newest_calico']}; writes plans of format {planfile.FORMAT_VERSION}"
    )
