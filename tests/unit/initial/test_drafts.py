"""From the mesh: how many reflectors, which nodes and why, and what is asked."""

from dataclasses import replace

import pytest
import yaml

from rrplan.ids import NodeName
from rrplan.initial import initial
from rrplan.initial.choice import Choice, free_ids, reflector_count, shared_count, shared_taint
from rrplan.resources import ClusterState, Node, Pod, Taint
from rrplan.snapshots import Snapshot, snapshot_of_manifests
from rrplan.specs import load
from rrplan.specs.model import ZONE_LABEL, Topology
from tests.fixture_clusters import CALICO, FOLDER, KUBERNETES
from tests.support.clusters import mesh, node, peer, state


def proposed(resources: ClusterState) -> tuple[dict[str, object], str]:
    """The spec as a document, and its comments in one line."""
    text = initial(Snapshot(resources)).proposal.text
    words = " ".join(line.strip("# -").strip() for line in text.splitlines() if line.strip().startswith("#"))
    return yaml.safe_load(text)["spec"], words


def names(document: dict[str, object]) -> list[str]:
    """The reflectors of the first group."""
    groups = document["groups"]
    assert isinstance(groups, list)
    return list(groups[0]["nodes"]["names"])


def workers(count: int, zones: str = "") -> list[Node]:
    """So many nodes, in these zones in turn."""
    nodes = [node(f"n{number}", number) for number in range(1, count + 1)]
    if not zones:
        return nodes
    return [replace(one, labels={ZONE_LABEL: zones[index % len(zones)]}) for index, one in enumerate(nodes)]


def test_counts() -> None:
    """Two reflectors, three from 200 nodes on; shared out among more from 2,000 on."""
    assert [reflector_count(nodes) for nodes in (3, 199, 200, 1999)] == [2, 2, 3, 3]
    assert [shared_count(nodes) for nodes in (2000, 3001, 5000)] == [6, 7, 10]


def test_zones_take_turns_and_pods_decide() -> None:
    """One of each zone, with the fewest pods; the loss of a zone is then survived."""
    nodes = workers(6, "xyz")
    pods = [
        Pod(f"p{number}", "shop", NodeName(name)) for number, name in enumerate(("n1", "n1", "n4", "n2", "n5", "n5"))
    ]
    document, words = proposed(ClusterState.of([*state(*nodes), *pods]))

    assert names(document) == ["n4", "n2"]
    assert document["policy"] == {"minReflectorsPerClient": 2, "zoneResilience": True}
    assert "Why these nodes: zones take turns, the fewest pods run there." in words


def test_nodes_that_are_never_chosen() -> None:
    """Control plane, Windows, down, cordoned, without an address; uplinks come last."""
    control = replace(node("a-control", 1), labels={"node-role.kubernetes.io/control-plane": ""})
    windows = replace(node("a-windows", 2), labels={"kubernetes.io/os": "windows"})
    cordoned = replace(node("a-cordoned", 3), unschedulable=True)
    chosen = Choice(state(control, windows, cordoned, node("a-down", 4, ready=False), *workers(5)[4:], node("z", 9)))

    assert chosen.of(3).names == ("n5", "z")
    assert Choice(state(*workers(3)), {NodeName("n1")}).of(2).names == ("n2", "n3")


def test_marked_nodes_come_first() -> None:
    """A label says who shall reflect; a taint that they share makes them dedicated."""
    taint = Taint("bgp", "only", "NoSchedule")
    marked = [replace(one, labels={"role": "rr"}, taints=(taint,)) for one in workers(6)[4:]]
    document, words = proposed(state(*workers(4), *marked))

    assert names(document) == ["n5", "n6"]
    assert document["dedicated"] == {"taint": {"key": "bgp", "value": "only", "effect": "NoSchedule"}}
    assert "a label says that n5, n6 shall reflect" in words
    assert "These nodes are dedicated already" in words
    assert shared_taint([replace(marked[0], taints=(Taint("node.kubernetes.io/x", "", "NoSchedule"),))]) is None


def test_marked_nodes_come_before_zones() -> None:
    """Who is labelled for it reflects, also where that is all in one zone."""
    zoned = workers(6, "xyz")
    marked = [replace(one, labels={**one.labels, "role": "rr"}) if one.name in ("n3", "n6") else one for one in zoned]

    assert Choice(state(*marked)).of(2).names == ("n3", "n6")


def test_cluster_ids_that_nobody_uses() -> None:
    """Neither a cluster ID nor an address of the cluster."""
    used = [replace(node("a", 1), ipv4="224.0.0.2"), node("b", 2, "224.0.0.1")]

    assert free_ids(state(*used), 2) == ["224.0.0.3", "224.0.0.4"]


def test_what_is_kept_is_said() -> None:
    """Options of the mesh go over by themselves."""
    _, words = proposed(state(*workers(4)))

    assert "Password, restart time, filters and other options are kept from the sessions that are there." in words


