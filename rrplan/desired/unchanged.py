"""Which nodes have the same sessions in two states, by what Calico renders in both."""

from __future__ import annotations

from collections.abc import Collection

from rrplan.bgp.peering import Rules, external_protocols, protocols
from rrplan.bgp.population import Classifier, Population, Signature
from rrplan.bgp.profile import Versions
from rrplan.bgp.sessions import rules_of
from rrplan.bgp.speaker import FAMILIES, Family, Settings, Speaker, speaker_of
from rrplan.ids import NodeName
from rrplan.resources import ClusterState

Blocks = frozenset[frozenset[tuple[object, ...]]]


def same_sessions(
    before: ClusterState, after: ClusterState, names: Collection[NodeName], versions: Versions
) -> frozenset[NodeName]:
    """Those of the nodes whose sessions are rendered alike in both states, at both ends.

    Nodes that no rule can tell apart are looked at once, so that this costs as little for many clients as for a few.
    """
    asked = sorted(name for name in names if before.nodes[name].cluster_id == after.nodes[name].cluster_id)
    if not asked:
        return frozenset()
    oldest = versions.oldest
    classifier = Classifier.over(rules_of(before, _nobody, oldest), [*before.peers.values(), *after.peers.values()])
    old, new = _population(before, classifier, versions), _population(after, classifier, versions)
    old_rules, new_rules = rules_of(before, classifier.matcher, oldest), rules_of(after, classifier.matcher, oldest)
    kinds: dict[tuple[Signature, Signature], list[NodeName]] = {}
    for name, signature in old.signature_of.items():
        alike = kinds.setdefault((signature, new.signature_of[name]), [])
        if len(alike) < 2:
            alike.append(name)

    def same(name: NodeName) -> bool:
        here, there = old.speakers[name], new.speakers[name]
        if any(_outside(old_rules, here, family) != _outside(new_rules, there, family) for family in FAMILIES):
            return False
        others = [next((member for member in alike if member != name), None) for alike in kinds.values()]
        return all(
            _between(old_rules, here, old.speakers[other]) == _between(new_rules, there, new.speakers[other])
            for other in others
            if other is not None
        )

    return frozenset(name for name in asked if same(name))


def _population(state: ClusterState, classifier: Classifier, versions: Versions) -> Population:
    settings = Settings.of(state)
    return Population(classifier, {name: speaker_of(node, settings, versions) for name, node in state.nodes.items()})


def _between(rules: Rules, own: Speaker, other: Speaker) -> list[Blocks]:
    return [
        frozenset(protocol.blocks for protocol in protocols(rules, here, there, family))
        for family in FAMILIES
        for here, there in ((own, other), (other, own))
    ]


def _outside(rules: Rules, own: Speaker, family: Family) -> Blocks:
    return frozenset(protocol.blocks for protocol in external_protocols(rules, own, family))


def _nobody(_selector: str, _speaker: Speaker) -> bool:
    return False
