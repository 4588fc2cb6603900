"""The proof with one rule switched off at a time, and the walker, which notices each."""

import pytest

from tests.walker.breaks import BREAKS
from tests.walker.draws import Draw
from tests.walker.judging import Tally

SEEDS = {
    "counts_at_the_end": 201,
    "doubt_is_nothing_before": 2,
    "doubt_is_something_after": 123,
    "disputed_blocks_stay": 76,
    "lost_uplinks_are_fine": 424,
    "restarted_uplinks_are_fine": 192,
    "the_dead_are_paths": 465,
    "gained_uplinks_count": 452,
    "drained_need_nothing_at_the_end": 13,
    "any_holder_of_the_lock_stays": 126,
    "filters_let_everything_through": 2,
    "filters_spare_the_outside": 1246,
    "pools_are_alike": 219,
    "cluster_ids_outside_differ": 1705,
    "all_switches_are_one_fabric": 18,
}
"""The first case that shows each: `python -m tests.walker breaks` finds them anew where the draws have changed."""


@pytest.mark.slow
@pytest.mark.parametrize("rule", BREAKS)
def test_broken_proof(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case that shows a switched-off rule is found with the broken proof, and with the whole one it is not."""
    seed = SEEDS[rule]
    assert Tally().judge(Draw(seed).case(), seed=seed) is None

    BREAKS[rule](monkeypatch)

    assert Tally().judge(Draw(seed).case(), seed=seed) is not None
