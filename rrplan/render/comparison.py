"""Two plans side by side, in words: what was asked for, what there was, what would be done, what was proved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rrplan.plans import Plan
from rrplan.plans.change import Change
from rrplan.plans.plan import Step
from rrplan.render.plan_json import plan_document
from rrplan.text import listed

ABSENT = "nothing"
SHOWN = 20
"""Places that are named where nothing else says what differs."""


def compared(old: Plan, new: Plan) -> Mapping[str, Sequence[str]]:
    """What differs, by part of a plan; empty where nothing does."""
    parts = {
        "Spec": [*_fields(old.spec.to_document(), new.spec.to_document())],
        "Cluster": [*_cluster(old, new)],
        "What the plans rest on": [*_relied_on(old, new)],
        "Steps": [*_steps(old.steps, new.steps), *_edges(old, new)],
        "Proof": [*_proof(old, new)],
    }
    found = {title: lines for title, lines in parts.items() if lines}
    return found or {title: lines for title, lines in {"Elsewhere": _elsewhere(old, new)}.items() if lines}


def _elsewhere(old: Plan, new: Plan) -> Sequence[str]:
    """What else differs, by its place in the plan file: two plans are the same only where all of them is."""
    documents = [{**plan_document(plan), "digest": None} for plan in (old, new)]
    lines = [*_fields(documents[0], documents[1])]
    return [*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])]


def _fields(old: object, new: object, path: str = "") -> Iterator[str]:
    """Each leaf that differs, by its path."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            below = f"{path}.{key}" if str(key).isidentifier() else f"{path}[{key}]"
            yield from _fields(old.get(key), new.get(key), below.removeprefix("."))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for place, (here, there) in enumerate(zip(old, new, strict=True)):
            yield from _fields(here, there, f"{path}[{place}]")
    elif old != new:
        yield f"{path}: {_shown(old)} -> {_shown(new)}"


def _shown(value: object) -> str:
    if value is None:
        return ABSENT
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cluster(old: Plan, new: Plan) -> Iterator[str]:
    pairs = {
        "clusterGUID": (old.snapshot.cluster.guid, new.snapshot.cluster.guid),
        "uid of namespace kube-system": (old.snapshot.cluster.namespace_uid, new.snapshot.cluster.namespace_uid),
        "Calico": (str(old.snapshot.calico_version), str(new.snapshot.calico_version)),
        "read at": (old.snapshot.taken_at, new.snapshot.taken_at),
        "down": (listed(old.down) or None, listed(new.down) or None),
    }
    for name, (was, now) in pairs.items():
        if was != now:
            yield f"{name}: {_shown(was or None)} -> {_shown(now or None)}"


def _relied_on(old: Plan, new: Plan) -> Iterator[str]:
    """Resources that were read and differ; field by field where both plans change them, and so have them whole."""
    before, after = _befores(old), _befores(new)
    for key in sorted(old.fingerprints.keys() | new.fingerprints.keys()):
        was, now = old.fingerprints.get(key), new.fingerprints.get(key)
        if was == now:
            continue
        if was is None or now is None:
            yield f"{key}: {'only the new plan rests on it' if was is None else 'the new plan does not rest on it'}"
        elif key in before and key in after and before[key] != after[key]:
            yield from (f"{key} {text}" for text in _fields(before[key], after[key]))
        else:
            yield f"{key}: is not what it was"


def _befores(plan: Plan) -> dict[str, object]:
    """The first state of each resource that a plan changes."""
    first: dict[str, object] = {}
    for _, change in plan.writes:
        first.setdefault(str(change.key), change.before)
    return first


def _steps(old: Sequence[Step], new: Sequence[Step]) -> Iterator[str]:
    was, now = {step.id: step for step in old}, {step.id: step for step in new}
    gone, come = [step for step in was if step not in now], [step for step in now if step not in was]
    yield from (f"`{step}` is gone: {was[step].summary}" for step in gone)
    yield from (f"`{step}` is new: {now[step].summary}" for step in come)
    kept = [step for step in was if step in now]
    if kept != [step for step in now if step in was]:
        yield f"another order: {' '.join(kept)} -> {' '.join(step for step in now if step in was)}"
    for step in kept:
        yield from (f"`{step}` {text}" for text in _step(was[step], now[step]))


def _edges(old: Plan, new: Plan) -> Iterator[str]:
    """What waits for what, among steps that both plans have."""
    kept = {step.id for step in old.steps} & {step.id for step in new.steps}
    was, now = ({(each.before, each.after): each.reason for each in plan.edges} for plan in (old, new))
    for before, after in [*was, *(pair for pair in now if pair not in was)]:
        if before in kept and after in kept and ((before, after) in was) != ((before, after) in now):
            waits = "waits now" if (before, after) in now else "no longer waits"
            yield f"`{after}` {waits} for `{before}`: {(now if (before, after) in now else was)[before, after]}"


def _step(old: Step, new: Step) -> Iterator[str]:
    if old.summary != new.summary:
        yield f"is: {old.summary} -> {new.summary}"
    for name, gates in (("gate", (old.gates, new.gates)), ("gate of the way back", (old.undo_gates, new.undo_gates))):
        was, now = ([gate.title for gate in each] for each in gates)
        yield from (f"has no {name} any more: {title}" for title in was if title not in now)
        yield from (f"has a new {name}: {title}" for title in now if title not in was)
        for here in gates[0]:
            there = next((gate for gate in gates[1] if gate.title == here.title), here)
            if here != there:
                yield f"{name} `{here.title}` waits for other numbers, nodes or times"
    was_changes, now_changes = ({str(change.key): change for change in step.changes} for step in (old, new))
    for key in sorted(was_changes.keys() | now_changes.keys()):
        yield from _change(key, was_changes.get(key), now_changes.get(key))


def _change(key: str, old: Change | None, new: Change | None) -> Iterator[str]:
    if old is None or new is None:
        yield f"{'writes' if old is None else 'does not write'} {key}{'' if old is None else ' any more'}"
        return
    yield from (f"writes {key} {text}" for text in _fields(old.after, new.after))


def _proof(old: Plan, new: Plan) -> Iterator[str]:
    exposed = [sum(each.pairs for proof in plan.proof.steps for each in proof.exposures) for plan in (old, new)]
    if exposed[0] != exposed[1]:
        yield f"exposed pairs: {exposed[0]} -> {exposed[1]}"
    longest = [
        {proof.step: max((each.seconds for each in proof.exposures), default=0) for proof in plan.proof.steps}
        for plan in (old, new)
    ]
    for step in longest[0]:
        if longest[1].get(step, longest[0][step]) != longest[0][step]:
            yield f"`{step}` exposes pairs for up to {longest[0][step]} s -> {longest[1][step]} s"
    was, now = ({str(check.invariant) for check in plan.proof.final} for plan in (old, new))
    yield from (f"in the end no longer proved: {name}" for name in sorted(was - now))
    yield from (f"in the end proved now: {name}" for name in sorted(now - was))
    before, after = ([*dict.fromkeys(finding.check for finding in plan.findings)] for plan in (old, new))
    yield from (f"check `{name}` has nothing to say any more" for name in before if name not in after)
    yield from (f"check `{name}` has something to say now" for name in after if name not in before)
