"""Fallback tables by commands on nodes: what is run, and what is made of what nodes print."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rrplan.adapters.kubernetes.server import Forbidden, NoOutput
from rrplan.adapters.nodes.fallback import Deed, NodeTables, OneShell, command, parsed
from rrplan.adapters.nodes.pods import PodCommands
from rrplan.errors import DatastoreRefused, DatastoreTimeout
from rrplan.fallback import SCRIPT, FamilyTable, Obstacle, TableReading
from rrplan.ids import NodeName
from tests.unit.adapters.nodes.test_pods import Containers

A, B = NodeName("a"), NodeName("b")
FULL = "rrplan: 4 is 3 3 2\nrrplan: 6 is 1 1 2\nrrplan: done\n"
IP = """\
#!/bin/sh
case "$*" in
*"rule show"*) echo "32766:	from all lookup main";;
*"proto 12"*) echo "10.244.1.0/26 via 10.0.0.2 dev eth0 ";;
esac
"""


def test_the_command_is_the_same_for_every_node() -> None:
    """A fixed script and one word: nothing of the cluster is in it."""
    assert [command(deed)[-1] for deed in Deed] == ["fill", "remove", "read"]
    assert {tuple(command(deed)[:-1]) for deed in Deed} == {("sh", "-c", SCRIPT, "rrplan")}
    assert "@" not in SCRIPT
    assert "priority 32000 lookup main suppress_prefixlength" in SCRIPT
    assert "priority 32001 lookup 20179" in SCRIPT


def test_what_nodes_print() -> None:
    """Routes, copies and rules of each family, and the first obstacle; other lines are no concern."""
    printed = "rrplan: 4 obstacle rule 32500: from 10.9.9.9 lookup 77\nip: odd words\nrrplan: 4 obstacle table x\n"
    tables = parsed(f"{printed}rrplan: 4 is 3 0 0\nrrplan: 6 is 1 1 2\nrrplan: done\n")
    assert tables == {
        "ipv4": FamilyTable(3, 0, 0, Obstacle.RULE, "32500: from 10.9.9.9 lookup 77"),
        "ipv6": FamilyTable(1, 1, 2),
    }
    assert (tables["ipv4"].filled, tables["ipv6"].filled) == (False, True)
    assert (tables["ipv4"].removed, tables["ipv6"].removed) == (True, False)
    assert parsed("rrplan: done\n") == {}


def test_a_part_of_an_answer_is_none() -> None:
    """What broke off is asked for again, and what nothing ran is refused with what was printed."""
    with pytest.raises(NoOutput, match="broke off"):
        parsed(FULL.removesuffix("rrplan: done\n"))
    with pytest.raises(DatastoreRefused, match=r"cannot be run there: exec: \"sh\": executable file not found"):
        parsed('exec: "sh": executable file not found in $PATH')


def test_nodes_by_themselves() -> None:
    """A node that is away is left out, one that refuses says why; the others are read."""
    ran: list[tuple[NodeName, str]] = []

    def run(node: NodeName, words: Sequence[str]) -> str:
        ran.append((node, words[-1]))
        if node == "away":
            raise DatastoreTimeout("no answer")
        if node == "closed":
            raise Forbidden("pods/exec is forbidden")
        return FULL

    tables = NodeTables(OneShell(run), at_once=1)
    full = {"ipv4": FamilyTable(3, 3, 2), "ipv6": FamilyTable(1, 1, 2)}
    no = FamilyTable(obstacle=Obstacle.COMMAND, detail="pods/exec is forbidden")
    closed = TableReading(NodeName("closed"), {"ipv4": no, "ipv6": no})
    assert tables.fill([A, NodeName("away"), NodeName("closed")]) == [TableReading(A, full), closed]
    assert tables.remove([A]) == tables.read([A]) == [TableReading(A, full)]
    assert [deed for _, deed in ran] == ["fill", "fill", "fill", "remove", "read"]
    assert tables.read([]) == []
    with pytest.raises(DatastoreTimeout):
        tables.read([NodeName("away")])


def test_in_pods(tmp_path: Path) -> None:
    """The script runs in the calico-node container of each node; of a pod that was replaced, in the new one."""
    server = Containers(tmp_path)
    (tmp_path / "ip").write_text(IP)
    (tmp_path / "ip").chmod(0o755)
    server.put(A, "pod-a")
    server.put(B, "pod-b")
    readings = NodeTables(PodCommands(server)).read([A, B])
    both = {"ipv4": FamilyTable(1), "ipv6": FamilyTable(0)}
    assert readings == [TableReading(A, both), TableReading(B, both)]
    assert sorted(server.commands) == [("pod-a", "sh"), ("pod-b", "sh")]


def test_a_node_without_a_pod(tmp_path: Path) -> None:
    """A node where no calico-node runs, such as one with Windows, cannot have a table; the reason is told."""
    (reading,) = NodeTables(PodCommands(Containers(tmp_path))).read([A])
    assert reading.families["ipv4"].obstacle is Obstacle.COMMAND
    assert reading.families["ipv4"].detail == "node a has no calico-node pod"


def test_a_node_without_ip(tmp_path: Path) -> None:
    """A container without `ip` has no family at all."""
    server = Containers(tmp_path)
    (tmp_path / "ip").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "ip").chmod(0o755)
    server.put(A, "pod-a")
    assert NodeTables(PodCommands(server)).fill([A]) == [TableReading(A, {})]
