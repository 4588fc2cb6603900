"""`rrplan init` on every scenario: what is there plans to no changes, or there is a reason."""

from pathlib import Path

import pytest

from rrplan.initial import initial
from rrplan.initial.drafts import is_standing
from rrplan.render.initial import survey_lines
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.support.scenarios import SCENARIOS, parts

CHANGES = {
    "a-new-client-is-given-its-share": "a client has no share yet",
    "global-peers-to-selectors": "BGPPeers by address alone: the reflectors get rrplan's label",
    "half-done-by-hand": "one reflector beside the mesh: it gets a second one, and the mesh goes",
    "loss-hidden-by-a-gain": "reflectors without any BGPPeer, beside the mesh",
    "option-change-given-up-half-way": "a run that stopped is finished",
    "reflector-label-gone": "the BGPPeer selects nobody any more",
    "reflectors-in-place-mesh-left-on": "the mesh is still on",
    "role-label-read-by-the-group": "one reflector without any BGPPeer, beside the mesh",
    "three-peers-per-node-to-selectors": "BGPPeers by address alone: the reflectors get rrplan's label",
}
"""Scenarios with reflectors that init does not leave as they are, and why."""
REFUSED = {
    "bgp-disabled": "no BIRD, no BGP",
    "calico-older-than-3.21": "older than v3.21.0",
    "filter-rejects-the-pool": "violations in the proof",
    "leftover-peer-with-a-wrong-as": "violations in the proof",
    "link-local-peer": "link-local",
    "filter-with-bits-behind-its-length": "bits beyond its prefix length",
    "second-peer-for-the-same-sessions": "violations in the proof",
    "standalone-with-kubernetes-datastore": "older than v3.21.0",
    "ucp-calico-node-without-address": "no IPv4 address",
    "ucp-on-azure": "Azure",
    "ucp-vxlan-only": "VXLAN",
}
"""Scenarios that no spec helps: something must be put right first."""


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
def test_what_is_there(folder: Path) -> None:
    """At most ten lines, a spec that is one, and no changes where reflectors are in place."""
    snapshot = snapshot_of_manifests([("cluster.yaml", parts(folder)[0])])
    result = initial(snapshot, name="first")

    assert len(survey_lines(result.survey)) <= 10
    assert load(result.proposal.text.encode(), "spec.yaml").name == "first"
    if folder.name in REFUSED:
        assert REFUSED[folder.name] in result.proposal.outcome
        assert "As it stands, this spec is refused here" in result.proposal.text
        return
    assert result.proposal.plans, result.proposal.outcome
    if is_standing(result.survey):
        assert bool(result.proposal.steps) == (folder.name in CHANGES), result.proposal.outcome
