"""A picture of a plan where there is no cluster to read: what its own gates and steps name, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from rrplan.ids import ActionName, NodeName, StepId
from rrplan.planning.picture import Line, NodeGroup, Picture
from rrplan.plans.gate import Expectation
from rrplan.plans.plan import Plan, Step

BEGINS = (ActionName.PROMOTE_REFLECTOR, ActionName.LABEL_REFLECTOR)
ENDS = (ActionName.DEMOTE_REFLECTOR, ActionName.UNLABEL_REFLECTOR)


def sketch(plan: Plan, stops: Collection[StepId]) -> Picture:
    """Reflectors and their clients as gates ask about them, and the mesh as steps turn it on and off.

    A session that a gate of a step asks about is up from there on; one that a gate of its undo asks about was up
    before.
    """
    frames = _Frames(plan, stops)
    sessions: dict[tuple[str, NodeName, str], set[int]] = {}
    for step, expectation, before in _expected(plan):
        if expectation.peer is None or expectation.outside:
            continue
        first, last = frames.life(expectation.peer)
        place = frames.of[step.id]
        up = range(first, place) if before else range(max(place, first), last)
        sessions.setdefault((expectation.nodes, expectation.peer, expectation.family), set()).update(up)
    reflectors = {peer for _, peer, _ in sessions} | {
        step.node for step in plan.steps if step.node and step.action in (*BEGINS, *ENDS)
    }
    groups = [
        NodeGroup((name,), "", tuple(frames.reflects(name, frame) for frame in range(frames.count)), name in plan.down)
        for name in sorted(reflectors)
    ]
    number = {group.names[0]: place for place, group in enumerate(groups)}
    used = {nodes for nodes, _, _ in sessions}
    alike: dict[tuple[str, ...], list[NodeName]] = {}
    for name, sets in sorted(_sets_of(plan, used).items()):
        if name not in number:
            alike.setdefault(sets, []).append(name)
    nobody = (False,) * frames.count
    members: dict[str, list[int]] = {}
    for sets, names in alike.items():
        for each in sets:
            members.setdefault(each, []).append(len(groups))
        groups.append(NodeGroup(tuple(names), "", nobody))
    for each in used:
        members.setdefault(each, []).extend(number[name] for name in plan.node_sets.get(each, ()) if name in number)
    lines: dict[tuple[int, int, str], set[int]] = {}
    for (nodes, peer, family), seen in sessions.items():
        for here in members.get(nodes, ()):
            there = number[peer]
            if here != there and seen:
                lines.setdefault((min(here, there), max(here, there), family), set()).update(seen)
    families = {family for _, _, family in sessions} or {"ipv4"}
    everybody = range(len(groups))
    mesh = tuple(
        {
            family: frozenset(place for place in everybody if not groups[place].reflects[frame])
            for family in families
            if frames.meshed(frame)
        }
        for frame in range(frames.count)
    )
    drawn = tuple(Line(*ends, frozenset(up)) for ends, up in lines.items())
    return Picture(tuple(groups), drawn, (), mesh, tuple(frames.after), exact=False)


def _expected(plan: Plan) -> Iterator[tuple[Step, Expectation, bool]]:
    for step in plan.steps:
        for gates, before in ((step.gates, False), (step.undo_gates, True)):
            yield from ((step, expectation, before) for gate in gates for expectation in gate.expectations)


def _sets_of(plan: Plan, used: Collection[str]) -> Mapping[NodeName, tuple[str, ...]]:
    """The node sets of each node that a gate asks about."""
    found: dict[NodeName, list[str]] = {}
    for nodes in sorted(used):
        for name in plan.node_sets.get(nodes, ()):
            found.setdefault(name, []).append(nodes)
    return {name: tuple(sets) for name, sets in found.items()}


@dataclass
class _Frames:
    """The frame of each step, and from when to when a node reflects."""

    plan: Plan
    stops: Collection[StepId]
    after: list[StepId] = field(default_factory=list)
    of: dict[StepId, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pending: list[StepId] = []
        changed = False
        for step in self.plan.steps:
            pending.append(step.id)
            changed |= step.topology and bool(step.changes)
            if changed and step.id in self.stops:
                self.after.append(step.id)
                self.of |= dict.fromkeys(pending, len(self.after))
                pending, changed = [], False
        self.of |= dict.fromkeys(pending, len(self.after))

    @property
    def count(self) -> int:
        return len(self.after) + 1

    def life(self, name: NodeName) -> tuple[int, int]:
        """The first frame in which a node reflects, and the one in which it no longer does."""
        own = [step for step in self.plan.steps if step.node == name]
        first = next((self.of[step.id] for step in own if step.action in BEGINS), 0)
        last = next((self.of[step.id] for step in own if step.action in ENDS), self.count)
        return first, last

    def reflects(self, name: NodeName, frame: int) -> bool:
        first, last = self.life(name)
        return first <= frame < last

    def meshed(self, frame: int) -> bool:
        """Whether the mesh is on, as far as steps say it."""
        actions = {step.action: self.of[step.id] for step in self.plan.steps}
        on, off = actions.get(ActionName.ENABLE_MESH), actions.get(ActionName.DISABLE_MESH)
        if on is None and off is None:
            return False
        return (on is None or frame >= on) and (off is None or frame < off)
