"""`rrplan simulate` as its users meet it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.cli.test_words import rrplan

WHOLE = ("simulate", "--nodes", "100000", "--zones", "20", "--reflectors-per-zone", "3")

WRONG = [
    (("--nodes", "0", "--zones", "2"), "`--nodes 0` is less than 1", "give the number of all nodes"),
    (("--nodes", "9", "--zones", "0"), "`--zones 0` is less than 1", "give 1 where all nodes have the same reflectors"),
    (
        ("--nodes", "9", "--zones", "1", "--reflectors-per-zone", "0"),
        "`--reflectors-per-zone 0` is less than 1",
        "two or three keep the routes of a zone when one is away",
    ),
    (
        ("--nodes", "9", "--zones", "1", "--core-reflectors", "-1"),
        "`--core-reflectors -1` is less than 1",
        "without a core there is one level: give `--levels 1`",
    ),
    (
        ("--nodes", "9", "--zones", "1", "--blocks-per-node", "0"),
        "`--blocks-per-node 0` is less than 1",
        "a node announces one block of addresses at least",
    ),
    (("--nodes", "9000000", "--zones", "1"), "`--nodes 9000000` is more than 1000000", "no cluster needs so many"),
    (
        ("--nodes", "82", "--zones", "20"),
        "82 nodes are too few: 63 reflect (20 x 3 + 3 in the core), and each zone needs one more",
        "give more `--nodes`, or fewer `--zones` or `--reflectors-per-zone`, or `--levels 1`",
    ),
    (
        ("--nodes", "79", "--zones", "20", "--levels", "1"),
        "79 nodes are too few: 60 reflect (20 x 3), and each zone needs one more",
        "give more `--nodes`, or fewer `--zones` or `--reflectors-per-zone`\n",
    ),
    (("--nodes", "9"), "`rrplan simulate` needs `--zones`", "`rrplan simulate --help` says what it takes"),
]


@pytest.mark.parametrize(("words", "text", "hint"), WRONG, ids=[" ".join(words) for words, *_ in WRONG])
def test_wrong_numbers(words: tuple[str, ...], text: str, hint: str, tmp_path: Path) -> None:
    """What is wrong, and what to give; exit code 64."""
    done = rrplan(tmp_path, "simulate", *words)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith(f"error: {text}\n\nhint: {hint}")


def test_levels(tmp_path: Path) -> None:
    """The mesh, and one level, two, or both."""
    words = ("simulate", "--nodes", "83", "--zones", "20", "-o", "json")
    shown = {
        levels: [one["topology"] for one in json.loads(rrplan(tmp_path, *words, *levels).stdout)["topologies"]]
        for levels in ((), ("--levels", "1"), ("--levels", "2"))
    }
    assert shown == {
        (): ["full-mesh", "one-level", "two-levels"],
        ("--levels", "1"): ["full-mesh", "one-level"],
        ("--levels", "2"): ["full-mesh", "two-levels"],
    }


def test_one_reflector_is_warned_of(tmp_path: Path) -> None:
    """On stderr, and the numbers come all the same."""
    done = rrplan(tmp_path, "simulate", "--nodes", "50", "--zones", "2", "--reflectors-per-zone", "1")
    assert done.returncode == 0
    assert "a zone with one reflector is cut off while that restarts" in done.stderr
    assert done.stdout.startswith("Simulated topologies of 50 nodes in 2 zones with 1 reflector each")
    assert rrplan(tmp_path, *WHOLE).stderr == ""


@pytest.mark.parametrize("form", ["terminal", "json", "svg"])
def test_files(form: str, tmp_path: Path) -> None:
    """What is printed, in a file; over an older one of any form, and over nothing else."""
    done = rrplan(tmp_path, *WHOLE, "-o", form, "--out", "simulation")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("wrote simulation (")
    assert (tmp_path / "simulation").read_text() == rrplan(tmp_path, *WHOLE, "-o", form).stdout
    assert rrplan(tmp_path, *WHOLE, "--out", "simulation").returncode == 0
    (tmp_path / "simulation").write_text("mine")
    refused = rrplan(tmp_path, *WHOLE, "-o", form, "--out", "simulation")
    assert refused.returncode == 64
    assert "simulation is there and is no simulation: it is not overwritten" in refused.stderr
    assert (tmp_path / "simulation").read_text() == "mine"


def test_a_picture_is_xml(tmp_path: Path) -> None:
    """Also after it went through the terminal's escaping."""
    ElementTree.fromstring(rrplan(tmp_path, *WHOLE, "-o", "svg").stdout)
