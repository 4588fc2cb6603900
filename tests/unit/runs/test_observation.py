"""What is looked at before a plan is reviewed and before a run begins, and what stands against it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rrplan import api
from rrplan.bgp.profile import calico_versions
from rrplan.errors import PreflightError, UsageProblem
from rrplan.ids import NodeName
from rrplan.operations import Control
from rrplan.plans import read_plan
from rrplan.plans.plan import Observed, SessionDown
from rrplan.ports import Asking, NodeReading, NodeSessions, Survey, unheard
from rrplan.render.markdown import plan_markdown
from rrplan.render.plan_json import write_plan
from rrplan.render.terminal import plan_text
from rrplan.resources import BGPPeer
from rrplan.runs import Result
from rrplan.runs.observation import await_sessions, observe
from rrplan.sandbox import Sandbox
from rrplan.snapshots import capture
from tests.support import Bench, Remembering
from tests.support.clocks import JumpingClock


class Spoilt:
    """The probe of a sandbox, to which some sessions are down and some nodes silent."""

    def __init__(self, sandbox: Sandbox, down: Collection[tuple[str, str]] = (), silent: Collection[str] = ()) -> None:
        self._sandbox = sandbox
        self.down = down
        self._silent = silent
        self.asked: list[NodeName] = []

    def read(self, survey: Survey, asking: Asking = unheard) -> Sequence[NodeReading]:
        """As it is."""
        return self._sandbox.read(survey)

    def quiet(self, family: str) -> frozenset[NodeName]:
        """As it is."""
        return self._sandbox.quiet(family)

    def sessions(self, nodes: Collection[NodeName]) -> Sequence[NodeSessions]:
        """As it is, but for what is down."""
        self.asked += nodes
        return [
            NodeSessions(
                one.node,
                {
                    family: {
                        address: "BIRD says `start Active`" if (one.node, address) in self.down else why
                        for address, why in told.items()
                    }
                    for family, told in one.families.items()
                },
            )
            for one in self._sandbox.sessions(nodes)
            if one.node not in self._silent
        ]


def seen(bench: Bench, probe: Spoilt) -> Observed:
    """What is observed now."""
    state = capture(bench.sandbox).state
    return observe(state, calico_versions(state), probe)


def test_ten_nodes_of_a_mesh_are_asked_in_all_zones(tmp_path: Path) -> None:
    """Nobody reflects yet: ten nodes are asked, of every zone, and all that they should have is up."""
    bench = Bench(tmp_path, nodes=24)
    probe = Spoilt(bench.sandbox)
    found = seen(bench, probe)
    state = capture(bench.sandbox).state
    zones = {state.nodes[name].labels["topology.kubernetes.io/zone"] for name in probe.asked}
    assert len(probe.asked) == 10
    assert zones == {one.labels["topology.kubernetes.io/zone"] for one in state.nodes.values()}
    assert found.sessions == 10 * 23 * 2
    assert (found.down, found.silent) == ((), ())


def test_reflectors_are_asked_where_there_are_some(tmp_path: Path) -> None:
    """After a run the two reflectors know of every session that the proof counts on."""
    bench = Bench(tmp_path)
    assert bench.runner().apply() is Result.DONE
    probe = Spoilt(bench.sandbox)
    found = seen(bench, probe)
    assert probe.asked == ["rr-1", "rr-2"]
    assert (found.sessions, found.down) == (2 * 7 * 2, ())


class Repairing(JumpingClock):
    """A clock on which the sessions of a probe come up `after` some seconds."""

    def __init__(self, probe: Spoilt, after: float) -> None:
        super().__init__()
        self._probe, self._after = probe, after

    def sleep(self, seconds: float) -> None:
        """Time passes, and what was down may be up."""
        super().sleep(seconds)
        if sum(self.waits) >= self._after:
            self._probe.down = ()


@pytest.mark.parametrize(("after", "up", "waited"), [(0.5, True, 1.0), (20.0, True, 20.0), (600.0, False, 60.0)])
def test_sessions_that_were_begun_just_now(tmp_path: Path, after: float, up: bool, waited: float) -> None:
    """They are waited for, but not for ever."""
    bench = Bench(tmp_path)
    state = capture(bench.sandbox).state
    address = state.nodes[NodeName("node-003")].ipv4
    probe = Spoilt(bench.sandbox, down={("node-001", address)})
    clock = Repairing(probe, after)
    assert await_sessions(state, calico_versions(state), probe, clock) is up
    assert sum(clock.waits) == waited


def test_what_is_down_is_told_in_the_plan(tmp_path: Path) -> None:
    """The plan names the session and the reason, in every format, and keeps it in its file."""
    bench = Bench(tmp_path)
    address = capture(bench.sandbox).state.nodes[NodeName("node-003")].ipv4
    probe = Spoilt(bench.sandbox, down={("node-001", address), ("node-002", address)})
    plan = api.observed(bench.plan, capture(bench.sandbox), probe)
    assert plan.observed is not None
    assert SessionDown(NodeName("node-001"), "node-003", "ipv4", "BIRD says `start Active`") in plan.observed.down
    text = "the session of node-001 with node-003 (ipv4): BIRD says `start Active`"
    for shown in (" ".join(plan_text(plan).split()), plan_markdown(plan)):
        assert "2 of 112 sessions that the proof counts on are down" in shown
        assert text in shown
        assert "`--accept-down NODE`" in shown
    again, _ = read_plan(write_plan(plan), "plan")
    assert again.observed == plan.observed


def test_all_is_well(tmp_path: Path) -> None:
    """A plan that was looked at says so."""
    bench = Bench(tmp_path)
    plan = api.observed(bench.plan, capture(bench.sandbox), Spoilt(bench.sandbox))
    told = " ".join(plan_text(plan).split())
    assert (
        "8 nodes were asked when this plan was made: all 112 sessions of theirs that the proof counts on are up" in told
    )


def applied(bench: Bench, probe: Spoilt, *accepted: str) -> Result:
    """How a run ends that may begin although the accepted are down."""
    cluster = replace(api.embedded(bench.sandbox, bench.path / "cluster"), probe=probe)
    return api.apply(bench.plan, cluster, Control(Remembering(), accept_down=frozenset(accepted)))


def refused(bench: Bench, probe: Spoilt) -> list[str]:
    """Why a run does not begin."""
    with pytest.raises(PreflightError) as error:
        applied(bench, probe)
    assert error.value.exit_code == 8
    assert "`--accept-down NODE`" in error.value.hint
    return list(error.value.failures)


def test_accepting_a_node_that_does_not_exist(tmp_path: Path) -> None:
    """A slip of the pen is an error, not a permission."""
    bench = Bench(tmp_path)
    with pytest.raises(UsageProblem, match=r"`--accept-down node-0001`: there is no such node") as error:
        applied(bench, Spoilt(bench.sandbox), "node-0001")
    assert "`rrplan sessions` lists the nodes" in error.value.hint


def test_a_run_does_not_begin_on_sessions_that_are_down(tmp_path: Path) -> None:
    """Nothing is written; with the node named, the run goes on."""
    bench = Bench(tmp_path)
    address = capture(bench.sandbox).state.nodes[NodeName("node-003")].ipv4
    probe = Spoilt(bench.sandbox, down={("node-001", address)})
    assert refused(bench, probe) == ["the session of node-001 with node-003 (ipv4) is down: BIRD says `start Active`"]
    assert bench.objects() == bench.before
    assert applied(bench, probe, "node-003") is Result.DONE


def test_a_silent_node_refuses_too(tmp_path: Path) -> None:
    """Whoever does not answer is not known to be up."""
    bench = Bench(tmp_path)
    probe = Spoilt(bench.sandbox, silent=["node-002"])
    assert refused(bench, probe) == ["node-002 was asked for its sessions and does not answer"]
    assert applied(bench, probe, "node-002") is Result.DONE


def test_a_node_that_went_down_since(tmp_path: Path) -> None:
    """The plan took it to be alive."""
    bench = Bench(tmp_path)
    node = capture(bench.sandbox).state.nodes[NodeName("node-004")]
    stored = bench.sandbox.get(node.key)
    assert stored is not None
    status = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    bench.sandbox.patch(node.key, {"status": status}, stored.version)
    probe = Spoilt(bench.sandbox)
    assert refused(bench, probe) == ["node-004 is down now, and was not when the plan was made"]


def test_the_outside_is_looked_at(tmp_path: Path) -> None:
    """A switch whose session is down is named by its address."""
    tor = {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "tor"}}
    bench = Bench(tmp_path)
    bench.sandbox.create(
        BGPPeer("tor").key, {**tor, "spec": {"peerIP": "192.0.2.1", "asNumber": 65000, "node": "node-001"}}
    )
    bench.sandbox.clock.sleep(60)
    bench.plan = api.plan(bench.spec, capture(bench.sandbox))
    assert seen(bench, Spoilt(bench.sandbox)).down == ()
    probe = Spoilt(bench.sandbox, down={("node-001", "192.0.2.1")})
    assert refused(bench, probe) == ["the session of node-001 with 192.0.2.1 (ipv4) is down: BIRD says `start Active`"]
    assert applied(bench, probe, "192.0.2.1") is Result.DONE
