"""Walks a plan change by change, and says where somebody is without routes who should not be."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain as joined
from itertools import combinations, pairwise

from rrplan.plans.plan import Plan, Step
from tests.walker.edges import (
    Identity,
    Key,
    Link,
    Moment,
    Routes,
    identities,
    moment,
    passages,
    reloads,
    worlds,
)
from tests.walker.reading import (
    FAMILIES,
    Cluster,
    Document,
    Objects,
    Part,
    Pool,
    applied,
    cluster_of,
    idle_nodes,
    objects_of,
    parts_of,
)
from tests.walker.sessions import identity

BRIEF_SECONDS = 14
"""The longest gap that was measured; whoever accepts less accepts nothing."""
EVERY_SUBSET = 4
"""Up to that many nodes every subset of reloaded ones is looked at."""


@dataclass(frozen=True)
class Failure:
    """Where a plan that is called safe is not."""

    step: str
    family: str
    what: str
    holder: str = ""
    origin: str = ""

    def __str__(self) -> str:
        who = f": {self.holder} without {self.origin}" if self.holder else ""
        return f"{self.step} ({self.family}): {self.what}{who}"


@dataclass
class Count:
    """How much was looked at."""

    states: int = 0
    worlds: int = 0
    subsets: int = 0

    def add(self, other: Count) -> None:
        """Both together."""
        self.states += other.states
        self.worlds += other.worlds
        self.subsets += other.subsets


@dataclass(frozen=True)
class Policy:
    """What the spec lets happen on the way."""

    drained: bool
    brief: bool
    tables: bool = False
    """Whether fallback tables may carry what has no route on the way."""

    @classmethod
    def of(cls, spec: Document) -> Policy:
        """Read the document of a spec."""
        policy = spec["spec"].get("policy", {})
        told = policy.get("exposure", "drained-only")
        seconds = int(str(told["brief"]).removesuffix("s")) if isinstance(told, Mapping) else 0
        return cls(told != "none", seconds >= BRIEF_SECONDS, policy.get("inUse") == "fallback-table")


@dataclass(frozen=True)
class Stop:
    """One state on the way: how it was reached, and everything about it."""

    step: str
    topology: bool
    gated: bool
    stated: Mapping[str, int]
    cluster: Cluster
    moments: Mapping[str, Moment]
    drained: frozenset[str]
    settled: Mapping[str, Moment]
    """The same once its gates have passed: what they saw of speakers outside is trusted."""
    filled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By family, the nodes whose fallback tables its gates filled with what they hold here."""


@dataclass
class Walk:
    """One plan, walked."""

    count: Count = field(default_factory=Count)
    failures: list[Failure] = field(default_factory=list)
    features: set[str] = field(default_factory=set)


def walk(documents: Sequence[Document], spec: Document, plan: Plan, *, seed: int = 0) -> Walk:
    """Judge every state of a plan, and every mixture on the way to it."""
    found = Walk()
    stops = list(_stops(objects_of(documents), plan, parts_of(spec)))
    policy = Policy.of(spec)
    routes = Routes()
    found.features |= _features(stops, plan)
    settled = 0
    for place, stop in enumerate(stops):
        if place == 0:
            continue
        before = stops[place - 1]
        for family in FAMILIES:
            changed = _changed(before.settled[family], stop.moments[family])
            if changed and not stop.topology:
                found.failures.append(Failure(stop.step, family, f"said to touch no session, and touches {changed}"))
            if stop.topology:
                _converged(found, routes, stops[place - 1 : place + 1], family, policy)
                _mixtures(found, routes, stops[settled : place + 1], family, policy, seed)
        if stop.step.startswith("uncordon/"):
            _held_again(found, routes, stops[: place + 1], stop.step.partition("/")[2])
        if stop.gated:
            settled = place
        found.count.states += 1
    for family in FAMILIES:
        _converged(found, routes, stops, family, None)
    return found


