"""Parts of documents that may be missing or of another type."""

import pytest

from rrplan.adapters.kubernetes.documents import compact_json, mapping


@pytest.mark.parametrize("value", [None, "text", 3, ["a"]])
def test_no_mapping_is_an_empty_one(value: object) -> None:
    """What is missing, null or of another type has no parts."""
    assert mapping(value) == {}


def test_mapping_is_a_copy() -> None:
    """The document stays as it was."""
    labels = {"a": "b"}
    mapping(labels).clear()
    assert labels == {"a": "b"}


def test_equal_values_have_equal_texts() -> None:
    """Whatever the order of their keys."""
    assert compact_json({"b": [1, None], "a": "x"}) == compact_json({"a": "x", "b": [1, None]})
    assert compact_json({"b": [1, None], "a": "x"}) == '{"a":"x","b":[1,null]}'
