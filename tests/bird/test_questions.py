"""What BIRD is asked in parts, on real BIRD: it says the same as all at once, and what plays nodes in tests too."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from rrplan import api
from rrplan.adapters.local.clock import SystemClock
from rrplan.adapters.nodes.birdcl import EXPLICIT, FAMILIES, MESH, STATUS, Birds, OneByOne, Wanted
from rrplan.adapters.nodes.ends import End
from rrplan.adapters.nodes.probe import LiveProbe
from rrplan.ids import NodeName
from rrplan.planning.promise import states
from rrplan.rehearsal.isolation import isolated
from rrplan.rehearsal.laboratory import Laboratory
from rrplan.resources import ClusterState, decode, encode
from rrplan.runs.observation import await_sessions
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.bird.laboratory import lacking
from tests.conftest import lacks
from tests.real.daemons import Daemons, Faults
from tests.support import SPEC
from tests.support.clusters import VERSIONS

pytestmark = [pytest.mark.bird, pytest.mark.slow]

CLIENTS, REFLECTORS = 3, 2


class Answers(NamedTuple):
    """What the nodes of a cluster in which the mesh is on beside a reflector say on real BIRD."""

    parts: Mapping[NodeName, Mapping[str, End]]
    whole: Mapping[NodeName, Mapping[str, End]]
    lines: Mapping[tuple[NodeName, str, str], Sequence[str]]


def test_parts_and_words(tmp_path: Path) -> None:
    """BGPPeers' sessions and the number of the mesh are the same; the tests' own program prints the same lines."""
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    answers = isolated(answered)
    assert {family for ends in answers.parts.values() for family in ends} == set(FAMILIES)
    for node, ends in answers.whole.items():
        for family, end in ends.items():
            part = answers.parts[node][family]
            assert (part.sessions, part.mesh_up, part.recovering) == (end.sessions, end.mesh_up, end.recovering), node
    assert {end.mesh_up for ends in answers.parts.values() for end in ends.values()} == {0, CLIENTS}
    daemons = stand_in(tmp_path)
    for (node, family, words), lines in answers.lines.items():
        own = said(daemons, node, family, words)
        if words == STATUS:
            assert [plain(line) for line in own[1:]] == [plain(line) for line in lines[1:]]
        elif words == MESH:
            assert sorted(map(plain, own)) == sorted(map(plain, lines)), (node, lines)
        else:
            assert rows(own) == rows(lines), (node, words)
            assert details(own) <= details(lines)


def middle() -> ClusterState:
    """A state of the way from a mesh to reflectors in which there are both."""
    resources = [decode(document) for document in demo_cluster(CLIENTS + REFLECTORS, REFLECTORS)]
    state = ClusterState.of(one for one in resources if one is not None)
    found = states(api.plan(load(SPEC.encode(), "spec.yaml"), Snapshot(state)), state)
    return next(each for each in found if any(node.cluster_id for node in each.nodes.values()))


def answered() -> Answers:
    """On real BIRD, when all sessions are up."""
    state = middle()
    with tempfile.TemporaryDirectory(prefix="rrplan-questions-") as folder:
        laboratory = Laboratory([state], VERSIONS, Path(folder), recover=False)
        try:
            laboratory.run(state)
            birds = Birds(OneByOne(laboratory.ask))
            assert await_sessions(state, VERSIONS, LiveProbe(birds, laboratory, None, lambda _: None), SystemClock())
            # The reflector said its sessions; those of the mesh take as long.
            SystemClock().sleep(10)
            return Answers(
                {name: birds.ask(name, Wanted.EXPLICIT | Wanted.MESH) for name in state.nodes},
                {name: birds.ask(name, Wanted.SESSIONS) for name in state.nodes},
                {
                    (name, family, words): uncoded(laboratory.ask(name, family, words))
                    for name in state.nodes
                    for family in FAMILIES
                    for words in (STATUS, MESH, *EXPLICIT)
                },
            )
        finally:
            laboratory.close()


def stand_in(folder: Path) -> Daemons:
    """The program that plays the nodes of a live cluster, in the same state."""
    twin = Sandbox.make(folder / "twin", [encode(one) for one in middle()])
    return Daemons(twin, Faults(), lambda _node, _family: "10.0.0.0/26", (), ())


def said(daemons: Daemons, node: NodeName, family: str, words: str) -> list[str]:
    """What it prints after its greeting."""
    socket = {"ipv4": "bird.ctl", "ipv6": "bird6.ctl"}[family]
    return daemons.birdcl(node, ["birdcl", "-s", socket, *words.split()]).splitlines()[1:]


def uncoded(text: str) -> list[str]:
    """The lines of the control socket as birdcl shows them."""
    lines = [re.sub(r"^(\d{4}[- ]| )", "", line) for line in text.splitlines()]
    return [line for line in lines if line.strip()]


def plain(line: str) -> str:
    """A line without what differs from one moment to another."""
    moment = re.sub(r"\d\d:\d\d:\d\d", "12:00:00", re.sub(r"\d{4}-\d\d-\d\d", "2026-01-01", line))
    return re.sub(r"^(Router ID is) .*", r"\1", moment)


def rows(lines: Sequence[str]) -> list[str]:
    """The lines that are no details."""
    return sorted(plain(line) for line in lines if line[0] != " ")


def details(lines: Sequence[str]) -> set[str]:
    """Name and indentation of each detail."""
    return {line.partition(":")[0] for line in lines if line[0] == " "}
