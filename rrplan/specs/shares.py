"""Groups whose clients are shared out: each client has a few of the reflectors, chosen evenly and not by a selector.

Such a group comes to shares: groups of their own with a part of the reflectors each. A label on each client says which
share serves it; nodes that do not have it yet, such as new ones, are served by every share.
"""

from __future__ import annotations

import ipaddress

from rrplan.specs.model import Group, Spec

CLIENTS_OF = "rrplan.io/clients-of"
"""The label of clients; its value is the name of the share."""


def with_shares(spec: Spec) -> Spec:
    """The spec with every group that is shared out replaced by its shares."""
    groups = [share for group in spec.groups for share in (_shares(spec, group) if is_shared(group) else (group,))]
    return spec if len(groups) == len(spec.groups) else spec.model_copy(update={"groups": tuple(groups)})


def is_shared(group: Group) -> bool:
    """Whether clients have some of the reflectors alone."""
    return group.reflectors_per_client is not None


def group_of(share: Group) -> str:
    """The name of the group that a share is of; "" for a group that is none."""
    return share.name.rpartition("-")[0] if is_shared(share) else ""


def share_count(group: Group) -> int:
    """How many shares a group comes to; what does not make a share of its own belongs to the first ones."""
    return reflectors_of(group) // (group.reflectors_per_client or 1)


def reflectors_of(group: Group) -> int:
    """How many nodes reflect for a group; 0 where the spec does not give a number."""
    count = group.nodes.count
    return len(group.nodes.names) or (count if isinstance(count, int) else 0)


def _shares(spec: Spec, group: Group) -> tuple[Group, ...]:
    count, total = share_count(group), reflectors_of(group)
    first_id = int(ipaddress.IPv4Address(spec.cluster_id_of(group)))
    shares = []
    taken = 0
    for number in range(count):
        size = total // count + (number < total % count)
        names = group.nodes.names[taken : taken + size]
        taken += size
        name = f"{group.name}-{number + 1}"
        ours = f'{CLIENTS_OF} == "{name}" || !has({CLIENTS_OF})'
        update = {
            "name": name,
            "nodes": group.nodes.model_copy(update={"names": names, "count": None if names else size}),
            "cluster_id": str(ipaddress.IPv4Address(first_id + number)),
            "clients": f"({group.clients}) && ({ours})" if group.clients else ours,
        }
        shares.append(group.model_copy(update=update))
    return tuple(shares)
