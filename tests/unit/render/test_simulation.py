"""Simulated topologies as people and programs read them."""

import json
import re
from xml.etree import ElementTree

import pytest

from rrplan.planning.simulation import Pays, Simulation, points, simulate, zones_to_show
from rrplan.planning.topologies import Size, Topology
from rrplan.render.simulation import memory, number, pays_texts, simulation_json, simulation_text, time_texts
from rrplan.render.simulation_svg import simulation_svg

SIZES = (
    Size(100_000, 20, 3, 3),
    Size(1_000_000, 9_000, 100, 100, 1_000),
    Size(6, 1, 1, 3),
    Size(40, 3, 2, 2),
    Size(5_000, 500, 1, 3, 64),
)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_eighty_columns(size: Size) -> None:
    """No line is longer, however large the numbers are, and columns stay apart."""
    simulation = simulate(size, [*Topology])
    lines = simulation_text(simulation).splitlines()
    assert max(map(len, lines)) <= 80
    row = re.compile(r"  (node|zone reflector|core reflector|itself) ")
    updates = next(place for place, line in enumerate(lines) if line.startswith("Updates"))
    for place, line in enumerate(lines):
        if row.match(line):
            starts = [20, 29, 40, 52, 65] if place < updates else [*range(20, len(line), 10)]
            assert [line[start] for start in starts] == [" "] * len(starts), line


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_svg(size: Size) -> None:
    """It is XML, says what it shows in words, has no script, and nothing stands outside of it."""
    simulation = simulate(size, [*Topology])
    text = simulation_svg(simulation, points(size, zones_to_show(size)))
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert root.attrib["aria-labelledby"] == "title desc"
    assert [one.attrib["id"] for one in root[:2]] == ["title", "desc"]
    assert f"{size.zones:,} zone" in (root[1].text or "")
    assert {one.tag.removeprefix(space) for one in root.iter()} <= {
        *("svg", "title", "desc", "rect", "line", "path", "text", "polyline", "circle"),
    }
    words = [one.text for one in root.iter(f"{space}text")]
    for word in ("zones", "full mesh", "one level", "two levels", "policy.maxPathsPerRoute 100"):
        assert word in words
    for line in root.iter(f"{space}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 760
            assert 70 <= y <= 330


def test_text_in_the_picture_is_escaped() -> None:
    """Whatever a label says, it is no mark."""
    from rrplan.render.simulation_svg import _text

    assert ElementTree.fromstring(_text(1, 2, "a < b & c")).text == "a < b & c"


def test_json() -> None:
    """Numbers are exact; null is what cannot be counted."""
    size = SIZES[0]
    document = json.loads(json.dumps(simulation_json(simulate(size, [*Topology]), points(size, [1, 20]))))
    assert document["format_version"] == "1.0"
    mesh, one, two = document["topologies"]
    assert mesh["speakers"][0]["updates"]["of_others"] == {"node": {"received": 2, "sent": 1}}
    assert (one["counted"], one["speakers"][0]["paths"]) == (False, None)
    assert [speaker["paths"] for speaker in two["speakers"]] == [2579979, 859993, 899855]
    assert document["second_level_pays"]["paths_from_zones"] == 4
    assert document["by_zones"][1]["paths_per_route"] == {"full-mesh": 1, "one-level": None, "two-levels": 26}
    assert document["seconds"]["restart"] == {"least": 2, "most": 37}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (999_999, "999,999"), (1_000_000, "1.0 M"), (4_297_360_045, "4.3 G"), (10**21, "1,000.0 E")],
)
def test_numbers(value: int | None, text: str) -> None:
    """Exact below a million."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (1, "1 MB"), (999_000_001, "1,000 MB"), (2_579_979 * 510, "1.3 GB")]
)
def test_memory(value: int | None, text: str) -> None:
    """Megabytes, rounded up, and larger units."""
    assert memory(value) == text


def test_when_a_second_level_pays() -> None:
    """In sessions, in paths, never, and where two levels are too much as well."""
    sessions, paths = pays_texts(simulate(SIZES[0], [*Topology]))
    assert sessions == (
        "sessions: from 1 zone on, one level needs more on its busiest reflector than two (5,056 and 5,000 with 20 "
        "zones, where a zone has up to 4,997 clients)"
    )
    assert paths == (
        "paths: from 4 zones on, one level has more than 100 of each route (`policy.maxPathsPerRoute`), which a plan "
        "refuses; two levels have 26 with 20 zones"
    )
    never = Simulation(SIZES[2], (), Pays(None, None, 100))
    nodes = "with 6 nodes and 1 reflector in a zone"
    assert pays_texts(never) == [
        f"sessions: {nodes}, one level never needs more on its busiest reflector than two",
        f"paths: {nodes}, one level never has more than 100 of each route (`policy.maxPathsPerRoute`)",
    ]
    many = pays_texts(simulate(Size(100_000, 20, 6, 6), [Topology.TWO_LEVELS]))[1]
    assert many.endswith(
        "two levels have 206 with 20 zones, which a plan refuses too: fewer reflectors make fewer paths"
    )


def test_time() -> None:
    """What the range rests on; one reflector is no second way."""
    texts = time_texts(SIZES[0])
    assert texts[0].startswith(
        "a node or a reflector restarts: 2 to 37 s, until its sessions are up (connect delay 2 s;"
    )
    assert "while a reflector is away, its clients have every route from the others of their zone" in texts
    assert "a zone has one reflector: while that is away, its nodes have no routes to others" in time_texts(SIZES[2])
