"""Which step must come before which, and why: one rule, one function, one reason.

The rules take steps in any order and give edges; the graph makes the order of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from rrplan.ids import ActionName
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Edge, Step

Rule = Callable[[Sequence[Step]], Iterator[Edge]]

_ROLES = (ActionName.PROMOTE_REFLECTOR, ActionName.DEMOTE_REFLECTOR)


def _of(steps: Sequence[Step], *actions: ActionName) -> list[Step]:
    return [step for step in steps if step.action in actions]


def drained_before_its_role_changes(steps: Sequence[Step]) -> Iterator[Edge]:
    """A node that changes its role is out of reach for some seconds."""
    roles = {step.node: step for step in _of(steps, *_ROLES)}
    for step in _of(steps, ActionName.DRAIN_NODE):
        if step.node in roles:
            reason = "the node loses its routes for seconds while its role changes, so it is drained first"
            yield Edge(step.id, roles[step.node].id, reason)


def tainted_before_it_reflects(steps: Sequence[Step]) -> Iterator[Edge]:
    """A dedicated node gets no new pods once it reflects."""
    promoted = {step.node: step for step in _of(steps, ActionName.PROMOTE_REFLECTOR)}
    for step in _of(steps, ActionName.TAINT_NODE):
        if step.node in promoted:
            yield Edge(step.id, promoted[step.node].id, "a dedicated node takes no new pods once it reflects")


def one_at_a_time(steps: Sequence[Step]) -> Iterator[Edge]:
    """Steps that change sessions form one chain: as many states as steps, and all of them are checked."""
    for before, after in pairwise(_chain(steps)):
        yield Edge(before.id, after.id, _reason(before, after))


def _chain(steps: Sequence[Step]) -> list[Step]:
    waits = (ActionName.AWAIT, ActionName.BAKE, ActionName.FILL_FALLBACK, ActionName.REMOVE_FALLBACK)
    return sorted((step for step in steps if step.topology or step.action in waits), key=lambda step: step.place)


REASONS: tuple[tuple[ActionName | None, ActionName | None, str], ...] = (
    (
        ActionName.CHANGE_AS_NUMBER,
        ActionName.CHANGE_AS_NUMBER,
        "one node at a time: the next only when the sessions of this one are up again",
    ),
    (
        ActionName.FILL_FALLBACK,
        None,
        "every node has a copy of its routes before a node in use changes its role",
    ),
    (
        None,
        ActionName.REMOVE_FALLBACK,
        "the copies go only when BGP carries every route again",
    ),
    (
        ActionName.CREATE_PEER,
        ActionName.PROMOTE_REFLECTOR,
        "the BGPPeer is there first, so that the node reloads once and is cut off as briefly as possible",
    ),
    (
        ActionName.UPDATE_PEER,
        ActionName.PROMOTE_REFLECTOR,
        "the BGPPeer is there first, so that the node reloads once and is cut off as briefly as possible",
    ),
    (
        ActionName.RENEW_SESSIONS,
        ActionName.RENEW_SESSIONS,
        "one reflector at a time: every client keeps its routes over the others while sessions restart",
    ),
    (
        None,
        ActionName.RENEW_SESSIONS,
        "the BGPPeer with the new options is there first, so that both ends of a session change together",
    ),
    (
        ActionName.RENEW_SESSIONS,
        ActionName.UPDATE_PEER,
        "every session has the new options already, so that this update restarts none",
    ),
    (
        ActionName.PROMOTE_REFLECTOR,
        ActionName.PROMOTE_REFLECTOR,
        "one reflector at a time: the next only when every client holds the routes of this one",
    ),
    (None, ActionName.DISABLE_MESH, "the mesh goes only when every route is also held through reflectors alone"),
    (ActionName.ENABLE_MESH, None, "the mesh carries every route before a reflector is taken away"),
    (
        ActionName.DEMOTE_REFLECTOR,
        ActionName.DELETE_PEER,
        "BGPPeers go last: deleting them first would cut the reflectors off",
    ),
    (
        ActionName.AWAIT,
        ActionName.DELETE_PEER,
        "what others made goes only when every route is also held through the reflectors of the spec",
    ),
    (None, ActionName.UNLABEL_NODE, "the label goes when no BGPPeer selects it any more"),
    (
        ActionName.DELETE_CALICO_NODE,
        None,
        "a Calico Node that is left would hold mesh sessions to the address of the container",
    ),
    (
        ActionName.LABEL_CLIENT,
        ActionName.LABEL_CLIENT,
        "the next wave moves only when the clients of this one hold every route of the reflectors",
    ),
    (ActionName.DEPLOY_REFLECTORS, ActionName.CREATE_PEER, "the container listens before every node dials it"),
    (None, ActionName.RETIRE_REFLECTORS, "the containers end when nobody points at them any more"),
)
"""Why a step follows another one, by their actions; None is any. The first row that fits says it."""


def _reason(before: Step, after: Step) -> str:
    for first, second, reason in REASONS:
        if first in (None, before.action) and second in (None, after.action):
            return reason
    if after.phase is Phase.HELD_AGAIN:
        return "nodes are uncordoned only when they hold every route again"
    if after.action is ActionName.BAKE:
        return "the new topology is watched before anything else is touched"
    return "session changes run one at a time, so the proof covers every intermediate state"


def host_is_empty_before_calico_node_leaves(steps: Sequence[Step]) -> Iterator[Edge]:
    """A standalone reflector's node loses its routes with calico-node."""
    for release in _of(steps, ActionName.RELEASE_HOST):
        for step in steps:
            if step.action is ActionName.DRAIN_NODE and step.node == release.node:
                yield Edge(step.id, release.id, "without calico-node the host has no routes, so it is drained first")
            elif step.action is ActionName.TAINT_NODE and step.node == release.node:
                yield Edge(step.id, release.id, "a dedicated node takes no new pods once calico-node has left it")
            elif step.action is ActionName.CONFINE_CALICO_NODE:
                yield Edge(step.id, release.id, "calico-node tolerates every taint, so it must be told to keep away")


