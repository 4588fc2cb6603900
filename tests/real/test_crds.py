"""The CRDs that the tests use refuse what Calico's own refuse, so that no stand-in answers what calico-node would not.

Sources: api/config/crd and libcalico-go/config/crd of projectcalico/calico, and the tests of their rules (v3.32).
"""

from collections.abc import Mapping

import pytest

from rrplan.errors import DatastoreRefused
from tests.real.server import RealServer

pytestmark = pytest.mark.real

PEER = {"peerIP": "10.0.0.9", "asNumber": 64512}
COUNTERS = {f"number{kind}Established{family}": 0 for kind in ("", "Not") for family in ("V4", "V6")}
REFUSED: list[tuple[str, Mapping[str, object], str]] = [
    ("BGPPeer", {**PEER, "node": "n1", "nodeSelector": "all()"}, "node and nodeSelector cannot both be set"),
    ("BGPPeer", {"peerIP": "10.0.0.9", "peerSelector": "all()"}, "peerIP and peerSelector cannot both be set"),
    ("BGPPeer", {"asNumber": 64512, "peerSelector": "all()"}, "asNumber must be empty when peerSelector is set"),
    ("BGPPeer", {"localWorkloadSelector": "all()"}, "asNumber is required when localWorkloadSelector is set"),
    ("BGPPeer", {**PEER, "localWorkloadSelector": "all()"}, "peerIP must be empty when localWorkloadSelector is set"),
    ("BGPPeer", {"peerSelector": "all()", "reachableBy": "10.0.0.1"}, "reachableBy must be empty when peerIP is empty"),
    (
        "BGPPeer",
        {**PEER, "keepOriginalNextHop": True, "nextHopMode": "Self"},
        "keepOriginalNextHop and nextHopMode cannot both be set",
    ),
    ("BGPPeer", {**PEER, "sourceAddress": "Mine"}, 'supported values: "UseNodeIP", "None"'),
    ("BGPPeer", {**PEER, "password": {"secretKeyRef": {"name": "bgp"}}}, "spec.password.secretKeyRef.key"),
    (
        "BGPConfiguration",
        {"nodeToNodeMeshEnabled": False, "nodeMeshMaxRestartTime": "60s"},
        "nodeMeshMaxRestartTime cannot be set when nodeToNodeMeshEnabled is false",
    ),
    (
        "BGPConfiguration",
        {"nodeToNodeMeshEnabled": False, "nodeMeshPassword": {}},
        "nodeMeshPassword cannot be set when nodeToNodeMeshEnabled is false",
    ),
    ("BGPFilter", {"exportV4": [{"action": "Accept", "cidr": "10.0.0.0/8"}]}, "must both be set or both be empty"),
    (
        "BGPFilter",
        {"importV6": [{"action": "Accept", "prefixLength": {"min": 64}}]},
        "cidr is required when prefixLength",
    ),
    ("IPPool", {"cidr": "10.0.0.0/8", "ipipMode": "Always", "vxlanMode": "Always"}, "cannot both be enabled"),
    ("IPPool", {"cidr": "fd00::/64", "ipipMode": "Always"}, "IPIP is not supported on IPv6 pools"),
    ("IPPool", {"cidr": "ten"}, "spec.cidr"),
    ("BlockAffinity", {"node": "n1", "cidr": "10.0.0.0/26", "deleted": "false", "state": "confirmed"}, "spec.deleted"),
    ("CalicoNodeStatus", {"node": "n1", "classes": ["Everything"]}, 'supported values: "Agent", "BGP", "Routes"'),
]
ANSWERS: list[tuple[Mapping[str, object], str]] = [
    ({"agent": {"birdV4": {"state": "Up"}}}, '"Ready", "NotReady"'),
    ({"bgp": {**COUNTERS, "peersV4": [{"peerIP": "10.0.0.9", "type": "Mesh"}]}}, '"NodeMesh", "NodePeer"'),
    ({"bgp": {**COUNTERS, "peersV6": [{"state": "Passive"}]}}, '"Idle", "Connect", "Active"'),
    ({"routes": {"routesV4": [{"type": "Best"}]}}, '"FIB", "RIB"'),
    ({"routes": {"routesV6": [{"learnedFrom": {"sourceType": "Felix"}}]}}, '"Kernel", "Static", "Direct"'),
]


@pytest.mark.parametrize(("kind", "spec", "text"), REFUSED)
def test_native_kinds(v3_server: RealServer, kind: str, spec: Mapping[str, object], text: str) -> None:
    """Native CRDs of v3.32 have enumerations, and rules between fields."""
    with pytest.raises(DatastoreRefused) as error:
        create(v3_server, kind, {"spec": spec})
    assert text in str(error.value)


@pytest.mark.parametrize(("status", "text"), ANSWERS)
def test_native_answers(v3_server: RealServer, status: Mapping[str, object], text: str) -> None:
    """calico-node reports in Calico's words."""
    with pytest.raises(DatastoreRefused) as error:
        create(v3_server, "CalicoNodeStatus", {"spec": {"node": "n1"}, "status": status})
    assert text in str(error.value)


@pytest.mark.parametrize("name", ["crd_server", "v3_server"])
@pytest.mark.parametrize("counter", sorted(COUNTERS))
def test_counters_of_sessions(request: pytest.FixtureRequest, name: str, counter: str) -> None:
    """In either group no counter may be left out."""
    server: RealServer = request.getfixturevalue(name)
    counters = {key: value for key, value in COUNTERS.items() if key != counter}
    with pytest.raises(DatastoreRefused) as error:
        create(server, "CalicoNodeStatus", {"spec": {"node": "n1"}, "status": {"bgp": counters}})
    assert f"status.bgp.{counter}: Required value" in str(error.value)


def test_older_kinds(crd_server: RealServer) -> None:
    """The CRDs of crd.projectcalico.org know fields and no words; what they do not know is dropped."""
    kept = create(crd_server, "BGPPeer", {"spec": {"node": "n1", "nodeSelector": "all()", "fantasy": 1}})
    assert kept["spec"] == {"node": "n1", "nodeSelector": "all()"}
    with pytest.raises(DatastoreRefused, match=r"spec\.deleted"):
        create(
            crd_server, "BlockAffinity", {"spec": {"node": "n", "cidr": "x", "state": "confirmed", "deleted": False}}
        )


def create(server: RealServer, kind: str, body: Mapping[str, object]) -> dict[str, object]:
    """What the server would keep; it keeps nothing."""
    plural = next(one for one in server.plurals if one.startswith(kind.lower()[:-1]))
    head = {"apiVersion": server.calico.removeprefix("/apis/"), "kind": kind, "metadata": {"name": "x"}}
    return server.api.create(f"{server.calico}/{plural}", {**head, **body}, dry_run=True)
