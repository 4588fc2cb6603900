"""How things are, and for whom, where a run stops between two steps: facts of the plan in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rrplan.ids import StepId
from rrplan.plans.plan import Plan, Step
from rrplan.render.overview import CORDON, TAINTS
from rrplan.render.proof import exposures, lasting_from_to
from rrplan.resources.documents import leaves
from rrplan.text import listed

HELD = "every node holds every route that it held before the plan: this state was proved as a place to stop"
HELD_BUT = "every node holds every route that it held before the plan, but for the drained nodes named below"


@dataclass
class _Nodes:
    """Nodes that take no new pods at some place of the plan."""

    cordoned: dict[str, None] = field(default_factory=dict)
    tainted: dict[str, None] = field(default_factory=dict)

    def after(self, step: Step) -> None:
        """Go on behind a step."""
        for change in step.changes:
            if change.key.kind != "Node" or change.before is None or change.after is None:
                continue
            name, before, after = change.key.name, dict(leaves(change.before)), dict(leaves(change.after))
            if CORDON in after:
                _set(self.cordoned, name, there=after[CORDON] is True)
            if TAINTS in after:
                _set(self.tainted, name, there=_count(after[TAINTS]) > _count(before.get(TAINTS)))


def _set(names: dict[str, None], name: str, *, there: bool) -> None:
    if there:
        names[name] = None
    else:
        names.pop(name, None)


def _count(taints: object) -> int:
    return len(taints) if isinstance(taints, list | tuple) else 0


def stopped_after(plan: Plan, stops: Sequence[StepId]) -> dict[StepId, tuple[str, ...]]:
    """What holds after each of these steps, if nothing comes behind it."""
    nodes, order = _Nodes(), {step.id: place for place, step in enumerate(plan.steps)}
    lasting_from = until = -1
    pairs = sum(exposure.pairs for exposure in exposures(plan) if exposure.lasting)
    if pairs:
        first, last = lasting_from_to(plan)
        lasting_from, until = order[first], order[last]
    wanted, texts = frozenset(stops), dict[StepId, tuple[str, ...]]()
    for place, step in enumerate(plan.steps):
        nodes.after(step)
        if step.id in wanted:
            lasting = pairs and lasting_from <= place < until
            lines = [HELD_BUT if lasting else HELD]
            if lasting:
                lines.append(f"up to {pairs:,} ordered pairs that end at drained nodes have no route yet")
            lines += _closed(nodes)
            texts[step.id] = tuple(lines)
    return texts


def _closed(nodes: _Nodes) -> Iterator[str]:
    if nodes.cordoned:
        one = len(nodes.cordoned) == 1
        yield f"{listed([*nodes.cordoned])} {'stays' if one else 'stay'} cordoned: no new pod starts there"
    only = [name for name in nodes.tainted if name not in nodes.cordoned]
    if only:
        yield f"{listed(only)} {'stays' if len(only) == 1 else 'stay'} tainted: only pods that tolerate it run there"


def affected(plan: Plan) -> tuple[str, ...]:
    """Who is affected if the plan stops half-way: the answer for the whole plan."""
    if not plan.steps:
        return ("nobody: there is nothing to do",)
    nodes, cordoned, places = _Nodes(), dict[str, None](), list[int]()
    for number, step in enumerate(plan.steps, 1):
        nodes.after(step)
        cordoned |= nodes.cordoned
        if nodes.cordoned:
            places.append(number)
    lines = []
    if plan.proof.violations:
        lines.append("the plan is refused, so no run begins and nobody is affected")
        return tuple(lines)
    lasting = any(exposure.lasting for exposure in exposures(plan))
    but = ", but for nodes that are drained" if lasting else ""
    lines.append(
        f"nobody loses a route for good: after every step, all nodes hold the routes that they held before{but}"
    )
    if lasting:
        first, last = lasting_from_to(plan)
        lines.append(f"drained nodes may be without routes from `{first}` until `{last}`; they run no pods meanwhile")
    if cordoned:
        count = len(cordoned)
        lines.append(
            f"pods: {count} node{'' if count == 1 else 's'} ({listed([*cordoned])}) {'is' if count == 1 else 'are'} "
            f"cordoned at some time between step {places[0]} and step {min(places[-1] + 1, len(plan.steps))}; a run "
            "that stops there leaves them so, and the room for pods is smaller by that"
        )
    else:
        lines.append("pods: no node is cordoned, so no pod is moved")
    lines.append(
        "a run that is interrupted ends the step in flight first; after a crash, `rrplan resume` reads back from the "
        "cluster what was written before it goes on"
    )
    return tuple(lines)
