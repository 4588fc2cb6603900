"""BGP of a whole cluster through a chain of states, near-linear in nodes.

A `Model` stands at one state. It tells who holds whose routes there (`view`), and what the step to a next
state loses (`advance`). Answers are remembered by the shape of the state (rules, classes, and how many nodes
each class has, up to three), so a thousand steps that look alike cost one computation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rrplan.bgp.holdings import ENOUGH, Holdings, Kin, Member, converged, surviving
from rrplan.bgp.peering import Rules
from rrplan.bgp.population import Lens, Population, Signature
from rrplan.bgp.profile import Versions
from rrplan.bgp.sessions import rules_of
from rrplan.bgp.speaker import FAMILIES, Family, Speaker, speaker_of
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, ClusterState

PairOfKins = tuple[int, int]


@dataclass(frozen=True, slots=True)
class View:
    """One state: its classes in a fixed order, and who holds whose routes, per family."""

    signatures: tuple[Signature, ...]
    holdings: Mapping[Family, Holdings] = field(hash=False)

    def index(self, signature: Signature) -> int:
        """The position of a class."""
        return self.signatures.index(signature)


@dataclass(frozen=True, slots=True)
class Loss:
    """Ordered pairs of nodes without a route, of two kinds of nodes at a time.

    `pairs` counts them all; (`at`, `origin`) is one of them. `marked` says that all of them end at a marked node.
    """

    family: Family
    at: NodeName
    origin: NodeName
    pairs: int
    marked: bool
    holders: int
    origins: int


@dataclass(frozen=True, slots=True)
class Transition:
    """What one step costs: pairs that lose their route for good, and pairs that have none while it takes effect."""

    lost: tuple[Loss, ...]
    exposed: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A class of nodes across a step."""

    old: Signature
    new: Signature
    size: int
    kin: Kin


