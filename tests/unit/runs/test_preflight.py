"""One list of checks: made before a run, and told of when a plan is made."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rrplan import api
from rrplan.errors import DatastoreRefused, PreflightError
from rrplan.resources import ResourceKey
from rrplan.runs.preflight import Effect, PreflightCheck, Situation, When, check_before_run, check_when_planned
from rrplan.sandbox import Sandbox
from tests.support import Bench


@pytest.fixture
def situation(tmp_path: Path) -> Situation:
    """A plan and its cluster."""
    bench = Bench(tmp_path)
    return Situation(bench.plan, bench.sandbox, bench.sandbox)


def finding(*texts: str) -> Callable[[Situation], Sequence[str]]:
    """A check that always finds these."""
    return lambda _situation: texts


def test_a_refusal_ends_the_checks_of_a_moment(situation: Situation) -> None:
    """What is told comes before it, what comes after it or in another moment is not asked."""
    notices: list[str] = []
    checks = [
        PreflightCheck("first", finding("somebody else applies it"), at_run=Effect.TOLD),
        PreflightCheck("later", finding("never asked"), when=When.LOCKED),
        PreflightCheck("good", finding()),
        PreflightCheck("second", finding("no right", "no lock"), hint="ask for both"),
        PreflightCheck("third", finding("never asked")),
    ]

    with pytest.raises(PreflightError, match=r"^preflight: no right; no lock$") as error:
        check_before_run(checks, When.UNLOCKED, situation, notices.append)

    assert error.value.hint == "ask for both"
    assert notices == ["somebody else applies it"]


def test_a_plan_tells_what_would_be_refused(situation: Situation) -> None:
    """In its own words; what it may not ask it calls not known; a check that is not for plans is not made."""
    notices: list[str] = []

    def forbidden(_situation: Situation) -> Sequence[str]:
        raise DatastoreRefused("pods is forbidden")

    checks = [
        PreflightCheck(
            "rights", finding("no {right}"), at_plan=Effect.TOLD, as_told="{}, so it cannot apply this plan"
        ),
        PreflightCheck("sessions", finding("never asked"), when=When.LOCKED),
        PreflightCheck(
            "drains", forbidden, when=When.LOCKED, at_plan=Effect.TOLD, unknown="which pods a drain would not evict"
        ),
    ]

    check_when_planned(checks, situation, notices.append)

    assert notices == [
        "no {right}, so it cannot apply this plan",
        "not known: which pods a drain would not evict; pods is forbidden",
    ]
    with pytest.raises(DatastoreRefused):
        check_when_planned([PreflightCheck("x", forbidden, at_plan=Effect.TOLD)], situation, notices.append)


def test_a_plan_of_no_use_is_refused(situation: Situation) -> None:
    """After what was found before it was told."""
    notices: list[str] = []
    checks = [
        PreflightCheck("rights", finding("no right"), at_plan=Effect.TOLD),
        PreflightCheck("containers", finding("no Secret"), hint="name it", at_plan=Effect.REFUSED),
    ]
    with pytest.raises(PreflightError, match="no Secret") as error:
        check_when_planned(checks, situation, notices.append)
    assert (error.value.hint, notices) == ("name it", ["no right"])


def test_an_embedded_cluster_makes_the_checks_of_every_cluster(tmp_path: Path) -> None:
    """In the order in which their answers make sense."""
    sandbox = Sandbox.make(tmp_path / "cluster", [])
    cluster = api.embedded(sandbox, tmp_path)
    assert [check.name for check in cluster.checks] == [
        "same-cluster",
        "fresh",
        "as-made-again",
        "sessions",
        "drains",
        "fallback-tables",
        "writes",
    ]
    assert {check.when for check in cluster.checks} == {When.LOCKED}


def test_a_drain_that_would_lose_a_pod_is_told_and_refused(tmp_path: Path) -> None:
    """A pod that came after the plan: the same words before the run, which the plan says are about a drain."""
    naked = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "naked", "namespace": "default"},
        "spec": {"nodeName": "rr-1"},
    }
    bench = Bench(tmp_path)
    bench.sandbox.create(ResourceKey("Pod", "naked", "default"), naked)
    cluster = api.embedded(bench.sandbox, tmp_path / "cluster")
    situation = Situation(bench.plan, bench.sandbox, bench.sandbox)
    notices: list[str] = []

    check_when_planned(cluster.checks, situation, notices.append)
    with pytest.raises(PreflightError) as error:
        check_before_run(cluster.checks[4:], When.LOCKED, situation)

    assert len(error.value.failures) == 1
    assert "naked" in error.value.failures[0]
    assert notices == [f"a drain would be refused: {error.value.failures[0]}"]
