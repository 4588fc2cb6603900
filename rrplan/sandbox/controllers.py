"""What controllers do in the embedded cluster, at once."""

from __future__ import annotations

from rrplan.ids import NodeName
from rrplan.ports import Stored
from rrplan.resources import ClusterState, DaemonSet, ResourceKey, decode
from rrplan.resources.documents import patched
from rrplan.resources.node_codec import calico_annotations
from rrplan.sandbox.store import Store


def controlled(stored: Stored, state: ClusterState) -> Stored:
    """A DaemonSet with the status that its controller keeps (apps/v1 DaemonSetStatus): pods are where they belong."""
    daemonset = decode(stored.document)
    assert isinstance(daemonset, DaemonSet)
    count = sum(
        daemonset.node_selector.items() <= node.labels.items() and not set(daemonset.avoids) & node.labels.items()
        for node in state.nodes.values()
    )
    generation = int(stored.version)
    status = {
        "observedGeneration": generation,
        "desiredNumberScheduled": count,
        "currentNumberScheduled": count,
        "updatedNumberScheduled": count,
        "numberAvailable": count,
        "numberMisscheduled": 0,
    }
    document = patched(stored.document, {"metadata": {"generation": generation}, "status": status})
    return Stored(document, stored.version)


def keep_annotations(store: Store, state: ClusterState, name: NodeName) -> None:
    """A Node is kept with its Calico Node's part as annotations, which follow where that came or went."""
    key = ResourceKey("Node", name)
    stored, node = store.get(key), state.nodes.get(name)
    if stored is not None and node is not None:
        document = patched(stored.document, {"metadata": {"annotations": calico_annotations(node)}})
        store.put(key, document, int(stored.version) + 1)
