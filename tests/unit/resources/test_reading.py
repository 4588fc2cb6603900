"""Numbers of any length: what Calico cannot read is none, and nothing breaks."""

import pytest

from rrplan.bgp.cluster_ids import bird_reads
from rrplan.bgp.endpoint import endpoint_of
from rrplan.resources import CalicoVersion, decode
from rrplan.resources.objects import Node
from rrplan.resources.reading import DecodeProblem, is_ipv4_network, parse_address, parse_as_number, parse_decimal

LONG = "1" * 5000
ZEROS = "0" * 5000


def test_long_numbers_are_none() -> None:
    """Python reads no number of more than 4,300 digits, and says so by an exception."""
    assert parse_decimal(LONG) is None
    assert parse_as_number(LONG) is parse_as_number(f"{LONG}.1") is parse_as_number(f"1.{LONG}") is None
    assert parse_address(f"10.0.0.1/{LONG}", 4) is None
    assert endpoint_of(f"10.0.0.1:{LONG}") is endpoint_of(f"10.0.0.1:0x{LONG}") is None
    assert CalicoVersion.parse(f"v3.{LONG}") is None
    assert not is_ipv4_network(f"1.0.0.1/{LONG}")
    assert not bird_reads(LONG)
    assert not bird_reads(f"1.0.0.{LONG}")


def test_leading_zeros() -> None:
    """Go reads any number of them."""
    assert parse_decimal(f"{ZEROS}24") == 24
    assert parse_as_number(f"{ZEROS}65001") == 65001
    assert parse_address(f"10.0.0.1/{ZEROS}24", 4) == "10.0.0.1"
    assert is_ipv4_network(f"1.0.0.1/{ZEROS}32")
    octal = endpoint_of(f"10.0.0.1:{ZEROS}0263")
    assert octal is not None
    assert octal.port == 179


@pytest.mark.parametrize(
    ("annotation", "text"),
    [("ASNumber", LONG), ("IPv4Address", f"10.0.0.1/{LONG}"), ("labels", f'{{"a": {LONG}}}')],
    ids=["AS number", "prefix length", "labels"],
)
def test_a_long_number_in_an_annotation(annotation: str, text: str) -> None:
    """The annotation is ignored, like any that cannot be read."""
    name = f"projectcalico.org/{annotation}"
    found = decode({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a", "annotations": {name: text}}})
    assert isinstance(found, Node)
    assert found.ignored == {name: text}


def test_half_of_a_character_in_an_annotation() -> None:
    """It cannot be written to a file, so it is refused where it is read, also in a value that Calico ignores."""
    annotations = {"projectcalico.org/ASNumber": "\ud800"}
    with pytest.raises(DecodeProblem, match="must be text in Unicode"):
        decode({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a", "annotations": annotations}})
