"""Which pairs of nodes have explicit sessions, by the model."""

from __future__ import annotations

from collections.abc import Mapping

from rrplan.bgp.model import Model
from rrplan.bgp.outside import Fate, Outside, Uplink, fates, uplinks
from rrplan.bgp.population import Signature
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName


def pair_name(node: NodeName, other: NodeName, family: Family) -> str:
    """The name of a session, the same from both ends."""
    first, second = sorted((node, other))
    return f"{first}|{second}|{family}"


def explicit_links(model: Model, name: NodeName) -> set[NodeName]:
    """The nodes that `name` has explicit sessions with: one end is a reflector, or there is no mesh."""
    view = model.view()
    here = view.index(model.population.signature_of[name])
    linked: set[NodeName] = set()
    for holdings in view.holdings.values():
        for near, far in holdings.joined:
            if near == here and _explicit(model, view.signatures[here], view.signatures[far]):
                linked.update(model.population.classes[view.signatures[far]])
    return linked - {name}


def explicit_pairs(model: Model) -> set[tuple[NodeName, NodeName]]:
    """All explicit pairs, each once: reflectors times their neighbours, and plain peers of one another."""
    view = model.view()
    signatures = {signature for signature in view.signatures if signature.cluster_id and not signature.outside}
    for holdings in view.holdings.values():
        for here, there in () if model.rules.settings.mesh else holdings.joined:
            near, far = view.signatures[here], view.signatures[there]
            if not near.cluster_id and not far.cluster_id and _explicit(model, near, far):
                signatures.add(near)
    names = [name for signature in signatures for name in model.population.classes[signature]]
    return {(min(name, peer), max(name, peer)) for name in names for peer in explicit_links(model, name)}


def _explicit(model: Model, near: Signature, far: Signature) -> bool:
    """Whether the sessions between two classes of nodes come from BGPPeers."""
    if near.outside or far.outside:
        return False
    return bool(near.cluster_id or far.cluster_id) or not model.rules.settings.mesh


def uplink_name(node: NodeName, outside: Outside) -> str:
    """The name of a session to the outside."""
    return f"{node}|{outside.address or outside.peer}|{outside.family}"


def uplinks_of(model: Model, name: NodeName) -> dict[Outside, Uplink]:
    """The sessions of a node to the outside, in both families."""
    if not model.rules.reaches_outside:
        return {}
    speaker = model.population.speakers[name]
    return {outside: uplink for family in FAMILIES for outside, uplink in uplinks(model.rules, speaker, family).items()}


def begun_uplinks(name: NodeName, before: Mapping[Outside, Uplink], after: Mapping[Outside, Uplink]) -> list[str]:
    """The sessions of a node to the outside that come up anew, by name."""
    return [uplink_name(name, outside) for outside, fate in fates(before, after).items() if fate is not Fate.LOST]
