"""Fields of a change, for display."""

from rrplan.plans.change import Change
from rrplan.plans.diff import between, fields
from rrplan.resources import ResourceKey

KEY = ResourceKey("BGPConfiguration", "default")


def test_a_mapping_that_goes_is_told_by_its_fields() -> None:
    """The other side names the whole mapping as absent, which is no row of its own."""
    whole: Change = between(KEY, {"spec": {"p": {"ref": {"name": "a"}}, "x": 1}}, {"spec": {"x": 2}})

    assert [(one.name, one.before, one.after) for one in fields(whole)] == [
        ("spec.p.ref.name", "a", None),
        ("spec.x", 1, 2),
    ]
    assert [(one.name, one.before, one.after) for one in fields(whole.inverse())] == [
        ("spec.p.ref.name", None, "a"),
        ("spec.x", 2, 1),
    ]
