"""Whose routes these are, by BIRD's tables of a reflector and of the nodes."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import pytest

from rrplan.adapters.kubernetes.calico import KubernetesCalico
from rrplan.adapters.nodes.birdcl import OWN_ROUTES, STATUS, Birds, OneByOne, Wanted
from rrplan.adapters.nodes.directory import ApiDirectory
from rrplan.adapters.nodes.origins import BY_POD_CIDR, BY_TABLE, Origins
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName
from rrplan.ports import Whereabouts
from tests.unit.adapters.memory_server import MemoryServer

BANNER = "BIRD v0.3.3+birdv1.6.8 ready.\n"
PROTOCOLS = (
    BANNER
    + """\
name     proto    table    state  since       info
static1  Static   master   up     12:00:00
kernel1  Kernel   master   up     12:00:00
direct1  Direct   master   up     12:00:00
Node_10_0_0_2 BGP      master   up     12:00:00    Established
  BGP state:          Established
    Neighbor address: 10.0.0.2
"""
)
TABLE = """\
0.0.0.0/0          via 10.0.0.254 on eth0 [kernel1 12:00:00] * (10)
10.0.0.0/24        dev eth0 [direct1 12:00:00] * (240)
10.244.0.0/26      blackhole [static1 12:00:00] * (200)
                   blackhole [kernel1 12:00:00] (10)
10.244.0.0/32      dev tunl0 [direct1 12:00:00] * (240)
10.244.0.1/32      dev cali3f2504e04f8 [kernel1 12:00:00] * (10)
10.244.9.64/26     unreachable [kernel1 12:00:00] * (10)
10.96.0.0/12       blackhole [static1 12:00:00] * (200)
10.244.7.9/32      dev cali60a62ba9dd2 [kernel1 12:00:00] * (10)
10.244.7.10/32     dev cali5e2c9b7f1aa [kernel1 12:00:00] * (10)
10.244.2.0/26      via 10.0.0.2 on eth0 [Node_10_0_0_2 12:00:00] * (100/0) [i]
10.244.3.0/26      via 10.0.0.3 on eth0 [Node_10_0_0_2 12:00:00] * (100/0) [i]
10.244.4.0/26      unreachable [Node_10_0_0_2 12:00:00 from 10.0.0.2] * (100/-) [i]
10.244.5.0/26      unreachable [Mesh_10_0_0_4 12:00:00 from 10.0.0.4] * (100/-) [i]
"""
QUIET = "10.0.0.0/24        dev eth0 [direct1 12:00:00] * (240)\n"
ADDRESSES = {NodeName(f"n{number}"): {"ipv4": f"10.0.0.{number}"} for number in (1, 2, 3, 4)}


class Places:
    """Says what it is told to say of owners and pools."""

    def __init__(self, owners: Mapping[str, NodeName] | None, pools: Sequence[str] | None = ("10.244.0.0/16",)) -> None:
        self.told = owners
        self.podcidrs: Mapping[str, NodeName] = {}
        self._pools = pools

    def whereabouts(self) -> Whereabouts:
        """Every node, with one cluster ID, and the podCIDRs that it was told."""
        return Whereabouts(ADDRESSES, frozenset({"1.0.0.1"}), pod_cidrs=self.podcidrs)

    def owners(self) -> Mapping[str, NodeName]:
        """What it was told."""
        if self.told is None:
            raise DatastoreRefused("calicoctl does not tell it")
        return self.told

    def announced_pools(self) -> Sequence[str]:
        """What it was told."""
        if self._pools is None:
            raise DatastoreRefused("nobody may read them")
        return self._pools


class Asked:
    """Origins on those places, what they told, and which nodes were asked."""

    def __init__(self, places: Places) -> None:
        self.notices: list[str] = []
        self.nodes: list[NodeName] = []
        self.tables = {NodeName("n1"): TABLE, NodeName("n2"): TABLE, NodeName("n4"): QUIET}
        self.birds = Birds(OneByOne(lambda node, _family, words: self.say(node, words)))
        self.origins = Origins(places, self._own, lambda _what, text: self.notices.append(text))
        self.origins.begin(places.whereabouts())
        self.origins.look()

    def say(self, node: NodeName, words: str) -> str:
        """What birdcl prints on a node."""
        if words == STATUS:
            return f"{BANNER}Router ID is 10.0.0.1\nDaemon is up and running\n"
        if words.startswith("show protocols"):
            return PROTOCOLS if "Node_" in words else f"{BANNER}No protocols match\n"
        table = self.tables.get(node)
        lines = [line for line in (table or "").splitlines(keepends=True) if words != OWN_ROUTES or "[i]" not in line]
        return BANNER + "".join(lines) if table is not None else "Unable to connect to server control socket.\n"

    def _own(self, nodes: Collection[NodeName]) -> Mapping[NodeName, Mapping[str, Mapping[str, str]]]:
        self.nodes += nodes
        return {node: self.birds.own(node) for node in nodes}

    def held(self) -> Counter[NodeName]:
        """What reflector n1 holds."""
        end = self.birds.ask(NodeName("n1"), Wanted.EXPLICIT | Wanted.TABLE)["ipv4"]
        return self.origins.table(NodeName("n1"), "ipv4", end)


def test_own_blocks_have_no_next_hop() -> None:
    """A reflector's own: its blocks, and addresses that it borrowed; not its host's network, nor what is in a block."""
    asked = Asked(Places(None))
    assert asked.held() == {"n1": 4, "n2": 1, "n3": 1}
    assert asked.notices == [f"not known which node owns which address block: calicoctl does not tell it; {BY_TABLE}"]


def test_pools_that_nobody_may_read() -> None:
    """Then only what leads nowhere is a block: a route to an interface may be the host's own network."""
    assert Asked(Places({}, pools=None)).held() == {"n1": 3, "n2": 1, "n3": 1}