OUTSIDE = state(*workers(4), peer("tor", peerIP="192.0.2.1", asNumber=65000))
EVERYONE = state(*workers(5), peer("everyone", nodeSelector="all()", peerSelector="all()"), mesh(on=False))
FEW = state(node("a", 1), replace(node("b", 2), labels={"node-role.kubernetes.io/control-plane": ""}), mesh(on=True))
RACKS = [
    replace(
        node(f"{rack}{n}", 10 * (1 + "ab".index(rack)) + n, as_number=65001 + "ab".index(rack)), labels={"rack": rack}
    )
    for rack in "ab"
    for n in (1, 2, 3)
]
TORS = [
    peer(f"tor-{rack}", nodeSelector=f"rack == '{rack}'", peerIP=f"192.0.2.{n}", asNumber=64999)
    for n, rack in enumerate("ab", 1)
]
INSIDE = [peer(f"in-{rack}", nodeSelector=f"rack == '{rack}'", peerSelector=f"rack == '{rack}'") for rack in "ab"]


@pytest.mark.parametrize(
    ("resources", "asked"),
    [
        (OUTSIDE, "Does one of them pass routes between nodes, or must every node hold what it announces?"),
        (EVERYONE, "`adopt: reflection` retires what the reflectors replace; shall it stay?"),
        (FEW, "Only a can reflect: Linux, Ready, with an address, not of the control plane."),
        (state(*RACKS), "The nodes have several AS numbers (AS 65001: 3 nodes, AS 65002: 3 nodes)"),
        (state(*RACKS, *TORS, *INSIDE, mesh(on=False)), "Each AS is taken to be a rack whose switches pass routes on"),
        (state(*RACKS, *TORS, *INSIDE, mesh(on=False)), "reflectors of one rack peer by them"),
        (state(*RACKS, *TORS, *INSIDE, mesh(on=False)), "Racks with few nodes gain little from reflectors"),
    ],
    ids=["outside", "mesh-of-a-peer", "too-few", "systems", "fabric", "rack-mesh", "worth"],
)
def test_what_is_asked(resources: ClusterState, asked: str) -> None:
    """What init cannot decide is a question in a comment."""
    assert asked in proposed(resources)[1]


def test_the_mesh_of_a_peer_is_retired() -> None:
    """Reflectors take the place of a mesh that one BGPPeer makes."""
    assert proposed(EVERYONE)[0]["adopt"] == "reflection"


def test_racks() -> None:
    """Several AS numbers: with the mesh on nothing changes; without it each rack gets its own reflectors."""
    assert proposed(state(*RACKS))[0] == {"topology": "full-mesh"}
    document, _ = proposed(state(*RACKS, *TORS, *INSIDE, mesh(on=False)))
    groups = document["groups"]
    assert isinstance(groups, list)
    assert [(group["name"], group["clusterID"], group["clients"]) for group in groups] == [
        ("a", "224.0.0.1", "rack == 'a'"),
        ("b", "224.0.0.2", "rack == 'b'"),
    ]
    assert document["outside"] == [
        {"name": f"switch-{n}", "address": f"192.0.2.{n}", "asNumber": 64999, "transit": True, "fabric": "fabric"}
        for n in (1, 2)
    ]


def test_nobody_can_reflect() -> None:
    """A small cluster of control-plane nodes alone: the spec is one that `validate` reads, and changes nothing."""
    nodes = [replace(each, labels={"node-role.kubernetes.io/control-plane": ""}) for each in workers(3)]
    found = initial(Snapshot(state(*nodes)))

    assert found.proposal.outcome == "plans to no changes"
    assert load(found.proposal.text.encode(), "spec.yaml").topology is Topology.FULL_MESH
    (question,) = found.proposal.questions
    assert question.startswith("No node can reflect: Linux, Ready, with an address, not of the control plane.")


def test_nobody_can_be_a_standalone_reflector() -> None:
    """The same where reflectors would be containers of their own."""
    folder = FOLDER / "ucp"
    listing = yaml.safe_load((folder / KUBERNETES).read_text())
    for each in listing["items"]:
        if each["kind"] == "Node":
            each.setdefault("spec", {})["unschedulable"] = True
    files = [(KUBERNETES, yaml.safe_dump(listing).encode()), (CALICO, (folder / CALICO).read_bytes())]
    proposal = initial(snapshot_of_manifests(files)).proposal

    assert load(proposal.text.encode(), "spec.yaml").topology is Topology.FULL_MESH
    assert proposal.plans


def test_nodes_that_a_cloud_may_take_back() -> None:
    """They come last, even where a zone has no others; where there is nobody else, it is asked."""
    spot = {"karpenter.sh/capacity-type": "spot"}
    nodes = [replace(each, labels={ZONE_LABEL: "a"}) for each in workers(4)]
    nodes[2:] = [replace(each, labels={ZONE_LABEL: "b", **spot}) for each in nodes[2:]]
    document, _ = proposed(state(*nodes))
    assert names(document) == ["n1", "n2"]

    nodes = [replace(each, labels={"eks.amazonaws.com/capacityType": "SPOT"}) for each in workers(3)]
    document, words = proposed(state(*nodes))
    assert names(document) == ["n1", "n2"]
    assert "A label says that the cloud may take n1, n2 back at any time" in words
