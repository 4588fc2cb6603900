"""Preflight: whether BGPPeers that ask for one session agree about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from rrplan.bgp.model import Model
from rrplan.bgp.peering import external_protocols, protocols
from rrplan.bgp.speaker import FAMILIES, Speaker
from rrplan.checks.finding import Finding, Severity

PEERS_AGREE = "peers-agree"
DISAGREE = "disagree"
DISAGREE_OUTSIDE = "disagree-outside"
MANY_PAIRS = 20_000
"""Beyond this many pairs of classes of nodes the rest is not looked at; the finding says so."""


def peers_agree(model: Model, fresh: Collection[str] = ()) -> tuple[Finding, ...]:
    """BGPPeers that ask for one session agree about it; the model stands at the final state.

    Where one of the BGPPeers is `fresh` (the plan creates or changes it), the plan would bring the trouble: an error.
    """
    places: dict[tuple[str, ...], tuple[str, str, bool]] = {}
    pairs = _pairs(model)
    for own, other in islice(pairs, MANY_PAIRS):
        for family in FAMILIES:
            for protocol in protocols(model.rules, own, other, family):
                if protocol.disputed:
                    places.setdefault(protocol.askers, (own.name, other.name, True))
    for signature in model.population.classes:
        if signature.outside:
            continue
        own = model.population.members(signature)[0]
        for family in FAMILIES:
            for protocol in external_protocols(model.rules, own, family):
                if protocol.disputed:
                    places.setdefault(protocol.askers, (own.name, protocol.peer_address, False))
    disagreements = [
        Finding(
            PEERS_AGREE,
            Severity.WARNING if set(peers).isdisjoint(fresh) else Severity.ERROR,
            DISAGREE if inside else DISAGREE_OUTSIDE,
            {"peers": peers, "node": node, "other": other},
        )
        for peers, (node, other, inside) in places.items()
    ]
    if next(pairs, None) is not None:
        disagreements.append(Finding(PEERS_AGREE, Severity.WARNING, "not-all", {"count": MANY_PAIRS}))
    return tuple(disagreements)


def disputes(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is found of BGPPeers that disagree."""
    return tuple(finding for finding in findings if finding.problem in (DISAGREE, DISAGREE_OUTSIDE))


def _pairs(model: Model) -> Iterator[tuple[Speaker, Speaker]]:
    """One pair of nodes for each pair of classes, where two BGPPeers at least concern the first one."""
    rules, classes = model.rules, model.population.classes
    for signature in classes:
        own = model.population.members(signature)[0]
        local, remote = rules.index.masks(own)
        dialling = sum(rules.selects_remote(peer, own) for peer in rules.index.of(remote & ~local))
        if local.bit_count() + dialling > 1:
            for there in classes:
                for other in model.population.members(there, [own.name])[:1]:
                    yield own, other
