"""Whatever kubectl and calicoctl print is read; what cannot be read is named with file, line and column."""

import json
from dataclasses import replace

import pytest
import yaml

from rrplan.errors import DigestMismatch, FileFormatError, ManifestError
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, DaemonSet, Installation, IPPool, Node, Pod, ResourceKey, decode, encode
from rrplan.resources.node_codec import LABELS_ANNOTATION, encode_node
from rrplan.resources.objects import BGPConfiguration, BGPPeer, FelixConfiguration
from rrplan.snapshots import Snapshot, joined_documents, read_snapshot, snapshot_of_manifests, write_snapshot
from rrplan.snapshots.ignored import ignored
from rrplan.snapshots.manifests import NO_PEERS, documents_in

NODE = """\
apiVersion: v1
kind: Node
metadata:
  name: n1
  labels: {zone: a}
  annotations:
    projectcalico.org/IPv4Address: 10.0.0.1/24
    projectcalico.org/ASNumber: "64600"
    example.com/token: very-secret
spec:
  taints: [{key: rr, effect: NoSchedule, timeAdded: 2026-01-01T00:00:00Z}]
status:
  conditions: [{type: Ready, status: "True", lastHeartbeatTime: "2026-01-02T03:04:05Z"}]
"""
CALICO_NODE = """\
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, labels: {zone: a}}
spec:
  bgp: {ipv4Address: 10.0.0.1/24, asNumber: 64600, routeReflectorClusterID: 1.0.0.1}
"""
PEER = """\
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: p1}
spec: {nodeSelector: all(), peerSelector: has(rr)}
"""
CRD_PEER = """\
apiVersion: crd.projectcalico.org/v1
kind: BGPPeer
metadata:
  name: p1
  annotations:
    projectcalico.org/metadata: '{"uid":"1","labels":{"app.kubernetes.io/managed-by":"rrplan"}}'
spec: {nodeSelector: all(), peerSelector: has(rr)}
"""


DAEMONSET = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: NAME, namespace: kube-system}
spec: {template: {spec: {containers: [{name: calico-node, env: [ENV]}]}}}
"""
MORE = [
    DAEMONSET.replace("NAME", "without").replace("ENV", ""),
    DAEMONSET.replace("NAME", "elsewhere").replace("ENV", "{name: FELIX_TYPHAK8SSERVICENAME, valueFrom: {x: {}}}"),
    DAEMONSET.replace("NAME", "named").replace(
        "ENV",
        "{name: FELIX_TYPHAK8SSERVICENAME, value: calico-typha}, {name: CALICO_NETWORKING_BACKEND, value: bird}",
    ),
    """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: x, ownerReferences: [{kind: ReplicaSet, name: web-1, controller: true}]}
