"""A runbook typed block by block: real bash, real kubectl, a real API server; then its way back.

`kubectl exec` and `sleep` go to the agent that plays the nodes: no kubelet is there, and time is simulated.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.plans import Plan
from rrplan.render.runbook import Site, runbook
from rrplan.resources import key_of
from rrplan.resources.documents import patched
from rrplan.sandbox import ucp_cluster
from rrplan.snapshots import capture
from tests.conftest import lacks
from tests.real.agent import NodeAgent
from tests.real.mixed import MixedCluster
from tests.real.server import RealServer
from tests.support.cascade import HOST, objects
from tests.support.live import LiveBench
from tests.support.mixed import MixedBench

pytestmark = [pytest.mark.real, pytest.mark.slow]

ASKED = """\
#!{python} -IS
import os, socket, sys
def asked(path):
    # HTTP by hand: for each command a library would take ten times as long to load.
    with socket.create_connection(("127.0.0.1", {port}), timeout=60) as connection:
        connection.sendall(f"GET {{path}} HTTP/1.0\\r\\n\\r\\n".encode())
        reply = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    head, _, body = reply.partition("\\r\\n\\r\\n")
    return body if " 200 " in head else sys.exit(head)
words = sys.argv[1:]
"""
KUBECTL = (
    ASKED
    + """\
if "exec" in words:
    command = ["&command=%" + word.encode().hex("%") for word in words[words.index("--") + 1:]]
    pod = next(word for word in words if word.startswith("calico-node-"))
    print(asked("/birdcl?node=" + pod.removeprefix("calico-node-") + "".join(command)), end="")
else:
    os.execv("{kubectl}", ["kubectl", "--kubeconfig", "{kubeconfig}", *words])
"""
)
SLEEP = ASKED + 'asked("/" + words[0])\n'
HINT = "kubectl (apt-get install kubectl, or kubernetes-client)"


@pytest.fixture
def bench(v3_server: RealServer, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of six nodes whose API server serves projectcalico.org/v3: there kubectl does what calicoctl does."""
    made = LiveBench(v3_server, tmp_path, nodes=6)
    yield made
    made.agent.stop()
    v3_server.clear()


def blocks(text: str) -> list[str]:
    """The bash blocks, in order."""
    return re.findall(r"^```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


class Shell:
    """A person at a bash."""

    def __init__(self, agent: NodeAgent, kubeconfig: Path, folder: Path, preparation: str) -> None:
        kubectl = shutil.which("kubectl") or lacks(
            "no kubectl; missing: kubectl (apt-get install kubectl, or kubernetes-client)"
        )
        told = {"python": sys.executable, "port": urlsplit(agent.clock()).port, "kubectl": kubectl}
        tools = folder / "bin"
        tools.mkdir()
        for name, text in (("kubectl", KUBECTL), ("sleep", SLEEP)):
            (tools / name).write_text(text.format(**told, kubeconfig=kubeconfig))
            (tools / name).chmod(0o755)
        self._preparation = preparation
        self._environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        self._folder = folder

    def type(self, block: str) -> str:
        """What it prints; fails where a command fails."""
        done = subprocess.run(
            ["bash", "-c", f"{self._preparation}\nset -eo pipefail\n{block}"],
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self._folder,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def test_typed_there_and_back(bench: LiveBench, tmp_path: Path) -> None:
    """Forward it ends where the plan ends, with every check passed; back it ends where it began."""
    made: Plan = bench.plan()
    text = runbook(made, Site.of(capture(bench.cluster().datastore).state, "kubectl"))
    forward, back = text.split("## Back")
    preparation, *steps = blocks(forward)
    shell = Shell(bench.agent, bench.kubeconfig, tmp_path, preparation)
    for block in steps:
        said = shell.type(block)
        assert ("ok" in said.splitlines()) is ("await" in block), block
    assert bench.plan(keep=False).steps == ()
    for block in blocks(back):
        shell.type(block)
    assert bench.objects() == bench.before


def written(calico: CalicoEtcd) -> list[dict[str, object]]:
    """What etcd holds of one host, but for what calicoctl makes anew with each object that it creates."""
    stored = [one for document in objects() if (one := calico.get(key_of(document))) is not None]
    made_anew = {"metadata": dict.fromkeys(("resourceVersion", "uid", "creationTimestamp"))}
    return [{**patched(one.document, made_anew)} for one in stored]


def test_standalone_typed_there_and_back(mixed_cluster: MixedCluster, tmp_path: Path) -> None:
    """UCP's reflectors, where Calico uses etcd: kubectl for one half, calicoctl for the other."""
    bench = MixedBench(mixed_cluster, tmp_path, ucp_cluster(3))
    calico = CalicoEtcd(mixed_cluster.etcd.connect())
    for document in objects():
        calico.create(key_of(document), document)
    try:
        before, own = bench.state(), written(calico)
        state = capture(bench.cluster().datastore).state
        forward, back = runbook(bench.plan(), Site.of(state, mixed_cluster.calicoctl_command())).split("## Back")
        preparation, *steps = blocks(forward)
        shell = Shell(bench.agent, mixed_cluster.server.kubeconfig, tmp_path, preparation)
        for block in steps:
            said = shell.type(block)
            assert ("ok" in said.splitlines()) is ("await" in block), block
        assert bench.plan().steps == ()
        assert {str(key_of(one)) for one in written(calico)} == {f"HostEndpoint/{HOST}-eth0"}
        for block in blocks(back):
            shell.type(block)
        assert bench.state() == before
        assert written(calico) == own
    finally:
        bench.agent.stop()
        mixed_cluster.clear()


def test_a_check_that_fails(bench: LiveBench, tmp_path: Path) -> None:
    """A session that is not there is told after its time, and nothing says ok."""
    text = runbook(bench.plan(), Site.of(capture(bench.cluster().datastore).state, "kubectl"))
    preparation, *steps = blocks(text)
    gate = next(block for block in steps if "routed" in block).replace("await 120", "await 0")
    shell = Shell(bench.agent, bench.kubeconfig, tmp_path, preparation)
    said = shell.type(f"{gate.strip()} || true")
    assert "NOT REACHED within 0 s: routed" in said
    assert "ok" not in said.splitlines()