class Model:
    """Stands at one state of a chain; `advance` moves it to the next and says what the step costs."""

    def __init__(
        self,
        state: ClusterState,
        versions: Versions,
        *,
        peers: Iterable[BGPPeer] = (),
        zone_label: str = "",
        marked: frozenset[NodeName] = frozenset(),
    ) -> None:
        """`peers` are the BGPPeers of states to come; without them those of `state` alone decide about classes."""
        self.state = state
        self.versions = versions
        first = rules_of(state, _nobody)
        # A host may get a standalone reflector in a state to come, and is then known by its address.
        hosts = {node.host_ip: name for name, node in state.nodes.items() if node.host_ip}
        everybody = Rules(first.settings, first.peers, {**hosts, **first.addresses}, _nobody)
        self.lens = Lens.over(everybody, [*state.peers.values(), *peers], zone_label=zone_label, marked=marked)
        self.rules = Rules(first.settings, first.peers, first.addresses, self.lens.matcher)
        speakers = {name: speaker_of(node, self.rules.settings, versions) for name, node in state.nodes.items()}
        self.population = Population(self.lens, speakers)
        self._views: dict[object, View] = {}
        self._survivors: dict[object, dict[Family, frozenset[PairOfKins]]] = {}
        self._numbers: dict[Rules, int] = {}

    def _number(self, rules: Rules) -> int:
        """Rules are compared once and then known by number."""
        return self._numbers.setdefault(rules, len(self._numbers))

    def view(self, without: Mapping[Signature, int] | None = None) -> View:
        """Who holds what at the present state; `without` takes nodes of some classes away first."""
        sizes = self.sizes()
        for signature, gone in (without or {}).items():
            sizes[signature] -= gone
        present = tuple(signature for signature in self.population.classes if sizes[signature] > 0)
        shape = frozenset((signature, min(sizes[signature], ENOUGH)) for signature in present)
        key = (self._number(self.rules), shape)
        view = self._views.get(key)
        if view is None:
            kins = [
                Kin(
                    tuple(Member(one, one) for one in self.population.members(signature)),
                    min(sizes[signature], ENOUGH),
                )
                for signature in present
            ]
            found = {family: converged(self.rules, kins, family) for family in FAMILIES}
            view = self._views[key] = View(present, found)
        return view

    def sizes(self) -> dict[Signature, int]:
        """How many nodes each class has."""
        return {signature: len(members) for signature, members in self.population.classes.items()}

    def missing(self) -> tuple[Loss, ...]:
        """The pairs that have no route at the present state."""
        view = self.view()
        kinds = [
            _Kind(signature, signature, len(self.population.classes[signature]), self._kin(signature))
            for signature in view.signatures
        ]
        return tuple(
            _loss(kinds, holder, origin, family)
            for family, holdings in view.holdings.items()
            for holder, origin in sorted(holdings.missing)
        )

    def _kin(self, signature: Signature) -> Kin:
        members = tuple(Member(one, one) for one in self.population.members(signature))
        return Kin(members, len(members))

    def delivered(self, family: Family, sender: NodeName, receiver: NodeName) -> int:
        """How many nodes' routes `sender` hands to `receiver` at the present state."""
        view = self.view()
        sizes = [len(self.population.classes[signature]) for signature in view.signatures]
        here = view.index(self.population.signature_of[sender])
        there = view.index(self.population.signature_of[receiver])
        return view.holdings[family].delivered(here, there, sizes)

    def advance(self, state: ClusterState, touched: Collection[NodeName]) -> Transition:
        """Go on to `state`, which differs from the present one in those nodes and in anything but nodes."""
        old_rules, old_view = self.rules, self.view()
        old_sizes = {signature: len(names) for signature, names in self.population.classes.items()}
        before = {name: (self.population.signature_of[name], self.population.speakers[name]) for name in touched}
        settled = {
            signature: (self.population.members(signature, touched), old_sizes[signature])
            for signature in self.population.classes
        }
        if state.others is not self.state.others:
            self.rules = rules_of(state, self.lens.matcher)
        elif state.peers is not self.state.peers or state.configurations is not self.state.configurations:
            fresh = rules_of(state, self.lens.matcher)
            self.rules = Rules(fresh.settings, fresh.peers, old_rules.addresses, self.lens.matcher)
        for name in touched:
            self.population.move(speaker_of(state.nodes[name], self.rules.settings, self.versions))
        self.state = state
        kinds = self._kinds(before, settled)
        return self._cost(kinds, old_rules, old_view, self.view())

    def _kinds(
        self,
        before: Mapping[NodeName, tuple[Signature, Speaker]],
        settled: Mapping[Signature, tuple[list[Speaker], int]],
    ) -> list[_Kind]:
        kinds: list[_Kind] = []
        moved: dict[tuple[Signature, Signature], list[Member]] = {}
        left = {signature: size for signature, (_, size) in settled.items()}
        for name, (signature, speaker) in before.items():
            left[signature] -= 1
            moved.setdefault((signature, self.population.signature_of[name]), []).append(
                Member(speaker, self.population.speakers[name])
            )
        for signature, (members, _) in settled.items():
            if left[signature]:
                kin = Kin(tuple(Member(one, one) for one in members), min(left[signature], ENOUGH))
                kinds.append(_Kind(signature, signature, left[signature], kin))
        for (old, new), members_ in moved.items():
            kin = Kin(tuple(members_[:ENOUGH]), min(len(members_), ENOUGH))
            kinds.append(_Kind(old, new, len(members_), kin))
        return kinds

    def _cost(self, kinds: Sequence[_Kind], old_rules: Rules, before: View, after: View) -> Transition:
        key = (
            self._number(old_rules),
            self._number(self.rules),
            tuple((kind.old, kind.new, kind.kin.count) for kind in kinds),
        )
        survivors = self._survivors.get(key)
        if survivors is None:
            kins = [kind.kin for kind in kinds]
            survivors = {family: surviving(old_rules, self.rules, kins, family).missing for family in FAMILIES}
            self._survivors[key] = survivors
        lost: list[Loss] = []
        exposed: list[Loss] = []
        for family in FAMILIES:
            had = _held(kinds, [before.index(kind.old) for kind in kinds], before.holdings[family])
            has = _held(kinds, [after.index(kind.new) for kind in kinds], after.holdings[family])
            for holder, origin in sorted(had):
                if (holder, origin) not in has:
                    lost.append(_loss(kinds, holder, origin, family))
                if (holder, origin) in survivors[family]:
                    exposed.append(_loss(kinds, holder, origin, family))
        return Transition(tuple(lost), tuple(exposed))


def _nobody(_selector: str, _speaker: Speaker) -> bool:
    return False


def _held(kinds: Sequence[_Kind], where: Sequence[int], holdings: Holdings) -> set[PairOfKins]:
    """The pairs of kinds whose nodes hold one another's routes."""
    present = set(holdings.present) - holdings.mute
    missing = holdings.missing
    return {
        (holder, origin)
        for holder in range(len(kinds))
        for origin in range(len(kinds))
        if (holder != origin or kinds[holder].size > 1)
        and where[holder] in present
        and where[origin] in present
        and (where[holder], where[origin]) not in missing
    }


def _loss(kinds: Sequence[_Kind], holder: int, origin: int, family: Family) -> Loss:
    here, there = kinds[holder], kinds[origin]
    at = here.kin.members[0].after.name
    source = there.kin.members[1 if holder == origin else 0].after.name
    return Loss(
        family=family,
        at=at,
        origin=source,
        pairs=here.size * (there.size - (holder == origin)),
        marked=here.new.marked or there.new.marked,
        holders=here.size,
        origins=there.size,
    )