spec: {nodeName: n1}
""",
    """\
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default, annotations: {meta.helm.sh/release-name: net}}
spec: {}
""",
]


def read(*texts: str | bytes) -> object:
    """The snapshot of some files, named a.yaml, b.yaml ..."""
    files = [
        (f"{'abc'[index]}.yaml", text.encode() if isinstance(text, str) else text) for index, text in enumerate(texts)
    ]
    return snapshot_of_manifests(files)


def test_kubectl_node_with_annotations() -> None:
    """Addresses and AS come from the annotations of the kubernetes datastore."""
    node = snapshot_of_manifests([("a", NODE.encode())]).state.nodes[NodeName("n1")]
    assert (node.ipv4, node.as_number, node.ready, node.labels) == ("10.0.0.1", 64600, True, {"zone": "a"})
    assert [taint.key for taint in node.taints] == ["rr"]


def test_both_views_of_a_node_become_one() -> None:
    """`kubectl get nodes` and `calicoctl get nodes`, in either order."""
    files = [("a", NODE.encode()), ("b", CALICO_NODE.encode())]
    one, other = (snapshot_of_manifests(order).state.nodes[NodeName("n1")] for order in (files, files[::-1]))
    assert one == other
    assert (one.cluster_id, one.ready, [taint.key for taint in one.taints]) == ("1.0.0.1", True, ["rr"])


def test_labels_that_calico_copied_are_no_kubernetes_node() -> None:
    """With etcd, Calico's own Node has Kubernetes' labels too: given first, it does not hide taints and readiness."""
    copied = CALICO_NODE.replace(
        "name: n1", """name: n1, labels: {zone: a}, annotations: {projectcalico.org/kube-labels: '{"zone": "a"}'}"""
    )
    state = snapshot_of_manifests([("a", copied.encode()), ("b", NODE.encode())]).state
    node = state.nodes[NodeName("n1")]
    assert (node.ready, [taint.key for taint in node.taints], node.only_calico) == (True, ["rr"], False)


def test_what_only_calico_said_is_kept() -> None:
    """That no Kubernetes Node was given is known of a snapshot file, too; to others it makes no difference."""
    snapshot = snapshot_of_manifests([("a", CALICO_NODE.encode())])
    again = read_snapshot(write_snapshot(snapshot), "s.json")
    assert [one.state.nodes[NodeName("n1")].only_calico for one in (snapshot, again)] == [True, True]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: projectcalico.org/v3\nitems: []\nkind: BGPPeerList\nmetadata: {resourceVersion: '42'}\n",
        "apiVersion: projectcalico.org/v3\nitems: null\nkind: BGPPeerList\nmetadata: {resourceVersion: '42'}\n",
        '{"kind": "BGPPeerList", "apiVersion": "projectcalico.org/v3", "metadata": {}, "items": []}',
        "apiVersion: v1\nitems: []\nkind: List\nmetadata: {resourceVersion: ''}\n",
        "[{kind: BGPPeerList, items: []}, {kind: BGPConfigurationList, items: null}]",
    ],
    ids=["calicoctl", "null", "json", "kubectl", "several-kinds"],
)
def test_a_listing_without_objects(text: str) -> None:
    """`calicoctl get bgppeers -o yaml` on a mesh: it says that there are none."""
    assert list(documents_in("a", text.encode())) == []
    snapshot = snapshot_of_manifests([("a", text.encode()), ("b", NODE.encode())])
    assert (list(snapshot.state.nodes), snapshot.state.peers, snapshot.notices) == (["n1"], {}, ())


OTHER_NAME = CALICO_NODE.replace("name: n1", "name: k8s1") + "  orchRefs: [{orchestrator: k8s, nodeName: n1}]\n"


def test_a_node_with_two_names_is_one() -> None:
    """Kubernetes' name is its name, Calico's is kept beside it, in snapshot files too."""
    kdd = "---\nkind: ClusterInformation\napiVersion: projectcalico.org/v3\nmetadata: {name: default}\n"
    kdd += "spec: {clusterType: 'k8s,bgp,kdd'}\n"
    files = [("a", (NODE + kdd).encode()), ("b", OTHER_NAME.encode())]
    for order in (files, files[::-1]):
        snapshot = snapshot_of_manifests(order)
        (found,) = snapshot.state.nodes.values()
        assert (found.name, found.known_as, found.cluster_id, found.ready) == ("n1", "k8s1", "1.0.0.1", True)
        assert read_snapshot(write_snapshot(snapshot), "s.json").state.nodes == snapshot.state.nodes
        assert len([one for one in joined_documents(order) if one["kind"] == "Node"]) == 1


def test_calico_takes_a_node_of_two_names_away() -> None:
    """Its own Node is kept under Calico's name; the node that it speaks of is Kubernetes'."""
    etcd = "---\nkind: ClusterInformation\napiVersion: projectcalico.org/v3\nmetadata: {name: default}\n"
    etcd += "spec: {clusterType: 'k8s,bgp'}\n"
    plain = NODE.replace("projectcalico.org/", "example.com/")
    state = snapshot_of_manifests([("a", (plain + etcd).encode()), ("b", OTHER_NAME.encode())]).state
    own = state.get(ResourceKey("CalicoNode", "k8s1"))
    assert own is not None
    without = state.remove(own.key)
    assert without.nodes.keys() == {"n1"}
    assert without.nodes[NodeName("n1")].ipv4 == ""
    assert without.put(own).nodes[NodeName("n1")].ipv4 == "10.0.0.1"


@pytest.mark.parametrize(
    "text",
    [
        "---\n" + PEER + "---\n" + NODE + "---\n",
        json.dumps({"apiVersion": "v1", "kind": "List", "items": []}) + "\n---\n" + PEER + "---\n" + NODE,
        "["
        + json.dumps({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "x"}})
        + "]\n---\n"
        + PEER
        + "---\n"
        + NODE,
        "\ufeff" + PEER + "---\r\n" + NODE.replace("\n", "\r\n"),
    ],
    ids=["documents", "empty-list", "yaml-list", "bom-and-crlf"],
)
def test_shapes(text: str) -> None:
    """Lists, several documents, a byte order mark and DOS line ends."""
    state = snapshot_of_manifests([("a", text.encode())]).state
    assert list(state.peers) == ["p1"]
    assert list(state.nodes) == ["n1"]


def test_typed_list_without_kinds() -> None:
    """The items of a BGPPeerList may leave out what the list says."""
    text = json.dumps(
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "BGPPeerList",
            "items": [{"metadata": {"name": "p1"}, "spec": {"peerIP": "10.0.0.9", "asNumber": 65000}}],
        }
    )
    assert snapshot_of_manifests([("a", text.encode())]).state.peers["p1"].peer_ip == "10.0.0.9"


def test_crd_shape_keeps_labels_of_the_metadata_annotation() -> None:
    """Calico keeps labels of its CRDs in an annotation (libcalico-go/lib/backend/k8s/resources)."""
    peer = snapshot_of_manifests([("a", CRD_PEER.encode())]).state.peers["p1"]
    assert peer.labels == {"app.kubernetes.io/managed-by": "rrplan"}


def test_unknown_kinds_are_one_line_of_notice() -> None:
    """Ten thousand ConfigMaps do not fill the screen."""
    maps = "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\n" for n in range(3))
    notices = snapshot_of_manifests([("a", (NODE + "---\n" + maps + "---\nkind: Secret\n").encode())]).notices
    assert notices == ("ignored, because they say nothing about BGP: ConfigMap (3), Secret (1)", NO_PEERS)


@pytest.mark.parametrize("listing", ["kind: BGPPeerList\nitems: []\n", "kind: List\nitems: []\n"])
def test_forgotten_peers_are_told(listing: str) -> None:
    """Without a BGPPeer the input may be less than the cluster; an empty listing says that there is none."""
    (notice,) = snapshot_of_manifests([("a", NODE.encode())]).notices
    assert notice == NO_PEERS
    assert notice.startswith("no BGPPeer was given and no listing of them, so peers such as top-of-rack switches are ")
    assert notice.endswith("add the output of `calicoctl get bgppeers -o yaml`")
    assert snapshot_of_manifests([("a", NODE.encode()), ("b", listing.encode())]).notices == ()


WRONG: list[tuple[str | bytes, str]] = [
    ("", "a.yaml: the file holds no object\n  hint: write it with `kubectl get nodes -o yaml`"),
    (b"PK\x03\x04\x00\x00", "a.yaml: the file is binary: it has NUL bytes\n  hint: give YAML or JSON in UTF-8"),
    ("kind: Node".encode("utf-16"), "a.yaml: the file is UTF-16\n  hint: save it as UTF-8"),
    (
        "kind: Node\nmetadata:\n\tname: a\n",
        "a.yaml:3:1: not YAML: found character that cannot start any token\n    name: a\n  hint: indent with spaces",
    ),
    (b"kind: Node\nmetadata: {name: \xff}", "a.yaml:2:18: byte 0xff is not UTF-8"),
    ("kind: Node\n  metadata: x", "a.yaml:2:11: not YAML: mapping values are not allowed"),
    (
        PEER.replace("{nodeSelector: all(), peerSelector: has(rr)}", "\n  nodeSelector: !has(rr)\n"),
        "a.yaml:5:17: `!has(rr)` without quotes is a YAML tag, not a value: Calico reads null here, and a nodeSelector",
    ),
    ("- just\n- words\n", "a.yaml:1:3: not a Kubernetes object"),
    (NODE.replace('"64600"', "[64600]"), "a.yaml:8:5: "),
    (PEER.replace("{nodeSelector: all(), peerSelector: has(rr)}", "[]"), "a.yaml:4:1: "),
    ("kind: Node\napiVersion: v1\nmetadata: {}\n", "a.yaml:3:1: "),
    ("[" * 100_000, "a.yaml: nested too deeply"),
    ('{"kind": "Node",\n\t"metadata": {}}', "a.yaml:2:2: a Node without `metadata.name`"),
    ("&a [*a]", "a.yaml: an alias refers to what it stands in\n  hint: write the values out"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_problems_have_a_place(text: str | bytes, message: str) -> None:
    """File, line, column, the line itself, and what to do."""
    with pytest.raises(ManifestError) as error:
        read(text)
    assert str(error.value).startswith(message)


def test_an_unquoted_negation_is_told_how_to_write_it() -> None:
    """The hint has the word itself, and a comment behind it is none of it."""
    with pytest.raises(ManifestError) as error:
        read("kind: BGPPeer\nspec: {nodeSelector: all()}\npeerSelector: !has(rr) # all but reflectors\n")
    assert str(error.value).endswith('\n  hint: write "!has(rr)" with the quotes')


def test_all_problems_at_once() -> None:
    """Two wrong objects in two files are both named."""
    with pytest.raises(ManifestError) as error:
        read(NODE.replace("10.0.0.1/24", "[]"), CALICO_NODE.replace("10.0.0.1/24", "[]"))
    assert [problem.file for problem in error.value.problems] == ["a.yaml", "b.yaml"]


def test_alias_bomb() -> None:
    """Aliases that expand into billions of values are refused before they are looked at."""
    text = "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    for one, other in zip("abcdefgh", "bcdefghi", strict=True):
        text += f"{other}: &{other} [{','.join([f'*{one}'] * 10)}]\n"
    with pytest.raises(ManifestError, match="aliases add more than"):
        read(text)


def test_same_object_twice() -> None:
    """Equal is fine, different is a problem with a place."""
    read(PEER, PEER)
    with pytest.raises(ManifestError, match=r"b\.yaml:3:12: BGPPeer/p1 is given twice, with different content"):
        read(PEER, PEER.replace("all()", "has(x)"))


def test_snapshot_file_round_trip_without_secrets() -> None:
    """What others keep in annotations does not get into the file; the rest comes back equal."""
    snapshot = snapshot_of_manifests([("a", (NODE + "---\n" + PEER + "---\nkind: Secret\n").encode())])
    data = write_snapshot(snapshot)
    assert b"very-secret" not in data
    again = read_snapshot(data, "s.json")
    assert again.state.peers == snapshot.state.peers
    assert again.digest == snapshot.digest
    assert write_snapshot(again) == data
    assert again.taken_at == "2026-01-02T03:04:05Z"
    assert again.state.get(ResourceKey("Node", "n1")) is not None


def test_the_block_size_of_a_pool_comes_back() -> None:
    """BGPFilters match by the length of blocks: from a file the answer is the same as from the cluster."""
    pool = IPPool("small", "10.42.0.0/16", block_size=28)
    again = read_snapshot(write_snapshot(Snapshot(ClusterState.of([pool]))), "s.json")
    assert again.state.others_of(IPPool) == {"small": pool}


def test_what_says_that_no_bird_runs_comes_back() -> None:
    """The dataplane of an Installation, and a readiness probe that asks Felix alone."""
    silent = DaemonSet("calico-node", "kube-system", felix_alone=True)
    state = ClusterState.of([silent, Installation("default", "Enabled", "VPP")])
    assert read_snapshot(write_snapshot(Snapshot(state)), "s.json").state == state


def test_what_calico_ignores_comes_back() -> None:
    """Annotations that cannot be read stay as they are, with a sentence of their own each; many are counted."""
    wrong = NODE.replace('"64600"', "abc").replace("10.0.0.1/24", "10.0.0.1/33")
    files = [(str(number), wrong.replace("n1", f"n{number}").encode()) for number in range(7)]
    state = snapshot_of_manifests(files).state
    assert read_snapshot(write_snapshot(Snapshot(state)), "s.json").state == state
    number, address = ignored(state)
    assert number == (
        "`projectcalico.org/ASNumber` cannot be read, so Calico ignores it: n0 (`abc`), n1 (`abc`), n2 (`abc`), "
        "n3 (`abc`), n4 (`abc`) and 2 more"
    )
    assert address.startswith(
        "`projectcalico.org/IPv4Address` cannot be read, so Calico ignores it: n0 (`10.0.0.1/33`)"
    )


def test_labels_of_the_annotation_come_back_as_they_stood() -> None:
    """A plan names them as a condition, so their text must stay the same, blanks and order included."""
    text = '{"z": "1",  "a": "2"}'
    document = yaml.safe_load(NODE)
    document["metadata"]["annotations"][LABELS_ANNOTATION] = text
    node = decode(document)
    assert isinstance(node, Node)
    assert encode_node(node)["metadata"]["annotations"][LABELS_ANNOTATION] == text  # type: ignore[index]
    other = encode_node(replace(node, calico_labels={"z": "1"}))
    assert other["metadata"]["annotations"][LABELS_ANNOTATION] == '{"z":"1"}'  # type: ignore[index]


def test_what_preflight_checks_read_comes_back() -> None:
    """Provider, labels that Calico's copy lacks, Typha, owners of pods, annotations of a BGPConfiguration."""
    kubernetes = NODE.replace("{zone: a}", "{zone: a, disk: ssd, os: linux}").replace(
        "spec:", "spec:\n  providerID: azure:///x"
    )
    calico = CALICO_NODE.replace("{zone: a}", "{zone: b, os: linux, own: x}")
    documents = [kubernetes, calico, *MORE]
    snapshot = snapshot_of_manifests([(str(index), text.encode()) for index, text in enumerate(documents)])
    again = read_snapshot(write_snapshot(snapshot), "s.json").state
    assert (again.nodes, again.others) == (snapshot.state.nodes, snapshot.state.others)
    # Who manages an object is known by the name of an annotation; its value is nobody's business.
    assert [*again.configurations["default"].annotations] == ["meta.helm.sh/release-name"]
    node = again.nodes[NodeName("n1")]
    assert (node.provider_id, node.unsynced) == ("azure:///x", ("disk", "zone"))
    sets = [one for one in again.others.values() if isinstance(one, DaemonSet)]
    assert [(one.name, one.backend, one.typha) for one in sets] == [
        ("elsewhere", "", None),
        ("named", "bird", "calico-typha"),
        ("without", "", ""),
    ]
    assert [one.owner_name for one in again.others.values() if isinstance(one, Pod)] == ["web-1"]


