"""AS numbers of nodes, such as one for each rack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, Node
from rrplan.resources.selector import parse
from rrplan.specs import Spec


def numbered(spec: Spec, state: ClusterState, nodes: Mapping[NodeName, Node]) -> dict[NodeName, Node]:
    """The nodes with the AS numbers that the spec gives them; nodes that it does not name keep theirs.

    Raises PolicyRefusal where two numbers are meant for one node, and where Calico keeps nodes in etcd.
    """
    selectors = [(parse(system.nodes), system) for system in spec.as_numbers]
    numbers: dict[NodeName, int] = {}
    for name, node in sorted(nodes.items()):
        if not (node.ipv4 or node.ipv6):
            continue
        meant = {system.as_number for selector, system in selectors if selector.matches(node.effective_labels)}
        if len(meant) > 1:
            one, other = sorted(meant)[:2]
            raise PolicyRefusal(
                f"`asNumbers` gives node `{name}` both AS {one} and AS {other}",
                hint="let the selectors of `asNumbers` select each node once",
            )
        if meant:
            numbers[name] = meant.pop()
    changed = sorted(name for name, number in numbers.items() if nodes[name].as_number != number)
    if changed and state.in_etcd:
        raise PolicyRefusal(
            f"Calico keeps its nodes in etcd, where rrplan changes no AS numbers; {changed[0]} has another one",
            hint="change them with calicoctl, one node at a time, or leave `asNumbers` out",
        )
    return {name: replace(node, as_number=numbers.get(name, node.as_number)) for name, node in nodes.items()}
