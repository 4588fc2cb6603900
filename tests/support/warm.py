"""Processes of the command line without the time that imports take: one process has them done, and forks for each.

What such a process is, does and leaves is that of `python -m rrplan`: it has its own memory, files, directory,
environment and signals, and ends as Python ends. Most of the processor's time of a short command is imports.
`python -m tests.support.warm FD` is the process that forks.
"""

import importlib
import json
import os
import pkgutil
import runpy
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import IO

import rrplan

ROOT = Path(__file__).parents[2]
STATUS = struct.Struct("i")
READ_AT_START = ("PYTHON", "LC_", "LANG", "KUBECONFIG", "HOME")
"""Variables that Python or a library reads before the command does, by how they begin: where one differs, nothing is
warm."""


class WarmProcess:
    """Runs commands one at a time."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        words = [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())]
        self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], cwd=ROOT, stdin=subprocess.DEVNULL)
        theirs.close()
        self._start = _at_start(os.environ)
        self._lock = Lock()

    def fits(self, env: Mapping[str, str]) -> bool:
        """Whether a process with this environment would have begun in the same way."""
        return _at_start(env) == self._start

    def run(
        self, module: str, words: Sequence[str], folder: Path, typed: str, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """`python -m MODULE WORDS` to its end, with what it printed."""
        request = {"module": module, "words": list(words), "folder": str(folder.absolute()), "env": dict(env)}
        with self._lock, _memory(json.dumps(request)) as asked, _memory(typed) as given:
            out, err = os.pipe(), os.pipe()
            socket.send_fds(self._ours, [b"."], [asked.fileno(), given.fileno(), out[1], err[1]])
            os.close(out[1])
            os.close(err[1])
            printed = _read(out[0], err[0])
            (code,) = STATUS.unpack(self._ours.recv(STATUS.size, socket.MSG_WAITALL))
        command = [sys.executable, "-m", module, *words]
        return subprocess.CompletedProcess(command, code, printed[0].decode(), printed[1].decode())


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(READ_AT_START)}


def _memory(text: str) -> IO[bytes]:
    file = os.fdopen(os.memfd_create("text"), "w+b")
    file.write(text.encode())
    file.seek(0)
    return file


def _read(*pipes: int) -> list[bytes]:
    texts = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                part = os.read(key.fd, 1 << 16)
                texts[key.fd] += part
                if not part:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return [bytes(texts[pipe]) for pipe in pipes]


def _forked(connection: socket.socket) -> list[int]:
    """The files of a request, in a child that is to carry it out; ends where nobody asks any more."""
    while True:
        _, files, _, _ = socket.recv_fds(connection, 1, 4)
        if not files:
            sys.exit()
        child = os.fork()
        if child == 0:
            connection.close()
            return files
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        connection.sendall(STATUS.pack(os.waitstatus_to_exitcode(status)))


def _become(files: Sequence[int]) -> str:
    """Turn into the process that is asked for; the module that it runs."""
    with os.fdopen(files[0], "rb") as text:
        request = json.load(text)
    for target, file in enumerate(files[1:]):
        os.dup2(file, target)
        os.close(file)
    # Python decides at its start how it reads and writes, by what the files are.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.argv[1:] = request["words"]
    return str(request["module"])


def main() -> None:
    """Import what commands import, then fork for each request."""
    for found in pkgutil.walk_packages(rrplan.__path__, "rrplan."):
        if found.name != "rrplan.__main__":
            importlib.import_module(found.name)
    for name in ("kubernetes", "tests.support.dying"):
        importlib.import_module(name)
    module = _become(_forked(socket.socket(fileno=int(sys.argv[1]))))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
