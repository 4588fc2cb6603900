"""What the model does for hard structures grows no faster than was agreed: counted, so that no clock decides."""

import pytest

from tests.bench.shapes import SHAPES
from tests.bench.work import work

AGREED = {
    "plain": (0.1, 0.1),
    "switches_by_node": (0.1, 0.1),
    "racks_with_switches": (0.1, 0.2),
    "racks_with_systems": (2.0, 2.1),
    "racks_to_reflectors": (1.5, 2.0),
    "nodes_with_systems": (2.0, 2.0),
    "groups": (1.4, 1.5),
    "groups_below_three": (1.4, 1.5),
    "zones": (0.1, 0.4),
    "three_peers_of_each_node": (0.1, 0.1),
}
"""The highest powers of the number of hard parts for pairs asked and copies delivered."""

SIZES = {"groups": (120, 12), "groups_below_three": (120, 12)}
"""Nodes and parts of the smaller cluster where there must be more: of groups a few stand for all only from ten on."""


@pytest.mark.parametrize("name", SHAPES)
def test_growth(name: str) -> None:
    """Twice the BGPPeers, racks, groups or zones, and twice the nodes."""
    nodes, parts = SIZES.get(name, (60, 6))
    small, large = work(SHAPES[name](nodes, parts)), work(SHAPES[name](2 * nodes, 2 * parts))
    pairs, copies = large.exponents(small, 2)
    assert pairs <= AGREED[name][0]
    assert copies <= AGREED[name][1]


def test_every_shape_is_agreed_about() -> None:
    """A new shape needs a number."""
    assert AGREED.keys() == SHAPES.keys()
