"""A first spec for a cluster: several are tried, and the one that plans best here is proposed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rrplan import operations
from rrplan.bgp.profile import calico_versions
from rrplan.errors import RRPlanError
from rrplan.initial.drafts import drafts, is_standing
from rrplan.initial.survey import survey
from rrplan.render.initial import spec_text
from rrplan.reports.draft import Draft
from rrplan.reports.survey import Proposal, Survey
from rrplan.resources import CalicoVersion
from rrplan.snapshots import Snapshot
from rrplan.specs import load


@dataclass(frozen=True, slots=True)
class Initial:
    """What was seen, and the spec that is proposed."""

    survey: Survey
    proposal: Proposal


def initial(snapshot: Snapshot, *, name: str = "cluster", version: CalicoVersion | None = None) -> Initial:
    """Look at a cluster and propose a spec for it; raises PolicyRefusal for a Calico version without rules.

    What is there already should plan to no changes; a way to reflectors should plan at all. The first draft that does
    is taken, else the one with the fewest steps, else the first.
    """
    versions = calico_versions(snapshot.state, version)
    seen = survey(snapshot.state, versions)
    # With the mesh on, what is there is half done: the way to its end is wanted, not the shortest one.
    standing = is_standing(seen) and not seen.mesh
    best: Proposal | None = None
    for draft in drafts(snapshot.state, versions, seen):
        tried = _tried(draft, snapshot, name, version)
        if best is None or (not tried.plans, tried.steps) < (not best.plans, best.steps):
            best = tried
        if best.plans and not (standing and best.steps):
            break
    assert best is not None
    return Initial(seen, best)


def _tried(draft: Draft, snapshot: Snapshot, name: str, version: CalicoVersion | None) -> Proposal:
    text = spec_text(draft, name)
    try:
        made = operations.plan(load(text.encode(), "spec.yaml"), snapshot, version=version)
    except RRPlanError as error:
        why = str(error).strip().splitlines()[0].removeprefix("refused: ")
        question = f"As it stands, this spec is refused here: {why}" + (f" ({error.hint})" if error.hint else "")
        draft = replace(draft, questions=(question, *draft.questions))
        return Proposal(spec_text(draft, name), f"is refused: {why}", 0, False, draft.questions)
    count = len(made.steps)
    outcome = f"plans to {count} step{'' if count == 1 else 's'}, proved"
    return Proposal(text, outcome if count else "plans to no changes", count, True, draft.questions)
