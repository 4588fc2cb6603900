"""What is ours: objects that rrplan made carry its label."""

from __future__ import annotations

from rrplan.resources import BGPPeer

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = {MANAGED_BY: "rrplan"}


def is_ours(peer: BGPPeer) -> bool:
    """Whether rrplan made the object."""
    return peer.labels.get(MANAGED_BY) == "rrplan"