def test_wrong_snapshot_files() -> None:
    """Edited, of another kind, of a newer major version, or no file of ours at all."""
    data = write_snapshot(snapshot_of_manifests([("a", NODE.encode())])).decode()
    with pytest.raises(DigestMismatch, match=r"s\.json: the file was changed after it was written"):
        read_snapshot(data.replace("64600", "64601").encode(), "s.json")
    with pytest.raises(FileFormatError, match=r"format version 9\.1 is not known here \(known: 1\.1\)"):
        read_snapshot(data.replace('"format_version":"1.1"', '"format_version":"9.1"').encode(), "s.json")
    with pytest.raises(FileFormatError, match="not a snapshot file: it is a Plan"):
        read_snapshot(b'{"kind": "Plan"}', "s.json")
    with pytest.raises(FileFormatError, match=r"s\.json: not a snapshot file: "):
        read_snapshot(b"apiVersion: v1", "s.json")


KUBE_LABELS = """\
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, labels: {zone: a}, annotations: {projectcalico.org/kube-labels: TEXT}}
spec: {bgp: {ipv4Address: 10.0.0.1/24}}
"""
HIDDEN = """\
apiVersion: crd.projectcalico.org/v1
kind: KIND
metadata: {name: default, labels: {own: x}, annotations: {projectcalico.org/metadata: TEXT}}
spec: {}
"""
UNREADABLE = ["nonsense", "'[]'", "'{\"labels\": 5}'", '\'{"labels": {"a": 1}}\'']


