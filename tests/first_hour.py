"""Do what README and "get started" say, word by word, with nothing but the wheel: `python -m tests.first_hour [WHEEL]`.

A new virtual environment gets the wheel by `pip install WHEEL`, in one step. Then, in empty directories, every line of
README's first block and of docs/start.md is typed as it stands. Where no package index answers, the environment takes
what rrplan needs from the one that runs this, and says so. Nothing of the repository is on any path.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.golden.pages import DOCS, ROOT, Command, FileText, Piece, last_run, pieces, shows


@dataclass(frozen=True, slots=True)
class Place:
    """An environment with the wheel alone; `borrowed` if what it needs comes from the one that runs this."""

    folder: Path
    borrowed: bool
    seconds: float

    @property
    def environment(self) -> dict[str, str]:
        """What a shell of a new user has: the programs of the environment and of the system."""
        return {
            "PATH": f"{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
        }


def wheel_of(folder: Path) -> Path:
    """A wheel of this tree."""
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
    (wheel,) = folder.glob("rrplan-*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Place:
    """A new virtual environment with the wheel."""
    began = time.monotonic()
    run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # Python compiles what it imports; to compile all that is installed takes half of the time.
    environment = {**os.environ, "PIP_NO_COMPILE": "1", "PIP_RETRIES": "1", "PIP_TIMEOUT": "20"}
    words = [*pip, str(wheel)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    borrowed = done.returncode != 0
    if borrowed:
        if not re.search(
            r"No matching distribution|ConnectionError|Max retries|Name or service|timed out", done.stderr
        ):
            raise AssertionError(done.stderr)
        run([*pip, "--no-deps", "--no-index", str(wheel)])
        (site,) = (folder / "lib").glob("python3*/site-packages")
        (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return Place(folder, borrowed, time.monotonic() - began)


def readme() -> list[Piece]:
    """The lines of README's first block."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [Command(line, 0, ()) for line in blocks[0].splitlines()]


def get_started() -> list[Piece]:
    """The commands and files of docs/start.md."""
    return [*pieces((DOCS / "start.md").read_text("utf-8"))]


def follow(page: Sequence[Piece], folder: Path, environment: Mapping[str, str]) -> int:
    """Type all of it in a directory; how many commands that were. Raises AssertionError where one ends differently."""
    commands = 0
    for piece in page:
        if isinstance(piece, FileText):
            (folder / piece.name).write_text(piece.text)
            continue
        line = piece.words
        if re.search(r"\bRUN\b", line):
            line = re.sub(r"\bRUN\b", last_run(folder / "try"), line)
        both = subprocess.STDOUT
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=both,
            text=True,
            check=False,
        )
        assert done.returncode == piece.code, f"{line}\nended with {done.returncode}\n{done.stdout[-2000:]}"
        assert shows(piece.shown, done.stdout), f"{line}\n{done.stdout[-2000:]}"
        commands += 1
    return commands


def run(words: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints; raises AssertionError where it does not end well."""
    found = next((path for path in _candidates(words[0], environment) if path.exists()), Path(words[0]))
    done = subprocess.run(
        [str(found), *words[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-2000:]}{done.stderr}"
    return done.stdout


def _candidates(program: str, environment: Mapping[str, str] | None) -> Iterator[Path]:
    """Where a program may be: a process looks it up in its own PATH, not in the one that it hands on."""
    if "/" not in program:
        yield from (Path(folder) / program for folder in (environment or os.environ)["PATH"].split(":"))


def main() -> None:
    """The whole hour, told in some lines."""
    with TemporaryDirectory(prefix="rrplan-first-hour-") as temporary:
        folder = Path(temporary)
        wheel = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else wheel_of(folder)
        place = install(wheel, folder / "environment")
        source = "this environment, for no package index answered" if place.borrowed else "the package index"
        size = wheel.stat().st_size / 1000
        say(f"{wheel.name} ({size:.0f} kB) installed in {place.seconds:.0f} s, what it needs from {source}")
        for name, page in (("README.md", readme()), ("docs/start.md", get_started())):
            began, empty = time.monotonic(), folder / name.replace("/", "-")
            empty.mkdir()
            count = follow(page, empty, place.environment)
            say(f"{name}: {count} commands did what it says, in {time.monotonic() - began:.0f} s")


def say(text: str) -> None:
    """A line for whoever watches."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
