"""Fifteen ways to break the proof, each one rule switched off: what the walker must notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from rrplan.bgp import adjacency, connections, holdings, model, transition
from rrplan.bgp.announced import Layer, Passes
from rrplan.bgp.connections import Converged
from rrplan.bgp.model import Model
from rrplan.bgp.outside import Fate
from rrplan.bgp.passage import Passage
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.reflection import SpeakerGroup
from rrplan.bgp.roles import OutsideRole
from rrplan.bgp.transition import Loss, OutsideSession
from rrplan.bgp.view import Mark
from rrplan.planning import build, proof
from rrplan.plans.plan import FinalCheck, OutsideEffect, Tolerance, Violation
from rrplan.specs import Spec
from rrplan.specs.outside import OutsideSpeaker

Break = Callable[[pytest.MonkeyPatch], None]


def counts_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """A loss is forgiven where as many pairs are gained."""
    whole = proof.final_checks

    def counted(spec: Spec, after: Model, first: Mark) -> tuple[list[FinalCheck], list[Violation]]:
        checks, violations = whole(spec, after, first)
        sizes = Counter(first.signature_of.values())
        lacking = 0
        for found in first.view.holdings.values():
            for holder, origin in found.missing:
                one, other = first.view.signatures[holder], first.view.signatures[origin]
                lacking += sizes[one] * (sizes[other] - (holder == origin))
        if sum(loss.pairs for loss in after.missing()) <= lacking:
            violations = [one for one in violations if one.invariant != "converged"]
        return checks, violations

    patch.setattr(build, "final_checks", counted)


def _converged(patch: pytest.MonkeyPatch, read: Callable[[Converged], Converged]) -> None:
    whole = connections.converged

    def other(*given: object, **named: object) -> Converged:
        return read(whole(*given, **named))  # type: ignore[arg-type]

    patch.setattr(model, "converged", other)


def doubt_is_nothing_before(patch: pytest.MonkeyPatch) -> None:
    """What may have been held before does not count."""
    _converged(patch, lambda found: Converged(found.certain, found.certain))


def doubt_is_something_after(patch: pytest.MonkeyPatch) -> None:
    """What may be held after counts."""
    _converged(patch, lambda found: Converged(found.possible, found.possible))


def _nothing_lies_beyond(patch: pytest.MonkeyPatch) -> None:
    """What lies in no pool is judged as if it were of one, as the walker does.

    Where it is judged by itself, it shows most of what is wrong with sessions to the outside a second time.
    """
    whole = connections._incoming
    patch.setattr(connections, "_incoming", lambda routes, doubt: whole(routes, doubt)[:-1])


def disputed_blocks_stay(patch: pytest.MonkeyPatch) -> None:
    """A block that BGPPeers disagree about is taken to be left alone."""
    _nothing_lies_beyond(patch)

    def stays(before: Sequence[Protocol], after: Sequence[Protocol]) -> bool:
        old, new = [one.block for one in before], [one.block for one in after]
        return old[0] in new if len(old) == 1 else old == new

    patch.setattr(adjacency, "_end_survives", stays)


def _effects(patch: pytest.MonkeyPatch, fate: Fate) -> None:
    whole = proof._effect

    def forgiving(spec: Spec, one: OutsideSession) -> OutsideEffect:
        found = whole(spec, one)
        return replace(found, tolerated=found.tolerated or Tolerance.BRIEF) if one.fate is fate else found

    patch.setattr(proof, "_effect", forgiving)


def lost_uplinks_are_fine(patch: pytest.MonkeyPatch) -> None:
    """A session to the outside may vanish, as long as its routes come another way."""
    _effects(patch, Fate.LOST)
    _nothing_lies_beyond(patch)


def restarted_uplinks_are_fine(patch: pytest.MonkeyPatch) -> None:
    """A session to the outside may restart, as long as its routes come another way."""
    _effects(patch, Fate.RESTARTED)
    _nothing_lies_beyond(patch)
    patch.setattr(transition.Ends, "restarted", lambda _self, _through: set())


def the_dead_are_paths(patch: pytest.MonkeyPatch) -> None:
    """A node that is down passes routes on."""

    def alive(
        count: int,
        as_number: int,
        cluster_id: str,
        _down: bool = False,
        *,
        leaf: bool = False,
    ) -> SpeakerGroup:
        return SpeakerGroup(count, as_number, cluster_id, leaf)

    patch.setattr(connections, "SpeakerGroup", alive)


def gained_uplinks_count(patch: pytest.MonkeyPatch) -> None:
    """A new session to the outside is taken to be accepted there."""
    patch.setattr(Passage, "gained", property(lambda _self: frozenset()))


def drained_need_nothing_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """What a drained node has lost is not asked for at the end."""
    whole = Model.lost_since

    def lost_since(self: Model, mark: Mark) -> tuple[Loss, ...]:
        return tuple(loss for loss in whole(self, mark) if not loss.marked)

    patch.setattr(Model, "lost_since", lost_since)


def any_holder_of_the_lock_stays(patch: pytest.MonkeyPatch) -> None:
    """Of several protocols that share a lock, whichever stays is taken to be the one with the session."""

    def stays(before: Sequence[Protocol], after: Sequence[Protocol]) -> bool:
        if any(protocol.disputed for protocol in (*before, *after)):
            return False
        new = [one.block for one in after]
        return any(one.block in new for one in before)

    patch.setattr(adjacency, "_end_survives", stays)


def filters_let_everything_through(patch: pytest.MonkeyPatch) -> None:
    """A session that is up carries every pool, whatever its BGPFilters say."""
    patch.setattr(Layer, "verdict", lambda *_args, **_named: Passes.YES)


def filters_spare_the_outside(patch: pytest.MonkeyPatch) -> None:
    """What a speaker outside announces gets over every session, whatever its BGPFilters say."""
    whole = connections._incoming
    patch.setattr(connections, "_incoming", lambda *given: [None for _ in whole(*given)])


def pools_are_alike(patch: pytest.MonkeyPatch) -> None:
    """What holds for the first pool is taken to hold for all."""
    patch.setattr(holdings.Holdings, "tables", property(lambda self: (self,)))


def _roles(patch: pytest.MonkeyPatch, read: Callable[[OutsideRole], OutsideRole]) -> None:
    """What the spec says of speakers outside is taken otherwise."""
    whole = OutsideSpeaker.role
    assert isinstance(whole, property)
    of = whole.fget
    assert of is not None
    patch.setattr(OutsideSpeaker, "role", property(lambda speaker: read(of(speaker))))


def cluster_ids_outside_differ(patch: pytest.MonkeyPatch) -> None:
    """A reflector outside is taken to have a cluster ID that nobody else has."""
    _roles(patch, lambda role: replace(role, cluster_id=f"only {role.name}") if role.cluster_id else role)


def all_switches_are_one_fabric(patch: pytest.MonkeyPatch) -> None:
    """Transit speakers pass routes to one another, whatever the spec says."""
    _roles(patch, lambda role: replace(role, fabric="one") if role.transit else role)


BREAKS: Mapping[str, Break] = {
    one.__name__: one
    for one in (
        counts_at_the_end,
        doubt_is_nothing_before,
        doubt_is_something_after,
        disputed_blocks_stay,
        lost_uplinks_are_fine,
        restarted_uplinks_are_fine,
        the_dead_are_paths,
        gained_uplinks_count,
        drained_need_nothing_at_the_end,
        any_holder_of_the_lock_stays,
        filters_let_everything_through,
        filters_spare_the_outside,
        pools_are_alike,
        cluster_ids_outside_differ,
        all_switches_are_one_fabric,
    )
}
