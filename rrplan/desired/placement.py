"""Which nodes become reflectors: deterministic, and it prefers what already is."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rrplan.desired.labelling import Labelling, recorded
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, Node
from rrplan.resources.selector import parse
from rrplan.specs import Allow, Flavor, Group, Spec
from rrplan.specs.counting import NodesPerReflector


@dataclass(frozen=True, slots=True)
class Placed:
    """One reflector, its group and why it was chosen."""

    node: NodeName
    group: Group
    reason: str


def place(spec: Spec, state: ClusterState) -> tuple[Placed, ...]:
    """The reflectors of all groups; raises PolicyRefusal where a group cannot be filled."""
    placed: list[Placed] = []
    known = {node.known_as: name for name, node in state.nodes.items() if node.calico_name}
    standing = _Standing(spec, recorded(spec, state))
    named = {group.name: [_resolved(name, known) for name in group.nodes.names] for group in spec.groups}
    _check_once(named, state)
    taken: set[NodeName] = {name for names in named.values() for name in names}
    for group in spec.groups:
        if group.nodes.names:
            placed += [_named(spec, state, group, name) for name in named[group.name]]
        elif group.nodes.selector:
            chosen = _chosen(spec, state, group, taken, standing)
            taken.update(placed.node for placed in chosen)
            placed += chosen
    return tuple(placed)


def _resolved(text: str, known: Mapping[NodeName, NodeName]) -> NodeName:
    """The name in Kubernetes; a spec may also give Calico's."""
    return known.get(NodeName(text), NodeName(text))


def _check_once(named: Mapping[str, Sequence[NodeName]], state: ClusterState) -> None:
    """Two names of one node are not two nodes."""
    counts = Counter(name for names in named.values() for name in names)
    for name, count in counts.items():
        if count > 1:
            raise PolicyRefusal(
                f"`{name}` and `{state.nodes[name].known_as}` are one node, in Kubernetes and in Calico",
                hint="a node reflects for one group; give one of its names",
            )


def _named(spec: Spec, state: ClusterState, group: Group, name: NodeName) -> Placed:
    node = state.nodes.get(name)
    if node is None:
        close = difflib.get_close_matches(name, state.nodes, n=1)
        raise PolicyRefusal(
            f"group `{group.name}`: node `{name}` does not exist",
            hint=f"did you mean `{close[0]}`?" if close else "see `kubectl get nodes`",
        )
    if node.windows:
        raise PolicyRefusal(
            f"group `{group.name}`: node `{name}` runs Windows, where Calico has no BIRD",
            hint="choose Linux nodes",
        )
    if not _address(spec, node):
        hint = "calico-node must run there with BGP first"
        raise PolicyRefusal(f"group `{group.name}`: node `{name}` has no BGP address", hint=hint)
    return Placed(name, group, "named in the spec")


def _chosen(
    spec: Spec, state: ClusterState, group: Group, taken: Collection[NodeName], standing: _Standing
) -> list[Placed]:
    choice = group.nodes
    wanted = _count(state, group, standing)
    selector = parse(choice.selector)
    excluded: dict[str, int] = {}
    candidates: list[Node] = []
    # Where Calico has a network of its own on every node, no node is strange for that.
    known = [node for node in state.nodes.values() if node.internal_ips and (node.ipv4 or node.ipv6)]
    strange = spec.flavor is not Flavor.STANDALONE and not all(node.strange for node in known)
    for name in sorted(state.nodes):
        node = state.nodes[name]
        if not selector.matches(node.effective_labels):
            continue
        reason = "of other groups" if name in taken else _excluded(spec, node, choice.allow, strange=strange)
        if reason:
            excluded[reason] = excluded.get(reason, 0) + 1
        else:
            candidates.append(node)
    if len(candidates) < wanted:
        why = "; ".join(f"{count} {reason}" for reason, count in sorted(excluded.items()))
        raise PolicyRefusal(
            f"group `{group.name}` wants {wanted} reflectors, {len(candidates)} nodes can be chosen"
            + (f" ({why})" if why else ""),
            hint=f"label more nodes so that `{choice.selector}` matches them, or lower `count`",
        )
    return _spread(standing, group, candidates, wanted)


def _count(state: ClusterState, group: Group, standing: _Standing) -> int:
    """How many reflectors a group gets: what the spec says, or what its clients and present reflectors ask for."""
    count = group.nodes.count
    if not isinstance(count, NodesPerReflector):
        return count or 0
    clients = parse(group.clients) if group.clients else None
    nodes = [node for node in state.nodes.values() if (node.ipv4 or node.ipv6) and not node.windows]
    present = sum(standing.rank(group, node) < 2 for node in nodes)
    # Reflectors that are no members do not count: there would be more of them for each that comes.
    members = sum(clients is None or clients.matches(node.effective_labels) for node in nodes)
    return count.of(members, present)


def _address(spec: Spec, node: Node) -> str:
    """Where a reflector on that node would be; a standalone one is at the host's address, whatever Calico knows."""
    if spec.flavor is Flavor.STANDALONE:
        return node.host_ip or node.ipv4
    return node.ipv4 or node.ipv6


def _excluded(spec: Spec, node: Node, allow: tuple[Allow, ...], *, strange: bool) -> str:
    if node.windows:
        return "with Windows"
    if not _address(spec, node):
        return "without BGP address"
    if strange and node.strange:
        return "with an address that Kubernetes does not know"
    if node.ready is False and Allow.NOT_READY not in allow:
        return "not ready"
    if node.control_plane and Allow.CONTROL_PLANE not in allow:
        return "of the control plane"
    return ""


def _spread(standing: _Standing, group: Group, candidates: list[Node], wanted: int) -> list[Placed]:
    """One after the other from the domain that has fewest; existing reflectors first, cordoned nodes last."""
    key = group.nodes.spread_over
    domains: dict[str, list[Node]] = {}
    for node in candidates:
        domains.setdefault(node.effective_labels.get(key, "") if key else "", []).append(node)
    for nodes in domains.values():
        nodes.sort(key=lambda node: (standing.rank(group, node), node.unschedulable, node.name))
    counts = dict.fromkeys(domains, 0)
    placed: list[Placed] = []
    while len(placed) < wanted:
        # A domain whose next candidate reflects already wins a tie, then nodes that have the label at all.
        domain = min(
            (name for name in domains if domains[name]),
            key=lambda name: (counts[name], standing.rank(group, domains[name][0]), name == "", name),
        )
        node = domains[domain].pop(0)
        counts[domain] += 1
        reason = "reflects already" if standing.rank(group, node) < 2 else "matches the selector"
        placed.append(Placed(node.name, group, f"{reason}, {key}={domain}" if key else reason))
    return sorted(placed, key=lambda reflector: reflector.node)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Who reflects for which group of the spec now."""

    spec: Spec
    labels: Labelling

    def rank(self, group: Group, node: Node) -> int:
        """0 and 1 for a node that reflects for the group already, 2 for one that does for none, 3 for another's.

        By the label; by the cluster ID only where that tells one group from the others.
        """
        spec = self.spec
        if spec.flavor is Flavor.STANDALONE:
            return 0 if node.labels.get(spec.standalone.label_key) == "true" else 2
        value = node.effective_labels.get(spec.label_key)
        by_label = [name for name, group_value in self.labels.values.items() if group_value == value]
        if by_label:
            return 0 if group.name in by_label else 3
        by_id = [
            group.name for group in spec.groups if node.cluster_id and spec.cluster_id_of(group) == node.cluster_id
        ]
        if len(by_id) == 1:
            return 1 if group.name in by_id else 3
        return 2
