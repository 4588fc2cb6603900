"""Whom a gate asks, and what of: classes of nodes in the present state of a model."""

from __future__ import annotations

from rrplan.bgp.model import Model
from rrplan.bgp.peering import protocols
from rrplan.bgp.population import Signature
from rrplan.bgp.speaker import Family
from rrplan.desired.joining import Joining
from rrplan.ids import NodeName


def dialled(model: Model, signature: Signature, peer: NodeName, family: Family) -> list[str]:
    """The addresses of a speaker outside that the nodes of a class peer with."""
    own, outside = model.population.members(signature)[0], model.population.speakers[peer]
    return sorted({protocol.peer_address for protocol in protocols(model.rules, own, outside, family)})


def joins_plain(model: Model) -> bool:
    """Whether some BGPPeer joins two nodes that do not reflect."""
    nodes = model.state.nodes
    joining = Joining({name: node for name, node in nodes.items() if not node.cluster_id})
    for peer in model.rules.peers:
        near, far = joining.sides(peer)
        if near and far and len(near | far) > 1:
            return True
    return False


def asked_of(model: Model, signature: Signature, only: tuple[NodeName, ...]) -> tuple[NodeName, ...]:
    """The nodes of a class, all or some of them, sorted."""
    if not only:
        return model.population.names(signature)
    members = model.population.classes[signature]
    return tuple(sorted({name for name in only if name in members}))
