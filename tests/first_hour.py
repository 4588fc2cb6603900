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

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(sh|console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"# exit code (\d+)$")


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that a page tells the reader to type, and the exit code that it tells of; or a file to write."""

    line: str
    code: int = 0
    text: str = ""


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


def lines_of(text: str, languages: Sequence[str]) -> Iterator[Typed]:
    """What a page says to type, in order."""
    for language, body in BLOCK.findall(text):
        if language not in languages:
            continue
        if language == "yaml":
            first, _, rest = body.partition("\n")
            yield Typed(first.removeprefix("# "), text=rest)
            continue
        for line in body.splitlines():
            told = EXIT_CODE.search(line)
            yield Typed(line.removeprefix("$ "), int(told[1]) if told else 0)


def readme() -> list[Typed]:
    """The lines of README's first block."""
    blocks = re.findall(r"^```sh\n.*?^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [*lines_of(blocks[0], ("sh",))]


def get_started() -> list[Typed]:
    """The lines and files of docs/start.md."""
    return [*lines_of((ROOT / "docs" / "start.md").read_text(encoding="utf-8"), ("console", "yaml"))]


def follow(typed: Sequence[Typed], folder: Path, environment: Mapping[str, str]) -> int:
    """Type all of it in a directory; how many commands that were. Raises AssertionError where one ends differently."""
    commands = 0
    for each in typed:
        if each.text:
            (folder / each.line).write_text(each.text)
            continue
        line = each.line
        if re.search(r"\bRUN\b", line):
            # What the reader puts in its place: the name that `rrplan runs` prints.
            listed = run(["rrplan", "runs", "--sandbox", "try"], folder, environment)
            line = re.sub(r"\bRUN\b", re.findall(r"\d{8}t\d{6}-[0-9a-f]+", listed)[-1], line)
        done = subprocess.run(
            ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == each.code, f"{line}\nended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr}"
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
    with TemporaryDirectory(prefix="rrplan-first-hour-") as name:
        folder = Path(name)
        wheel = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else wheel_of(folder)
        place = install(wheel, folder / "environment")
        source = "this environment, for no package index answered" if place.borrowed else "the package index"
        size = wheel.stat().st_size / 1000
        say(f"{wheel.name} ({size:.0f} kB) installed in {place.seconds:.0f} s, what it needs from {source}")
        for page, typed in (("README.md", readme()), ("docs/start.md", get_started())):
            began, empty = time.monotonic(), folder / page.replace("/", "-")
            empty.mkdir()
            count = follow(typed, empty, place.environment)
            say(f"{page}: {count} commands did what it says, in {time.monotonic() - began:.0f} s")


def say(text: str) -> None:
    """A line for whoever watches."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
