"""What the pages of docs/ say to do: their commands, their files, the output that they show."""

import contextlib
import gc
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rrplan.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"\s+# exit code (\d+)$")
DEADLY = "kill-after-entry"
"""A fault that kills its process, which therefore must be another one."""


@dataclass(frozen=True, slots=True)
class FileText:
    """A file that the page says to write."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command, the exit code that the page tells (0), and the lines that it shows, `...` for those left out."""

    words: str
    code: int
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed on stdout and stderr together."""

    code: int
    text: str


Piece: TypeAlias = FileText | Command
Runner: TypeAlias = Callable[[Sequence[str], Path], Done]


def pieces(text: str) -> Iterator[Piece]:
    """What a page says to do, in its order."""
    for kind, body in BLOCK.findall(text):
        if kind == "yaml":
            first, _, rest = body.partition("\n")
            assert first.startswith("# "), f"a block of YAML names no file: {first}"
            yield FileText(first.removeprefix("# "), rest)
        elif kind == "console":
            assert body.startswith("$ "), f"output without a command: {body}"
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, *shown = part.splitlines()
                told = EXIT_CODE.search(command)
                yield Command(EXIT_CODE.sub("", command), int(told[1]) if told else 0, tuple(shown))


def in_process(words: Sequence[str], place: Path) -> Done:
    """Run a command in a directory; `rrplan` in this process, because starting another one takes longer than most."""
    if words[0] != "rrplan" or DEADLY in " ".join(words):
        command = [sys.executable, "-m", *words] if words[0] == "rrplan" else words
        return _process(command, place, {**os.environ, "PYTHONPATH": str(ROOT)})
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    before = sys.argv, sys.stdin, gc.get_threshold()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    sys.argv, sys.stdin = [*words], io.StringIO("y\n")
    code: object = 0
    try:
        with contextlib.chdir(place), contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv, sys.stdin, threshold = before
        gc.set_threshold(*threshold)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert isinstance(code, int)
    return Done(int(code), stream.buffer.getvalue().decode())


def _process(words: Sequence[str], place: Path, env: dict[str, str]) -> Done:
    out = subprocess.STDOUT
    done = subprocess.run(words, cwd=place, env=env, stdout=subprocess.PIPE, stderr=out, text=True, check=False)
    # As a shell says it of what a signal ended.
    return Done(done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout)


def last_run(sandbox: Path) -> str:
    """What a reader puts in place of RUN: the name of the last run."""
    return max(path.name for path in (sandbox / "runs").iterdir() if path.is_dir())


def shows(shown: Sequence[str], text: str) -> bool:
    """Whether lines of a page are those of an output; `...` stands for any lines or, in a line, for any text."""
    lines = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line.rstrip()).replace(r"\.\.\.", ".*") + r"\s*?\n"
        for line in shown
    )
    return not shown or re.fullmatch(lines, text) is not None


def follow(page: str, place: Path, run: Runner = in_process) -> int:
    """Do what a page says in a directory, and compare with what it shows; how many commands that were."""
    commands = 0
    for piece in pieces((DOCS / page).read_text()):
        if isinstance(piece, FileText):
            (place / piece.name).write_text(piece.text)
            continue
        words = shlex.split(piece.words)
        if "RUN" in words:
            words[words.index("RUN")] = last_run(place / words[words.index("--sandbox") + 1])
        done = run(words, place)
        assert done.code == piece.code, f"{piece.words}\n{done.text[-2000:]}"
        assert shows(piece.shown, done.text), f"{piece.words}\n{done.text}"
        commands += 1
    return commands
