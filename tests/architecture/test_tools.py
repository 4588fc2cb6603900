"""One set of versions for all who check this tree: CI, pre-commit, and whoever runs `make lint`."""

import re
import tomllib

from tests.hooks import COMMANDS, PACKAGES, ROOT, repositories


def pinned() -> dict[str, str]:
    """The exact versions of constraints-dev.txt."""
    lines = (ROOT / "constraints-dev.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {plain(name): version for name, version in pairs}


def plain(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_pre_commit_has_the_same_versions() -> None:
    """What pre-commit fetches and what CI installs is the same, and CI runs every hook."""
    versions = pinned()
    for repository in repositories():
        package = PACKAGES[repository["repo"].rpartition("/")[2]]
        assert repository["rev"] == f"v{versions[package]}", package
    assert {hook["id"] for repository in repositories() for hook in repository["hooks"]} == set(COMMANDS)


def test_every_development_tool_is_pinned() -> None:
    """Also those that somebody adds later; what users install stays a range."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools, needed = (
        {plain(re.split(r"[^\w.-]", text)[0]) for text in texts}
        for texts in (project["optional-dependencies"]["dev"], project["dependencies"])
    )
    assert tools <= set(pinned())
    assert not needed & set(pinned())
