"""The sessions of a cluster through all steps of a plan, by groups of nodes that no step tells apart.

For pictures: thousands of nodes are a few groups, the mesh is a set of groups and never its pairs, and a session that
lasts is one line with the frames in which it is up. A frame is the cluster before the first step, or after some step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rrplan.bgp.connections import ends_of, met
from rrplan.bgp.model import Model
from rrplan.bgp.outside import uplinks
from rrplan.bgp.peering import Rules
from rrplan.bgp.profile import Versions
from rrplan.bgp.protocol import ProtocolKind
from rrplan.bgp.speaker import FAMILIES, Family, Speaker
from rrplan.ids import NodeName, StepId
from rrplan.planning.build import touched
from rrplan.planning.promise import states
from rrplan.plans.plan import Plan
from rrplan.resources import BGPPeer, ClusterState
from rrplan.specs.model import ZONE_LABEL


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes of one zone ("" for none) that are alike in every frame; `reflects` says it for each frame."""

    names: tuple[NodeName, ...]
    zone: str
    reflects: tuple[bool, ...]
    down: bool = False

    @property
    def ever_reflects(self) -> bool:
        """Whether it reflects in any frame."""
        return any(self.reflects)


@dataclass(frozen=True, slots=True)
class Line:
    """Sessions between all nodes of two groups, or between those of one group, where both ends are the same number.

    `frames` are those in which they are up; `certain` is false where it cannot be told in each of them.
    """

    here: int
    there: int
    family: str
    frames: frozenset[int]
    certain: bool = True


@dataclass(frozen=True, slots=True)
class OutsideLine:
    """Sessions of all nodes of a group to one speaker outside the cluster."""

    here: int
    speaker: str
    family: str
    frames: frozenset[int]


@dataclass(frozen=True, slots=True)
class Picture:
    """Groups, and what joins them in each frame; `after` names the step of each frame but the first.

    `mesh` has the groups that are in the mesh, by frame and family. `exact` is false where there was no cluster to
    read, so that only what the plan itself names is shown.
    """

    groups: tuple[NodeGroup, ...]
    lines: tuple[Line, ...]
    outside: tuple[OutsideLine, ...]
    mesh: tuple[Mapping[str, frozenset[int]], ...]
    after: tuple[StepId, ...]
    exact: bool = True

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.mesh)


def picture(plan: Plan, state: ClusterState, versions: Versions, stops: Collection[StepId]) -> Picture:
    """The cluster before the plan, and after each of the steps `stops` that changes a session, or who reflects."""
    chain = list(states(plan, state))
    peers: dict[BGPPeer, None] = {}
    for before, after in zip([None, *chain], chain, strict=False):
        if before is None or after.peers is not before.peers:
            peers |= dict.fromkeys(after.peers.values())
    numbers = [node.as_number for node in chain[-1].nodes.values()]
    model = Model(state, versions, peers=peers, zone_label=ZONE_LABEL, roles=plan.spec.roles, numbers=numbers)
    film = _Film(model, state)
    film.take()
    pending = False
    for step, present in zip(plan.steps, chain[1:], strict=True):
        if step.topology and step.changes:
            model.follow(present, touched(model, present, step))
            pending = True
        if pending and step.id in stops:
            film.take(step.id)
            pending = False
    return film.developed()


class _Frame(NamedTuple):
    """What is remembered of a state: its rules, and the speaker of each node."""

    rules: Rules
    number: int
    signatures: Mapping[NodeName, int]
    speakers: Mapping[NodeName, Speaker]


class _Meeting(NamedTuple):
    """What two nodes have with each other in one family."""

    mesh: bool
    up: bool
    certain: bool


