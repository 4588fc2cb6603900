"""What a reader sees of many nodes: what is alike is told once with a count, and `--all` unfolds it."""

import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rrplan import api
from rrplan.cli import main
from rrplan.plans import Plan
from rrplan.render.detail import Detail
from rrplan.render.graph import dot, mermaid
from rrplan.render.markdown import plan_markdown
from rrplan.render.plan_json import write_plan
from rrplan.render.terminal import plan_text
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.support import SPEC as SMALL

REFLECTORS = 30
SPEC = f"""\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {{name: many}}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups:
    - name: main
      nodes: {{selector: "role == 'many'", count: {REFLECTORS}, spreadOver: topology.kubernetes.io/zone}}
  drain: true
  dedicated: true
  rollout: {{waves: [5, 40%]}}
"""


@cache
def manifests(nodes: int = 400) -> bytes:
    """Three zones and twenty racks, each with a switch of its own."""
    documents = [dict(document) for document in demo_cluster(nodes)]
    present = [document for document in documents if document["kind"] == "Node"]
    for number, node in enumerate(present):
        labels = {**node["metadata"]["labels"], "rack": f"r{number % 20}"}  # type: ignore[index]
        role = {"role": "many"} if 10 <= number < 10 + REFLECTORS else {}
        node["metadata"] = {**node["metadata"], "labels": labels | role}  # type: ignore[dict-item]
    switches = [
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "BGPPeer",
            "metadata": {"name": f"switch-{rack}"},
            "spec": {"peerIP": f"192.168.{rack}.1", "asNumber": 65001, "nodeSelector": f"rack == 'r{rack}'"},
        }
        for rack in range(20)
    ]
    return yaml.safe_dump_all([*documents, *switches]).encode()


@cache
def many() -> Plan:
    """A plan with long runs of steps that are alike."""
    return api.plan(load(SPEC.encode(), "spec.yaml"), snapshot_of_manifests([("cluster.yaml", manifests())]))


@pytest.mark.parametrize("shown", [lambda detail: plan_text(many(), detail=detail), lambda d: plan_markdown(many(), d)])
def test_a_plan(shown) -> None:  # type: ignore[no-untyped-def]
    """Drains, taints and promotions are a line each; unfolded, each node has its own."""
    folded, whole = shown(Detail.FOLDED), shown(Detail.ALL)
    flat = " ".join(folded.split())
    for words in ("cordon and drain node", "taint node"):
        assert re.search(rf"{words} \S+, and 29 more like it \(`--all` shows them\)", flat), words
        assert len(re.findall(rf"{words} (?=\S)", " ".join(whole.split()))) >= REFLECTORS
    assert "promote" in flat
    assert re.search(r"and 28 more like it|and 29 more like it", flat.split("promote", 1)[1])
    assert len(folded.splitlines()) < 200 < len(whole.splitlines())
    assert max(map(len, folded.splitlines())) <= (120 if shown(Detail.ALL).startswith("rrplan") else 400)
    assert "--all" not in whole


def test_reflectors() -> None:
    """Ten reasons, and how many there are beside them."""
    text = plan_text(many())
    assert text.count("reflects for group main") == 10
    assert f"... and {REFLECTORS - 10} more reflectors (`--all` shows them)" in text
    assert plan_text(many(), detail=Detail.ALL).count("reflects for group main") == REFLECTORS


@pytest.mark.parametrize("draw", [dot, mermaid])
def test_a_graph(draw) -> None:  # type: ignore[no-untyped-def]
    """Steps that are alike are one node; every edge joins two nodes that are drawn, each pair once."""
    folded, whole = draw(many()), draw(many(), Detail.ALL)
    assert "and 29 more like it (`--all` shows them)" in folded
    assert len(folded.splitlines()) < 60 < len(whole.splitlines())
    arrows = re.findall(r"^\s+(\S+) --?> (\S+?);?(?: \[.*)?$", folded, re.MULTILINE)
    drawn = set(re.findall(r'^\s+("\S+?"|s\d+)\s?\[', folded, re.MULTILINE))
    assert arrows
    assert {end for arrow in arrows for end in arrow} <= drawn
    assert len(arrows) == len(set(arrows))
    assert all(before != after for before, after in arrows)


def test_few_are_not_folded() -> None:
    """A plan of a small cluster reads the same with and without."""
    cluster = yaml.safe_dump_all(map(dict, demo_cluster(14))).encode()
    plan = api.plan(load(SMALL.encode(), "spec.yaml"), snapshot_of_manifests([("cluster.yaml", cluster)]))
    assert plan_text(plan) == plan_text(plan, detail=Detail.ALL)
    assert plan_markdown(plan) == plan_markdown(plan, Detail.ALL)
    assert dot(plan) == dot(plan, Detail.ALL)


def rrplan(folder: Path, *words: str) -> str:
    """What a verb prints."""
    paths = [str(folder / word) if word.endswith((".json", ".yaml")) else word for word in words]
    result = CliRunner().invoke(main.rrplan, paths)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The cluster, the spec and the plan as files."""
    (tmp_path / "cluster.yaml").write_bytes(manifests(45))
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "plan.json").write_bytes(write_plan(many()))
    return tmp_path


def test_the_word_is_the_same_everywhere(folder: Path) -> None:
    """`--all` of each verb that folds; what was folded says so."""
    for verb in (
        ["show", "plan.json"],
        ["graph", "plan.json"],
        ["sessions", "-f", "cluster.yaml"],
        ["routes", "-f", "cluster.yaml", "--from", "node-011"],
    ):
        folded, whole = rrplan(folder, *verb), rrplan(folder, *verb, "--all")
        assert "(`--all` shows them)" in folded, verb
        assert "--all" not in whole, verb
        assert len(folded.splitlines()) * 2 < len(whole.splitlines()), verb
    for name in ("apply", "verify", "plan"):
        assert "--all" in rrplan(folder, name, "--help")


def test_sessions(folder: Path) -> None:
    """One node stands for those whose sessions read alike, one session for those of the node; its switch is named."""
    text = rrplan(folder, "sessions", "-f", "cluster.yaml")
    assert len(text.splitlines()) < 30
    assert "(outside)" in text
    assert re.search(r"and \d+ more of this node like it", text)
    assert re.search(r"and \d+ more nodes with sessions like those of \S+ \(`--all` shows them\)", text)
    own = rrplan(folder, "sessions", "-f", "cluster.yaml", "--node", "node-011")
    assert {line.split()[0] for line in own.splitlines()[1:] if not line.startswith(" ")} == {"node-011"}
