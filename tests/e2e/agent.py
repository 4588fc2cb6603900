"""The agents of `tests.real` with real BIRDs behind them: what nodes say is what their BIRDs say."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rrplan.adapters.nodes.pods import SOCKETS
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.resources import ClusterState
from tests.e2e.laboratory import Birds
from tests.e2e.words import status_of
from tests.real.agent import NodeAgent
from tests.real.mixed import MixedCluster
from tests.real.mixed_agent import MixedAgent
from tests.real.server import RealServer

LOOK_SECONDS = 0.2
"""Between two looks at the API server: a part of what confd takes to hear of a change."""
RUN = str(Path(SOCKETS["ipv4"]).parent)
"""Where calico-node has BIRD's sockets."""
SECONDS = 20
"""That a command may take; those of a kubelet end with their connection."""


class _RealNodes(NodeAgent):
    """Blocks are the laboratory's, states go there, and commands run beside real control sockets.

    The twin follows the objects and says nothing.
    """

    birds: Birds
    _heard: ClusterState | None = None

    def prefix(self, name: NodeName, family: Family) -> str:
        """The block that the node's BIRD announces."""
        return self.birds.facts.blocks[name][str(family)]

    def _follow(self) -> None:
        super()._follow()
        state = self.twin.state
        if state != self._heard:
            self.birds.hear(state)
            self._heard = state

    def _work(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.tick(0)

    def _execute(self, pod: str, command: list[str]) -> str:
        """What the command prints in the pod: this very command, in the folder where the node has its sockets."""
        node = NodeName(pod.removeprefix("calico-node-"))
        self.asked.append(node)
        return self._ran(node, command)

    def _ran(self, node: NodeName, command: Sequence[str]) -> str:
        there = self.birds.folder / node
        # Paths are short there: an address of a socket has 108 bytes.
        words = [word.replace(f"{RUN}/", "./") for word in command]
        path = f"{programs(self.birds.folder)}:{os.environ['PATH']}"
        done = subprocess.run(
            words,
            cwd=there,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        return done.stdout.decode(errors="replace")

    def _status(self, node: NodeName) -> dict[str, object]:
        def birdcl(family: str, words: str) -> str:
            return self._ran(node, ["birdcl", "-s", SOCKETS[family], *shlex.split(words)])

        return status_of(birdcl, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def programs(folder: Path) -> Path:
    """A folder with `birdcl`, as calico-node has it; Debian has `birdc`, which prints the same."""
    there = folder / ".bin"
    if not there.exists():
        there.mkdir()
        (there / "birdcl").symlink_to("/usr/sbin/birdc")
    return there


class BirdAgent(_RealNodes):
    """On a cluster whose Calico has its data in Kubernetes."""

    def __init__(self, server: RealServer, folder: Path, birds: Birds) -> None:
        self.birds = birds
        super().__init__(server.api, server.calico, folder)


class MixedBirdAgent(_RealNodes, MixedAgent):
    """On a cluster whose Calico has its data in etcd."""

    def __init__(self, mixed: MixedCluster, folder: Path, birds: Birds) -> None:
        self.birds = birds
        MixedAgent.__init__(self, mixed, folder)
