"""`rrplan sessions`: notices about what Calico leaves out."""

from pathlib import Path

import pytest
import yaml

from rrplan.resources import decode, encode
from rrplan.resources.objects import BGPPeer
from tests.support.clusters import mesh, meshed, peer
from tests.unit.cli.test_routes import rrplan, written

OCTAL = "which is read as octal and is no octal number, so Calico ignores the BGPPeer: write"
IGNORED = {
    "10.0.0.2:0179": f"has port 0179, {OCTAL} `10.0.0.2:179`",
    "[fd00::2]:089": f"has port 089, {OCTAL} `[fd00::2]:89`",
    "10.0.0.2/32": "is no address with or without a port, so Calico ignores the BGPPeer",
    "10.0.0.2:" + "9" * 5000: "is no address with or without a port, so Calico ignores the BGPPeer",
    "10.0.0.2:0" + "9" * 5000: "is no address with or without a port, so Calico ignores the BGPPeer",
}


@pytest.mark.parametrize(("text", "why"), IGNORED.items(), ids=[text[:20] for text in IGNORED])
def test_an_ignored_peer_ip(tmp_path: Path, text: str, why: str) -> None:
    """The table is empty, and a notice says why."""
    cluster = meshed(mesh(on=False), peer("p", node="a", peerIP=text, asNumber=64512), nodes="a b")
    found = rrplan(written(tmp_path, cluster), "sessions", "-f", "cluster.yaml")
    assert found.returncode == 0
    assert len(found.stdout.splitlines()) == 1
    shown = text if len(text) <= 60 else f"{text[:60]}..."
    assert found.stderr == f"notice: BGPPeer `p`: `peerIP: {shown}` {why}\n"


def test_a_port_before_v316(tmp_path: Path) -> None:
    """That Calico knows no port in `peerIP`."""
    cluster = meshed(mesh(on=False), peer("p", node="a", peerIP="10.0.0.2:179", asNumber=64512), nodes="a b")
    found = rrplan(written(tmp_path, cluster), "sessions", "-f", "cluster.yaml", "--calico-version", "v3.12.0")
    assert "`peerIP: 10.0.0.2:179` has a port, which Calico knows since v3.16.0, so it ignores the" in found.stderr


def test_all_fields_of_a_peer_are_kept() -> None:
    """An undo of a deletion writes what the document said, whichever field counts."""
    spec = {"node": "a", "localWorkloadSelector": "all()", "peerIP": "192.0.2.1", "asNumber": 1}
    document = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "BGPPeer",
        "metadata": {"name": "p"},
        "spec": spec,
    }
    found = decode(yaml.safe_load(yaml.safe_dump(document)))
    assert isinstance(found, BGPPeer)
    assert (found.peer_ip, found.local_workload_selector) == ("192.0.2.1", "all()")
    assert encode(found)["spec"] == spec
