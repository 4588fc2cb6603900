"""What every format says of a plan as a whole."""

import re
from dataclasses import replace

import pytest

from rrplan import api
from rrplan.plans import Plan
from rrplan.plans.cost import duration
from rrplan.render.markdown import plan_markdown
from rrplan.render.overview import NO_HOOK, UNBOUND, plan_digest, span
from rrplan.render.plan_json import plan_document
from rrplan.render.runbook import Site, runbook
from rrplan.render.terminal import plan_text
from rrplan.resources import CalicoVersion, ClusterIdentity, ClusterState, decode
from rrplan.sandbox import ucp_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support.clusters import BACK, TO_REFLECTORS, meshed, node, peer, planned, reflected, state
from tests.support.specs import STANDALONE

HOOKS = (
    "hooks: [{name: ticket, on: before-step, action: DisableMesh, command: [notify, it now], timeout: 90s},"
    " {name: told, on: after-run, command: [mail]}]"
)
DEDICATED = f"{TO_REFLECTORS}, drain: true, dedicated: true"


def formats(plan: Plan, cluster: ClusterState) -> list[str]:
    """The plan in the terminal, in Markdown and as a runbook, without line breaks and marks of Markdown."""
    texts = [plan_text(plan), plan_markdown(plan), runbook(plan, Site.of(cluster, "calicoctl"))]
    return [" ".join(text.replace("**", "").split()) for text in texts]


def test_every_format_says_it() -> None:
    """Digest, cluster, versions, duration, way back, hooks, what stays, reasons, notices, checks: in all of them."""
    cluster = meshed(peer("none", nodeSelector="x == 'y'"))
    plan = planned(cluster, f"{DEDICATED}, {HOOKS}")
    reference = replace(
        plan.snapshot,
        cluster=ClusterIdentity("abc", "", "production", "https://10.0.0.1:6443"),
        other_versions=(CalicoVersion(3, 29, 0),),
    )
    plan = replace(plan, snapshot=reference, notices=("a notice",))
    takes = duration(plan)
    for text in formats(plan, cluster):
        for said in (
            f"digest: {plan_document(plan)['digest']}",
            "cluster: `production` at `https://10.0.0.1:6443`, clusterGUID abc",
            "Calico: v3.30.4; single nodes run v3.29.0",
            f"takes: about {span(takes.expected)}; at most {span(takes.worst)}, if all gates pass at their last moment",
            "way back: a step that fails takes all of it back, in reverse order",
            "hook: before each DisableMesh, `ticket` executes `notify 'it now'` (within 90 s; its failure counts)",
            "hook: after the run, `told` executes `mail` (within 30 s; its failure is told)",
            "stays: tainted when all is done: r1, r2; only pods that tolerate it run there",
            "r1 reflects for group main: named in the spec",
            "a notice",
            *(finding.check for finding in plan.findings),
        ):
            assert said in text, said
    assert plan.findings


def test_what_is_not_there_is_said() -> None:
    """No hooks, no identity; nothing stays where everything is put back."""
    cluster = reflected()
    plan = planned(cluster, f"{BACK}, drain: true, onFailure: halt")
    for text in formats(plan, cluster):
        assert f"hooks: {NO_HOOK}" in text
        assert f"cluster: {UNBOUND}" in text
        assert "way back: a step that fails stops the run there" in text
        assert "when all is done" not in text


def test_the_digest_is_that_of_the_file() -> None:
    """Also where an older version wrote it, whose digest ours is not."""
    plan = planned(reflected(), f"{BACK}, drain: true")
    assert plan_digest(plan) == plan_document(plan)["digest"]
    assert plan_digest(replace(plan, written_as="2.1", file_digest="sha256:old")) == "sha256:old"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (121, "3 min"), (7200, "2 h 00 min")]
)
def test_spans(seconds: int, words: str) -> None:
    """Rounded up, in the unit that people say."""
    assert span(seconds) == words


def test_markdown_nests_beyond_step_nine() -> None:
    """What stands under an item is indented as far as its text begins, so that it belongs to it."""
    nodes = [node(f"r{n}", n) for n in range(1, 8)] + [node("a", 20), node("b", 21)]
    names = ", ".join(f"r{n}" for n in range(1, 8))
    plan = planned(state(*nodes), TO_REFLECTORS.replace("r1, r2", names) + ", drain: true")
    order = plan_markdown(plan).partition("## Order\n\n")[2].partition("\n## ")[0].splitlines()
    indent = 0
    for line in filter(None, order):
        if found := re.match(r"\d+\. ", line):
            indent = len(found[0])
        else:
            assert line.startswith(f"{' ' * indent}- "), line
    assert indent == 4
    assert "    - because the mesh goes only when every route is also held through reflectors alone" in order


def test_families_are_told_where_there_are_two() -> None:
    """A cluster of one family has no "both"."""
    single = planned(meshed(), f"{TO_REFLECTORS}, drain: true")
    dual = planned(
        state(*(node(name, n, ipv6=True) for n, name in enumerate(["r1", "r2", "a", "b"], 1))),
        f"{TO_REFLECTORS}, drain: true",
    )
    assert "in both families" not in plan_text(single)
    assert "no node loses a route, in both families" in " ".join(plan_text(dual).split())


def test_hosts_of_containers_stay_cordoned() -> None:
    """No pod has a network where calico-node is gone, and every format says so."""
    cluster = ClusterState.of(resource for resource in map(decode, ucp_cluster(4)) if resource is not None)
    plan = api.plan(load(STANDALONE.encode(), "spec.yaml"), Snapshot(cluster))
    for text in formats(plan, cluster):
        assert "stays: cordoned when all is done: rr-1, rr-2; no new pod runs there" in text
