"""What comes over sessions with speakers outside the cluster, read from the nodes alone."""

from collections.abc import Mapping

from rrplan.adapters.nodes.birdcl import Question
from rrplan.ids import NodeName
from rrplan.ports import Survey, UplinkReading, Whereabouts
from tests.unit.adapters.nodes.test_probe import ADDRESSES, BANNER, A, B, Cluster, R, probe_of


class Outside(Cluster):
    """The reflector is no node: nobody can ask it."""

    def whereabouts(self) -> Whereabouts:
        """The two nodes."""
        return Whereabouts({node: {"ipv4": ADDRESSES[node]} for node in (A, B)}, frozenset())

    def owners(self) -> Mapping[str, NodeName]:
        """A block of each node."""
        return {f"10.244.{number}.0/26": node for number, node in enumerate((A, B))}

    def _said(self, node: NodeName, question: Question) -> str:
        if question.words != "show route":
            return super()._said(node, question)
        other = 1 if node == A else 0
        hop = ADDRESSES[B if node == A else A]
        lines = [f"10.244.{other}.0/26 via {hop} on eth0 [Node_{R} 12:00:00 from {ADDRESSES[R]}] * (100/0) [i]"]
        return BANNER + "\n".join(lines) + "\n"


def uplinks(survey: Survey, cluster: Outside) -> dict[NodeName, UplinkReading]:
    """The reading of the session with the reflector, by node."""
    readings = probe_of(cluster).read(survey)
    return {reading.node: reading.families["ipv4"].uplinks[ADDRESSES[R]] for reading in readings}


def test_routes_of_a_reflector_outside() -> None:
    """They are counted where the survey asks for them, by the nodes that own the blocks."""
    asked = Survey([A, B], uplinked={A, B}, reflecting={ADDRESSES[R]})
    assert {name: reading.routes for name, reading in uplinks(asked, Outside()).items()} == {A: 1, B: 1}
    plain = Survey([A, B], uplinked={A, B})
    assert {name: reading.routes for name, reading in uplinks(plain, Outside()).items()} == {A: 0, B: 0}


def test_a_session_that_is_not_up() -> None:
    """BIRD's own word for it is told."""
    cluster = Outside()
    cluster.down.add(A)
    asked = Survey([A, B], uplinked={A, B}, reflecting={ADDRESSES[R]})
    seen = uplinks(asked, cluster)
    assert not seen[A].established
    assert seen[A].why.startswith("BIRD says `start")
    assert seen[B].established
