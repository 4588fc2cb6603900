"""Runs where Calico keeps its data in etcd: a plan for standalone reflectors, and one for reflectors inside."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rrplan import api
from rrplan.adapters.calicoctl.calicoctl import Calicoctl
from rrplan.adapters.kubernetes.rights import rights
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.nodes.origins import BY_TABLE
from rrplan.errors import PreflightError
from rrplan.operations import Control
from rrplan.render.plan_json import write_plan
from rrplan.reports import events
from rrplan.runs import Result
from rrplan.sandbox import demo_cluster, ucp_cluster
from tests.real.etcd import EtcdMembers
from tests.real.mixed import MixedCluster
from tests.real.server import RealServer
from tests.support import SPEC as INSIDE
from tests.support import Acting, processes
from tests.support.account import account, applied, settled
from tests.support.dying import Crash, DyingLog, abandoned, after, buried
from tests.support.mixed import MAPS, MixedBench, begin
from tests.support.specs import STANDALONE as SPEC

NO_OWNERS = f"not known which node owns which address block: calicoctl does not tell it; {BY_TABLE}"
pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def bench(mixed_cluster: MixedCluster, tmp_path: Path) -> Iterator[MixedBench]:
    """Three managers, five workers, two candidates; ConfigMap and Secret of the containers."""
    server = mixed_cluster.server
    made = MixedBench(mixed_cluster, tmp_path, ucp_cluster(5))
    begin(server)
    yield made
    made.agent.stop()
    mixed_cluster.clear()


@pytest.fixture
def newer(mixed_cluster: MixedCluster, tmp_path: Path) -> Iterator[MixedBench]:
    """Eight nodes of Calico v3.30, in etcd."""
    made = MixedBench(mixed_cluster, tmp_path, demo_cluster(8, 2))
    yield made
    made.agent.stop()
    mixed_cluster.clear()


def test_standalone_there_and_back(bench: MixedBench) -> None:
    """Every step settles on what nodes and controllers say; nothing is left to do; the rollback restores it all."""
    before = bench.state()
    made = bench.plan(SPEC)
    assert api.apply(made, bench.cluster(), bench.control()) is Result.DONE, bench.told()
    assert not bench.plan().steps
    assert api.rollback(bench.cluster(), bench.control()) is Result.UNDONE, bench.told()
    assert bench.state() == before


def test_by_way_of_calicoctl(bench: MixedBench) -> None:
    """The same; blocks are not known there, so routes are counted by next hop."""
    before = bench.state()
    calico = Calicoctl(bench.mixed.calicoctl_command())
    assert api.apply(bench.plan(), bench.cluster(calico=calico), bench.control()) is Result.DONE, bench.told()
    assert not bench.plan().steps
    assert api.rollback(bench.cluster(calico=calico), bench.control()) is Result.UNDONE, bench.told()
    assert bench.state() == before
    assert set(bench.notices) == {NO_OWNERS}


def test_inside_there_and_back(newer: MixedBench) -> None:
    """Reflectors inside the cluster: a promotion is one write in each datastore."""
    before, made = newer.state(), newer.plan(INSIDE + "  gates: {stable: 2s}\n")
    assert api.apply(made, newer.cluster(), newer.control()) is Result.DONE, newer.told()
    assert not newer.plan(INSIDE).steps
    assert api.rollback(newer.cluster(), newer.control()) is Result.UNDONE, newer.told()
    assert newer.state() == before
    assert not [text for text in newer.notices if "CalicoNodeStatus" in text]


def test_inside_by_way_of_calicoctl(newer: MixedBench, tmp_path: Path) -> None:
    """Reflectors inside have blocks of their own, which only their own BIRDs say: there and back, and `status`."""
    calico = Calicoctl(newer.mixed.calicoctl_command())
    before, made = newer.state(), newer.plan(INSIDE + "  gates: {stable: 2s}\n")
    assert api.apply(made, newer.cluster(calico=calico), newer.control()) is Result.DONE, newer.told()
    standings = api.standings(newer.cluster(calico=calico))
    assert [(one.expected, one.complete, one.short) for one in standings] == [(7, 7, None)] * 4
    (tmp_path / "spec.yaml").write_text(INSIDE)
    where = ["--kubeconfig", str(newer.mixed.server.kubeconfig), "--calicoctl", newer.mixed.calicoctl_command()]
    for words in (["status"], ["verify", str(tmp_path / "spec.yaml")]):
        done = processes.rrplan(*words, *where)
        assert (done.returncode, done.stderr) == (0, f"notice: {NO_OWNERS}\n"), done.stdout
    assert api.rollback(newer.cluster(calico=calico), newer.control()) is Result.UNDONE, newer.told()
    assert newer.state() == before
    assert set(newer.notices) == {NO_OWNERS}


@pytest.mark.parametrize("entries", [9, 25, 41])
def test_another_process_goes_on(bench: MixedBench, entries: int) -> None:
    """A run that died anywhere is resumed by the next process, which finds what is done in both datastores."""
    before = bench.state()
    cluster = bench.cluster()
    control = Control(bench.listener, wrap=lambda log: DyingLog(log, after(entries), abandoned(cluster.lock)))
    with pytest.raises(Crash):
        api.apply(bench.plan(), cluster, control)
    buried()
    assert api.resume(bench.cluster(), bench.control()) is Result.DONE, bench.told()
    assert not bench.plan().steps
    assert api.rollback(bench.cluster(), bench.control()) is Result.UNDONE, bench.told()
    assert bench.state() == before


@pytest.mark.parametrize("step", ["delete-calico-node/rr-1", "create-peer/rrplan-rr-1"])
def test_leader_killed_in_mid_run(step: str, plain_server: RealServer, tmp_path: Path) -> None:
    """One of three members of etcd dies as a step begins: the run goes on, and so does the way back."""
    members = EtcdMembers(tmp_path / "three", 3)
    made = MixedBench(MixedCluster(plain_server, members), tmp_path, ucp_cluster(3))
    begin(plain_server)
    killed: list[int] = []

    def happen(event: events.RunEvent) -> None:
        if isinstance(event, events.StepStarted) and event.step == step:
            killed.append(members.leader())
            members.kill(killed[0])

    try:
        before = made.state()
        made.listener = Acting(happen)
        assert api.apply(made.plan(), made.cluster(), made.control()) is Result.DONE, made.told()
        assert len(killed) == 1
        assert not made.plan().steps
        assert api.rollback(made.cluster(), made.control()) is Result.UNDONE, made.told()
        assert made.state() == before
    finally:
        made.agent.stop()
        plain_server.clear()
        members.stop()


def test_containers_are_looked_for_again(bench: MixedBench) -> None:
    """The Secret went after the review: nothing is written."""
    made = bench.plan()
    bench.mixed.server.api.delete(f"{MAPS}/calico-config", "")
    with pytest.raises(PreflightError) as error:
        api.apply(made, bench.cluster(), bench.control())
    assert "ConfigMap kube-system/calico-config does not exist" in str(error.value)
    assert bench.cluster().runs.runs() == []


def test_command_line(bench: MixedBench, tmp_path: Path) -> None:
    """The verbs of a run take `--calico-config`: the nodes' BIRDs are asked, and the run is found in the cluster."""
    assert api.apply(bench.plan(), bench.cluster(), bench.control()) is Result.DONE, bench.told()
    config = bench.mixed.calico_config(tmp_path)
    where = ["--kubeconfig", str(bench.mixed.server.kubeconfig), "--calico-config", str(config)]

    def rrplan(*words: str) -> subprocess.CompletedProcess[str]:
        return processes.rrplan(*words, *where)

    seen = rrplan("status")
    assert (seen.returncode, seen.stderr) == (0, ""), seen.stdout
    about, table = seen.stdout.split("\n\n")
    assert " is done " in " ".join(about.split())
    assert [line.split() for line in table.splitlines()[1:]] == [[f"rr-{n}", "ipv4", "8", "8"] for n in (1, 2)]
    assert "done" in rrplan("runs").stdout
    (tmp_path / "spec.yaml").write_text(SPEC)
    assert rrplan("verify", str(tmp_path / "spec.yaml")).returncode == 0


def test_least_rights(bench: MixedBench, tmp_path: Path) -> None:
    """`rrplan rbac --calico-api etcd` asks for nothing of Calico's; with it the plan is applied and rolled back."""
    server, made = bench.mixed.server, bench.plan()
    (tmp_path / "plan.json").write_bytes(write_plan(made))
    printed = processes.rrplan("rbac", str(tmp_path / "plan.json"), "--calico-api", "etcd").stdout
    assert "calico.org" not in printed
    paths = applied(server, list(yaml.safe_load_all(printed)))
    try:
        connection = ApiServer.connect(str(account(server, tmp_path)), "account")
        assert settled(connection, [right for right in rights(made, "") if not right.optional], []) == []
        assert api.apply(made, bench.cluster(connection), bench.control()) is Result.DONE, bench.told()
        assert api.rollback(bench.cluster(connection), bench.control()) is Result.UNDONE, bench.told()
    finally:
        for path in paths:
            server.api.delete(path, "")
