"""Steps that share clients out: each keeps sessions while it goes from one share to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rrplan.desired import Desired
from rrplan.planning import actions
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.resources import ClusterState, Node
from rrplan.specs.shares import CLIENTS_OF


def share_steps(state: ClusterState, desired: Desired) -> Iterator[Step]:
    """Labels come before anybody reads them, or after what they take away is replaced.

    A client that goes from one share to another has none in between, so that all of them serve it.
    """
    shares = {name: (_share(node), _share(desired.state.nodes[name])) for name, node in sorted(state.nodes.items())}
    changed = {name: pair for name, pair in shares.items() if pair[0] != pair[1]}
    read = any(CLIENTS_OF in f"{peer.node_selector} {peer.peer_selector}" for peer in state.peers.values())
    freed = {name: (old, None) for name, (old, new) in changed.items() if read and old and new}
    given = {name: (None if name in freed else old, new) for name, (old, new) in changed.items() if new}
    if given:
        step = actions.share(given, CLIENTS_OF, Phase.SHARES if read else Phase.FREED)
        yield step
        if freed:
            yield replace(actions.unshare(freed, CLIENTS_OF, Phase.FREED), until=step.id)
    ended = {name: (old, None) for name, (old, new) in changed.items() if not new}
    if ended:
        yield actions.unshare(ended, CLIENTS_OF, Phase.END_OF_SHARES)


def _share(node: Node) -> str | None:
    return node.labels.get(CLIENTS_OF)
