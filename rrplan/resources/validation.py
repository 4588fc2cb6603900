"""The checks of Calico's own validation that a planner can run into (libcalico-go/lib/validator/v3).

Calico's API server and its v3 CRDs make them; whoever writes to `crd.projectcalico.org` has to make them himself.
"""

from __future__ import annotations

from rrplan.resources.documents import Document, at


def objections(document: Document) -> list[str]:
    """Why Calico would not accept a document; empty where it would, as far as is checked here."""
    kind = document.get("kind")
    if kind == "BGPConfiguration" and at(document, ("spec", "nodeToNodeMeshEnabled")) is False:
        return [
            f"spec.{field} cannot be set while the node-to-node mesh is disabled"
            for field in ("nodeMeshPassword", "nodeMeshMaxRestartTime")
            if at(document, ("spec", field)) is not None
        ]
    if kind == "BGPPeer":
        return [
            f"spec.{field} and spec.{other} cannot both be set"
            for field, other in (("node", "nodeSelector"), ("peerIP", "peerSelector"))
            if at(document, ("spec", field)) and at(document, ("spec", other))
        ]
    return []
