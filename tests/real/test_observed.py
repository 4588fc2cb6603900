"""What `rrplan plan` asks the nodes of a live cluster, and what `rrplan apply` makes of the answers."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rrplan import wiring
from rrplan.adapters.kubernetes.rights import Right
from rrplan.cli.apply import command as apply
from tests.real.server import RealServer
from tests.support import SPEC, processes
from tests.support.account import settled
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.slow]

NODES = ["node-001", "node-002", "node-003", "rr-1", "rr-2"]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
READING = [
    {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list"]},
    {"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["list"]},
    {"apiGroups": ["crd.projectcalico.org"], "resources": ["*"], "verbs": ["get", "list"]},
]
REPORTING = [
    {
        "apiGroups": ["crd.projectcalico.org"],
        "resources": ["caliconodestatuses"],
        "verbs": ["create", "delete"],
    },
]


@pytest.fixture
def bench(crd_server: RealServer, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of five nodes in the mesh, all its sessions up, and a spec beside it."""
    made = LiveBench(crd_server, tmp_path, nodes=5)
    (tmp_path / "spec.yaml").write_text(SPEC + "  gates: {stable: 1s}\n")
    yield made
    made.agent.stop()
    crd_server.clear()


def plan(bench: LiveBench, folder: Path, *words: str, context: str = "operator") -> subprocess.CompletedProcess[str]:
    """`rrplan plan` in a process of its own; the plan file is `plan.json`."""
    where = ["--kubeconfig", str(bench.server.kubeconfig), "--context", context]
    done = processes.rrplan("plan", str(folder / "spec.yaml"), "--out", str(folder / "plan.json"), *where, *words)
    assert done.returncode == 0, done.stderr
    return done


def observed(folder: Path) -> dict[str, Any] | None:
    """What the plan file says of sessions."""
    found: dict[str, Any] | None = json.loads((folder / "plan.json").read_text()).get("observed")
    return found


def test_nobody_is_asked_who_need_not_be(bench: LiveBench, tmp_path: Path) -> None:
    """With `--no-observe` no command is run and nothing written; without, every node of a small mesh is asked."""
    moment = bench.server.moment()
    done = plan(bench, tmp_path, "--no-observe")
    assert bench.agent.asked == []
    assert bench.server.writes(moment) == [one for one in bench.server.writes(moment) if _question(one)]
    assert observed(tmp_path) is None
    assert "Sessions now" not in done.stdout

    done = plan(bench, tmp_path)
    assert sorted(set(bench.agent.asked)) == NODES
    assert bench.server.writes(moment) == [one for one in bench.server.writes(moment) if _question(one)]
    assert "all 40 sessions of theirs that the proof counts on are up" in " ".join(done.stdout.split())


def _question(entry: dict[str, Any]) -> bool:
    """Whether a write asks for a right, and changes nothing."""
    return bool(entry["objectRef"]["resource"] == "selfsubjectaccessreviews")


def test_a_session_that_is_down(bench: LiveBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan shows it, `apply` refuses with 8 and writes nothing, and goes on where one end of it is accepted."""
    bench.agent.cut.add(frozenset(("node-001", "node-002")))
    done = plan(bench, tmp_path)
    head, _, told = done.stdout.partition("Sessions now")
    assert head
    text = " ".join(told.split())
    assert "5 nodes were asked when this plan was made: 4 of 40 sessions that the proof counts on are down" in text
    assert "the session of node-001 with node-002 (ipv4): BIRD says `start Active" in text
    assert "`rrplan apply` refuses while this is so, unless `--accept-down NODE` names one end" in text

    where = ["--kubeconfig", str(bench.server.kubeconfig), "--context", "operator", "--auto-approve"]
    refused = processes.rrplan("apply", str(tmp_path / "plan.json"), *where)
    assert refused.returncode == 8, refused.stderr
    assert "the session of node-001 with node-002 (ipv4) is down: BIRD says `start Active" in refused.stderr
    assert "`--accept-down NODE`" in refused.stderr
    assert bench.objects() == bench.before

    # In this process, where simulated time passes.
    monkeypatch.setattr(wiring, "live", lambda *_: bench.cluster())
    other = CliRunner().invoke(apply, [str(tmp_path / "plan.json"), *where, "--accept-down", "rr-1"])
    assert "the session of node-001 with node-002 (ipv4) is down" in str(other.exception)
    words = [str(tmp_path / "plan.json"), *where, "--accept-down", "node-002"]
    accepted = CliRunner().invoke(apply, words, standalone_mode=False)
    assert accepted.return_value == 0, (accepted.output, accepted.exception)
    assert not bench.plan(keep=False).steps


@pytest.mark.parametrize("reports", [False, True], ids=["nothing else", "CalicoNodeStatus"])
def test_an_account_that_may_run_nothing_in_pods(bench: LiveBench, tmp_path: Path, *, reports: bool) -> None:
    """It gets a plan and a notice; CalicoNodeStatus answers for the nodes where the account may ask for it."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "planner"}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}
    rules = READING + REPORTING * reports
    paths = [f"{RBAC}/clusterroles", f"{RBAC}/clusterrolebindings"]
    bench.server.api.create(paths[0], {"metadata": {"name": "planner"}, "rules": rules})
    bench.server.api.create(paths[1], {"metadata": {"name": "planner"}, "roleRef": role, "subjects": [user]})
    reader = bench.server.connect("reader")
    needed = [Right(one["apiGroups"][0], one["resources"][0], one["verbs"][0]) for one in rules]
    try:
        assert settled(reader, needed, []) == []
        done = plan(bench, tmp_path, context="reader")
    finally:
        for path in paths:
            bench.server.api.delete(f"{path}/planner", "")
        settled(reader, needed, sorted(needed))
    assert bench.agent.asked == []
    assert done.stderr.count("notice: birdcl cannot be used: ") == 1
    assert 'User "reader" cannot get resource "pods/exec"' in done.stderr
    assert "notice: not known: who else applies these objects; nodes " in done.stderr
    text = " ".join(done.stdout.split())
    if reports:
        assert "all 40 sessions of theirs that the proof counts on are up" in text
        assert list(bench.server.api.items(f"{bench.server.calico}/caliconodestatuses")) == []
    else:
        assert "notice: CalicoNodeStatus cannot be used: " in done.stderr
        assert f"no answer from {', '.join(NODES)}" in text
