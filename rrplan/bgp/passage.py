"""What happens to sessions and routes while one state becomes another: what is left alone, what comes and goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rrplan.bgp.adjacency import Adjacency, by_address, same, side_by_side, survives, surviving
from rrplan.bgp.alike import Blocks, NodeClass, merged, standing, with_cells
from rrplan.bgp.cells import Facet, Pair
from rrplan.bgp.connections import Connections, Touched, adjacencies, ends_of, met, pairs_of, propagated
from rrplan.bgp.holdings import Holdings
from rrplan.bgp.outside import Fate, Outside, Uplink, fates, is_owed, owed_uplinks, passes_on, uplinks
from rrplan.bgp.peering import Rules
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.speaker import Family, Speaker


@dataclass(frozen=True, slots=True)
class Passage:
    """One family while a state becomes another, over indices of node classes and of speakers outside.

    `surviving` is who holds what over those sessions alone that are certainly left alone. `changed_pairs` are those of
    kept blocks between which some session may be another one than before, `shaken_pairs` those and all between which a
    session may restart because BGPPeers disagree about its block. `begins` and `ends` say whether a session comes up,
    and whether one goes down, `idle` whether all of these have an end at a node that is down. `fates` are the uplinks
    of one node of each node class that are not left alone, `speakers` all speakers outside, before and after.
    """

    speakers: tuple[Outside, ...]
    blocks: Blocks
    surviving: Holdings
    changed_pairs: frozenset[Pair]
    shaken_pairs: frozenset[Pair]
    begins: bool
    ends: bool
    idle: bool
    fates: Mapping[int, Mapping[Outside, Fate]] = field(hash=False)
    redrawn: frozenset[tuple[int, Outside]] = frozenset()
    """Uplinks that restart only because BGPPeers disagree about them: the doubt is the same before and after."""
    untried: frozenset[tuple[int, Outside]] = frozenset()
    """What `gained` gives."""

    @property
    def changed(self) -> Touched:
        """The sessions that may be others than before."""
        return Touched(self.changed_pairs, self._fated - self.redrawn)

    @property
    def shaken(self) -> Touched:
        """These, and all that may restart because BGPPeers disagree about their block."""
        return Touched(self.shaken_pairs, self._fated)

    @property
    def gained(self) -> frozenset[tuple[int, Outside]]:
        """New uplinks, and those that the other side must be configured anew for: whether it accepts them is not known.

        Of the latter, those alone to speakers that pass routes on: for others such a session is lost.
        """
        return self.untried

    @property
    def _fated(self) -> frozenset[tuple[int, Outside]]:
        return frozenset(
            (node_class, outside) for node_class, by_outside in self.fates.items() for outside in by_outside
        )


def passage(old: Rules, new: Rules, classes: Sequence[NodeClass], family: Family) -> Passage:
    """What is left alone while the state changes, and what is not."""
    changed: set[Pair] = set()
    shaken: set[Pair] = set()
    begins = ends = False
    idle = True
    survivors: dict[Pair, Adjacency] = {}
    ups = _uplinks(old, new, classes, family)
    standings = [
        (standing(old, member.before, family), standing(new, member.after, family))
        for member in (node_class.members[0] for node_class in classes)
    ]
    space = int(old.index is not new.index)
    facets = [(Facet(0, before), Facet(space, after)) for before, after in standings]
    outwards = {
        index
        for index, both in ups.items()
        for by_speaker in both
        if any(is_owed(new, outside) for outside in by_speaker)
    }
    blocks = with_cells(merged(classes, standings), family, facets, outwards)
    for (here, there), (near, far) in pairs_of(blocks.kept, family):
        before = ends_of(old, near.before, far.before, family)
        after = ends_of(new, near.after, far.after, family)
        if not any((*before, *after)):
            continue
        roles = any(_role(member.before) != _role(member.after) for member in (near, far))
        if roles or not same(before, after):
            changed |= {(here, there), (there, here)}
        if any(protocol.disputed for protocols_ in (*before, *after) for protocol in protocols_):
            shaken |= {(here, there), (there, here)}
        if not same(before, after):
            ends = ends or all(before)
            begins = begins or all(after)
            idle = idle and (near.after.down or far.after.down)
        left = [both for both in by_address(near.before, far.before, before, after) if survives(*both)]
        if left:
            survivors[here, there] = side_by_side([surviving(near.before, far.before, *both) for both in left])
    fates_of: dict[int, dict[Outside, Fate]] = {}
    kept: dict[int, dict[Outside, Uplink]] = {}
    redrawn: set[tuple[int, Outside]] = set()
    speakers: set[Outside] = set()
    gained: set[tuple[int, Outside]] = set()
    for index, (was, becomes) in ups.items():
        speakers |= {outside for outside in was.keys() | becomes.keys() if is_owed(new, outside)}
        fates_of[index] = fates(was, becomes)
        gained |= {
            (index, outside)
            for outside, fate in fates_of[index].items()
            if outside in becomes and (fate is Fate.GAINED or (fate is Fate.LOST and passes_on(new, outside)))
        }
        redrawn |= {(index, outside) for outside in was.keys() & becomes.keys() if was[outside].like(becomes[outside])}
        kept[index] = {
            outside: uplink
            for outside, uplink in was.items()
            if outside in speakers and outside not in fates_of[index] and uplink.certain
        }
    fated = {fate for by_outside in fates_of.values() for fate in by_outside.values()}
    begins = begins or bool(fated & {Fate.GAINED, Fate.RESTARTED})
    ends = ends or bool(fated & {Fate.LOST, Fate.RESTARTED})
    known = tuple(sorted(speakers))
    return Passage(
        known,
        blocks,
        propagated(Connections(blocks, family, survivors, kept, new.announced, known), Doubt.AGAINST),
        frozenset(changed),
        frozenset(changed | shaken),
        begins,
        ends,
        idle and all(classes[index].members[0].after.down for index, by_outside in fates_of.items() if by_outside),
        {index: by_outside for index, by_outside in fates_of.items() if by_outside},
        frozenset(redrawn),
        frozenset(gained),
    )


def _uplinks(
    old: Rules, new: Rules, classes: Sequence[NodeClass], family: Family
) -> dict[int, tuple[Mapping[Outside, Uplink], Mapping[Outside, Uplink]]]:
    """The sessions to the outside of each node class, before and after."""
    members = ((index, node_class.members[0]) for index, node_class in enumerate(classes))
    return {
        index: (uplinks(old, member.before, family), uplinks(new, member.after, family))
        for index, member in members
        if member.before.address(family) and member.after.address(family)
    }


def over(rules: Rules, classes: Sequence[NodeClass], family: Family, through: Passage, touched: Touched) -> Holdings:
    """What is held before a change, with a mark on what comes over a session that it touches.

    All other pairs hold over sessions alone that nothing happens to: whether they are up is not known, but it is the
    same before and after.
    """
    blocks = through.blocks
    joined = adjacencies(blocks.kept, family, lambda near, far: met(rules, near.before, far.before, family))
    up = {
        index: owed_uplinks(rules, node_class.members[0].before, family)
        for index, node_class in enumerate(classes)
        if node_class.members[0].before.address(family)
    }
    return propagated(Connections(blocks, family, joined, up, rules.announced, through.speakers, touched), Doubt.FOR)


def _role(speaker: Speaker) -> tuple[int, str]:
    return speaker.as_number, speaker.cluster_id
