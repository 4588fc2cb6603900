"""The tables of `calicoctl node status`, in the shapes that it prints."""

from pathlib import Path

import pytest

from rrplan.adapters.nodes.calicoctl_status import NodeStatusTables, parse
from rrplan.errors import DatastoreRefused, DatastoreTimeout, PreflightError
from rrplan.ids import NodeName

WHOLE = """\
Calico process is running.

IPv4 BGP status
+-------------------+-------------------+-------+------------+--------------------------------+
|   PEER ADDRESS    |     PEER TYPE     | STATE |   SINCE    |              INFO              |
+-------------------+-------------------+-------+------------+--------------------------------+
| 10.0.0.2          | node-to-node mesh | up    | 2026-01-02 | Established                    |
| 10.0.0.3          | node-to-node mesh | start | 09:12:33   | Active Socket: Connection      |
| 172.31.0.8        | global            | up    | 09:12:40   | Established                    |
| 10.0.0.9.port.500 | node specific     | wait  | 09:12:41   | Established                    |
+-------------------+-------------------+-------+------------+--------------------------------+

IPv6 BGP status
No IPv6 peers found.

"""


def test_both_families() -> None:
    """Mesh and others apart; a session counts when it is up and Established; a port is no part of the address."""
    found = parse(WHOLE)
    assert list(found) == ["ipv4"]
    end = found["ipv4"]
    assert {address: one.established for address, one in end.mesh.items()} == {"10.0.0.2": True, "10.0.0.3": False}
    assert {address: one.established for address, one in end.sessions.items()} == {
        "172.31.0.8": True,
        "10.0.0.9": False,
    }
    assert end.mesh["10.0.0.3"].state == "start Active Socket: Connection"
    assert end.routes is None
    six = parse(WHOLE.replace("IPv4 BGP", "IPvX BGP").replace("IPv6 BGP", "IPv4 BGP").replace("IPvX BGP", "IPv6 BGP"))
    assert list(six) == ["ipv6"]


LAST = "| 172.31.0.8        | global            | up    | 09:12:40   | Established                    |\n"
REST = "|                   |                   |       |            | reset by peer                  |\n"


def test_a_long_reason_is_wrapped() -> None:
    """The rest of INFO stands in a line without an address; it belongs to the row before."""
    end = parse(WHOLE.replace(LAST, REST + LAST))["ipv4"]
    assert end.mesh["10.0.0.3"].state == "start Active Socket: Connection reset by peer"
    assert sorted({**end.mesh, **end.sessions}) == ["10.0.0.2", "10.0.0.3", "10.0.0.9", "172.31.0.8"]
    first = WHOLE.index("| 10.0.0.2")
    with pytest.raises(ValueError, match="not whole"):
        parse(WHOLE[:first] + REST + WHOLE[first:])


def test_no_peers() -> None:
    """A node without any session has none; this is no error."""
    assert parse("IPv4 BGP status\nNo IPv4 peers found.\n\nIPv6 BGP status\nNo IPv6 peers found.\n") == {}


CUT = [
    ("Calico process is not running.\n", "what was printed is no status of a node"),
    ("", "what was printed is no status of a node"),
    (WHOLE[: WHOLE.index("| 172.31.0.8")], "the status of the node is not whole"),
    (WHOLE[: WHOLE.index("| global")], "the status of the node is not whole"),
    (WHOLE.replace("SINCE", "SINZE"), "has columns PEER ADDRESS, PEER TYPE, STATE, SINZE, INFO"),
]


@pytest.mark.parametrize(("text", "words"), CUT, ids=range(len(CUT)))
def test_not_whole(text: str, words: str) -> None:
    """Part of a table is not taken for the table."""
    with pytest.raises(ValueError, match=words):
        parse(text)


def test_two_sessions_to_one_address() -> None:
    """On different ports both are rendered (v3.16); which of them stands last in the table says nothing."""
    up = "| 10.0.0.9 | node specific | up | 12:00:00 | Established |"
    waiting = "| 10.0.0.9.port.500 | global | start | 12:00:00 | Active |"
    for rows in ((up, waiting), (waiting, up)):
        assert parse(table(*rows))["ipv4"].sessions["10.0.0.9"].established


def test_sessions_that_are_held_back() -> None:
    """Established in state `wait`: BIRD is in graceful-restart recovery, and announces nothing yet."""
    waiting = parse(table("| 10.0.0.9 | node specific | wait | 12:00:00 | Established |"))["ipv4"]
    assert (waiting.recovering, waiting.sessions["10.0.0.9"].established) == (True, False)
    assert not parse(table("| 10.0.0.9 | node specific | start | 12:00:00 | Active |"))["ipv4"].recovering


def table(*rows: str) -> str:
    """The status of a node with these IPv4 sessions."""
    rule = "+---+---+---+---+---+"
    header = "| PEER ADDRESS | PEER TYPE | STATE | SINCE | INFO |"
    return "\n".join(["IPv4 BGP status", rule, header, rule, *rows, rule])


def script(folder: Path, text: str) -> str:
    """A command for one node."""
    path = folder / "status"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"{path} {{node}}"


def test_asked(tmp_path: Path) -> None:
    """The name of the node is put in; what goes wrong is told in words."""
    (tmp_path / "node-1").write_text(WHOLE)
    tables = NodeStatusTables(script(tmp_path, f'cat {tmp_path}/"$1" || exit 1'))
    assert tables.ask(NodeName("node-1"))["ipv4"].mesh_up == 1
    with pytest.raises(DatastoreRefused, match=r"node node-2: what was printed is no status of a node: cat: .*node-2"):
        tables.ask(NodeName("node-2"))
    with pytest.raises(DatastoreTimeout, match=r"for node node-1 did not end within 0\.2 s"):
        NodeStatusTables(script(tmp_path, "exec sleep 30"), seconds=0.2).ask(NodeName("node-1"))


@pytest.mark.parametrize("command", ["calicoctl node status", "", "'unclosed {node}"])
def test_which_node(command: str) -> None:
    """A command that asks the same node for all is refused."""
    with pytest.raises(PreflightError) as error:
        NodeStatusTables(command)
    assert str(error.value) == f"preflight: `{command}` does not say which node is asked"
    assert "`ssh {node} sudo calicoctl node status`" in error.value.hint


def test_no_program() -> None:
    """It cannot be started."""
    with pytest.raises(DatastoreRefused, match="`/no/such/program` cannot be started"):
        NodeStatusTables("/no/such/program {node}").ask(NodeName("node-1"))
