"""What rrplan says of one state beside what the walker's own speaker says of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from click.testing import CliRunner

from rrplan import api
from rrplan.bgp.model import Model
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.speaker import as_configured
from rrplan.cli.routes import command as routes
from rrplan.planning.connected import connected_nodes
from rrplan.planning.promise import missing_pairs
from rrplan.ports import Document
from rrplan.resources import CalicoVersion, ClusterState
from rrplan.snapshots.snapshot import state_of
from rrplan.specs import Flavor, Spec, load
from tests.walker.holding import Pair, without_routes
from tests.walker.reading import parts_of

SPOKEN = CalicoVersion(3, 21)
"""The oldest version whose rules the walker states again."""


def left_out(spec: Spec, state: ClusterState) -> bool:
    """Whether the walker does not speak of such clusters: standalone reflectors, or an older Calico."""
    versions = calico_versions(state)
    return spec.flavor is Flavor.STANDALONE or min({versions.default, *versions.by_node.values()}) < SPOKEN


def check_routes(documents: Sequence[Document], folder: Path, spec: Path | None = None) -> None:
    """The model misses the pairs that the walker misses, as configured and with what is down; `routes` exits with 2.

    `folder` is the sandbox that holds the documents, `spec` what is known of speakers outside.
    """
    state = state_of(documents)
    versions = calico_versions(state)
    down = set(Model(state, versions).down())
    told_of_outside = yaml.safe_load(spec.read_bytes()) if spec else {"spec": {}}
    parts = parts_of(told_of_outside)
    roles = load(spec.read_bytes(), "spec.yaml").roles if spec else ()
    missing = False
    for present, all_alive in ((as_configured(state), True), (state, False)):
        told = {Pair(*pair) for pair in missing_pairs(present, versions, roles)}
        if not all_alive:
            told = {pair for pair in told if down.isdisjoint(pair)}
        found = without_routes(documents, as_configured=all_alive, parts=parts)
        assert told == found, {"model alone": sorted(told - found), "walker alone": sorted(found - told)}
        missing = missing or bool(found)
    words = ["--sandbox", str(folder), *(["--spec", str(spec)] if spec else [])]
    done = CliRunner().invoke(routes, words, standalone_mode=False)
    assert done.return_value == 2 * missing, done.output


def check_verify(spec: Spec, cluster: api.Cluster, documents: Sequence[Document], *, drift: bool) -> None:
    """`verify` is good where nothing is left to do, and no pair that the spec connects lacks a route."""
    connected = connected_nodes(spec, state_of(documents))
    found = without_routes(documents, as_configured=True, parts=parts_of(spec.to_document()))
    inside = {pair for pair in found if {pair.holder, pair.origin} <= connected}
    verdict = api.verify(spec, cluster)
    assert bool(verdict.drift) is drift
    assert bool(verdict.missing) is bool(inside), sorted(inside)
    assert bool(verdict.others) is (inside != found), sorted(found - inside)
    slow = [one for one in verdict.sessions if one.complete < one.expected]
    assert slow == []
    assert verdict.good is not (drift or bool(inside))
