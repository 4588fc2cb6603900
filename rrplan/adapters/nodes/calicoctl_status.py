"""`calicoctl node status`, asked on a node by any command: the tables of its BGP sessions.

Source: calicoctl/commands/node/status.go (v3.0 to v3.20); the address of a peer comes from the name of its protocol.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from rrplan.adapters.local.command import CommandTimeout, run_command
from rrplan.adapters.nodes.ends import End, SeenSession
from rrplan.errors import DatastoreRefused, DatastoreTimeout, PreflightError
from rrplan.ids import NodeName

SECONDS = 60
TITLE = re.compile(r"IPv([46]) BGP status")
NONE = re.compile(r"No IPv[46] peers found")
COLUMNS = ("PEER ADDRESS", "PEER TYPE", "STATE", "SINCE", "INFO")
MESH = "node-to-node mesh"
PORT = re.compile(r"[.:]port[.:]\d+$")
NODE = "{node}"
HINT = "say in `--node-status` what prints the status of a node, such as `ssh {node} sudo calicoctl node status`"


class NodeStatusTables:
    """Asks nodes with a command in which `{node}` stands for the name."""

    def __init__(self, command: str, seconds: float = SECONDS) -> None:
        """Raises PreflightError for a command that would ask the same node always."""
        try:
            self._words = shlex.split(command)
        except ValueError:
            self._words = []
        if not any(NODE in word for word in self._words):
            raise PreflightError([f"`{command}` does not say which node is asked"], hint=HINT)
        self._seconds = seconds

    def ask(self, node: NodeName) -> Mapping[str, End]:
        """What a node says of its sessions, by family; raises DatastoreRefused where it says nothing."""
        words = [word.replace(NODE, node) for word in self._words]
        try:
            finished = run_command(words, "", self._seconds)
        except CommandTimeout as error:
            raise DatastoreTimeout(f"`{words[0]}` for node {node} did not end within {self._seconds:g} s") from error
        except OSError as error:
            raise DatastoreRefused(f"`{words[0]}` cannot be started: {error.strerror}", hint=HINT) from error
        try:
            return parse(finished.stdout)
        except ValueError as error:
            said = (finished.stderr.strip().splitlines() or [""])[-1][:200]
            raise DatastoreRefused(f"node {node}: {error}{f': {said}' if said else ''}") from error


def parse(text: str) -> dict[str, End]:
    """The sessions of a node, by family; raises ValueError where the output is not whole."""
    ends: dict[str, End] = {}
    parts = TITLE.split(text)
    for number, part in zip(parts[1::2], parts[2::2], strict=True):
        sessions: dict[str, SeenSession] = {}
        mesh: dict[str, SeenSession] = {}
        held_back = False
        for row in _rows(part):
            # Until a graceful-restart recovery ends, BIRD announces nothing over a session (nest/proto.c, BIRD 1.6).
            held_back = held_back or (row["STATE"], row["INFO"]) == ("wait", "Established")
            session = SeenSession(
                row["INFO"] == "Established" and row["STATE"] == "up", f"{row['STATE']} {row['INFO']}"
            )
            alike, address = mesh if row["PEER TYPE"] == MESH else sessions, PORT.sub("", row["PEER ADDRESS"])
            # Of two to one address, on different ports, one may be up.
            if address not in alike or session.established:
                alike[address] = session
        if sessions or mesh:
            ends[f"ipv{number}"] = End(held_back, sessions, mesh)
    if not ends and len(parts) == 1:
        raise ValueError("what was printed is no status of a node")
    return ends


def _rows(part: str) -> Iterator[dict[str, str]]:
    if NONE.search(part):
        return
    lines = [line.strip() for line in part.splitlines() if line.strip().startswith(("|", "+"))]
    if len(lines) < 4 or not lines[-1].startswith("+"):
        raise ValueError("the status of the node is not whole")
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    header, *rows = table
    if tuple(header) != COLUMNS:
        raise ValueError(f"the status of the node has columns {', '.join(header)}")
    whole: list[dict[str, str]] = []
    for cells in rows:
        if len(cells) != len(COLUMNS):
            raise ValueError("the status of the node is not whole")
        row = dict(zip(COLUMNS, cells, strict=True))
        if row["PEER ADDRESS"]:
            whole.append(row)
        elif whole:
            # The table wraps a long INFO (olekukonko/tablewriter, 30 columns): the next line has no other cell.
            whole[-1]["INFO"] = f"{whole[-1]['INFO']} {row['INFO']}"
        else:
            raise ValueError("the status of the node is not whole")
    yield from whole
