"""What an operator sees on a terminal of 80 columns and 24 lines: `python -m tests.golden.screens` writes it again.

Each screen comes from the program itself in a pseudo-terminal. Run ids, digests, times and names of people and
machines are replaced, because they are others each time.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support import SPEC

FILES = Path(__file__).parent / "screens"
COLUMNS, LINES = 80, 24
REFUSED = SPEC.replace("  drain: true\n", "  policy: {exposure: none}\n")
"""A spec whose plan is refused: nodes in use become reflectors, and nothing may be exposed."""
OTHERS = (
    (r"\d{8}t\d{6}-[0-9a-f]+", "RUN"),
    (r"sha256:[0-9a-f]+", "sha256:DIGEST"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?", "TIME"),
    (r"begun by \S+,", "begun by WHO,"),
)


def typed(folder: Path, *words: str) -> str:
    """What the program writes to a terminal."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "rrplan", *words]
    with subprocess.Popen(command, cwd=folder, stdin=inner, stdout=inner, stderr=inner, env=clean) as run:
        os.close(inner)
        data = b""
        while True:
            try:
                part = os.read(outer, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            data += part
        run.wait()
    os.close(outer)
    return data.decode()


def screen(written: str) -> str:
    """The last lines of a terminal after all of this was written to it; colours are left out."""
    lines = [""]
    for part in re.split(r"(\r\x1b\[K|\r?\n)", re.sub(r"\x1b\[[0-9;]*m", "", written)):
        if part == "\r\x1b[K":
            lines[-1] = ""
        elif part in ("\n", "\r\n"):
            lines.append("")
        else:
            lines[-1] += part
    wide = [line for line in lines if len(line) > COLUMNS]
    assert not wide, wide
    text = "\n".join(lines[-LINES:]).rstrip() + "\n"
    for pattern, word in OTHERS:
        text = re.sub(pattern, word, text)
    return text


def screens() -> dict[str, str]:
    """All screens by file name."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "spec.yaml").write_text(SPEC)
        (folder / "refused.yaml").write_text(REFUSED)
        for cluster in ("one", "two"):
            typed(folder, "sandbox", cluster, "--nodes", "12")
        refused = typed(folder, "plan", "refused.yaml", "--sandbox", "one")
        run = typed(folder, "apply", "spec.yaml", "--sandbox", "one", "--auto-approve")
        waiting = [*re.finditer(r"\r\x1b\[K\[\d+/\d+\] promote/rr-2 \d[^\r]*", run)]
        words = ("spec.yaml", "--sandbox", "two", "--auto-approve", "--fault", "kill-after-entry=18")
        typed(folder, "apply", *words)
        return {
            "refused.txt": screen(refused),
            "in-progress.txt": screen(run[: waiting[len(waiting) // 2].end()]),
            "done.txt": screen(run),
            "status.txt": screen(typed(folder, "status", "--sandbox", "one")),
            "stopped.txt": screen(typed(folder, "status", "--sandbox", "two")),
            "rollback.txt": screen(typed(folder, "rollback", "--sandbox", "two", "--auto-approve")),
        }


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    for name, text in screens().items():
        (FILES / name).write_text(text)