def _stops(objects: Objects, plan: Plan, parts: tuple[Part, ...]) -> Iterator[Stop]:
    idle = idle_nodes(objects)
    drained: frozenset[str] = frozenset()
    cluster = cluster_of(objects, parts)
    moments = {family: moment(cluster, family, None) for family in FAMILIES}
    trusted = {family: identities(moments[family]) for family in FAMILIES}
    yield Stop("", False, True, {}, cluster, moments, idle, moments)
    stated = {one.step: one for one in plan.proof.steps}
    for step in plan.steps:
        kind, _, name = step.id.partition("/")
        for change in step.changes:
            objects = applied(objects, change.key.kind, change.key.name, change.before, change.after)
        if step.changes:
            cluster = cluster_of(objects, parts)
            moments = {family: moment(cluster, family, trusted[family]) for family in FAMILIES}
        if kind == "drain":
            assert cluster.members[name].cordoned, f"{step.id} leaves the node open for pods"
            drained |= {name}
        elif kind == "uncordon":
            drained -= {name}
        told: dict[str, int] = {}
        if step.id in stated:
            for one in stated[step.id].exposures:
                told[one.family] = told.get(one.family, 0) + one.pairs
        empty = frozenset(one for one in idle if cluster.members[one].cordoned)
        seen = {family: _seen(plan, step, moments[family]) for family in FAMILIES}
        trusted = {family: trusted[family] | seen[family] for family in FAMILIES}
        settled = moments
        if any(seen.values()):
            settled = {family: moment(cluster, family, trusted[family]) for family in FAMILIES}
        filled = {
            family: frozenset(
                name
                for gate in step.gates
                if gate.kind == "fallback" and gate.fraction == 100
                for expectation in gate.expectations
                if expectation.family == family
                for name in plan.node_sets[expectation.nodes]
            )
            for family in FAMILIES
        }
        yield Stop(step.id, step.topology, bool(step.gates), told, cluster, moments, drained | empty, settled, filled)
        moments = settled


def _seen(plan: Plan, step: Step, at: Moment) -> frozenset[Identity]:
    """The uplinks over which the gates of a step ask every node for routes; of a node that is down, nobody asks.

    What such a node would have counts as it is configured, where the speaker outside passes routes on.
    """
    asked = {
        (name, expectation.outside)
        for gate in step.gates
        if not gate.minimum and gate.fraction == 100
        for expectation in gate.expectations
        if expectation.outside and expectation.peer and expectation.family == at.table.family
        for name in plan.node_sets[expectation.nodes]
    }
    return frozenset(one for one in identities(at) if one[:2] in asked or _of_one_down(at, one))


def _of_one_down(at: Moment, one: Identity) -> bool:
    node, address, told = one
    part = at.part(address, int(str(told[1])))
    return node in at.leaves and part is not None and part.passes


def _changed(before: Moment, after: Moment) -> list[Key]:
    keys = before.edges.keys() | after.edges.keys()
    return sorted(key for key in keys if before.edge(key).ends != after.edge(key).ends)


def _converged(found: Walk, routes: Routes, stops: Sequence[Stop], family: str, policy: Policy | None) -> None:
    """What was held in any world is held in every one; without a policy nothing is tolerated: that is the end."""
    first = stops[0].settled[family]
    last = stops[-1].moments[family] if policy else stops[-1].settled[family]
    step = stops[-1].step if policy else "final state"
    differing = {key for one, other in pairwise(stops) for key in _changed(one.settled[family], other.moments[family])}
    same = frozenset((first.edges.keys() | last.edges.keys()) - differing)
    for key in differing:
        if key[1].startswith("@") and not _kept(first, last, key) and not _may_go(first, key):
            found.failures.append(Failure(step, family, "a session to the outside is gone", *key))
    if not differing and first.as_of == last.as_of:
        return
    lost: set[tuple[str, str]] = set()
    for world in worlds(passages(first, last, same)):
        found.count.worlds += 1
        was = {key: pair[0] for key, pair in world.items() if pair[0] is not None}
        becomes = {key: pair[1] for key, pair in world.items() if pair[1] is not None}
        for handed_on in _filters(was):
            lost |= routes.gone(first, was, last, becomes, handed_on=handed_on)
    tolerated = stops[-2].drained & stops[-1].drained if policy and policy.drained else frozenset()
    for pair in sorted(lost):
        if not tolerated & set(pair):
            found.failures.append(Failure(step, family, "no route any more", *pair))


def _may_go(before: Moment, key: Key) -> bool:
    """Whether what the spec says of the speaker lets its session go; the routes that it carries are looked at."""
    parts = [before.part(key[1], one.near.remote_as) for one in before.edge(key).outcomes if one]
    return all(part is not None and not part.owed for part in parts)


def _kept(before: Moment, after: Moment, key: Key) -> bool:
    """Whether a speaker outside certainly still has the session that it may have had."""
    was = {identity(one.near) for one in before.edge(key).outcomes if one}
    becomes = {identity(one.near) for one in after.edge(key).outcomes if one}
    return not was or (was == becomes and len(was) == 1)


def _filters(up: Mapping[Key, object]) -> tuple[bool, ...]:
    """Whether nodes hand on what the outside announces depends on filters that are not known."""
    return (True, False) if any(key[1].startswith("@") for key in up) else (True,)