class _Film:
    """Frames one after another, and then what joins the groups in each."""

    def __init__(self, model: Model, state: ClusterState) -> None:
        self._model = model
        self._state = state
        self._frames: list[_Frame] = []
        self._after: list[StepId] = []
        self._signatures: dict[object, int] = {}
        self._rules: dict[Rules, int] = {}
        self._meetings: dict[tuple[int, int, int, Family], _Meeting] = {}

    def take(self, after: StepId | None = None) -> None:
        """Remember the state at which the model stands, unless it is the one before."""
        population = self._model.population
        signatures = {
            name: self._signatures.setdefault(population.signature_of[name], len(self._signatures))
            for name in self._state.nodes
        }
        rules = self._model.rules
        number = self._rules.setdefault(rules, len(self._rules))
        frame = _Frame(rules, number, signatures, {name: population.speakers[name] for name in signatures})
        if after is not None:
            if frame[1:3] == self._frames[-1][1:3]:
                return
            self._after.append(after)
        self._frames.append(frame)

    def developed(self) -> Picture:
        """The groups, and what joins them."""
        alike: dict[tuple[object, ...], list[NodeName]] = {}
        for name, node in sorted(self._state.nodes.items()):
            history = tuple(frame.signatures[name] for frame in self._frames)
            alike.setdefault((node.labels.get(ZONE_LABEL, ""), *history), []).append(name)
        groups = tuple(self._group(names) for names in alike.values())
        lines: dict[tuple[int, int, str], dict[int, bool]] = {}
        outside: dict[tuple[int, str, str], set[int]] = {}
        mesh: list[dict[str, frozenset[int]]] = []
        for place, frame in enumerate(self._frames):
            meshed: dict[str, set[int]] = {}
            for (here, there), (near, far) in _pairs(groups):
                for family in FAMILIES:
                    meeting = self._meet(frame, near, far, family)
                    if not meeting.up:
                        continue
                    if meeting.mesh:
                        meshed.setdefault(family, set()).update((here, there))
                    else:
                        lines.setdefault((here, there, family), {})[place] = meeting.certain
            mesh.append({family: frozenset(members) for family, members in meshed.items()})
            for here, group in enumerate(groups):
                for family in FAMILIES:
                    for speaker in uplinks(frame.rules, frame.speakers[group.names[0]], family):
                        outside.setdefault((here, str(speaker.name), str(family)), set()).add(place)
        return Picture(
            groups,
            tuple(Line(*ends, frozenset(frames), all(frames.values())) for ends, frames in lines.items()),
            tuple(OutsideLine(*ends, frozenset(frames)) for ends, frames in outside.items()),
            tuple(mesh),
            tuple(self._after),
        )

    def _group(self, names: Sequence[NodeName]) -> NodeGroup:
        example = names[0]
        speakers = [frame.speakers[example] for frame in self._frames]
        reflects = tuple(bool(speaker.cluster_id or speaker.standalone) for speaker in speakers)
        zone = self._state.nodes[example].labels.get(ZONE_LABEL, "")
        return NodeGroup(tuple(names), zone, reflects, speakers[0].down)

    def _meet(self, frame: _Frame, near: NodeName, far: NodeName, family: Family) -> _Meeting:
        key = (frame.number, frame.signatures[near], frame.signatures[far], family)
        if key not in self._meetings:
            ends = frame.speakers[near], frame.speakers[far]
            kinds = {protocol.kind for side in ends_of(frame.rules, *ends, family) for protocol in side}
            joined = met(frame.rules, *ends, family)
            self._meetings[key] = _Meeting(ProtocolKind.MESH in kinds, bool(joined.links), joined.certain)
        return self._meetings[key]


def _pairs(groups: Sequence[NodeGroup]) -> Iterator[tuple[tuple[int, int], tuple[NodeName, NodeName]]]:
    """Two different nodes for each two groups, and for each group of more than one node."""
    for here, group in enumerate(groups):
        if len(group.names) > 1:
            yield (here, here), (group.names[0], group.names[1])
        for there in range(here + 1, len(groups)):
            yield (here, there), (group.names[0], groups[there].names[0])
