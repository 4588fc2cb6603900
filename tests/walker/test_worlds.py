"""A slice of all small worlds; `python -m tests.walker worlds` walks the whole of them."""

from itertools import islice

import pytest

from tests.walker.judging import Tally
from tests.walker.worlds import CASES, World, cases, worlds

STRIDE = {2: 199, 3: 97, 4: 211}


@pytest.mark.slow
@pytest.mark.parametrize("size", STRIDE)
def test_small_worlds(size: int) -> None:
    """Every so many of the small clusters and specs: what is called safe is safe in every state and mixture."""
    tally = Tally()
    for case in islice(cases(size), 0, None, STRIDE[size]):
        tally.judge(case)

    assert [finding.text() for finding in tally.findings] == []
    assert tally.walked > 100, tally.text()


def test_how_many_cases_there_are() -> None:
    """A soak divides them without drawing them."""
    assert {size: sum(1 for _ in cases(size)) for size in CASES} == CASES


def test_each_world_once() -> None:
    """No small cluster comes twice, with the nodes that nothing names in another order or not."""
    seen: set[World] = set()
    for world in worlds(3):
        kinds = world.kinds[:1] + tuple(sorted(world.kinds[1:])) if world.named else tuple(sorted(world.kinds))
        one = World(kinds, world.mesh, world.peers, world.beside, world.outside)
        assert one not in seen
        seen.add(one)
