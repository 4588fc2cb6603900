"""BIRD in every namespace: started, given new configurations, asked, ended with this process."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rrplan.bgp.speaker import Family
from rrplan.rehearsal.configuration import Daemon
from rrplan.rehearsal.namespaces import enter
from rrplan.rehearsal.unsettled import Unsettled

PR_SET_PDEATHSIG = 1
CLONE_NEWTIME = 0x80
END_SECONDS = 5.0
START_SECONDS = 10.0


class NodeDaemons:
    """The BIRDs of one node, one for each family."""

    def __init__(self, folder: Path, namespace: int) -> None:
        self._folder = folder
        self._namespace = namespace
        self.running: dict[Family, subprocess.Popen[bytes]] = {}
        self._daemons: dict[Family, Daemon] = {}
        folder.mkdir(parents=True)

    def apply(self, daemons: Mapping[Family, Daemon], *, recover: bool = True) -> None:
        """New configuration files, in place at once; each BIRD reads its own, is started, or ends."""
        for family in [*self.running]:
            wanted = daemons.get(family)
            if wanted is None or wanted.container is not self._daemons[family].container:
                self._end([family], signal.SIGTERM)
        for family, daemon in daemons.items():
            if family in self.running and self._daemons[family] == daemon:
                continue
            self._write(daemon)
            self._daemons[family] = daemon
            if family in self.running:
                self.running[family].send_signal(signal.SIGHUP)
            else:
                self.start(family, recover=recover)

    def contained(self, family: Family) -> bool:
        """Whether the BIRD of a family is that of a container."""
        return self._daemons[family].container

    def _write(self, daemon: Daemon) -> None:
        path = self._folder / f"{daemon.program}.cfg"
        fresh = path.with_suffix(".new")
        fresh.write_text(daemon.text)
        checked = subprocess.run([daemon.program, "-p", "-c", str(fresh)], capture_output=True, text=True, check=False)
        if checked.returncode:
            raise Unsettled(f"BIRD refuses the configuration of {self._folder.name}: {checked.stderr.strip()}")
        fresh.replace(path)

    def start(self, family: Family, *, recover: bool = True) -> None:
        """A BIRD with the configuration that is there, as calico-node starts it; `recover` is its option `-R`."""
        program = self._daemons[family].program
        with open(self._folder / f"{program}.log", "ab") as log:
            self.running[family] = subprocess.Popen(
                [program, *(["-R"] if recover else []), "-d", "-c", f"{program}.cfg", "-s", f"{program}.ctl"],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                preexec_fn=_in(self._namespace),
            )

    def start_again(self, *, recover: bool = True) -> None:
        """Start what ran here and ended, with the configuration that is there."""
        for family in self._daemons.keys() - self.running.keys():
            self.start(family, recover=recover)

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

    def waited(self) -> float:
        """How long the BIRDs of this node that run now have waited for the processor, in seconds; 0 if not told.

        Source: Linux, Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
        """
        waited = 0
        for process in [*self.running.values()]:
            with suppress(OSError, IndexError):
                waited += int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[1])
        return waited / 1e9

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the BIRDs of this node."""
        self._end([*self.running], number)

    def _end(self, families: Sequence[Family], number: int) -> None:
        ending = [self.running.pop(family) for family in families]
        for process in ending:
            process.send_signal(number)
        for process in ending:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _in(namespace: int) -> Callable[[], None]:
    """What happens in a child before BIRD: it goes into the namespace, has a clock of its own, dies with its parent.

    BIRD 1.6 counts whole seconds of the monotonic clock: on one machine all would tick together, and sessions would
    collide more often than on many.
    """
    libc = ctypes.CDLL(None)
    phase = random.randrange(1_000_000_000)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        enter(namespace)
        # Where the kernel has no time namespaces, they tick together.
        with suppress(OSError):
            if libc.unshare(CLONE_NEWTIME) == 0:
                with open("/proc/self/timens_offsets", "w") as file:
                    file.write(f"monotonic 0 {phase}\n")

    return prepare
