"""Random plans that are called safe, walked change by change."""

import pytest

from tests.walker.draws import Draw
from tests.walker.judging import Tally

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
