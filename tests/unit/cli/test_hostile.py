"""Inputs of somebody who means harm, by the command line: what is printed, and what is refused."""

import re
from pathlib import Path

from tests.unit.cli.test_standing import rrplan

ROOT = Path(__file__).resolve().parents[3]
NODE = """\
apiVersion: v1
kind: Node
metadata:
  name: n1
  annotations:
    projectcalico.org/IPv4Address: 10.0.0.1/24
    projectcalico.org/ASNumber: "\\e]0;owned\\a\\u202e\\nerror: forged"
"""
PEER = """\
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: tor}
spec: {peerIP: "192.0.2.1\\e[2J\\nforged", asNumber: 65000, nodeSelector: "has(x) \\e[2J"}
"""


def test_an_annotation_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    """Whoever may annotate a node writes no title, no line and no direction of text."""
    (tmp_path / "cluster.yaml").write_text(NODE + PEER)
    for verb in (["sessions"], ["sessions", "-o", "json"], ["routes"], ["snapshot"]):
        done = rrplan(tmp_path, *verb, "-f", "cluster.yaml")
        printed = done.stdout + done.stderr
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", printed), verb
        assert "\nerror: forged" not in printed
        assert "\nforged" not in printed
    assert (
        "notice: `projectcalico.org/ASNumber` cannot be read, so Calico ignores it: "
        r"n1 (`\x1b]0;owned\x07\u202e\nerror: forged`)" in done.stderr
    )


def test_file_names_and_options(tmp_path: Path) -> None:
    """The name of a file and a word of the command line are shown escaped too."""
    name = "evil\x1b[2J\nerror: forged.yaml"
    (tmp_path / name).write_text("{")
    for words in (
        ["validate", name],
        ["sessions", "-f", name],
        ["show", name],
        ["--no-\x1b[2J"],
        ["sessions", "-f", "x\x1b"],
    ):
        done = rrplan(tmp_path, *words)
        assert "\x1b" not in done.stdout + done.stderr
        assert "\nerror: forged" not in done.stderr
        assert r"\x1b" in done.stderr


def test_a_terminal_of_few_characters(tmp_path: Path) -> None:
    """What the terminal cannot show is escaped; there is no traceback."""
    (tmp_path / "日.yaml").write_text("{")
    done = rrplan(tmp_path, "validate", "日.yaml", environment={"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert r"\u65e5.yaml:1:2: not YAML" in done.stderr


def test_all_verbs_print_in_one_place() -> None:
    """`rrplan.cli.output` escapes, so nobody prints beside it."""
    for path in (ROOT / "rrplan").rglob("*.py"):
        if path.name != "say.py":
            assert "click.echo(" not in path.read_text(), path
