"""Gates about fallback tables: what a look does on the nodes, what is lacking then, and what stands before a run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rrplan import api, operations
from rrplan.errors import DatastoreRefused, PreflightError
from rrplan.fallback import NO_TABLES, FamilyTable, Obstacle, TableReading
from rrplan.ids import NodeName
from rrplan.plans.gate import Expectation, Gate, GateKind
from rrplan.render.run import lack_text, node_short_text, tables_left_text, tables_texts
from rrplan.reports.events import StepSettled
from rrplan.reports.gates import NodeShort, NodesShort, Shortfall
from rrplan.resources import ResourceKey
from rrplan.runs import Result
from rrplan.runs.fallback import as_it_is, in_the_way, make_so, tables_left
from rrplan.runs.gates import Extent, Watch
from rrplan.sandbox.tables import SandboxTables
from rrplan.wiring import Cluster, embedded
from tests.support import Bench
from tests.support.specs import FALLBACK

A, B, C = (NodeName(name) for name in "abc")
SETS = {"all": (A, B, C), "two": (A, B)}
FILL = Gate(GateKind.FALLBACK, "full", (Expectation("all", "ipv4", 1), Expectation("two", "ipv6", 1)), stable=0)
REMOVE = Gate(GateKind.NO_FALLBACK, "gone", (Expectation("all", "ipv4", 0), Expectation("two", "ipv6", 0)), stable=0)
FULL = FamilyTable(2, 2, 2)


@dataclass
class Said:
    """Tables that say what they are told; `deeds` is what was done on whom."""

    tables: dict[NodeName, Mapping[str, FamilyTable]]
    deeds: list[tuple[str, list[NodeName]]] = field(default_factory=list)

    def fill(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Note it."""
        return self._done("fill", nodes)

    def remove(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Note it."""
        return self._done("remove", nodes)

    def read(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Note it."""
        return self._done("read", nodes)

    def _done(self, deed: str, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        self.deeds.append((deed, [*nodes]))
        return [TableReading(name, self.tables[name]) for name in nodes if name in self.tables]


def full(**families: Mapping[str, FamilyTable]) -> dict[NodeName, Mapping[str, FamilyTable]]:
    """Every table is full, but those that are given."""
    tables: dict[NodeName, Mapping[str, FamilyTable]] = {
        A: {"ipv4": FULL, "ipv6": FULL},
        B: {"ipv4": FULL, "ipv6": FULL},
        C: {"ipv4": FULL},
    }
    return {**tables, **{NodeName(name): given for name, given in families.items()}}


def hindered(obstacle: Obstacle, detail: str) -> Mapping[str, FamilyTable]:
    return {"ipv4": FamilyTable(2, 0, 0, obstacle, detail)}


SHORT = [
    (FamilyTable(2, 1, 2), "c: 1 of 2 routes are in its fallback table (ipv4)", False),
    (FamilyTable(0, 0, 2), "c: 0 of 1 routes are in its fallback table (ipv4)", False),
    (FamilyTable(2, 2, 1), "c: its kernel does not look into its fallback table (ipv4)", False),
    (
        FamilyTable(2, 0, 0, Obstacle.RULE, "32500: from 10.9.9.9 lookup 77"),
        "c: another rule stands where those of a fallback table belong (ipv4): 32500: from 10.9.9.9 lookup 77",
        True,
    ),
    (
        FamilyTable(2, 1, 0, Obstacle.TABLE, "1.2.3.0/24 dev eth0"),
        "c: routing table 20179 has routes of others (ipv4): 1.2.3.0/24 dev eth0",
        True,
    ),
    (
        FamilyTable(2, 0, 0, Obstacle.DEAD_END, "blackhole 10.0.0.0/8"),
        "c: a route that leads nowhere would hide a fallback table (ipv4): blackhole 10.0.0.0/8",
        True,
    ),
    (
        FamilyTable(2, 2, 2, Obstacle.COMMAND, "no such device"),
        "c: no fallback table can be made (ipv4): no such device",
        False,
    ),
]


@pytest.mark.parametrize(("table", "text", "final"), SHORT, ids=[case[1] for case in SHORT])
def test_what_a_table_lacks(table: FamilyTable, text: str, *, final: bool) -> None:
    """A look fills all tables and names the node that falls short; what waiting does not mend is final."""
    tables = Said(full(c={"ipv4": table}))
    seen = make_so(FILL, SETS, tables)
    assert tables.deeds == [("fill", [A, B, C])]
    assert seen.lack is not None
    assert lack_text(seen.lack) == f"2 of 3 nodes ready; {text}"
    assert (seen.final, seen.passed) == (final, frozenset({A, B}))


def test_full_tables_pass() -> None:
    """Where every table is full nothing is lacking; a node counts in the families alone that are asked for."""
    assert make_so(FILL, SETS, Said(full())).lack is None
    lacking = make_so(FILL, SETS, Said(full(b={"ipv4": FULL}))).lack
    assert lacking == NodesShort(2, 3, NodeShort(B, Shortfall.NO_FAMILY, "ipv6"))


def test_a_silent_node_is_named() -> None:
    """A node that does not answer has no table as far as anybody knows."""
    tables = Said(full())
    del tables.tables[B]
    seen = make_so(FILL, SETS, tables)
    assert seen.lack == NodesShort(2, 3, NodeShort(B, Shortfall.NO_ANSWER, "ipv4"))
    assert not seen.final


def test_what_stays_is_told_first() -> None:
    """One node is slow and another has a rule of others: the rule is named."""
    tables = Said(full(a={"ipv4": FamilyTable(2, 1, 2)}, c=hindered(Obstacle.RULE, "32000: from all lookup 7")))
    seen = make_so(FILL, SETS, tables)
    assert seen.lack is not None
    assert seen.lack.example.shortfall is Shortfall.RULE_TAKEN


def test_tables_go() -> None:
    """A look takes them away; what is left is named, and routes of others stay where they are."""
    gone = {"ipv4": FamilyTable(2, 0, 0)}
    others = {"ipv4": FamilyTable(2, 1, 0, Obstacle.TABLE, "1.2.3.0/24 dev eth0")}
    tables = Said({A: gone, B: gone, C: others})
    assert make_so(REMOVE, SETS, tables).lack is None
    assert tables.deeds == [("remove", [A, B, C])]
    left = make_so(REMOVE, SETS, Said({A: gone, B: gone, C: {"ipv4": FamilyTable(2, 3, 0)}})).lack
    assert left is not None
    assert node_short_text(left.example) == "c: a fallback table is left, with 3 routes (ipv4)"
    refused = make_so(
        REMOVE, SETS, Said({A: gone, B: gone, C: {"ipv4": FamilyTable(obstacle=Obstacle.COMMAND, detail="no")}})
    )
    assert refused.lack is not None
    assert refused.lack.example.shortfall is Shortfall.COMMAND
    silent = make_so(REMOVE, SETS, Said({A: gone, B: gone, C: {}}))
    assert silent.lack is not None
    assert silent.lack.example == NodeShort(C, Shortfall.NO_FAMILY, "ipv4")


def test_a_node_that_is_away_loses_its_table_by_itself(tmp_path: Path) -> None:
    """Nobody waits for the table of a node that is deleted or not Ready; for one that is Ready and silent, they do."""
    bench = Bench(tmp_path, FALLBACK)
    gate = replace(REMOVE, expectations=(Expectation("all", "ipv4", 0),))
    name = NodeName("node-001")
    watch = Watch(gate, {"all": (name,)}, bench.sandbox, bench.sandbox, Said({}))
    assert watch.look().lack == NodesShort(0, 1, NodeShort(name, Shortfall.NO_ANSWER, "ipv4"))
    key = ResourceKey("Node", name)
    stored = bench.sandbox.get(key)
    assert stored is not None
    down = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    bench.sandbox.patch(key, down, stored.version)
    assert watch.look().lack is None
    stored = bench.sandbox.get(key)
    assert stored is not None
    bench.sandbox.delete(key, stored.version)
    assert watch.look().lack is None


def test_nodes_that_passed_are_asked_again_at_the_end_only() -> None:
    """Between two whole looks the rest is asked."""
    tables = Said(full(c={"ipv4": FamilyTable(2, 1, 2)}))
    watch = Watch(FILL, SETS, None, None, tables)  # type: ignore[arg-type]
    watch.look()
    watch.look(Extent.REST)
    watch.look()
    assert tables.deeds == [("fill", [A, B, C]), ("fill", [C]), ("fill", [A, B, C])]


def test_a_glimpse_changes_nothing() -> None:
    """`rrplan status` reads what there is."""
    tables = Said(full(c={"ipv4": FamilyTable(2, 0, 0)}))
    lack = as_it_is(FILL, SETS, tables)
    assert lack is not None
    assert lack.example.shortfall is Shortfall.COPIES
    assert tables.deeds == [("read", [A, B, C])]


def test_without_a_way_to_the_nodes() -> None:
    """What cannot run commands says so."""
    for deed in (NO_TABLES.fill, NO_TABLES.remove, NO_TABLES.read):
        with pytest.raises(DatastoreRefused, match="no command can be run on 2 nodes"):
            deed([A, B])


# --- runs -----------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Eight nodes, and a plan that promotes two in use."""
    return Bench(tmp_path, FALLBACK)


def cluster_of(bench: Bench) -> Cluster:
    return embedded(bench.sandbox, bench.path / "cluster")


def test_before_a_run(bench: Bench) -> None:
    """What is in the way is told before anything is written: no answer, no right, rules of others, tables left."""
    nodes = sorted(bench.sandbox.state.nodes)
    none = {"ipv4": FamilyTable(7), "ipv6": FamilyTable(7)}
    tables = Said(dict.fromkeys(nodes, none))
    assert in_the_way(bench.plan, tables) == []
    tables.tables |= {
        nodes[0]: {"ipv4": FamilyTable(7, 7, 2), "ipv6": FamilyTable(7)},
        nodes[1]: {"ipv4": FamilyTable(7), "ipv6": FamilyTable(7, obstacle=Obstacle.DEAD_END, detail="blackhole ::/0")},
        nodes[2]: {"ipv4": FamilyTable(7)},
    }
    del tables.tables[nodes[3]]
    assert tables_texts(in_the_way(bench.plan, tables)) == [
        f"{nodes[0]}: a fallback table is left, with 7 routes (ipv4)",
        f"{nodes[3]}: does not answer",
        f"{nodes[1]}: a route that leads nowhere would hide a fallback table (ipv6): blackhole ::/0",
        f"{nodes[2]}: has no ipv6",
    ]
    many = [NodeShort(A, Shortfall.NO_ANSWER, "ipv4")] * 12
    assert tables_texts(many)[-1] == "7 more nodes cannot have one"
    assert tables_left(bench.plan, tables) == (nodes[0],)
    assert tables_left_text([A]) == (
        "a fallback table is left on a; `rrplan resume` or `rrplan rollback` takes it away, or the command in "
        "docs/on-call.md"
    )
    plain = replace(bench.plan, steps=())
    assert in_the_way(plain, NO_TABLES) == []


def test_a_run_is_refused_where_a_table_is_left(bench: Bench) -> None:
    """Nothing is written then."""
    cluster = cluster_of(bench)
    cluster.tables.fill([NodeName("node-001")])
    before = bench.objects()
    with pytest.raises(PreflightError, match="node-001: a fallback table is left") as refused:
        operations.apply(bench.plan, cluster)
    assert "leave `policy.inUse` out" in refused.value.hint
    assert bench.objects() == before


def test_there_and_back(bench: Bench) -> None:
    """The tables are there from the first step to the last promotion, and gone in the end; the same on the way back."""
    cluster = cluster_of(bench)
    assert operations.apply(bench.plan, cluster) is Result.DONE
    nodes = sorted(bench.sandbox.state.nodes)
    assert not any(reading.left for reading in cluster.tables.read(nodes))
    assert api.verify(bench.spec, cluster).good
    assert operations.rollback(cluster) is Result.UNDONE
    assert not any(reading.left for reading in cluster.tables.read(nodes))
    assert bench.objects() == bench.before


@pytest.mark.parametrize("back", [False, True], ids=["resume", "rollback"])
@pytest.mark.parametrize("steps", range(1, 6))
def test_a_run_that_stops_in_between(bench: Bench, steps: int, *, back: bool) -> None:
    """What is left is told, and goes with the rest of the run or with the way back."""
    runner = bench.runner(stop=lambda: len(bench.listener.of(StepSettled)) >= steps)
    assert runner.apply() is Result.INTERRUPTED
    nodes = sorted(bench.sandbox.state.nodes)
    assert all(reading.left for reading in bench.tables.read(nodes)) == (steps < 6)
    end = bench.runner().rollback() if back else bench.runner().apply()
    assert end is (Result.UNDONE if back else Result.DONE)
    assert not any(reading.left for reading in bench.tables.read(nodes))


def test_a_table_that_does_not_go_takes_nothing_back(bench: Bench) -> None:
    """The run stops there, and `resume` goes on once the node answers."""

    class Deaf(SandboxTables):
        """One node keeps its table."""

        def remove(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
            """Not from node-001."""
            return [*super().remove([name for name in nodes if name != "node-001"])]

    tables = Deaf(bench.sandbox, bench.path / "cluster")
    runner = bench.runner(tables=tables)
    assert runner.apply() is Result.STOPPED
    assert bench.sandbox.state.nodes[NodeName("rr-2")].cluster_id
    assert [reading.node for reading in bench.tables.read(sorted(bench.sandbox.state.nodes)) if reading.left] == [
        "node-001"
    ]
    assert bench.runner().apply() is Result.DONE
    assert not any(reading.left for reading in bench.tables.read(sorted(bench.sandbox.state.nodes)))


def test_a_node_that_started_again_is_filled_before_the_next_step(bench: Bench) -> None:
    """Its table is gone; the gate before the next exposing step fills it."""
    filled: list[list[NodeName]] = []

    class Rebooting(SandboxTables):
        """After the first look node-001 starts again, and has no table."""

        def fill(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
            """Remember who had none."""
            filled.append([reading.node for reading in self.read(nodes) if not reading.left])
            readings = super().fill(nodes)
            if len(filled) == 1:
                super().remove([NodeName("node-001")])
            return readings

    assert bench.runner(tables=Rebooting(bench.sandbox, bench.path / "cluster")).apply() is Result.DONE
    assert [len(filled[0]), *filled[1:]] == [8, ["node-001"], []]
