"""How nodes are asked in their calico-node pods; a real shell runs the script."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from rrplan.adapters.kubernetes.server import EXEC_TRIES, Missing, NoOutput
from rrplan.adapters.nodes.birdcl import Birds, Question, Wanted
from rrplan.adapters.nodes.pods import MARK, PodCommands
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName
from tests.unit.adapters.memory_server import MemoryServer

A, B = NodeName("a"), NodeName("b")
QUESTIONS = [Question("ipv4", "show protocols all"), Question("ipv6", "show route where source != RTS_BGP")]
BIRDCL = """\
#!/bin/sh
case "$2" in
*bird6*) echo "Unable to connect to server control socket. Make sure that the daemon is running." >&2; exit 1;;
*) printf 'BIRD v1.6.8 ready.\\n%s' "$*";;
esac
"""


class Containers(MemoryServer):
    """An API server whose containers have a real shell, or none; `commands` are what ran, with the name of the pod."""

    def __init__(self, folder: Path, *, shell: bool = True) -> None:
        super().__init__()
        self.lists = 0
        self.commands: list[tuple[str, str]] = []
        self.cut: int | None = None
        self.unknown: set[str] = set()
        self.away: set[str] = set()
        self._shell = shell
        self._path = f"{folder}:{os.environ['PATH']}"
        (folder / "birdcl").write_text(BIRDCL)
        (folder / "birdcl").chmod(0o755)
        self.before = self._count

    def _count(self, method: str, path: str) -> None:
        self.lists += (method, path) == ("GET", "/api/v1/pods")

    def put(self, node: NodeName, pod: str, **metadata: str) -> None:
        """A calico-node pod."""
        named = {"name": pod, "namespace": "calico-system", **metadata}
        self._send("POST", "/api/v1/pods", {}, {"metadata": named, "spec": {"nodeName": node}}, "")

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, tries: int = EXEC_TRIES
    ) -> str:
        """Run it, with both streams on one."""
        assert (namespace, container) == ("calico-system", "calico-node")
        if pod in self.away:
            self.commands += [(pod, command[0])] * tries
            raise NoOutput("dial tcp: connection refused")
        self.commands.append((pod, command[0]))
        if pod in self.unknown or f"/api/v1/pods/{pod}" not in self.objects:
            raise Missing(f'pods "{pod}" not found')
        if command[0] == "sh" and not self._shell:
            return 'exec: "sh": executable file not found in $PATH'
        where = {**os.environ, "PATH": self._path}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=where)
        return (done.stderr + done.stdout)[: self.cut]


@pytest.mark.parametrize("shell", [True, False], ids=["shell", "no shell"])
def test_answers_are_the_same_with_and_without_a_shell(tmp_path: Path, *, shell: bool) -> None:
    """Each question has its answer, complaints included; with a shell one command is enough."""
    server = Containers(tmp_path, shell=shell)
    server.put(A, "pod-a")
    server.put(B, "pod-b")
    way = PodCommands(server)
    for node in (A, B):
        first, second = way.ask(node, QUESTIONS)
        assert first.rstrip() == "BIRD v1.6.8 ready.\n-s /var/run/calico/bird.ctl show protocols all"
        assert second.startswith("Unable to connect to server control socket.")
    ran = [("pod-a", "sh"), ("pod-b", "sh")] if shell else [("pod-a", "sh"), *([("pod-a", "birdcl")] * 2)]
    assert server.commands == (ran if shell else [*ran, *([("pod-b", "birdcl")] * 2)])


def test_a_container_in_which_nothing_runs_says_nothing_of_others(tmp_path: Path) -> None:
    """Where not even `birdcl` answers, the next node is asked by the shell again; no family is made up."""
    server = Containers(tmp_path, shell=False)
    server.put(A, "pod-a")
    (tmp_path / "birdcl").write_text("#!/bin/sh\necho no such program\n")
    birds = Birds(PodCommands(server))
    assert birds.ask(A, Wanted.TABLE) == {}
    birds.ask(A, Wanted.SESSIONS)
    assert [command for _, command in server.commands].count("sh") == 2


def test_output_that_breaks_off(tmp_path: Path) -> None:
    """The answers that came before are not taken for all."""
    server = Containers(tmp_path)
    server.put(A, "pod-a")
    server.cut = len(MARK) + 40
    with pytest.raises(NoOutput, match="the output of `birdcl` in a pod broke off after"):
        PodCommands(server).ask(A, QUESTIONS)


@pytest.mark.parametrize("shell", [True, False], ids=["shell", "no shell"])
def test_bird_that_ends_in_the_middle_of_an_answer(tmp_path: Path, *, shell: bool) -> None:
    """What it said before is not taken for all: a table that is cut off would look like a node without routes."""
    server = Containers(tmp_path, shell=shell)
    server.put(A, "pod-a")
    (tmp_path / "birdcl").write_text(
        "#!/bin/sh\necho BIRD v1.6.8 ready.; echo name proto table state since info\n"
        "echo Connection closed by server >&2; exit 1\n"
    )
    with pytest.raises(NoOutput, match="BIRD in a pod ended in the middle of an answer"):
        PodCommands(server).ask(A, QUESTIONS)


def test_birdcl_that_is_killed_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    """It cannot complain; the shell sees that it did not end well."""
    server = Containers(tmp_path)
    server.put(A, "pod-a")
    (tmp_path / "birdcl").write_text("#!/bin/sh\necho BIRD v1.6.8 ready.\nkill -9 $$\n")
    with pytest.raises(NoOutput, match="BIRD in a pod ended in the middle of an answer"):
        PodCommands(server).ask(A, QUESTIONS)


def test_patterns_reach_birdcl_with_their_quotes(tmp_path: Path) -> None:
    """A shell takes away one pair of quotes, and would find files for a pattern."""
    for shell in (True, False):
        server = Containers(tmp_path, shell=shell)
        server.put(A, "pod-a")
        (answer,) = PodCommands(server).ask(A, [Question("ipv4", 'show protocols all "Node_*"')])
        assert answer.rstrip().endswith('-s /var/run/calico/bird.ctl show protocols all "Node_*"')


def test_pods_are_listed_once_in_a_look(tmp_path: Path) -> None:
    """A new look lists them anew; one that is not, only where a pod is missing or gone, and once for all of these."""
    server = Containers(tmp_path)
    server.put(A, "older", deletionTimestamp="2026-01-01T00:00:00Z")
    server.put(A, "pod-a")
    server.put(A, "newer", deletionTimestamp="2026-01-01T00:00:00Z")
    way = PodCommands(server)
    way.look(anew=True)
    way.ask(A, QUESTIONS)
    with pytest.raises(DatastoreRefused, match="node b has no calico-node pod"):
        way.ask(B, QUESTIONS)
    assert server.lists == 1
    assert [pod for pod, _ in server.commands] == ["pod-a"]
    way.look(anew=False)
    way.ask(A, QUESTIONS)
    assert server.lists == 1
    server.put(B, "pod-b")
    way.ask(B, QUESTIONS)
    assert server.lists == 2
    way.look(anew=True)
    way.ask(B, QUESTIONS)
    assert server.lists == 3


def test_pod_that_is_replaced_between_list_and_command(tmp_path: Path) -> None:
    """The new one is asked; of a node that has none the pod is not looked for twice."""
    server = Containers(tmp_path)
    server.put(A, "pod-a")
    server.put(B, "pod-b")
    way = PodCommands(server)
    way.ask(A, QUESTIONS)
    del server.objects["/api/v1/pods/pod-a"], server.objects["/api/v1/pods/pod-b"]
    server.put(A, "pod-a2")
    way.ask(A, QUESTIONS)
    for _ in range(2):
        with pytest.raises(DatastoreRefused, match="node b has no calico-node pod"):
            way.ask(B, QUESTIONS)
    assert server.lists == 2
    assert [pod for pod, _ in server.commands] == ["pod-a", "pod-a", "pod-a2"]


def test_kubelets_that_do_not_know_their_pods(tmp_path: Path) -> None:
    """The pods are listed, and still nothing can be run in them: that is found out once for all."""
    server = Containers(tmp_path)
    server.put(A, "pod-a")
    server.put(B, "pod-b")
    server.unknown |= {"pod-a", "pod-b"}
    way = PodCommands(server)
    for node in (A, B):
        with pytest.raises(DatastoreRefused, match=f"nothing can be run in the calico-node pod of node {node}: pods"):
            way.ask(node, QUESTIONS)
    assert server.lists == 2


def test_a_node_that_is_away_is_tried_once_in_each_later_look(tmp_path: Path) -> None:
    """Until it answers: then a connection that breaks is tried again as often as any other."""
    server = Containers(tmp_path)
    server.put(A, "pod-a")
    way = PodCommands(server)
    server.away.add("pod-a")
    for tries in (EXEC_TRIES, 1, 1):
        server.commands.clear()
        way.look(anew=True)
        with pytest.raises(NoOutput, match="connection refused"):
            way.ask(A, QUESTIONS)
        assert len(server.commands) == tries
    server.away.clear()
    way.ask(A, QUESTIONS)
    server.away.add("pod-a")
    server.commands.clear()
    with pytest.raises(NoOutput):
        way.ask(A, QUESTIONS)
    assert len(server.commands) == EXEC_TRIES
