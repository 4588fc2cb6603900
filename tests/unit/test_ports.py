"""The condition of every write."""

import pytest

from rrplan.errors import DatastoreConflict
from rrplan.ports import Stored, at_version
from rrplan.resources import ResourceKey

KEY = ResourceKey("BGPPeer", "rr")


def test_at_version() -> None:
    """What is there at the version is handed back."""
    stored = Stored({"kind": "BGPPeer"}, "7")
    assert at_version(KEY, stored, "7") is stored


@pytest.mark.parametrize(
    ("stored", "expected"),
    [(None, "BGPPeer/rr does not exist"), (Stored({}, "8"), "BGPPeer/rr is at version 8, not 7")],
    ids=["absent", "newer"],
)
def test_conflict(stored: Stored | None, expected: str) -> None:
    """What is gone, or was changed, is a conflict that says which."""
    with pytest.raises(DatastoreConflict) as error:
        at_version(KEY, stored, "7")
    assert str(error.value) == expected
