"""BGP of a whole cluster through a chain of states, near-linear in nodes.

A `Model` stands at one state. It tells who holds whose routes there (`view`), and what the step to a next
state loses (`advance`). Answers are remembered by the shape of the state (rules, classes, and how many nodes
each class has, up to three), so a thousand steps that look alike cost one computation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from rrplan.bgp.alike import ENOUGH, Member, NodeClass
from rrplan.bgp.cells import Pair
from rrplan.bgp.connections import converged
from rrplan.bgp.outside import Fate, passes_on
from rrplan.bgp.passage import Passage, over, passage
from rrplan.bgp.peering import Rules
from rrplan.bgp.population import Classifier, Population, Signature
from rrplan.bgp.profile import Versions
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.roles import Roles, passing
from rrplan.bgp.sessions import rules_of, within_link
from rrplan.bgp.sides import Sides, touched, without
from rrplan.bgp.speaker import FAMILIES, Family, Speaker, outside_speaker, speaker_of
from rrplan.bgp.transition import ClassTransition, Ends, Loss, OutsideSession, Transition
from rrplan.bgp.view import Mark, View
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, ClusterState


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
        roles: Roles = (),
        numbers: Iterable[int | None] = (),
    ) -> None:
        """`peers` are the BGPPeers of states to come; without them those of `state` alone decide about classes.

        `numbers` are AS numbers of nodes in states to come (None: the global one).

        `roles` is what is known of speakers outside; those that pass routes on are speakers among the nodes.
        """
        self.state = state
        self.versions = versions
        peers = tuple(peers)
        first = rules_of(state, _nobody, versions.oldest, roles)
        systems = {first.settings.effective_as(number) for number in numbers}
        systems |= {first.settings.effective_as(node.as_number) for node in state.nodes.values()}
        first = replace(first, by_link=len(systems) > 1 or within_link((*state.peers.values(), *peers)))
        # A host may get a standalone reflector in a state to come, and is then known by its address.
        hosts = {node.host_ip: name for name, node in state.nodes.items() if node.host_ip}
        everybody = replace(first, addresses={**hosts, **first.addresses})
        self.classifier = Classifier.over(
            everybody, [*state.peers.values(), *peers], zone_label=zone_label, marked=marked
        )
        self.rules = replace(first, matches=self.classifier.matcher)
        speakers = {name: speaker_of(node, self.rules.settings, versions) for name, node in state.nodes.items()}
        systems = {speaker.as_number for speaker in speakers.values()}
        systems |= {peer.local_as_number for peer in (*state.peers.values(), *peers) if peer.local_as_number}
        for role in passing(roles, systems):
            if not self.rules.addresses.keys() & {*role.addresses}:
                speakers[role.known_as] = outside_speaker(role, versions)
        self.outside = {
            (address, speaker.as_number): name
            for name, speaker in speakers.items()
            for address in (speaker.role.addresses if speaker.role else ())
        }
        """The names of the speakers outside that pass routes on, by address and AS number."""
        self.population = Population(self.classifier, speakers)
        self._views: dict[object, View] = {}
        self._passages: dict[object, dict[Family, Passage]] = {}
        self._numbers: dict[Rules, int] = {}
        self._untried: dict[NodeName, frozenset[str]] = {}
        self._present: View | None = None

    def _number(self, rules: Rules) -> int:
        """Rules are compared once and then known by number."""
        return self._numbers.setdefault(rules, len(self._numbers))

    def view(self, without: Mapping[Signature, int] | None = None) -> View:
        """Who holds what at the present state; `without` takes nodes of some classes away first."""
        if without:
            return self._view(without)
        if self._present is None:
            self._present = self._view({})
        return self._present

    def _view(self, without: Mapping[Signature, int]) -> View:
        sizes = self.sizes()
        for signature, gone in without.items():
            sizes[signature] -= gone
        present = tuple(signature for signature in self.population.classes if sizes[signature] > 0)
        shape = frozenset((signature, min(sizes[signature], ENOUGH)) for signature in present)
        key = (self._number(self.rules), shape)
        view = self._views.get(key)
        if view is None:
            node_classes = [
                NodeClass(
                    tuple(Member(speaker, speaker) for speaker in self.population.members(signature)),
                    min(sizes[signature], ENOUGH),
                )
                for signature in present
            ]
            answers = {family: converged(self.rules, node_classes, family) for family in FAMILIES}
            view = self._views[key] = View(
                present,
                {family: answer.certain for family, answer in answers.items()},
                {family: answer.possible for family, answer in answers.items()},
                frozenset(family for family, answer in answers.items() if answer.doubtless),
                {signature: place for place, signature in enumerate(present)},
            )
        return view

    def sizes(self) -> dict[Signature, int]:
        """How many nodes each class has."""
        return {signature: len(members) for signature, members in self.population.classes.items()}

    def missing(self, doubt: Doubt = Doubt.AGAINST) -> tuple[Loss, ...]:
        """The pairs of nodes that have no route at the present state; with doubt FOR, those that cannot have one."""
        view = self.view()
        held = view.holdings if doubt is Doubt.AGAINST else view.possible
        kinds = [
            ClassTransition(signature, signature, len(self.population.classes[signature]), self._node_class(signature))
            for signature in view.signatures
        ]
        ends = Ends(kinds, ())
        return tuple(ends.loss(pair, family) for family, holdings in held.items() for pair in sorted(holdings.missing))

    def _node_class(self, signature: Signature) -> NodeClass:
        members = tuple(Member(speaker, speaker) for speaker in self.population.members(signature))
        return NodeClass(members, len(members))

    def owes(self) -> bool:
        """Whether nodes owe one another any route at all."""
        return any(holdings.owed and holdings.speaking for holdings in self.view().holdings.values())

    def not_owed(self) -> list[str]:
        """Why routes of pools are not looked at, in words."""
        reasons = [f"BGP does not run here: {self.rules.settings.idle}"] if self.rules.settings.idle else []
        return reasons + [left_out.text(heard=self.rules.reaches_outside) for left_out in self.rules.announced.left_out]

    def owed(self) -> list[str]:
        """The pools that routes are owed for, as far as pools are known."""
        return sorted(
            {pool for layers in self.rules.announced.layers.values() for layer in layers for pool in layer.pools}
        )

    def down(self) -> list[NodeName]:
        """The nodes that are down, sorted."""
        return sorted(name for signature, names in self.population.classes.items() if signature.down for name in names)

    def living(self, view: View) -> list[int]:
        """How many nodes of each class are not down, in the order of a view: their routes are waited for."""
        return [0 if signature.down else len(self.population.classes[signature]) for signature in view.signatures]

    def delivered(self, family: Family, sender: NodeName, receiver: NodeName) -> int:
        """How many nodes' routes `sender` hands to `receiver` at the present state."""
        view = self.view()
        sizes = self.living(view)
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
        self._go_on(state, touched)
        kinds = self._kinds(before, settled)
        cost = self._cost(kinds, old_rules, old_view, self.view())
        if any(session.fate is Fate.GAINED for session in cost.outside):
            old = {name: signature for name, (signature, _) in before.items()}
            self._remember_untried(kinds, old_rules, old)
        return cost

    def follow(self, state: ClusterState, touched: Collection[NodeName]) -> None:
        """Go on to `state` as `advance` does, where nobody asks what the step costs."""
        if state.peers is self.state.peers and not self.rules.reaches_outside:
            self._go_on(state, touched)
        else:
            # What comes to be untried is known from the cost alone.
            self.advance(state, touched)

    def _go_on(self, state: ClusterState, touched: Collection[NodeName]) -> None:
        old_rules = self.rules
        if state.others is not self.state.others:
            fresh = rules_of(state, self.classifier.matcher, self.versions.oldest, old_rules.roles)
            self.rules = replace(fresh, by_link=old_rules.by_link)
        elif state.peers is not self.state.peers or state.configurations is not self.state.configurations:
            fresh = rules_of(state, self.classifier.matcher, self.versions.oldest, old_rules.roles)
            self.rules = replace(fresh, addresses=old_rules.addresses, by_link=old_rules.by_link)
        for name in touched:
            speaker = speaker_of(state.nodes[name], self.rules.settings, self.versions)
            self.population.move(replace(speaker, untried=self._untried.get(name, frozenset())))
        self.state = state
        self._present = None

    def _remember_untried(
        self, kinds: Sequence[ClassTransition], old_rules: Rules, old: Mapping[NodeName, Signature]
    ) -> None:
        """Until the end of the chain nothing rests on a session to the outside that a step has brought.

        Where the speaker outside passes routes on, a gate after the step sees them come, and then it counts.
        """
        gained: dict[tuple[Signature, Signature], set[str]] = {}
        for through in self._passage(kinds, old_rules).values():
            for index, outside in through.gained:
                if passes_on(self.rules, outside):
                    continue
                gained.setdefault((kinds[index].old, kinds[index].new), set()).add(outside.name)
        for name, signature in list(self.population.signature_of.items()):
            names = gained.get((old.get(name, signature), signature))
            if names:
                speaker = self.population.speakers[name]
                self._untried[name] = speaker.untried | names
                self._present = None
                self.population.move(replace(speaker, untried=self._untried[name]))

    def _kinds(
        self,
        before: Mapping[NodeName, tuple[Signature, Speaker]],
        settled: Mapping[Signature, tuple[list[Speaker], int]],
    ) -> list[ClassTransition]:
        kinds: list[ClassTransition] = []
        moved: dict[tuple[Signature, Signature], list[Member]] = {}
        left = {signature: size for signature, (_, size) in settled.items()}
        for name, (signature, speaker) in before.items():
            left[signature] -= 1
            moved.setdefault((signature, self.population.signature_of[name]), []).append(
                Member(speaker, self.population.speakers[name])
            )
        for signature, (members, _) in settled.items():
            if left[signature]:
                node_class = NodeClass(
                    tuple(Member(speaker, speaker) for speaker in members), min(left[signature], ENOUGH)
                )
                kinds.append(ClassTransition(signature, signature, left[signature], node_class))
        for (old, new), members_ in moved.items():
            node_class = NodeClass(tuple(members_[:ENOUGH]), min(len(members_), ENOUGH))
            kinds.append(ClassTransition(old, new, len(members_), node_class))
        return kinds

    def mark(self) -> Mark:
        """The present state, to compare a later one with."""
        return Mark(self.rules, self.view(), dict(self.population.signature_of), dict(self.population.speakers))

    def lost_since(self, mark: Mark) -> tuple[Loss, ...]:
        """The pairs that held a route at a state that the model stood at, and hold none now.

        Nodes that have come or gone are left out.
        """
        moved: dict[tuple[Signature, Signature], list[NodeName]] = {}
        for name, signature in self.population.signature_of.items():
            if name in mark.signature_of:
                moved.setdefault((mark.signature_of[name], signature), []).append(name)
        kinds = [
            ClassTransition(
                old,
                new,
                len(names),
                NodeClass(
                    tuple(Member(mark.speakers[name], self.population.speakers[name]) for name in names[:ENOUGH]),
                    min(len(names), ENOUGH),
                ),
            )
            for (old, new), names in moved.items()
        ]
        view = self.view()
        lost: list[Loss] = []
        for family, through in self._passage(kinds, mark.rules).items():
            sides = self._sides(kinds, mark.view, view, family, through, gated=True)
            gone = self._gone(sides, mark.rules, mark.view, family, through)
            lost += [sides.ends.loss(pair, family) for pair in sorted(gone)]
        return tuple(lost)

    def _passage(self, kinds: Sequence[ClassTransition], old_rules: Rules) -> dict[Family, Passage]:
        key = (
            self._number(old_rules),
            self._number(self.rules),
            tuple((kind.old, kind.new, kind.node_class.count) for kind in kinds),
        )
        if key not in self._passages:
            node_classes = [kind.node_class for kind in kinds]
            self._passages[key] = {family: passage(old_rules, self.rules, node_classes, family) for family in FAMILIES}
        return self._passages[key]

    def _cost(self, kinds: Sequence[ClassTransition], old_rules: Rules, before: View, after: View) -> Transition:
        node_classes = [kind.node_class for kind in kinds]
        lost: list[Loss] = []
        exposed: list[Loss] = []
        outside: list[OutsideSession] = []
        passages = self._passage(kinds, old_rules)
        for family, through in passages.items():
            sides = self._sides(kinds, before, after, family, through)
            ends, here, old, silent = sides.ends, sides.here, sides.old, sides.silent
            gone = self._gone(sides, old_rules, before, family, through)
            bare: set[Pair] = set()
            restarted: set[Pair] = set()
            own = [*range(len(kinds))]
            for was, left in zip(old.tables, through.surviving.tables, strict=True):
                bare |= {pair for pair in ends.lost(here, was, own, left) if silent.isdisjoint(pair)}
                restarted |= {
                    pair for pair in ends.restarted(through) if silent.isdisjoint(pair) and ends.holds(pair, here, was)
                }
            if bare and old is not before.holdings[family]:
                # Where all sessions are up for certain, those that are not left alone are those that are touched.
                asked = {pair for pair in bare if family not in before.doubtless or pair[0] >= len(kinds)}
                if asked:
                    marked = over(old_rules, node_classes, family, through, through.shaken)
                    bare = bare - asked | touched(asked, ends, marked)
            bare |= restarted | gone
            lost += [ends.loss(pair, family) for pair in sorted(gone)]
            exposed += [ends.loss(pair, family) for pair in sorted(bare)]
            outside += [
                OutsideSession(
                    kinds[index].node_class.members[0].after.name,
                    kinds[index].size,
                    speaker,
                    fate,
                    kinds[index].new.marked,
                    kinds[index].down,
                )
                for index, by_outside in through.fates.items()
                for speaker, fate in by_outside.items()
            ]
        return Transition(
            tuple(lost),
            tuple(exposed),
            tuple(outside),
            any(through.begins for through in passages.values()),
            any(through.ends for through in passages.values()),
            idle=all(through.idle for through in passages.values()),
        )

    def _sides(
        self,
        kinds: Sequence[ClassTransition],
        before: View,
        after: View,
        family: Family,
        through: Passage,
        *,
        gated: bool = False,
    ) -> Sides:
        """`gated` says that gates have seen since what speakers outside pass on."""
        old, new = before.possible[family], after.holdings[family]
        here, there = [before.index(kind.old) for kind in kinds], [after.index(kind.new) for kind in kinds]
        # A host that becomes a standalone reflector has no routes of its own any more, and needs none.
        silent = frozenset(index for index, place in enumerate(there) if not new.speaks(place))
        gained = through.gained
        if gated:
            gained = frozenset(pair for pair in gained if not passes_on(self.rules, pair[1]))
        if gained:
            # Nobody knows whether the other side accepts a new session: nothing rests on it.
            node_classes = [kind.node_class for kind in kinds]
            there, new = [*range(len(kinds))], without(self.rules, node_classes, family, gained)
        return Sides(Ends(kinds, through.speakers), here, old, there, new, silent)

    def _gone(self, sides: Sides, old_rules: Rules, before: View, family: Family, through: Passage) -> set[Pair]:
        """The pairs that lose their route for good."""
        ends, here, silent = sides.ends, sides.here, sides.silent
        gone: set[Pair] = set()
        for was, becomes in zip(sides.old.tables, sides.new.tables, strict=True):
            gone |= {pair for pair in ends.lost(here, was, sides.there, becomes) if silent.isdisjoint(pair)}
        if not gone:
            return gone
        # A new session may bring a node a better path that it does not hand on to the outside: what is heard
        # there may be lost although nothing happens to the sessions that it came over.
        certain = before.holdings[family].tables
        heard = {
            pair
            for pair in gone
            if pair[0] >= len(ends.kinds) and any(ends.holds(pair, here, table) for table in certain)
        }
        node_classes = [kind.node_class for kind in ends.kinds]
        return heard | touched(gone, ends, over(old_rules, node_classes, family, through, through.changed))


def _nobody(_selector: str, _speaker: Speaker) -> bool:
    return False
