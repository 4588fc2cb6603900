"""README does what it says: its first lines work as typed, what it names is there, and the package has it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.addresses import HOME, PROJECT, addresses, package_page, without_answer
from tests.fixture_clusters import files

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
URLS = PROJECT["project"]["urls"]


def blocks(language: str) -> list[str]:
    """The blocks of code in README that name this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_clusters_are_current(path: Path) -> None:
    """`python -m tests.fixture_clusters` would change nothing, so `rrplan init` proposes each spec and it plans."""
    assert path.read_text(encoding="utf-8") == files()[path]
    assert "is refused here" not in files()[path]


def test_the_first_lines_work_as_typed(tmp_path: Path) -> None:
    """In an empty directory, each line ends well, and the cluster is as the spec says."""
    program = tmp_path / "bin" / "rrplan"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rrplan "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}

    done = subprocess.run(
        ["bash", "-ec", blocks("sh")[0]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "the cluster is as the spec says" in done.stdout
    assert (tmp_path / "spec.schema.json").is_file()
    assert (tmp_path / "review.md").read_text().startswith("#")


def test_what_it_names_is_there_and_in_the_sdist() -> None:
    """Links lead to files that the source package has; none needs a server, so that they work before there is one."""
    links = re.findall(r"\]\(([^)#]+)", README)
    assert {"docs/images/topology.svg", "SECURITY.md"} <= {*links}
    included = {name.strip("/") for name in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]}
    for link in links:
        assert (ROOT / link).exists(), link
        assert link.split("/")[0] in included, link


def test_addresses_of_the_package_page() -> None:
    """There, links and pictures are whole addresses, each of a file that is there; the page names SECURITY.md too."""
    links = re.findall(r"\]\(([^)#]+)", package_page())
    assert len(links) > 15
    for address in {*links, *URLS.values()} - {HOME}:
        assert address.startswith(HOME), address
        assert (ROOT / address.removeprefix(HOME)).exists(), address
    assert URLS["Security"] in links


def test_addresses_are_asked_before_a_release() -> None:
    """Each one that does not answer is named; those of the manifest for Krew are among them."""
    asked = addresses()
    assert {*URLS.values()} <= {*asked}
    assert any(address.endswith(".tar.gz") for address in asked)
    assert f"{HOME}docs/images/topology.svg" in asked
    assert without_answer(asked, lambda address: address != asked[3]) == [asked[3]]
