"""A plan that is refused while BGPPeers disagree: they are named, and the hint says what to do with them."""

from pathlib import Path

import pytest

from rrplan.checks.finding import Finding
from rrplan.errors import UnsafePlanError
from rrplan.resources import BGPPeer
from tests.support.clusters import BACK, HEAD, TO_REFLECTORS, mesh, meshed, peer, planned
from tests.unit.cli.test_routes import rrplan, written

SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}
HINT = (
    "let the BGPPeers that peers-agree names say the same, or delete all but one of them; a plan that is refused for "
    "another reason too says so then"
)


def outside(name: str, number: int = 65001, **spec: object) -> BGPPeer:
    """A BGPPeer of every node to a switch."""
    return peer(name, peerIP="10.0.0.99", asNumber=number, **spec)


OUTSIDE = {
    "password": [outside("p", password=SECRET), outside("q")],
    "AS number": [outside("p"), outside("q", 65002)],
    "filters": [outside("p", filters=["f"]), outside("q")],
}


@pytest.mark.parametrize("peers", OUTSIDE.values(), ids=OUTSIDE)
def test_outside(peers: list[BGPPeer]) -> None:
    """They are named once, whatever the number of violations."""
    with pytest.raises(UnsafePlanError) as refusal:
        planned(meshed(*peers), f"{TO_REFLECTORS}, drain: true")
    (told,) = refusal.value.findings
    assert isinstance(told, Finding)
    assert (told.check, told.problem, told.facts["peers"], told.facts["node"]) == (
        "peers-agree",
        "disagree-outside",
        ("p", "q"),
        "a",
    )
    assert refusal.value.hint == HINT


def test_two_nodes() -> None:
    """No node is down, so none is to be brought up."""
    peers = [
        peer(name, nodeSelector="all()", peerSelector="all()", **told)
        for name, told in (("p", {"password": SECRET}), ("q", {}))
    ]
    with pytest.raises(UnsafePlanError) as refusal:
        planned(meshed(mesh(on=False), *peers, nodes="a b"), BACK)
    (told,) = refusal.value.findings
    assert isinstance(told, Finding)
    assert told.facts["peers"] == ("p", "q")
    assert refusal.value.hint == HINT


def test_in_words(tmp_path: Path) -> None:
    """The command line shows what is found below the violations."""
    (tmp_path / "spec.yaml").write_text(f"{HEAD}spec: {{{TO_REFLECTORS}, drain: true}}\n")
    written(tmp_path, meshed(*OUTSIDE["password"]))
    found = rrplan(tmp_path, "plan", "spec.yaml", "-f", "cluster.yaml")
    assert found.returncode == 7
    assert "\n  - peers-agree: BGPPeers p and q give the same sessions different attributes" in found.stderr
    assert found.stderr.endswith(f"\nhint: {HINT}\n")
