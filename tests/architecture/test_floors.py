"""The folder is the architecture: imports go down, pure floors touch nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from rrplan import errors
from rrplan.adapters.kubernetes.kinds import KINDS
from rrplan.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2] / "rrplan"
FLOOR = {
    "exit_codes": -1,
    "text": -1,
    "parallelism": -1,
    "errors": 0,
    "ids": 0,
    "digest": 0,
    "yaml_places": 1,
    "resources": 1,
    "bgp": 2,
    "fallback": 3,
    "ports": 3,
    "specs": 3,
    "retry": 4,
    "snapshots": 4,
    "desired": 5,
    "checks": 6,
    "plans": 7,
    "planning": 8,
    "reports": 8,
    "render": 9,
    "runs": 10,
    "adapters": 11,
    "sandbox": 11,
    "wiring": 12,
    "operations": 13,
    "initial": 14,
    "rehearsal": 14,
    "api": 15,
    "cli": 16,
}
ROOMS = {"local": 0, "kubernetes": 1, "etcd": 2, "nodes": 2, "calicoctl": 3}
"""The rooms of adapters/: each imports only from rooms with a smaller number, so they form no circle."""
PURE = {
    *("exit_codes", "text", "parallelism", "errors", "ids", "digest", "yaml_places"),
    *("fallback", "resources", "bgp", "specs", "desired", "checks", "plans", "planning", "reports", "render"),
}
EFFECTS = {"os", "io", "time", "random", "socket", "subprocess", "threading", "logging", "pathlib", "sqlite3", "sys"}
ADAPTER_BASES = {"Protocol", "ResourceStore", "Exception", "ValueError", "StrEnum", "Flag"}
"""What classes of adapters may be made of, beside the errors of `rrplan.errors`."""
ONLY_IN = {
    "networkx": {"plans/graph.py"},
    "deepdiff": {"plans/diff.py"},
    "kubernetes": {f"adapters/kubernetes/{name}.py" for name in ("commands", "kubeconfig", "server")},
    "websocket": {"adapters/kubernetes/commands.py"},
    "urllib3": {"adapters/kubernetes/server.py", "adapters/etcd/client.py"},
    "etcd3gw": {"adapters/etcd/client.py"},
    "jinja2": {"render/report/html.py"},
    "markupsafe": {"render/report/html.py"},
}
MODULES = sorted(
    path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.stem not in ("__init__", "__main__")
)


def imports(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module.partition(".")[0] == "rrplan":
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    """The package or module under rrplan/ that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    """A module imports from its own package and from lower floors only."""
    here = room(path)
    assert here in FLOOR, f"{here} has no floor"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "rrplan" and len(parts) > 1 and parts[1] != here:
            assert FLOOR[here] > FLOOR[parts[1]], f"{path} imports {name}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "adapters").rglob("[!_]*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_rooms_of_adapters_form_no_circle(path: Path) -> None:
    """An adapter stands in a room, and imports from its own room and from those below it only."""
    here = path.relative_to(ROOT / "adapters").parts[0]
    assert here in ROOMS, f"{path} is in no room"
    for name in imports(path):
        parts = name.split(".")
        if parts[:2] == ["rrplan", "adapters"] and len(parts) > 2 and parts[2] != here:
            assert ROOMS[here] > ROOMS[parts[2]], f"{path} imports {name}"


def numbers(value: ast.expr | None) -> list[ast.expr]:
    """The literal integers that an expression may be."""
    if isinstance(value, ast.IfExp):
        return numbers(value.body) + numbers(value.orelse)
    return [value] if isinstance(value, ast.Constant) and type(value.value) is int else []


def test_exit_codes_have_names() -> None:
    """No error and no verb ends with a number of its own, and the guide has the whole table."""
    for path in [ROOT / "errors.py", *(ROOT / "cli").glob("*.py")]:
        ends: list[ast.expr | None] = []
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "sys.exit":
                ends += node.args
            elif isinstance(node, ast.Assign | ast.AnnAssign) and "exit_code" in ast.unparse(node).partition("=")[0]:
                ends.append(node.value)
            elif isinstance(node, ast.FunctionDef) and node.name == "command":
                ends += [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return)]
        assert not [number for value in ends for number in numbers(value)], path
    guide = (ROOT.parent / "docs" / "guide.md").read_text().partition("| exit code | |")[2].partition("\n\n")[0]
    assert [line.split("|")[1].strip() for line in guide.splitlines()[2:]] == [str(code.value) for code in ExitCode]