@pytest.mark.parametrize("first", ["device", "block"])
def test_bridge_of_host_local_pods(first: str) -> None:
    """A bridge with the podCIDR is a device route beside the block: the block counts, even where pools are unknown."""
    rows = ["dev cni0 [direct1 12:00:00] * (240)", "blackhole [static1 12:00:00] (200)"]
    if first == "block":
        rows = ["blackhole [static1 12:00:00] * (200)", "dev cni0 [kernel1 12:00:00] (10)"]
    asked = Asked(Places({}, pools=None))
    asked.tables[NodeName("n1")] = f"10.244.1.0/24      {rows[0]}\n                   {rows[1]}\n"
    assert asked.held() == {"n1": 1}


def test_owners_win() -> None:
    """Where owners are known, next hops say nothing, and nobody is asked."""
    asked = Asked(Places({"10.244.0.0/26": NodeName("n1"), "10.244.4.0/26": NodeName("n3")}))
    assert asked.held() == {"n1": 1, "n3": 1}
    assert asked.origins.quiet("ipv4") == {"n2", "n4"}
    assert (asked.notices, asked.nodes) == ([], [])


def test_pod_cidrs_win_over_affinities() -> None:
    """calico-node reads no BlockAffinity then."""
    places = Places({"10.244.2.0/26": NodeName("n4")})
    places.podcidrs = {"10.244.0.0/26": NodeName("n1"), "10.244.3.0/26": NodeName("n3")}
    asked = Asked(places)
    assert asked.held() == {"n1": 1, "n3": 1}
    assert asked.notices == [BY_POD_CIDR]


def test_who_announces_nothing_is_asked() -> None:
    """Nodes whose routes no reflector has are asked for their own; who has none is asked again in the next look."""
    asked = Asked(Places({}))
    asked.held()
    assert asked.origins.quiet("ipv4") == {"n4"}
    assert asked.nodes == ["n4"]
    asked.tables[NodeName("n4")] = TABLE
    asked.origins.look()
    assert asked.origins.quiet("ipv4") == frozenset()
    assert sorted(asked.nodes[1:]) == ["n1", "n2", "n3", "n4"]


def test_silent_nodes_are_waited_for() -> None:
    """A node that does not answer may announce something: it is not quiet, and not asked again while a gate waits."""
    asked = Asked(Places({}))
    assert asked.origins.quiet("ipv4") == {"n4"}
    asked.origins.look()
    assert asked.origins.quiet("ipv4") == {"n4"}
    assert Counter(asked.nodes) == {"n1": 1, "n2": 1, "n3": 1, "n4": 2}


def test_whole_tables_answer_for_themselves() -> None:
    """A node whose whole table was read is not asked for its own."""
    asked = Asked(Places({}))
    for name in ("n1", "n4"):
        asked.origins.note(NodeName(name), "ipv4", asked.birds.ask(NodeName(name), Wanted.TABLE)["ipv4"])
    assert asked.origins.quiet("ipv4") == {"n4"}
    assert sorted(asked.nodes) == ["n2", "n3"]


@pytest.mark.parametrize(
    ("variable", "used"),
    [
        ({"value": "true"}, True),
        ({"value": "1"}, True),
        ({"value": "false"}, False),
        ({"valueFrom": {"configMapKeyRef": {"name": "calico-config", "key": "pods"}}}, False),
        (None, False),
    ],
)
def test_environment_of_calico_node(variable: Mapping[str, object] | None, used: bool) -> None:
    """PodCIDRs are blocks where USE_POD_CIDR says so, and not where kubeadm gave them for nothing."""
    server = MemoryServer()
    env = [{"name": "USE_POD_CIDR", **variable}] if variable is not None else []
    spec = {"template": {"spec": {"containers": [{"name": "calico-node", "env": env}]}}}
    server.create("/apis/apps/v1/daemonsets", {"metadata": {"name": "calico-node"}, "spec": spec})
    cidrs = ["10.244.1.0/24", "fd00:10:244:1::/64"]
    for name, told in (
        ("n1", {"podCIDR": cidrs[0], "podCIDRs": cidrs}),
        ("n2", {"podCIDR": "10.244.2.0/24"}),
        ("n3", {}),
    ):
        server.create("/api/v1/nodes", {"metadata": {"name": name}, "spec": told})
    server.objects["/apis"] = {"groups": [{"name": "crd.projectcalico.org"}]}
    directory = ApiDirectory(server, KubernetesCalico(server))
    wanted = {cidrs[0]: "n1", cidrs[1]: "n1", "10.244.2.0/24": "n2"}
    assert directory.whereabouts().pod_cidrs == (wanted if used else {})
