"""The label of reflectors: the value that each group has, and whose the label is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rrplan.desired.ownership import is_ours
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, ClusterState, Node
from rrplan.resources.selector import And, Equal, SelectorSyntaxError, parse
from rrplan.specs import Group, Spec
from rrplan.text import listed

DOMAIN = "rrplan.io/"
"""Nobody else sets labels or taints of this domain."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """The value of the label for each group, and the values that BGPPeers of ours select."""

    key: str
    values: Mapping[str, str] = field(hash=False)
    selected: frozenset[str]

    def has(self, node: Node) -> bool:
        """Whether the label is on the node, whoever set it."""
        return self.key in node.effective_labels

    def is_ours(self, spec: Spec, node: Node) -> bool:
        """Whether the label on the node is ours to change.

        It is where nobody else can have set it, where a BGPPeer of ours selects it, and where it says the same as the
        cluster ID: that the node reflects for a group of the spec.
        """
        value = node.effective_labels.get(self.key)
        if value is None:
            return False
        if self.key.startswith(DOMAIN) or value in self.selected:
            return True
        groups = [group for group in spec.groups if self.values.get(group.name) == value]
        return any(node.cluster_id == spec.cluster_id_of(group) for group in groups)


def recorded(spec: Spec, state: ClusterState) -> Labelling:
    """What our BGPPeers in the cluster say; a group that they do not serve yet has its name as value."""
    values: dict[str, str] = {}
    selected: set[str] = set()
    for name, peer in sorted(state.peers.items()):
        value = _selected(spec.label_key, peer) if is_ours(peer) else None
        if value is None:
            continue
        selected.add(value)
        for group in spec.groups:
            if re.fullmatch(rf"rrplan-{group.name}-(clients|below)(-\d+)?", name):
                values.setdefault(group.name, value)
    values = {group.name: values.get(group.name, group.name) for group in spec.groups}
    return Labelling(spec.label_key, values, frozenset(selected))


def _selected(key: str, peer: BGPPeer) -> str | None:
    try:
        expression = parse(peer.peer_selector).expression
    except SelectorSyntaxError:
        return None
    # While options change, a BGPPeer selects some of its reflectors alone: by a second label.
    parts = expression.operands if isinstance(expression, And) else (expression,)
    return next((part.value for part in parts if isinstance(part, Equal) and part.label == key), None)


def labelling(spec: Spec, state: ClusterState, reflectors: Mapping[NodeName, Group]) -> Labelling:
    """The values to use; raises PolicyRefusal where the label means something else already.

    Nodes that reflect by another value of the label keep it: others may select it.
    """
    known = recorded(spec, state)
    values = dict(known.values)
    # Values of ours, and of other groups, are changed; in our own domain all are.
    taken = known.selected | set(known.values.values())
    for group in () if spec.label_key.startswith(DOMAIN) else spec.groups:
        kept: dict[str, NodeName] = {}
        for name in sorted(name for name, placed_group in reflectors.items() if placed_group.name == group.name):
            node = state.nodes[name]
            value = node.effective_labels.get(spec.label_key)
            if value is not None and node.cluster_id and value not in taken - {group.name}:
                kept.setdefault(value, name)
        if len(kept) > 1:
            differing = " and ".join(f"{name} has `{value}`" for value, name in kept.items())
            raise PolicyRefusal(
                f"group `{group.name}`: reflectors carry different values of label `{spec.label_key}`: {differing}",
                hint="make them one group for each value, give them one value, or use another `labelKey`",
            )
        if kept and values[group.name] == group.name and group.name not in known.selected:
            values[group.name] = next(iter(kept))
    owners: dict[str, str] = {}
    for group_name, value in values.items():
        if value in owners:
            raise PolicyRefusal(
                f"the reflectors of groups `{owners[value]}` and `{group_name}` carry one value of label "
                f"`{spec.label_key}`: `{value}`",
                hint="make them one group, or use another `labelKey`",
            )
        owners[value] = group_name
    result = Labelling(spec.label_key, values, known.selected)
    _check_free(spec, state, reflectors, result)
    return result


def _check_free(spec: Spec, state: ClusterState, reflectors: Mapping[NodeName, Group], labels: Labelling) -> None:
    """Nobody else uses the label, on whatever node."""
    strangers = []
    for name, node in sorted(state.nodes.items()):
        if not labels.has(node) or labels.is_ours(spec, node):
            continue
        group = reflectors.get(name)
        kept = group is not None and node.effective_labels[spec.label_key] == labels.values[group.name]
        if not (kept and node.cluster_id):
            strangers.append(name)
    if strangers and spec.groups:
        raise PolicyRefusal(
            f"label `{spec.label_key}` is used by others: {listed(strangers)} "
            f"{'carries' if len(strangers) == 1 else 'carry'} it and {'is' if len(strangers) == 1 else 'are'} no "
            "reflector of the spec by it",
            hint="give a `labelKey` of your own, or none: the default is rrplan's; a node that reflects by this label "
            "belongs into a group",
        )


def check_read(spec: Spec, before: Mapping[NodeName, Node], after: Mapping[NodeName, Node]) -> None:
    """Raise PolicyRefusal where a selector of the spec reads the label, and the plan changes the label."""
    for group in spec.groups:
        read = {
            "nodes.selector": group.nodes.selector,
            "clients": group.clients or "",
        }
        fields = [name for name, text in read.items() if text and spec.label_key in parse(text).labels]
        fields += ["nodes.spreadOver"] if group.nodes.spread_over == spec.label_key else []
        if not fields:
            continue
        changed = [
            name
            for name, node in sorted(before.items())
            if node.effective_labels.get(spec.label_key) != after[name].effective_labels.get(spec.label_key)
        ]
        if changed:
            raise PolicyRefusal(
                f"group `{group.name}`: `{fields[0]}` reads label `{spec.label_key}`, which the plan changes on "
                f"{listed(changed)}; the next plan would choose otherwise",
                hint="choose by another label, or give another `labelKey`; clients are never reflectors anyway",
            )
