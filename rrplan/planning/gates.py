"""Which gates a step needs, with the numbers that the model expects at its state."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from rrplan.bgp.holdings import Holdings
from rrplan.bgp.model import Model
from rrplan.bgp.outside import Fate
from rrplan.bgp.population import Signature
from rrplan.bgp.speaker import FAMILIES
from rrplan.bgp.transition import OutsideSession
from rrplan.ids import ActionName, NodeName
from rrplan.planning.asked import asked_of, dialled, joins_plain
from rrplan.planning.node_sets import NodeSets
from rrplan.plans.gate import USUAL_SECONDS, Expectation, Gate, GateKind
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.resources import DaemonSet
from rrplan.specs import Spec

SHOWN = 5
"""Nodes that a title names."""


class GateMaker:
    """Makes gates from the state that a model stands at."""

    def __init__(self, spec: Spec, sets: NodeSets) -> None:
        self.spec = spec
        self.sets = sets
        self._left: set[NodeName] = set()
        """The hosts that calico-node has left in the steps so far."""

    def after(self, step: Step, model: Model, waited: tuple[NodeName, ...] = ()) -> tuple[Gate, ...]:
        """The gates of a step, once the model stands at the state after it.

        `waited` are the nodes that a step without a change waits for: those of a wave, or those that were drained.
        """
        if step.phase is Phase.HELD_AGAIN:
            return self.held_again(model, waited)
        node = self._living(step, model)
        match step.action:
            case ActionName.DRAIN_NODE if step.node:
                return (self.drained(step.node),)
            case ActionName.PROMOTE_REFLECTOR | ActionName.RENEW_SESSIONS if node:
                return self.routes(model, [node], title=f"every neighbour of {node} holds the routes it reflects")
            case ActionName.DEMOTE_REFLECTOR if node:
                return self._plain_again(model, node)
            case ActionName.RELEASE_HOST | ActionName.CONFINE_CALICO_NODE | ActionName.DEPLOY_REFLECTORS:
                return self._rollout(step, model)
            case ActionName.LABEL_REFLECTOR if model.rules.settings.standalone:
                return self._rollout(step, model)
            case ActionName.ENABLE_MESH:
                return self.between_plain(model)
            case ActionName.AWAIT | ActionName.DISABLE_MESH | ActionName.BAKE | ActionName.LABEL_CLIENT:
                return self._through_reflectors(step, model, waited)
            case ActionName.CREATE_PEER | ActionName.UPDATE_PEER | ActionName.DELETE_PEER:
                return self._of_peers(model)
            case _:
                return ()

    def undone(self, step: Step, model: Model) -> tuple[Gate, ...]:
        """The gates of the undo of a step, while the model still stands at the state before it."""
        node = self._living(step, model)
        match step.action:
            case ActionName.UNCORDON_NODE if node:
                return (self.drained(node),)
            case ActionName.RELEASE_HOST if node:
                return self._calico_node_back(model, node)
            case ActionName.PROMOTE_REFLECTOR if node:
                if model.population.speakers[node].cluster_id:
                    return self.routes(model, [node], title=f"every neighbour of {node} holds the routes it reflects")
                return self._plain_again(model, node)
            case ActionName.DEMOTE_REFLECTOR | ActionName.RENEW_SESSIONS if node:
                return self.routes(model, [node], title=f"every neighbour of {node} holds the routes it reflects")
            case ActionName.DISABLE_MESH:
                return self.between_plain(model)
            case ActionName.ENABLE_MESH | ActionName.DELETE_PEER | ActionName.UPDATE_PEER:
                return self._of_peers(model)
            case _:
                return ()

    def _calico_node_back(self, model: Model, node: NodeName) -> tuple[Gate, ...]:
        """A host holds every route again; hosts that calico-node left before this one get it back after this one."""
        away = frozenset(self._left)
        self._left.add(node)
        if model.rules.settings.mesh:
            return self.mesh(model, only=(node,), away=away)
        return self.routes(
            model, self.reflectors(model), title=f"{node} holds every route again", only=(node,), minimum=1
        )

    @staticmethod
    def _living(step: Step, model: Model) -> NodeName | None:
        """The node of a step, None where nobody waits for it: there is none, or it is down."""
        name = step.node
        speaker = model.population.speakers.get(name) if name else None
        return None if speaker is not None and speaker.down else name

    def reflectors(self, model: Model) -> list[NodeName]:
        """The nodes with a cluster ID that are not down, sorted."""
        return sorted(
            name
            for signature, members in model.population.classes.items()
            if signature.cluster_id and not signature.down
            for name in members
        )

    def settled(self, model: Model) -> tuple[Gate, ...]:
        """Whatever carries routes at this state carries them."""
        reflectors = self.reflectors(model)
        gates = self.routes(model, reflectors, title="every client holds every route of its reflectors")
        return gates + self.between_plain(model)

    def _of_peers(self, model: Model) -> tuple[Gate, ...]:
        """What BGPPeers carry: routes through reflectors, and between nodes that do not reflect."""
        reflectors = self.reflectors(model)
        gates = self.routes(model, reflectors, title="every client holds every route of its reflectors")
        return gates + (() if model.rules.settings.mesh else self.between_plain(model))

    def between_plain(self, model: Model, *, only: tuple[NodeName, ...] = ()) -> tuple[Gate, ...]:
        """The sessions between nodes that do not reflect: of the mesh, or of BGPPeers that join such nodes."""
        if joins_plain(model):
            return self._direct(model, only)
        return self.mesh(model, only=only) if model.rules.settings.mesh else ()

    def uplinks(self, model: Model, effects: Sequence[OutsideSession]) -> tuple[Gate, ...]:
        """The sessions to the outside that a step restarts, or that its undo restarts, are up."""
        expectations = []
        for effect in effects:
            role = model.rules.role_at(effect.outside.address, effect.outside.as_number)
            if role is not None and not role.required:
                continue
            if effect.fate is Fate.RESTARTED and not effect.down and effect.outside.address:
                alike = model.population.classes[model.population.signature_of[effect.node]]
                nodes = (effect.node,) if effect.nodes == 1 else tuple(sorted(alike))
                family = str(effect.outside.family)
                expectations.append(Expectation(self.sets.name(nodes), family, 1, outside=effect.outside.address))
        gate = Gate(
            GateKind.UPLINKS,
            f"the sessions to the outside of {self._who(expectations)} are up",
            tuple(expectations),
            timeout=self.spec.gates.sessions,
            recovery_timeout=self.spec.gates.recovery,
            stable=self.spec.gates.stable,
            expected=USUAL_SECONDS + self.spec.gates.stable,
        )
        return (gate,) if expectations else ()

    def passed_on(self, model: Model, effects: Sequence[OutsideSession], gates: Sequence[Gate]) -> tuple[Gate, ...]:
        """The sessions to speakers outside that a step brings and that pass routes on: up, and their routes are there.

        Where one of `gates` asks for all of them already, none is added.
        """
        wanted: dict[NodeName, set[NodeName]] = {}
        for effect in effects:
            name = model.outside.get((effect.outside.address, effect.outside.as_number))
            if name is not None and effect.fate is Fate.GAINED and not effect.down:
                alike = model.population.classes[model.population.signature_of[effect.node]]
                nodes = {effect.node} if effect.nodes == 1 else {*alike}
                wanted.setdefault(name, set()).update(nodes)
        asked = {expectation.peer for gate in gates if not gate.minimum for expectation in gate.expectations}
        lacking = sorted(wanted.keys() - asked)
        if not lacking:
            return ()
        only = tuple(sorted({name for speaker in lacking for name in wanted[speaker]}))
        who = ", ".join(lacking) if len(lacking) <= SHOWN else f"{len(lacking)} speakers outside"
        return self.routes(model, lacking, title=f"the new sessions to {who} are up and carry every route", only=only)

    def _who(self, expectations: Sequence[Expectation]) -> str:
        table = self.sets.table()
        names = sorted({name for expectation in expectations for name in table[expectation.nodes]})
        return ", ".join(names) if len(names) <= SHOWN else f"{len(names)} nodes"

    def held_again(self, model: Model, nodes: tuple[NodeName, ...]) -> tuple[Gate, ...]:
        """These nodes hold the routes of every node that is not down, over one session at least."""
        reflectors = self.reflectors(model)
        reflecting = tuple(name for name in nodes if name in reflectors)
        plain = tuple(name for name in nodes if name not in reflectors)
        title = "the drained nodes hold every route again"
        gates: tuple[Gate, ...] = ()
        if plain and model.rules.settings.mesh:
            gates += self.between_plain(model, only=plain)
        elif plain:
            gates += self.routes(model, reflectors, title=title, only=plain, minimum=1)
        covered = tuple(name for name in reflecting if self._covered(model, name, reflectors))
        if covered:
            gates += self.routes(model, reflectors, title=title, only=covered, minimum=1)
        # A reflector that hands on what it holds holds it.
        alone = [name for name in reflecting if name not in covered]
        if alone:
            gates += self.routes(model, alone, title=f"every neighbour of {alone[0]} holds the routes it reflects")
        return gates

    def _covered(self, model: Model, name: NodeName, reflectors: list[NodeName]) -> bool:
        """Whether some other reflector hands every route to this one, so that it need not be asked of each client."""
        view = model.view()
        for family in FAMILIES:
            if not model.population.speakers[name].address(family):
                continue
            sizes = model.living(view)
            everybody = sum(sizes[index] for index in view.holdings[family].speaking)
            given = [model.delivered(family, reflector, name) for reflector in reflectors if reflector != name]
            if max(given, default=0) < everybody - 1:
                return False
        return True

    def drained(self, node: NodeName) -> Gate:
        """No pod is left to evict."""
        eviction = self.spec.eviction
        return Gate(
            GateKind.DRAINED,
            f"no pod is left on {node}{eviction.losses}",
            node=node,
            timeout=self.spec.gates.drain,
            stable=0,
            expected=30,
            eviction=eviction,
        )

    def _rollout(self, step: Step, model: Model) -> tuple[Gate, ...]:
        """DaemonSet calico-node has left, or the containers run."""
        containers = step.action in (ActionName.DEPLOY_REFLECTORS, ActionName.LABEL_REFLECTOR)
        sets = (resource for resource in model.state.others.values() if isinstance(resource, DaemonSet))
        daemonset = next(candidate for candidate in sets if candidate.reflector is containers)
        hosts = sum(speaker.standalone for speaker in model.population.speakers.values()) if containers else 0
        title = f"DaemonSet {daemonset.name} has taken the change up"
        if containers:
            title = f"{hosts} pods of DaemonSet {daemonset.name} are available"
        elif step.action is ActionName.RELEASE_HOST:
            title = f"{daemonset.name} has left {step.node}"
        gate = Gate(
            GateKind.ROLLOUT,
            title,
            timeout=self.spec.gates.sessions,
            stable=0,
            expected=30,
            daemonset=daemonset.key,
            pods=hosts,
        )
        return (gate,)

    def routes(
        self,
        model: Model,
        peers: list[NodeName],
        *,
        title: str,
        only: tuple[NodeName, ...] = (),
        stable: int | None = None,
        minimum: int = 0,
    ) -> tuple[Gate, ...]:
        """Every node with a session to one of `peers` has it up and got the expected routes over it."""
        view = model.view()
        classes = model.population.classes
        sizes = model.living(view)
        expectations: list[Expectation] = []
        asked: dict[Signature, tuple[NodeName, ...]] = {}
        # Nobody waits for the routes of a node that is down.
        down = frozenset(model.down())
        for family in FAMILIES:
            holdings = view.holdings[family]
            for peer in peers:
                here = view.index(model.population.signature_of[peer])
                beyond = model.population.speakers[peer].role is not None
                for there, signature in enumerate(view.signatures):
                    if signature.down or signature.outside or not holdings.joins(here, there):
                        continue
                    if signature not in asked:
                        asked[signature] = asked_of(model, signature, only)
                    nodes = asked[signature]
                    if peer in classes[signature]:
                        nodes = tuple(name for name in nodes if name != peer)
                    if nodes:
                        count = holdings.delivered(here, there, sizes)
                        without = self._without(model, holdings, here, there, peer, down)
                        for outside in dialled(model, signature, peer, family) if beyond else [""]:
                            expectations.append(
                                Expectation(self.sets.name(nodes), str(family), count, peer, without, outside)
                            )
        if not expectations:
            return ()
        held = self.spec.gates.stable if stable is None else stable
        gate = Gate(
            GateKind.ROUTES,
            title,
            tuple(expectations),
            timeout=self.spec.gates.routes + (stable or 0),
            recovery_timeout=self.spec.gates.recovery + (stable or 0),
            stable=held,
            fraction=self.spec.gates.fraction,
            minimum=minimum,
            expected=USUAL_SECONDS + held,
        )
        return (gate,)

    def _without(
        self, model: Model, holdings: Holdings, here: int, there: int, peer: NodeName, down: frozenset[NodeName]
    ) -> str:
        """The name of the set of nodes whose routes do not come over the session of `peer`; "" for nobody."""
        classes = model.population.classes
        signatures = model.view().signatures
        node_classes, own = holdings.withheld(here, there)
        names = {name for node_class in node_classes for name in classes[signatures[node_class]]} - {peer}
        names |= {peer} if own else set()
        names |= down
        names -= {name for signature, members in classes.items() if signature.outside for name in members}
        # Of its own kind, a receiver is asked about no routes of its own: leaving it in changes nothing.
        if there in node_classes and len(classes[signatures[there]]) == 1:
            names -= set(classes[signatures[there]])
        return self.sets.name(tuple(sorted(names))) if names else ""

    def _through_reflectors(self, step: Step, model: Model, wave: tuple[NodeName, ...]) -> tuple[Gate, ...]:
        wanted = self.spec.policy.min_reflectors_per_client
        title = f"every client holds every route through at least {wanted} reflector{'s' if wanted > 1 else ''}"
        reflectors = self.reflectors(model)
        if step.wave:
            pause = self.spec.rollout.pause
            title = f"the clients of the wave hold every route of all {len(reflectors)} reflectors"
            return self.routes(model, reflectors, title=title, only=wave, stable=max(self.spec.gates.stable, pause))
        stable = self.spec.rollout.bake if step.action is ActionName.BAKE else None
        minimum = min(wanted, len(reflectors))
        return self.routes(model, reflectors, title=title, stable=stable, minimum=minimum)

    def _plain_again(self, model: Model, node: NodeName) -> tuple[Gate, ...]:
        between = self.between_plain(model, only=(node,))
        if model.rules.settings.mesh:
            return between
        reflectors = self.reflectors(model)
        title = f"{node} holds every route of its reflectors"
        gates = self.routes(model, reflectors, title=title, only=(node,)) + between
        # Where nobody reflects for it, its neighbours are peers like itself: they got at least its own routes.
        return gates or self.routes(model, [node], title=f"every neighbour of {node} holds its routes")

    def _direct(self, model: Model, only: tuple[NodeName, ...]) -> tuple[Gate, ...]:
        """Every session of nodes that do not reflect is up, whatever makes it: of two that share a lock one is up."""
        view = model.view()
        sizes = model.living(view)
        expectations: list[Expectation] = []
        for family in FAMILIES:
            holdings = view.holdings[family]
            counts: dict[int, list[NodeName]] = {}
            for here in holdings.present:
                signature = view.signatures[here]
                if signature.cluster_id or signature.down or signature.outside:
                    continue
                linked = [there for there in holdings.linked(here) if not view.signatures[there].outside]
                count = sum(sizes[there] for there in linked) - (here in linked)
                counts.setdefault(count, []).extend(asked_of(model, signature, only))
            expectations += [
                Expectation(self.sets.name(tuple(sorted(nodes))), str(family), count, direct=True)
                for count, nodes in sorted(counts.items())
                if count and nodes
            ]
        who = f"{', '.join(only)} {'has' if len(only) == 1 else 'have'}" if only else "every node has"
        return self._of_sessions(f"{who} all sessions with other nodes", expectations)

    def mesh(
        self, model: Model, *, only: tuple[NodeName, ...] = (), away: frozenset[NodeName] = frozenset()
    ) -> tuple[Gate, ...]:
        """Every mesh session between nodes that are not down, nor `away`, is up: of all of them, or of some."""
        expectations: list[Expectation] = []
        classes = model.population.classes
        for family in FAMILIES:
            meshed = [
                signature
                for signature in classes
                if signature.meshes and not signature.down and signature.speaks(family)
            ]
            nodes = tuple(sorted(chain.from_iterable(asked_of(model, signature, only) for signature in meshed)))
            members = sum(len(classes[signature].keys() - away) for signature in meshed)
            if nodes and members > 1:
                expectations.append(Expectation(self.sets.name(nodes), str(family), members - 1))
        title = "every node has all its mesh sessions"
        if only:
            verb, their = ("has", "its") if len(only) == 1 else ("have", "their")
            title = f"{', '.join(only)} {verb} all {their} mesh sessions"
        return self._of_sessions(title, expectations)

    def _of_sessions(self, title: str, expectations: Sequence[Expectation]) -> tuple[Gate, ...]:
        gate = Gate(
            GateKind.MESH,
            title,
            tuple(expectations),
            timeout=self.spec.gates.sessions,
            recovery_timeout=self.spec.gates.recovery,
            stable=self.spec.gates.stable,
            fraction=self.spec.gates.fraction,
            expected=USUAL_SECONDS + self.spec.gates.stable,
        )
        return (gate,) if expectations else ()
