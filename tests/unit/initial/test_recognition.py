"""Reflectors that other tools made are described as they are: the spec plans to no changes."""

from dataclasses import replace

import pytest
import yaml

from rrplan.desired.standalone import daemonset
from rrplan.ids import NodeName
from rrplan.initial import initial
from rrplan.resources import BGPPeer, ClusterState, Node, Pod, ResourceKey, Taint, decode
from rrplan.resources.node_codec import without_calico
from rrplan.snapshots import Snapshot, snapshot_of_manifests
from rrplan.specs import load
from rrplan.specs.model import UCP_KEY
from tests.fixture_clusters import CALICO, FOLDER, KUBERNETES, SPEC
from tests.support.clusters import mesh, node, peer, state

ALL = frozenset("abcd")


def cluster(reflectors: list[Node], peers: list[BGPPeer], *, mesh_on: bool = False) -> ClusterState:
    """Reflectors, the clients a to d, and BGPPeers."""
    clients = [node(name, number) for number, name in enumerate("abcd", 10)]
    return state(*reflectors, *clients, *peers, mesh(on=mesh_on))


def labelled(key: str, *values: str, cluster_id: str = "224.0.0.1") -> list[Node]:
    """Reflectors r1, r2 ... with a label, a value each."""
    return [
        replace(node(f"r{number}", number, cluster_id), labels={key: value}) for number, value in enumerate(values, 1)
    ]


def proposed(resources: ClusterState) -> tuple[str, dict[str, object], str]:
    """What the spec plans to, what it says, and its text."""
    proposal = initial(Snapshot(resources)).proposal
    return proposal.outcome, yaml.safe_load(proposal.text)["spec"], proposal.text


KUBESPRAY = cluster(
    labelled("i-am-a-route-reflector", "true", "true"),
    [
        peer("peer-to-rrs", nodeSelector="!has(i-am-a-route-reflector)", peerSelector="has(i-am-a-route-reflector)"),
        peer("rr-mesh", nodeSelector="has(i-am-a-route-reflector)", peerSelector="has(i-am-a-route-reflector)"),
    ],
)
KUBEASZ = cluster(
    labelled("route-reflector", "true", "true", cluster_id="244.0.0.1"),
    [peer("peer-with-route-reflectors", nodeSelector="all()", peerSelector="route-reflector == 'true'")],
)
OPERATOR = cluster(
    labelled("calico-route-reflector", "", ""),
    [
        peer("peer-to-rrs", nodeSelector="!has(calico-route-reflector)", peerSelector="has(calico-route-reflector)"),
        peer("rrs-to-rrs", nodeSelector="has(calico-route-reflector)", peerSelector="has(calico-route-reflector)"),
    ],
)
KUBEMARINE = cluster(
    labelled("route-reflector", "true", "true", cluster_id="244.0.0.1"),
    [
        peer("node-to-rr", nodeSelector="!has(route-reflector)", peerSelector="route-reflector == 'true'"),
        peer("rr-to-rr", nodeSelector="has(route-reflector)", peerSelector="has(route-reflector)"),
    ],
)
TWO_VALUES = cluster(
    labelled("role-rr", "yes", "true"),
    [peer("hand", nodeSelector="all()", peerSelector="has(role-rr)")],
)


@pytest.mark.parametrize(
    ("resources", "key"),
    [
        (KUBESPRAY, "i-am-a-route-reflector"),
        (KUBEASZ, "route-reflector"),
        (OPERATOR, "calico-route-reflector"),
        (KUBEMARINE, "route-reflector"),
        (TWO_VALUES, "role-rr"),
    ],
    ids=["kubespray", "kubeasz-and-ibm", "mhmxs", "kubemarine", "two-values"],
)
def test_other_tools(resources: ClusterState, key: str) -> None:
    """Their label is the label of the spec, their BGPPeers stay, and whether rrplan shall replace them is asked."""
    outcome, document, text = proposed(resources)

    assert (outcome, document["labelKey"]) == ("plans to no changes", key)
    assert "not made by rrplan" in text
    assert "adopt" not in document


def test_clients_of_their_own() -> None:
    """Groups whose clients differ say which, by the selector that the BGPPeers have."""
    reflectors = [
        *labelled("reflects", "one", "one", cluster_id="224.0.0.1"),
        *(node(f"s{number}", number + 4, "224.0.0.2", reflects="two") for number in (1, 2)),
    ]
    clients = [
        node(name, number, rack=rack) for number, (name, rack) in enumerate(zip("abcd", "1122", strict=True), 10)
    ]
    peers = [
        peer("to-one", nodeSelector="rack == '1'", peerSelector="reflects == 'one'"),
        peer("to-two", nodeSelector="rack == '2'", peerSelector="reflects == 'two'"),
        peer("among", nodeSelector="has(reflects)", peerSelector="has(reflects)"),
    ]
    outcome, document, _ = proposed(state(*reflectors, *clients, *peers, mesh(on=False)))

    assert outcome == "plans to no changes"
    groups = document["groups"]
    assert isinstance(groups, list)
    assert [(group["name"], group["clusterID"], group["clients"]) for group in groups] == [
        ("one", "224.0.0.1", "rack == '1'"),
        ("two", "224.0.0.2", "rack == '2'"),
    ]


