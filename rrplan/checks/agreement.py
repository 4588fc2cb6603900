"""Preflight: whether BGPPeers that ask for one session agree about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from rrplan.bgp.model import Model
from rrplan.bgp.peering import external_protocols, protocols
from rrplan.bgp.protocol import joined_names
from rrplan.bgp.speaker import FAMILIES, Speaker
from rrplan.checks.finding import Finding, Severity

PEERS_AGREE = "peers-agree"
MANY_PAIRS = 20_000
"""Beyond this many pairs of classes of nodes the rest is not looked at; the finding says so."""


def peers_agree(model: Model, fresh: Collection[str] = ()) -> tuple[Finding, ...]:
    """BGPPeers that ask for one session agree about it; the model stands at the final state.

    Where one of the BGPPeers is `fresh` (the plan creates or changes it), the plan would bring the trouble: an error.
    """
    found: dict[tuple[str, ...], str] = {}
    pairs = _pairs(model)
    for own, other in islice(pairs, MANY_PAIRS):
        for family in FAMILIES:
            for one in protocols(model.rules, own, other, family):
                if one.disputed:
                    found.setdefault(one.askers, f"such as {own.name} to {other.name}")
    for signature in model.population.classes:
        own = model.population.members(signature)[0]
        for family in FAMILIES:
            for one in external_protocols(model.rules, own, family):
                if one.disputed:
                    found.setdefault(one.askers, f"such as {own.name} to {one.peer_address} outside the cluster")
    told = [
        Finding(
            PEERS_AGREE,
            Severity.WARNING if set(peers).isdisjoint(fresh) else Severity.ERROR,
            f"BGPPeers {joined_names(peers)} give the same sessions different attributes, {where}: which one wins is "
            "random on every recomputation",
        )
        for peers, where in found.items()
    ]
    if next(pairs, None) is not None:
        told.append(_not_all())
    return tuple(told)


def _not_all() -> Finding:
    text = f"only the first {MANY_PAIRS} pairs of kinds of nodes were looked at: too many nodes differ"
    return Finding(PEERS_AGREE, Severity.WARNING, text)


def disputes(found: Iterable[Finding]) -> list[str]:
    """What is found of BGPPeers that disagree, in words."""
    return [f"{one.check}: {one.text}" for one in found if one.check == PEERS_AGREE and one != _not_all()]


def _pairs(model: Model) -> Iterator[tuple[Speaker, Speaker]]:
    """One pair of nodes for each pair of classes, where two BGPPeers at least concern the first one."""
    rules, classes = model.rules, model.population.classes
    for signature in classes:
        own = model.population.members(signature)[0]
        concerned = [peer for peer in rules.peers if rules.selects_local(peer, own) or rules.selects_remote(peer, own)]
        if len(concerned) > 1:
            for there in classes:
                for other in model.population.members(there, [own.name])[:1]:
                    yield own, other
