"""Which share of a group serves which client: evenly, and whoever has one keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rrplan.desired.ownership import is_ours
from rrplan.desired.selecting import clients_selector
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, Node
from rrplan.resources.selector import parse
from rrplan.specs import Group, Spec
from rrplan.specs.shares import CLIENTS_OF, group_of
from rrplan.text import listed


def shared_out(spec: Spec, state: ClusterState, nodes: Mapping[NodeName, Node]) -> dict[NodeName, Node]:
    """The nodes with the label of the share that serves them, and without it where no share does.

    Raises PolicyRefusal where others read the label.
    """
    shares: dict[str, list[Group]] = {}
    for group in spec.groups:
        if group_of(group):
            shares.setdefault(group_of(group), []).append(group)
    wanted: dict[NodeName, str] = {}
    for members in shares.values():
        wanted |= _of_group(spec, members, nodes)
    if wanted:
        _check_free(state)
    return {name: _labelled(node, wanted.get(name)) for name, node in nodes.items()}


def _check_free(state: ClusterState) -> None:
    for peer in state.peers.values():
        if not is_ours(peer) and CLIENTS_OF in f"{peer.node_selector} {peer.peer_selector}":
            raise PolicyRefusal(
                f"BGPPeer `{peer.name}` selects by the label {CLIENTS_OF}, by which clients are shared out",
                hint="let it select by something else, or leave `reflectorsPerClient` out",
            )
    strange = sorted(name for name, node in state.nodes.items() if CLIENTS_OF in node.calico_labels)
    if strange:
        raise PolicyRefusal(
            f"label {CLIENTS_OF} stands in Calico's own annotation on {listed(strange)}; rrplan sets it in Kubernetes",
            hint=f"`calicoctl label node NODE {CLIENTS_OF} --remove` for each",
        )


def _of_group(spec: Spec, shares: Sequence[Group], nodes: Mapping[NodeName, Node]) -> dict[NodeName, str]:
    """The share of every client.

    One that has a share keeps it, also where another node has come or gone; a client without goes to the share with
    the fewest. Where a share has less than half of what it should have, because it is new, others hand theirs over.
    """
    selectors = [parse(clients_selector(spec, share)) for share in shares]
    members: dict[str, list[NodeName]] = {share.name: [] for share in shares}
    waiting: list[NodeName] = []
    for name, node in sorted(nodes.items()):
        value = node.labels.get(CLIENTS_OF, "")
        free = {label: text for label, text in node.effective_labels.items() if label != CLIENTS_OF}
        if node.windows or not (node.ipv4 or node.ipv6) or not selectors[0].matches(free):
            continue
        if value in members:
            members[value].append(name)
        else:
            waiting.append(name)
    fair = -(-(len(waiting) + sum(map(len, members.values()))) // len(shares))
    if min(len(own) for own in members.values()) + len(waiting) < fair // 2:
        for own in members.values():
            waiting += own[fair:]
            del own[fair:]
    for name in waiting:
        least = min(members, key=lambda share: (len(members[share]), share))
        members[least].append(name)
    return {name: share for share, own in members.items() for name in own}


def _labelled(node: Node, share: str | None) -> Node:
    if node.labels.get(CLIENTS_OF) == share:
        return node
    rest = {name: text for name, text in node.labels.items() if name != CLIENTS_OF}
    return replace(node, labels=rest if share is None else {**rest, CLIENTS_OF: share})
