"""Which gates a step needs, with the numbers that the model expects at its state."""

from __future__ import annotations

from rrplan.bgp.holdings import Holdings
from rrplan.bgp.model import Model
from rrplan.bgp.speaker import FAMILIES
from rrplan.ids import ActionName, NodeName
from rrplan.plans.gate import LONGEST_SECONDS, Eviction, Expectation, Gate, GateKind
from rrplan.plans.plan import Step
from rrplan.resources import DaemonSet
from rrplan.specs import Drain, Spec


def eviction_of(spec: Spec) -> Eviction:
    """What the drains of a spec may evict."""
    drain = spec.drain or Drain()
    return Eviction(drain.force, drain.delete_empty_dir_data, drain.grace_period)


class NodeSets:
    """Node sets by name: gates of a plan share them."""

    def __init__(self) -> None:
        self._names: dict[tuple[NodeName, ...], str] = {}

    def name(self, nodes: tuple[NodeName, ...]) -> str:
        """The name of a set, the same for the same nodes."""
        return self._names.setdefault(nodes, f"nodes-{len(self._names) + 1}")

    def table(self) -> dict[str, tuple[NodeName, ...]]:
        """All sets by name."""
        return {name: nodes for nodes, name in self._names.items()}


class GateMaker:
    """Makes gates from the state that a model stands at."""

    def __init__(self, spec: Spec, sets: NodeSets) -> None:
        self.spec = spec
        self.sets = sets

    def after(self, step: Step, model: Model, wave: tuple[NodeName, ...] = ()) -> tuple[Gate, ...]:
        """The gates of a step, once the model stands at the state after it."""
        node = NodeName(step.change.key.name) if step.change else None
        match step.action:
            case ActionName.DRAIN_NODE:
                return (self.drained(NodeName(step.id.partition("/")[2])),)
            case ActionName.PROMOTE_REFLECTOR if node:
                return self.routes(model, [node], title=f"every neighbour of {node} holds the routes it reflects")
            case ActionName.DEMOTE_REFLECTOR if node:
                return self._plain_again(model, node)
            case ActionName.RELEASE_HOST | ActionName.CONFINE_CALICO_NODE | ActionName.DEPLOY_REFLECTORS:
                return self._rollout(step, model)
            case ActionName.LABEL_REFLECTOR if model.rules.settings.standalone:
                return self._rollout(step, model)
            case ActionName.ENABLE_MESH:
                return self.mesh(model)
            case ActionName.AWAIT | ActionName.DISABLE_MESH | ActionName.BAKE:
                return self._through_reflectors(step, model, wave)
            case ActionName.CREATE_PEER | ActionName.UPDATE_PEER | ActionName.DELETE_PEER:
                reflectors = self.reflectors(model)
                return self.routes(model, reflectors, title="every client holds every route of its reflectors")
            case _:
                return ()

    def undone(self, step: Step, model: Model) -> tuple[Gate, ...]:
        """The gates of the undo of a step, while the model still stands at the state before it."""
        node = NodeName(step.change.key.name) if step.change else None
        match step.action:
            case ActionName.UNCORDON_NODE if node:
                return (self.drained(node),)
            case ActionName.RELEASE_HOST if node and model.rules.settings.mesh:
                return self.mesh(model, only=node)
            case ActionName.PROMOTE_REFLECTOR if node:
                if model.population.speakers[node].cluster_id:
                    return self.routes(model, [node], title=f"every neighbour of {node} holds the routes it reflects")
                return self._plain_again(model, node)
            case ActionName.DEMOTE_REFLECTOR if node:
                return self.routes(model, [node], title=f"every neighbour of {node} holds the routes it reflects")
            case ActionName.DISABLE_MESH:
                return self.mesh(model)
            case ActionName.ENABLE_MESH | ActionName.DELETE_PEER | ActionName.UPDATE_PEER:
                reflectors = self.reflectors(model)
                return self.routes(model, reflectors, title="every client holds every route of its reflectors")
            case _:
                return ()

    def reflectors(self, model: Model) -> list[NodeName]:
        """The nodes with a cluster ID, sorted."""
        return sorted(
            name for signature, members in model.population.classes.items() if signature.cluster_id for name in members
        )

    def drained(self, node: NodeName) -> Gate:
        """No pod is left to evict."""
        eviction = eviction_of(self.spec)
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
        sets = (one for one in model.state.others.values() if isinstance(one, DaemonSet))
        found = next(one for one in sets if one.reflector is containers)
        hosts = sum(speaker.standalone for speaker in model.population.speakers.values()) if containers else 0
        title = f"DaemonSet {found.name} has taken the change up"
        if containers:
            title = f"{hosts} pods of DaemonSet {found.name} are available"
        elif step.action is ActionName.RELEASE_HOST and step.change:
            title = f"{found.name} has left {step.change.key.name}"
        gate = Gate(
            GateKind.ROLLOUT,
            title,
            timeout=self.spec.gates.sessions,
            stable=0,
            expected=30,
            daemonset=found.key,
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
        sizes = [len(classes[signature]) for signature in view.signatures]
        expectations: list[Expectation] = []
        wanted = set(only)
        for family in FAMILIES:
            holdings = view.holdings[family]
            for peer in peers:
                here = view.index(model.population.signature_of[peer])
                for there, signature in enumerate(view.signatures):
                    if (here, there) not in holdings.web.links:
                        continue
                    nodes = tuple(sorted(set(classes[signature]) - {peer}))
                    if wanted:
                        nodes = tuple(name for name in nodes if name in wanted)
                    if nodes:
                        count = holdings.delivered(here, there, sizes)
                        without = self._without(model, holdings, here, there, peer)
                        expectations.append(Expectation(self.sets.name(nodes), str(family), count, peer, without))
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
            expected=LONGEST_SECONDS + held,
        )
        return (gate,)

    def _without(self, model: Model, holdings: Holdings, here: int, there: int, peer: NodeName) -> str:
        """The name of the set of nodes whose routes do not come over the session of `peer`; "" for nobody."""
        classes = model.population.classes
        signatures = model.view().signatures
        kins, own = holdings.withheld(here, there)
        names = {name for kin in kins for name in classes[signatures[kin]]} - {peer}
        names |= {peer} if own else set()
        # Of its own kind, a receiver is asked about no routes of its own: leaving it in changes nothing.
        if there in kins and len(classes[signatures[there]]) == 1:
            names -= set(classes[signatures[there]])
        return self.sets.name(tuple(sorted(names))) if names else ""

    def _through_reflectors(self, step: Step, model: Model, wave: tuple[NodeName, ...]) -> tuple[Gate, ...]:
        wanted = self.spec.policy.min_reflectors_per_client
        title = f"every client holds every route through at least {wanted} reflector{'s' if wanted > 1 else ''}"
        reflectors = self.reflectors(model)
        if step.id.startswith("await/wave-"):
            pause = self.spec.rollout.pause
            title = f"the clients of the wave hold every route of all {len(reflectors)} reflectors"
            return self.routes(model, reflectors, title=title, only=wave, stable=max(self.spec.gates.stable, pause))
        stable = self.spec.rollout.bake if step.action is ActionName.BAKE else None
        minimum = min(wanted, len(reflectors))
        return self.routes(model, reflectors, title=title, stable=stable, minimum=minimum)

    def _plain_again(self, model: Model, node: NodeName) -> tuple[Gate, ...]:
        if model.rules.settings.mesh:
            return self.mesh(model, only=node)
        reflectors = self.reflectors(model)
        return self.routes(model, reflectors, title=f"{node} holds every route of its reflectors", only=(node,))

    def mesh(self, model: Model, *, only: NodeName | None = None) -> tuple[Gate, ...]:
        """Every mesh session is up: of all nodes, or of one."""
        expectations: list[Expectation] = []
        for family in FAMILIES:
            members = tuple(
                sorted(
                    name
                    for signature, names in model.population.classes.items()
                    if not signature.cluster_id
                    for name in names
                    if model.population.speakers[name].address(family)
                )
            )
            nodes = members if only is None else tuple(name for name in members if name == only)
            if nodes and len(members) > 1:
                expectations.append(Expectation(self.sets.name(nodes), str(family), len(members) - 1))
        who = only or "every node"
        gate = Gate(
            GateKind.MESH,
            f"{who} has all its mesh sessions",
            tuple(expectations),
            timeout=self.spec.gates.sessions,
            recovery_timeout=self.spec.gates.recovery,
            stable=self.spec.gates.stable,
            fraction=self.spec.gates.fraction,
            expected=LONGEST_SECONDS + self.spec.gates.stable,
        )
        return (gate,) if expectations else ()
