"""BIRD in every namespace: started, given new configurations, asked, ended with this process."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from rrplan.bgp.speaker import Family
from rrplan.errors import PreflightError
from rrplan.rehearsal.configuration import Daemon
from rrplan.rehearsal.namespaces import enter

PR_SET_PDEATHSIG = 1
START_SECONDS = 10.0


class Speaker:
    """The BIRDs of one node, one for each family."""

    def __init__(self, folder: Path, namespace: int) -> None:
        self._folder = folder
        self._namespace = namespace
        self._running: dict[Family, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True)

    def apply(self, daemons: Mapping[Family, Daemon], *, recover: bool = True) -> None:
        """New configuration files, in place at once; each BIRD reads its own, or is started."""
        for family, daemon in daemons.items():
            path = self._folder / f"{daemon.program}.cfg"
            if path.exists() and path.read_text() == daemon.text and family in self._running:
                continue
            fresh = path.with_suffix(".new")
            fresh.write_text(daemon.text)
            checked = subprocess.run(
                [daemon.program, "-p", "-c", str(fresh)], capture_output=True, text=True, check=False
            )
            if checked.returncode:
                raise PreflightError([f"BIRD refuses its configuration: {checked.stderr.strip()}"])
            fresh.replace(path)
            if family in self._running:
                self._running[family].send_signal(signal.SIGHUP)
            else:
                self._running[family] = self._started(daemon.program, recover=recover)

    def _started(self, program: str, *, recover: bool) -> subprocess.Popen[bytes]:
        """A BIRD as calico-node starts it; `recover` is its option `-R`."""
        with open(self._folder / f"{program}.log", "wb") as log:
            return subprocess.Popen(
                [program, *(["-R"] if recover else []), "-d", "-c", f"{program}.cfg", "-s", f"{program}.ctl"],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                preexec_fn=_in(self._namespace),
            )

    def ask(self, program: str, words: str) -> str:
        """What BIRD answers, with its codes; raises OSError where nobody listens."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(START_SECONDS)
            client.connect(os.path.relpath(self._folder / f"{program}.ctl"))
            stream = client.makefile("rw", encoding="utf-8", errors="replace")
            stream.readline()
            stream.write(f"{words}\n")
            stream.flush()
            lines = []
            for line in stream:
                lines.append(line)
                if line[:1] in "0189" and line[4:5] == " ":
                    break
        return "".join(lines)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the BIRDs of this node."""
        for one in self._running.values():
            one.send_signal(number)
        for one in self._running.values():
            one.wait()
        self._running.clear()


def _in(namespace: int) -> Callable[[], None]:
    """What happens in a child before BIRD: it goes into the namespace, and dies with its parent."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        enter(namespace)

    return prepare
