"""The documents: every command of the first pages does what is said, and the site is built without a warning."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("start.md", "situations.md")
BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"\s+# exit code (\d+)$")


def pieces(text: str) -> Iterator[tuple[str, str, int]]:
    """What a page says to do, in order: a file with its text, or a command with the exit code that is told (0)."""
    for kind, body in BLOCK.findall(text):
        if kind == "yaml":
            first, _, rest = body.partition("\n")
            assert first.startswith("# "), f"a block of YAML names no file: {first}"
            yield first.removeprefix("# "), rest, -1
            continue
        for line in body.splitlines():
            assert line.startswith("$ "), f"no command: {line}"
            told = EXIT_CODE.search(line)
            yield EXIT_CODE.sub("", line.removeprefix("$ ")), "", int(told[1]) if told else 0


def follow(page: str, place: Path, installed: Path) -> int:
    """Do what a page says in a directory, with the rrplan that is installed somewhere; how many commands that were."""
    env = {**os.environ, "PYTHONPATH": str(installed)}

    def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=place, env=env, capture_output=True, text=True, check=False)

    where = run([sys.executable, "-c", "import rrplan; print(rrplan.__file__)"]).stdout
    assert where.startswith(str(installed))
    commands = 0
    for words, text, code in pieces((ROOT / "docs" / page).read_text()):
        if code < 0:
            (place / words).write_text(text)
            continue
        command = shlex.split(words)
        if "RUN" in command:
            # What the reader puts in its place.
            runs = run([sys.executable, "-m", "rrplan", "runs", "--sandbox", "try", "-o", "json"]).stdout
            name = re.search(r"\d{8}t\d{6}-[0-9a-f]+", runs)
            assert name, runs
            command[command.index("RUN")] = name[0]
        if command[0] == "rrplan":
            command = [sys.executable, "-m", *command]
        done = run(command)
        assert done.returncode == code, f"{words}\n{done.stdout[-2000:]}{done.stderr}"
        commands += 1
    return commands


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.timeout(240)
def test_commands(page: str, tmp_path: Path) -> None:
    """As they stand on the page, one after the other, in an empty directory with `fixtures`."""
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    assert follow(page, tmp_path, ROOT) >= 10


@pytest.mark.slow
def test_site(tmp_path: Path) -> None:
    """Sphinx finds nothing wrong: every link leads somewhere, every page has a place; all that is loaded is on disk."""
    words = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(ROOT / "docs"),
        str(tmp_path),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    pages = [*tmp_path.rglob("*.html")]
    assert len(pages) > 40
    loaded = re.compile(r"<(?:script|img|link)[^>]+(?:src|href)=\"(?:https?:)?//")
    assert [page.name for page in pages if loaded.search(page.read_text())] == []