@pytest.mark.parametrize("text", ["nonsense", "'[]'", "'{\"a\": 1}'"])
def test_unreadable_kube_labels(text: str) -> None:
    """That annotation alone is ignored, with a sentence, also after a snapshot file and beside Kubernetes' own Node."""
    found = snapshot_of_manifests([("nodes.yaml", KUBE_LABELS.replace("TEXT", text).encode())])
    plain = text.strip("'")
    told = [f"`projectcalico.org/kube-labels` cannot be read, so Calico ignores it: n1 (`{plain}`)"]
    assert ignored(found.state) == told
    assert found.state.nodes[NodeName("n1")].ipv4 == "10.0.0.1"
    assert found.state.nodes[NodeName("n1")].effective_labels == {"zone": "a"}
    again = ClusterState.of(one for value in found.state if (one := decode(encode(value))) is not None)
    assert ignored(again) == told
    kubernetes = "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\n"
    both = snapshot_of_manifests([("both.yaml", (KUBE_LABELS.replace("TEXT", text) + kubernetes).encode())])
    assert ignored(both.state) == told


@pytest.mark.parametrize("kind", ["BGPPeer", "BGPConfiguration", "FelixConfiguration"])
@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable_metadata_of_a_crd(kind: str, text: str) -> None:
    """That annotation alone is ignored, with a sentence; the labels beside it count."""
    found = snapshot_of_manifests([("crd.yaml", HIDDEN.replace("KIND", kind).replace("TEXT", text).encode())])
    (resource,) = found.state
    assert isinstance(resource, BGPPeer | BGPConfiguration | FelixConfiguration)
    assert resource.labels == {"own": "x"}
    lead = f"`projectcalico.org/metadata` cannot be read, so Calico ignores it: {kind}/default"
    told = text.strip("'")
    assert ignored(found.state) == [f"{lead} (`{told}`)"]


