"""What verbs load when they work: a large library only where it is needed. Counted, so that no clock decides."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import rrplan
from rrplan.cli.main import rrplan as program
from tests.support import SPEC

IMPORTED_BY = {
    "certifi": {"adapters/kubernetes/commands.py"},
    "cryptography": {"adapters/local/keys.py"},
    "deepdiff": {"plans/diff.py"},
    "etcd3gw": {"adapters/etcd/client.py"},
    "jinja2": {"render/report/html.py"},
    "kubernetes": {"adapters/kubernetes/kubeconfig.py", "adapters/kubernetes/server.py"},
    "markupsafe": {"render/report/html.py"},
    "networkx": {"plans/graph.py"},
    "urllib3": {"adapters/etcd/client.py", "adapters/kubernetes/server.py"},
    "websocket": {"adapters/kubernetes/commands.py"},
}
"""The only modules that import each large library, whenever they do."""
EVERYWHERE = {"click", "pydantic", "typing_extensions", "yaml"}
"""Libraries that many modules may import."""
COUNT = (
    "import sys; from rrplan.cli.main import main\ntry: main()\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
)
READING = {"pydantic", "yaml"}
PLANS = READING | {"networkx"}
"""What reading a cluster takes, and what a plan's graph takes beside it."""
LOADED: dict[str, set[str]] = {
    "explain one-link": set(),
    "validate spec.yaml": READING,
    "snapshot --sandbox one": READING,
    "sessions --sandbox one --summary": READING,
    "runs --sandbox one": READING,
    "runs --kubeconfig kubeconfig": READING | {"certifi", "kubernetes", "urllib3", "websocket"},
    "plan spec.yaml --sandbox one": PLANS | {"deepdiff"},
    "apply plan.json --sandbox two --auto-approve -o json": PLANS | {"deepdiff"},
    "report plan.json": PLANS | {"deepdiff", "jinja2", "markupsafe"},
    "approve plan.json --key key": PLANS | {"cryptography"},
    "apply plan.json --sandbox one --auto-approve --require-approvals 1 --trusted-keys none": PLANS | {"cryptography"},
}
"""What verbs load of these libraries: those for live clusters, approvals and pages only where it is about these."""
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: nobody, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: nothing}}]
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
current-context: nobody
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small clusters, a spec, a plan, keys, and a kubeconfig of an API server that is not there."""
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "kubeconfig").write_text(KUBECONFIG)
    (folder / "none").write_text("")
    key = Ed25519PrivateKey.generate()
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "key").chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            ["sandbox", "one", "--nodes", "4"],
            ["sandbox", "two", "--nodes", "4"],
            ["plan", "spec.yaml", "--sandbox", "one", "--out", "plan.json"],
        ):
            assert CliRunner().invoke(program, words).exit_code == 0
    return folder


@pytest.mark.parametrize("words", LOADED)
def test_a_verb_loads_what_it_needs(words: str, place: Path) -> None:
    """No more, and no less than was agreed."""
    command = [sys.executable, "-c", COUNT, *words.split()]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}
    assert "rrplan" in loaded
    assert loaded & (IMPORTED_BY.keys() | READING) == LOADED[words], done.stderr[:2000]


def test_who_imports_large_libraries() -> None:
    """Each has its place, so that whatever does not go there does not load it."""
    assert rrplan.__file__
    root = Path(rrplan.__file__).parent
    found: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in {name.partition(".")[0] for name in names} - {*sys.stdlib_module_names, "rrplan"} - EVERYWHERE:
                found.setdefault(name, set()).add(str(path.relative_to(root)))
    assert found == IMPORTED_BY