def calico_node_is_gone_before_the_container_comes(steps: Sequence[Step]) -> Iterator[Edge]:
    """Both want port 179 of the host, and a running calico-node would make its Calico Node again."""
    released = {step.node: step for step in _of(steps, ActionName.RELEASE_HOST)}
    for step in _of(steps, ActionName.DELETE_CALICO_NODE, ActionName.LABEL_REFLECTOR):
        before = released.get(step.node)
        if before is not None and step.action is ActionName.DELETE_CALICO_NODE:
            yield Edge(before.id, step.id, "a calico-node that still runs would make its Calico Node again")
        elif before is not None:
            yield Edge(before.id, step.id, "calico-node and the container both want port 179 of the host")


def one_host_after_another(steps: Sequence[Step]) -> Iterator[Edge]:
    """On the way back a calico-node that starts has no session with a host whose calico-node is not back yet.

    Its BIRD starts with graceful-restart recovery: it programs nothing until every session is up, up to 240 s.
    """
    deletions = {step.node: step for step in _of(steps, ActionName.DELETE_CALICO_NODE)}
    releases = sorted(_of(steps, ActionName.RELEASE_HOST), key=lambda step: step.place)
    for before, after in pairwise(releases):
        deletion = deletions.get(before.node)
        if deletion is not None:
            reason = "one host at a time: a calico-node that comes back waits for all its sessions, so none may be dead"
            yield Edge(deletion.id, after.id, reason)


def uncordoned_last(steps: Sequence[Step]) -> Iterator[Edge]:
    """Pods come back when nothing more changes."""
    chain = _chain(steps)
    for step in _of(steps, ActionName.UNCORDON_NODE, ActionName.UNTAINT_NODE):
        if chain:
            yield Edge(chain[-1].id, step.id, "pods may return once the node's sessions have settled")


RULES: tuple[Rule, ...] = (
    drained_before_its_role_changes,
    tainted_before_it_reflects,
    host_is_empty_before_calico_node_leaves,
    calico_node_is_gone_before_the_container_comes,
    one_host_after_another,
    one_at_a_time,
    uncordoned_last,
)


def edges(steps: Sequence[Step]) -> tuple[Edge, ...]:
    """All edges that the rules give."""
    return tuple(edge for rule in RULES for edge in rule(steps))
