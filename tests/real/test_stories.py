"""The chosen stories leave nothing out: told without any server."""

from itertools import combinations, product

from tests.real.proxy import FAULTS
from tests.real.stories import CHOSEN, FACTORS, Choice


def test_every_pair_occurs() -> None:
    """Each two values of different factors meet in some story; all of them are few."""
    missing = [
        (one, other)
        for (here, ones), (there, others) in combinations(enumerate(FACTORS), 2)
        for one, other in product(ones, others)
        if not any(values(choice)[here] == one and values(choice)[there] == other for choice in CHOSEN)
    ]
    assert missing == []
    assert len(CHOSEN) <= 40


def values(choice: Choice) -> tuple[object, ...]:
    """In the order of the factors."""
    return choice.fault, choice.death, choice.server, choice.meddler, choice.back, choice.step


def test_none_is_calm() -> None:
    """Something goes wrong in each, and no two are the same."""
    assert all(choice.fault in FAULTS for choice in CHOSEN)
    assert len({str(choice) for choice in CHOSEN}) == len(CHOSEN)
