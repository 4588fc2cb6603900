"""Where calico-node runs, as far as DaemonSets say it."""

from __future__ import annotations

from rrplan.bgp.speaker import StandalonePlacement
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, DaemonSet, Node


def agents(state: ClusterState) -> frozenset[NodeName]:
    """The nodes on which calico-node runs and no container reflects; where nobody says, all with an address."""
    sets = [
        daemonset for daemonset in state.others.values() if isinstance(daemonset, DaemonSet) and not daemonset.reflector
    ]
    place = StandalonePlacement.of(state)

    def runs(node: Node) -> bool:
        fits = [
            daemonset.node_selector.items() <= node.labels.items() and not set(daemonset.avoids) & node.labels.items()
            for daemonset in sets
        ]
        return bool(node.ipv4 or node.ipv6) and (not fits or any(fits)) and not (place and place.runs_on(node))

    return frozenset(name for name, node in state.nodes.items() if runs(node))