def test_unreadable_metadata_of_a_pool() -> None:
    """Nothing here reads the labels of a pool."""
    text = HIDDEN.replace("KIND", "IPPool").replace("TEXT", "nonsense").replace("spec: {}", "spec: {cidr: 10.1.0.0/16}")
    assert len(list(snapshot_of_manifests([("crd.yaml", text.encode())]).state)) == 1


CALICOS = {"zone": "b", "own": "x"}
KUBERNETES = {"zone": "a", "tier": "worker"}


def test_annotations_that_nobody_reads() -> None:
    """With Calico's Nodes in etcd, an annotation of the Kubernetes Node makes no reflector and gives no address."""
    about = "---\napiVersion: crd.projectcalico.org/v1\nkind: ClusterInformation\nmetadata: {name: default}\n"
    about += "spec: {clusterGUID: g, clusterType: 'k8s,bgp'}\n"
    calico = CALICO_NODE.replace(", routeReflectorClusterID: 1.0.0.1", "")
    assert calico != CALICO_NODE
    annotated = NODE.replace("ASNumber:", "RouteReflectorClusterID: 9.9.9.9\n    projectcalico.org/ASNumber:")
    alone = annotated.replace("n1", "n2").replace("10.0.0.1/24", "10.0.0.2/24")
    files = [("k", f"{annotated}---\n{alone}".encode()), ("c", f"{calico}{about}".encode())]
    nodes = snapshot_of_manifests(files).state.nodes

    assert (nodes[NodeName("n1")].cluster_id, nodes[NodeName("n1")].ipv4) == ("", "10.0.0.1")
    assert (nodes[NodeName("n2")].cluster_id, nodes[NodeName("n2")].ipv4) == ("", "")
    # With the Kubernetes datastore they are what Calico reads.
    kdd = snapshot_of_manifests([files[0], ("c", f"{calico}{about.replace('k8s,bgp', 'k8s,bgp,kdd')}".encode())])
    assert kdd.state.nodes[NodeName("n1")].cluster_id == "9.9.9.9"


