"""What is not in a laboratory as it is in the cluster."""

from rrplan.bgp.profile import Versions
from rrplan.bgp.sessions import Speakers
from rrplan.rehearsal.unlike import across_routers
from rrplan.resources import CalicoVersion
from tests.unit.bgp.test_links import racks


def test_sessions_that_go_through_no_router() -> None:
    """One is named, for all of them; with an older Calico, or one AS, there is none."""
    text = "all nodes are on one link here, so a1 has a session with b1; in the cluster a router is between them"
    new, old = (Versions(CalicoVersion(3, minor), "test") for minor in (30, 24))
    assert [*across_routers(Speakers.of(racks(), new))] == [text]
    assert [*across_routers(Speakers.of(racks(), old))] == []
    assert [*across_routers(Speakers.of(racks(systems=False), new))] == []
