"""Which sessions are certainly left alone while both ends reload in any order (BIRD's lock, `proto/bgp/bgp.c`)."""

from dataclasses import replace

import pytest

from rrplan.bgp.adjacency import survives
from rrplan.bgp.protocol import Protocol, ProtocolKind
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName

MESH = Protocol(
    node=NodeName("a"),
    family=Family.IPV4,
    kind=ProtocolKind.MESH,
    local_address="10.0.0.1",
    local_as=64512,
    peer_address="10.0.0.2",
    port=None,
    peer_as=64512,
    peer_node=NodeName("b"),
    passive=False,
    source_address="10.0.0.1",
    reflector_client=False,
    cluster_id=None,
)
NODE = replace(MESH, kind=ProtocolKind.NODE)
CLIENT = replace(NODE, reflector_client=True, cluster_id="1.0.0.1")
FAR = replace(NODE, node=NodeName("b"), local_address="10.0.0.2", peer_address="10.0.0.1", peer_node=NodeName("a"))

CASES = [
    ("nothing changes", [MESH], [MESH], True),
    ("it keeps the lock beside a new one, but on the way back the new one may have it", [MESH], [MESH, NODE], False),
    ("it is replaced", [MESH], [NODE], False),
    ("of two the live one is not known, so one that goes may be it", [MESH, NODE], [NODE], False),
    ("two that both stay", [MESH, NODE], [MESH, NODE], True),
    ("two in another order: after a restart the other one would hold the lock", [MESH, NODE], [NODE, MESH], False),
    ("`rr client` is new, so the session restarts", [NODE], [CLIENT], False),
    ("an option is new", [NODE], [replace(NODE, options=(("password", "x"),))], False),
    (
        "two BGPPeers disagree from now on: any recomputation may restart it",
        [NODE],
        [replace(NODE, alternatives=(CLIENT,))],
        False,
    ),
    ("it goes", [NODE], [], False),
]


@pytest.mark.parametrize(("why", "before", "after", "expected"), CASES, ids=[case[0] for case in CASES])
def test_survives(why: str, before: list[Protocol], after: list[Protocol], expected: bool) -> None:
    """At either end, with the other end left alone."""
    assert survives((before, [FAR]), (after, [FAR])) is expected
    assert survives(([FAR], before), ([FAR], after)) is expected
