"""Which nodes should reflect, and how many: from nodes, zones, pods and labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rrplan.bgp.speaker import Settings, is_down
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, Node, Pod
from rrplan.specs.labels import is_reserved
from rrplan.specs.model import ZONE_LABEL
from rrplan.text import listed

THREE_FROM = 200
"""Nodes from which on three reflectors are proposed instead of two: while one is away, two are left."""
SHARED_FROM = 2000
"""Nodes from which on clients are shared out: a reflector has a session with each of its clients."""
NODES_PER_REFLECTOR = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """Nodes that should reflect, why these, and in how many zones they are (0 where no node has a zone)."""

    names: tuple[NodeName, ...]
    why: str
    zones: int
    taint: tuple[str, str, str] | None = None


class Choice:
    """Chooses among the nodes of a cluster; each is chosen once."""

    def __init__(self, state: ClusterState, uplinks: Collection[NodeName] = (), *, standalone: bool = False) -> None:
        self._state = state
        self._uplinks = uplinks
        settings = Settings.of(state)
        self._pods = Counter(pod.node for pod in state.others.values() if isinstance(pod, Pod))
        strange = not all(node.strange for node in state.nodes.values() if node.internal_ips)
        self._able = [
            node
            for name, node in sorted(state.nodes.items())
            if (node.ipv4 or node.ipv6 or (standalone and node.host_ip))
            and not (node.windows or node.control_plane or node.unschedulable or is_down(node, settings))
            and not (strange and node.strange and not standalone)
        ]
        self._taken: set[NodeName] = set()

    def of(self, count: int, members: Collection[NodeName] | None = None) -> Chosen:
        """So many nodes, of `members` alone where these are given; fewer where there are no more.

        Those that a label marks come first, those that a cloud may take back last, then one of each zone in turn, then
        those without a session that is theirs alone, because it restarts with them, then those with the fewest pods.
        """
        zones: defaultdict[str, list[Node]] = defaultdict(list)
        for node in self._able:
            if node.name not in self._taken and (members is None or node.name in members):
                zones[node.effective_labels.get(ZONE_LABEL, "")].append(node)
        for candidates in zones.values():
            candidates.sort(key=self._rank, reverse=True)
        used: Counter[str] = Counter()
        names: list[NodeName] = []
        while len(names) < count and any(zones.values()):
            zone = min(
                (zone for zone in zones if zones[zone]),
                key=lambda zone: (not is_marked(zones[zone][-1]), is_fleeting(zones[zone][-1]), used[zone], zone),
            )
            used[zone] += 1
            names.append(zones[zone].pop().name)
        self._taken.update(names)
        return Chosen(
            tuple(names), self._why(names, len(zones)), len([zone for zone in used if zone]), self._taint(names)
        )

    def _rank(self, node: Node) -> tuple[bool, bool, bool, int, str]:
        return not is_marked(node), is_fleeting(node), node.name in self._uplinks, self._pods[node.name], node.name

    def _why(self, names: Sequence[NodeName], zones: int) -> str:
        reasons = []
        marked = [name for name in names if is_marked(self._state.nodes[name])]
        if marked:
            reasons.append(f"a label says that {listed(marked)} shall reflect")
        if zones > 1:
            reasons.append("zones take turns")
        reasons.append("the fewest pods run there" if self._pods else "first by name, because no pods are known here")
        return ", ".join(reasons)

    def _taint(self, names: Sequence[NodeName]) -> tuple[str, str, str] | None:
        return shared_taint([self._state.nodes[name] for name in names])


def shared_taint(nodes: Sequence[Node]) -> tuple[str, str, str] | None:
    """A taint that all these nodes have and that is not Kubernetes' own: they are dedicated to something."""
    shared = set.intersection(*(set(node.taints) for node in nodes)) if nodes else set()
    own = sorted((taint.key, taint.value, taint.effect) for taint in shared if not is_reserved(taint.key))
    return own[0] if own else None


def is_marked(node: Node) -> bool:
    """Whether a label says that the node shall reflect."""
    return any(
        ("reflector" in key and value not in ("false", "no")) or (key.rpartition("/")[2] == "role" and value == "rr")
        for key, value in node.effective_labels.items()
    )


FLEETING = {
    "cloud.google.com/gke-preemptible": "true",
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-provisioning": "spot",
    "eks.amazonaws.com/capacityType": "spot",
    "karpenter.sh/capacity-type": "spot",
    "kubernetes.azure.com/scalesetpriority": "spot",
    "node.kubernetes.io/lifecycle": "spot",
}
"""Labels of nodes that a cloud may take back within minutes, with their value in small letters."""


def is_fleeting(node: Node) -> bool:
    """Whether a label says that a cloud may take the node back at any time."""
    labels = node.effective_labels
    return any(labels.get(key, "").lower() == value for key, value in FLEETING.items())


def fleeting(state: ClusterState, names: Sequence[NodeName]) -> Iterator[str]:
    """A question where some of these nodes may be taken back."""
    away = [name for name in names if is_fleeting(state.nodes[name])]
    if away:
        yield (
            f"A label says that the cloud may take {listed(away)} back at any time, and all others are taken or "
            "cannot reflect. Is there a node that stays?"
        )


def free_ids(state: ClusterState, count: int) -> list[str]:
    """Cluster IDs that nobody uses, of a range that no node has as its address (multicast, RFC 5771)."""
    taken = {text for node in state.nodes.values() for text in (node.cluster_id, node.ipv4, node.host_ip)}
    numbers = range(1, 255 + len(taken))
    texts = (f"224.0.{number // 256}.{number % 256}" for number in numbers)
    return [text for text in texts if text not in taken][:count]


def reflector_count(speaking: int) -> int:
    """How many reflectors so many nodes should have, in one group."""
    return 2 if speaking < THREE_FROM else 3


def shared_count(speaking: int) -> int:
    """How many reflectors so many nodes should have, where each client has three of them."""
    return max(6, -(-speaking // NODES_PER_REFLECTOR))