def test_half_done() -> None:
    """One reflector beside the mesh gets a second one; the steps are told, and the mesh is asked about."""
    resources = cluster(
        labelled("reflects", "true"), [peer("hand", nodeSelector="all()", peerSelector="has(reflects)")], mesh_on=True
    )
    outcome, document, text = proposed(resources)

    assert outcome.startswith("plans to ")
    assert "steps, proved" in outcome
    groups = document["groups"]
    assert isinstance(groups, list)
    assert groups[0]["nodes"]["names"] == ["r1", "a"]
    assert "turns it off at the end" in text


def test_one_reflector_alone() -> None:
    """It is described as it is, and asked about."""
    resources = cluster(
        labelled("reflects", "true"), [peer("hand", nodeSelector="all()", peerSelector="has(reflects)")]
    )
    outcome, document, text = proposed(resources)

    assert (outcome, document["policy"]) == ("plans to no changes", {"minReflectorsPerClient": 1})
    assert "one reflector alone" in text


def test_a_dead_reflector_is_asked_about() -> None:
    """Whoever is down is named."""
    reflectors = [node("r1", 1, "224.0.0.1", reflects="true"), node("r2", 2, "224.0.0.1", ready=False, reflects="true")]
    _, _, text = proposed(cluster(reflectors, [peer("hand", nodeSelector="all()", peerSelector="has(reflects)")]))

    assert "r2 is down. Does it come back, or shall another node take its place?" in " ".join(
        line.removeprefix("#").strip() for line in text.splitlines()
    )


def ucp_by_the_documents(*, tidy: bool) -> ClusterState:
    """UCP after the documented procedure; `tidy` says that the hosts lost their Calico Nodes and calico-node too."""
    written = [(name, (FOLDER / "ucp" / name).read_bytes()) for name in (KUBERNETES, CALICO)]
    resources = snapshot_of_manifests(written).state
    metadata = {"metadata": {"name": "calico-rr", "namespace": "kube-system"}}
    container = decode({**daemonset(load((FOLDER / "ucp" / SPEC).read_bytes(), SPEC)), **metadata})
    assert container is not None
    resources = resources.put(container).put(mesh(on=False))
    for name in ("ucp-worker-19", "ucp-worker-20"):
        host = resources.nodes[NodeName(name)]
        resources = resources.put(peer(f"bgppeer-{name}", peerIP=host.ipv4, asNumber=64512))
        if tidy:
            gone = [ResourceKey("CalicoNode", name)]
            gone += [each.key for each in resources if isinstance(each, Pod) and each.node == name]
            for key in gone:
                resources = resources.remove(key)
            host = without_calico(host)
        resources = resources.put(replace(host, labels={**host.labels, UCP_KEY: "true"}))
    return resources


def test_ucp_by_the_documents() -> None:
    """Containers that somebody else made stay as they are; a Calico Node that was forgotten is refused in words."""
    outcome, document, text = proposed(ucp_by_the_documents(tidy=True))
    assert (outcome, document["flavor"]) == ("plans to no changes", "standalone")
    assert "rrplan did not keep calico-node away from ucp-worker-19, ucp-worker-20." in text

    assert proposed(ucp_by_the_documents(tidy=False))[0].startswith("is refused")


def test_reflectors_outside() -> None:
    """Speakers outside with the cluster's AS number reflect, where there is no mesh; their cluster ID is asked for."""
    nodes = [node(name, number) for number, name in enumerate("abcd", 10)]
    peers = [peer(f"box-{number}", peerIP=f"10.0.9.{number}", asNumber=64512) for number in (1, 2)]
    outcome, document, text = proposed(state(*nodes, *peers, mesh(on=False)))

    assert outcome == "plans to no changes"
    assert document["groups"] == [{"name": "main", "outside": ["rr-1", "rr-2"]}]
    assert "taken to reflect" in text


def test_a_taint_that_is_there() -> None:
    """Reflectors that are dedicated by a taint keep it."""
    taint = Taint("bgp", "only", "NoSchedule")
    reflectors = [replace(each, taints=(taint,)) for each in labelled("reflects", "true", "true")]
    outcome, document, _ = proposed(
        cluster(reflectors, [peer("hand", nodeSelector="all()", peerSelector="has(reflects)")])
    )

    assert outcome == "plans to no changes"
    assert document["dedicated"] == {"taint": {"key": "bgp", "value": "only", "effect": "NoSchedule"}}


def test_cluster_id_that_no_spec_may_have() -> None:
    """The spec is one all the same: it gives another cluster ID, and asks."""
    reflectors = labelled("route-reflector", "true", "true", cluster_id="0.0.0.0")
    peers = [peer("peers", nodeSelector="all()", peerSelector="route-reflector == 'true'")]
    proposal = initial(Snapshot(cluster(reflectors, peers))).proposal

    assert load(proposal.text.encode(), "spec.yaml").name == "cluster"
    assert "Cluster ID `0.0.0.0` of today is none that a spec may have: this one gives 224.0.0.1" in " ".join(
        proposal.questions
    )