def test_live_or_etcd_is_decided_once() -> None:
    """Only the wiring knows both clusters; everybody else asks it for the one that the options name."""
    clusters = {"rrplan.adapters.kubernetes.cluster.in_kubernetes", "rrplan.adapters.etcd.cluster.in_etcd"}
    assert [path.name for path in MODULES if imports(path) & clusters] == ["wiring.py"]


def test_adapters_are_put_together_not_inherited() -> None:
    """No adapter is the base of another one: what they share are functions and Protocols."""
    bases = {
        f"{path.relative_to(ROOT)}: {node.name}({ast.unparse(base)})"
        for path in (ROOT / "adapters").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if ast.unparse(base) not in ADAPTER_BASES and not hasattr(errors, ast.unparse(base))
    }
    assert not bases


def test_paths_of_kinds_are_in_one_table() -> None:
    """Nobody writes a path of the API server by hand where the table of kinds has it."""
    for path in sorted((ROOT / "adapters").rglob("*.py")):
        if path.name != "kinds.py":
            texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
            written = [
                text
                for text in texts
                if isinstance(text, str) and any(f"/{kind.plural}" in text for kind in KINDS.values())
            ]
            assert not written, path


def test_unit_tests_mirror_the_rooms() -> None:
    """The tests of `adapters/ROOM/MODULE.py` are in `tests/unit/adapters/ROOM/test_MODULE.py`."""
    folder = ROOT.parent / "tests" / "unit" / "adapters"
    for path in folder.rglob("test_*.py"):
        mirrored = path.relative_to(folder).with_name(path.name.removeprefix("test_"))
        assert (ROOT / "adapters" / mirrored).is_file(), f"{path} mirrors no adapter"


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room(path) in PURE], ids=lambda p: str(p.relative_to(ROOT))
)
def test_pure_floors_touch_nothing(path: Path) -> None:
    """A pure floor cannot wait, read, write or ask the time."""
    assert not {name.split(".")[0] for name in imports(path)} & EFFECTS


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_libraries_stay_in_their_module(path: Path) -> None:
    """The types of a library do not leave the module that uses it."""
    for name in imports(path):
        library = name.split(".")[0]
        if library in ONLY_IN:
            assert str(path.relative_to(ROOT)) in ONLY_IN[library]
        if library == "click":
            assert room(path) == "cli"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_small_and_documented(path: Path) -> None:
    """A module fits in one sitting, says what it is for, and every public name has a docstring."""
    tree = ast.parse(path.read_text())
    assert path.stem not in ("utils", "helpers", "common", "manager")
    assert len(path.read_text().splitlines()) <= 400
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}: {node.name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_date_is_asked_of_clocks(path: Path) -> None:
    """Only clocks ask for the date, so that nothing takes a difference of two dates for a duration."""
    asked = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert "time.time" not in asked
    if path.name != "clock.py":
        assert not asked & {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}


def test_a_run_knows_facts_alone() -> None:
    """No function of a run gives a text, where "" could mean that all is well, and none reads notes of a journal."""
    readers: set[str] = set()
    for path in sorted((ROOT / "runs").glob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        for node in nodes:
            if isinstance(node, ast.FunctionDef) and node.returns is not None:
                assert ast.unparse(node.returns) != "str", f"{path}: {node.name}"
        called = [node.func for node in nodes if isinstance(node, ast.Call)]
        read = [node for node in nodes if isinstance(node, ast.Attribute) and node not in called]
        readers |= {path.name for node in read if node.attr == "note"}
    # The journal itself reads them to check the chain.
    assert readers == {"journal.py"}


def test_import_loads_nothing() -> None:
    """What the package offers is loaded when it is first used."""
    code = "import sys, rrplan; print(sorted(m for m in sys.modules if m.startswith('rrplan.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_loads_no_heavy_library() -> None:
    """`rrplan --help` imports no client, graph, diff or model library."""
    code = (
        "import sys\nfrom rrplan.cli.main import rrplan\n"
        "rrplan.main(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'networkx', 'deepdiff', 'kubernetes', 'yaml', 'urllib3', 'etcd3gw'}\n"
        "heavy |= {'jinja2', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_test_says_what_it_shows() -> None:
    """Every test has its sentence."""
    for path in (ROOT.parent / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"