def _mixtures(found: Walk, routes: Routes, stops: Sequence[Stop], family: str, policy: Policy, seed: int) -> None:
    """Some nodes have the new configuration and some the old one, since all was last known to be up."""
    chain = [stops[0].settled[family], *(stop.moments[family] for stop in stops[1:])]
    alive = sorted(name for name in chain[0].as_of if name not in chain[0].leaves)
    exposed: set[tuple[str, str]] = set()
    subsets = list(_subsets(alive, seed))
    for world in worlds(reloads(chain), seed):
        was: dict[Key, Link] = {key: one.link for key, one in world.items() if one.link is not None}
        for reloaded in subsets:
            found.count.subsets += 1
            left = {key: link for key in was if (link := world[key].left(key, reloaded)) is not None}
            if left == was:
                continue
            for handed_on in _filters(was):
                exposed |= routes.gone(chain[0], was, chain[0], left, handed_on=handed_on)
    step = stops[-1].step
    tolerated = set(chain[0].leaves)
    if policy.drained:
        tolerated |= stops[-2].drained
    stated = sum(stop.stated.get(family, 0) for stop in stops[1:])
    # No gate waits for nodes that are down, so a later step of such a run takes their new sessions to be up.
    down = chain[0].leaves if len(stops) > 2 else frozenset()
    counted = sorted(pair for pair in exposed if not down & set(pair))
    if len(counted) > stated:
        pair = counted[0]
        found.failures.append(
            Failure(step, family, f"{len(counted)} pairs are exposed, {stated} are stated, such as", *pair)
        )
    if exposed:
        found.features.add("exposure")
    carrying = stops[-2].filled.get(family, frozenset()) if policy.tables else frozenset()
    if len({member.as_number for member in stops[-2].cluster.members.values()}) > 1:
        carrying = frozenset()
    for pair in sorted(exposed):
        # Both have a table, and between nodes of one AS number the next hop of a route is the node that it is of.
        if carrying.issuperset(pair):
            found.features.add("carried")
        elif not policy.brief and not tolerated & set(pair):
            found.failures.append(Failure(step, family, "no route on the way", *pair))


def _subsets(names: Sequence[str], seed: int) -> Iterator[frozenset[str]]:
    if len(names) <= EVERY_SUBSET:
        every = joined.from_iterable(combinations(names, size) for size in range(len(names) + 1))
        yield from (frozenset(one) for one in every)
        return
    draw = random.Random(seed)
    yield frozenset()
    yield frozenset(names)
    for _ in range(14):
        yield frozenset(draw.sample(names, draw.randint(1, len(names) - 1)))


def _held_again(found: Walk, routes: Routes, stops: Sequence[Stop], name: str) -> None:
    """Before pods come back to a node, it has every route again that it had in the beginning."""
    rest = Walk()
    for family in FAMILIES:
        _converged(rest, routes, stops, family, None)
    still = stops[-1].drained
    found.failures += [
        Failure(stops[-1].step, one.family, "open for pods, and no route", one.holder, one.origin)
        for one in rest.failures
        if name in (one.holder, one.origin) and not still & {one.holder, one.origin}
    ]


def _pools(owed: Sequence[Pool | None]) -> set[str]:
    known = {"pools"} if None not in owed else set()
    return known | ({"two pools"} if len(owed) > 1 else set()) | (set() if owed else {"no pool is owed"})


def _features(stops: Sequence[Stop], plan: Plan) -> set[str]:
    found: set[str] = set()
    first = stops[0]
    for one in first.moments.values():
        if any(len(edge.outcomes) > 1 for edge in one.edges.values()):
            found.add("doubt")
        if any(None in edge.outcomes and len(edge.outcomes) > 1 for edge in one.edges.values()):
            found.add("uncertain session")
        if any(len(end) > 1 for edge in one.edges.values() for end in edge.ends):
            found.add("lock sharing")
        if any(key[1].startswith("@") for key in one.edges):
            found.add("outside")
        if one.leaves:
            found.add("dead")
        owed = one.filtering.owed(one.table.family)
        found |= _pools(owed)
        filters = [told for edge in one.edges.values() for link in edge.links if link for told in link.filters]
        if any(filters):
            found.add("filters")
        ways = [(told, direction, pool) for told in filters for direction in ("import", "export") for pool in owed]
        if not all(one.filtering.passes(*way) for way in ways):
            found.add("rejected pool")
        if len({*one.as_of.values()}) > 1:
            found.add("two AS numbers")
    if len([one for one in first.moments.values() if one.as_of]) > 1:
        found.add("two families")
    for before, after in pairwise(stops):
        for family in FAMILIES:
            if any(key[1].startswith("@") for key in _changed(before.moments[family], after.moments[family])):
                found.add("uplinks touched")
    words = {"wave/1": "waves", "await/drained": "drain"}
    found |= {words[step.id] for step in plan.steps if step.id in words}
    actions = {step.id.partition("/")[0] for step in plan.steps}
    if {"promote", "demote"} <= actions:
        found.add("replace")
    if any(stop.gated is False and stop.topology for stop in stops[1:]):
        found.add("ungated step")
    return found