@pytest.mark.parametrize(("datastore", "labels"), [("k8s,bgp", CALICOS), ("k8s,bgp,kdd", {**CALICOS, **KUBERNETES})])
def test_labels_that_selectors_see(datastore: str, labels: dict[str, str]) -> None:
    """With etcd those of Calico's Node alone, whatever Kubernetes says; what differs is named."""
    about = "---\napiVersion: crd.projectcalico.org/v1\nkind: ClusterInformation\nmetadata: {name: default}\n"
    about += f"spec: {{clusterGUID: g, clusterType: '{datastore}'}}\n"
    away = NODE.replace("{zone: a}", "{zone: a, tier: worker, rrplan.io/calico-node: away}")
    calico = CALICO_NODE.replace("{zone: a}", "{zone: b, own: x}")
    assert (away, calico) != (NODE, CALICO_NODE)
    files = [("k", away.encode()), ("c", f"{calico}{about}".encode())]
    node = snapshot_of_manifests(files).state.nodes[NodeName("n1")]

    assert node.effective_labels == {**labels, "rrplan.io/calico-node": "away"}
    assert node.unsynced == ("tier", "zone")
    assert snapshot_of_manifests(files[::-1]).state.nodes[NodeName("n1")] == node


@pytest.mark.parametrize(
    ("backend", "namespace", "kept"),
    [
        ("vxlan", "kube-system", "vxlan"),
        ("none", "kube-system", "none"),
        ("bird", "kube-system", ""),
        ("vxlan", "x", ""),
    ],
)
def test_backend_that_a_config_map_says(backend: str, namespace: str, kept: str) -> None:
    """As in Calico's own manifests; what starts BIRD is not kept, and a ConfigMap elsewhere says nothing."""
    reference = "{configMapKeyRef: {name: calico-config, key: calico_backend}}"
    variable = f"{{name: CALICO_NETWORKING_BACKEND, valueFrom: {reference}}}"
    probe = "{exec: {command: [/bin/calico-node, -felix-ready]}}"
    container = f"{{name: calico-node, env: [{variable}], readinessProbe: {probe}}}"
    daemonset = (
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: calico-node, namespace: kube-system}\n"
        f"spec: {{template: {{spec: {{containers: [{container}]}}}}}}\n"
    )
    settings = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: calico-config, namespace: {namespace}}}\n"
        f"data: {{calico_backend: {backend}}}\n"
    )
    files = [("d", daemonset.encode()), ("c", settings.encode())]
    for order in (files, files[::-1]):
        state = snapshot_of_manifests(order).state
        (agent,) = (one for one in state.others.values() if isinstance(one, DaemonSet))
        # A probe that asks no BIRD leaves a doubt only where nothing says the backend.
        assert (agent.backend, agent.felix_alone) == (kept, namespace == "x")
        again = read_snapshot(write_snapshot(Snapshot(state)), "s.json").state
        assert again == state


@pytest.mark.parametrize("metadata", ["{generateName: x-}", "{name: Not A Name}", "[]", "null"])
def test_a_config_map_that_nobody_reads(metadata: str) -> None:
    """Kinds that are left out are not judged, whatever stands in them."""
    stray = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n"
    assert snapshot_of_manifests([("k", f"{NODE}---\n{stray}".encode())]).state.nodes
