"""Random plans that are called safe, walked change by change."""

import pytest

from tests.walker.draws import Draw
from tests.walker.judging import Tally
from tests.walker.lives import Life

SEED = 1
PLANS = 100


@pytest.mark.slow
def test_random_plans() -> None:
    """No state of a plan that is called safe loses a route, and no mixture of nodes more than the plan says."""
    tally = Tally()
    number = SEED
    while tally.walked < PLANS:
        tally.judge(Draw(number).case(), seed=number)
        number += 1

    assert [finding.text() for finding in tally.findings] == []
    wanted = {"dead", "doubt", "drain", "exposure", "lock sharing", "outside", "replace", "two families", "waves"}
    wanted |= {"pools", "two pools", "filters", "rejected pool"}
    assert set() == {name for name in wanted if tally.features[name] < 3}, tally.text()
    assert tally.unsafe > PLANS // 4, tally.text()


@pytest.mark.parametrize("plans", [30, pytest.param(PLANS, marks=pytest.mark.slow)])
def test_random_plans_in_use(plans: int) -> None:
    """The same where nobody is drained: whoever has no route on the way has a fallback table that was filled."""
    tally = Tally()
    number = SEED
    while tally.walked < plans:
        tally.judge(Draw(number).in_use(), seed=number)
        number += 1

    assert [finding.text() for finding in tally.findings] == []
    assert tally.features["carried"] > plans // 2, tally.text()


@pytest.mark.parametrize("plans", [5, pytest.param(PLANS, marks=pytest.mark.slow)])
def test_random_lives(plans: int) -> None:
    """The same with many groups, in levels and shares, in clusters that earlier plans left, half way too."""
    tally = Tally()
    about: set[str] = set()
    number = SEED
    while tally.walked < plans:
        case = Life(number).case()
        walked = tally.walked
        tally.judge(case, seed=number)
        about |= {*case.about.split()} if tally.walked > walked else set()
        number += 1

    assert [finding.text() for finding in tally.findings] == []
    if plans == PLANS:
        assert {"mesh", "theirs", "global", "per-node", "shares", "zones", "levels", "half"} <= about, about
        assert not {name for name in ("drain", "exposure", "replace", "waves", "dead") if tally.features[name] < 3}
