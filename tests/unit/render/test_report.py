"""The report of a plan: the questions of a board, what is folded, what is masked, and what of others does nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from rrplan.ids import ActionName, StepId
from rrplan.plans import Plan
from rrplan.plans.change import Change
from rrplan.plans.plan import Step
from rrplan.plans.rehearsal import Rehearsal
from rrplan.render.report.contents import Told, report
from rrplan.render.report.document import Listing, Report
from rrplan.render.report.fields import MASK, change_rows, masked
from rrplan.render.report.html import is_report, report_html
from rrplan.render.report.topology import frames_text
from rrplan.resources import ResourceKey
from rrplan.resources.redaction import MARK
from rrplan.specs.model import ZONE_LABEL
from tests.support.plans import plan_of
from tests.support.reports import demo, document, page, ran
from tests.unit.render.test_proof import planned_in
from tests.unit.render.test_rehearsal import done as done

HOSTILE = "</script ></script><script>alert(1)</script><img src=x onerror=x()> \"'&lt; \u202egnp.exe \u200b {{ 7*7 }}"


class Read(HTMLParser):
    """The elements of a page, its attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.parts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self._inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Note text that people see."""
        if not self._inside:
            self.parts.append(data)

    @property
    def text(self) -> str:
        """What people read, each space once."""
        return " ".join(" ".join(self.parts).split())


@pytest.fixture(scope="module")
def small() -> tuple[Plan, Report]:
    """The plan of 120 nodes and its report."""
    plan, snapshot = demo(120)
    return plan, document(plan, snapshot.state)


def answers(made: Report) -> dict[str, str]:
    """The answer to each question as one text."""
    return {question.id: " / ".join(question.answer) for question in made.questions}


def test_five_questions_of_a_board_are_answered(small: tuple[Plan, Report]) -> None:
    """What changes, in which order, what is exposed, how to go back, and who is affected if it stops half-way."""
    text = Read(report_html(small[1])).text
    told = answers(small[1])
    assert [question.asked for question in small[1].questions] == [
        "What changes?",
        "In which order?",
        "What is exposed meanwhile?",
        "How do we go back?",
        "Who is affected if it stops half-way?",
    ]
    for question in small[1].questions:
        assert question.asked in text
    assert "before: full mesh among 120 nodes, no node reflects, 14,280 sessions" in told["what"]
    assert "after: no full mesh, 6 reflectors, 1,398 sessions" in told["what"]
    assert "2 BGPPeers are created: rrplan-main-clients, rrplan-reflectors" in told["what"]
    assert told["order"].startswith("29 steps in 12 stages; about ")
    assert "step 22: turn the node-to-node mesh off" in told["order"]
    assert "2,856 ordered pairs without a path for up to 22 s, all end at a node that is drained" in told["exposed"]
    assert "a step that fails takes all of it back, in reverse order" in told["back"]
    assert "`rrplan rollback` takes the whole run back" in told["back"]
    assert "nobody loses a route for good" in told["halfway"]
    assert "6 nodes (rr-1, rr-2, rr-3, rr-4, rr-5 and 1 more) are cordoned at some time" in told["halfway"]
    # The page of a run is read when "now" is long over.
    assert "Sessions before 14,280 Sessions after 1,398" in text
    for part in ("14,280 sessions", "29 steps in 12 stages", "2,856 ordered pairs", "takes the whole run back"):
        assert part in text


def test_each_step_says_who_is_affected_if_the_run_stops_after_it(small: tuple[Plan, Report]) -> None:
    """Cordoned nodes stay so, and a taint is told of where it is all that is left."""
    stopped = [step.stopped for step in small[1].steps]
    assert "rr-1 stays cordoned: no new pod starts there" in stopped[0]
    assert "rr-1, rr-2, rr-3, rr-4, rr-5 and 1 more stay cordoned: no new pod starts there" in stopped[20]
    assert not any("cordoned" in line for line in stopped[-1])
    assert any("stay tainted" in line for line in stopped[-1])


def test_drained_nodes_without_routes_are_told_of_while_it_lasts() -> None:
    """Where pairs stay without a route for longer, no stop is called free of harm."""
    for name in ("waves-with-drained-reflectors", "as-numbers-of-racks"):
        plan = planned_in(name)
        lasting = any(exposure.lasting for proof in plan.proof.steps for exposure in proof.exposures)
        told = [line for step in document(plan).steps for line in step.stopped]
        assert any("have no route yet" in line for line in told) is lasting, name


def test_the_way_back_stands_beside_the_way_there(small: tuple[Plan, Report]) -> None:
    """Each step has what its undo writes and waits for."""
    steps = {step.id: step for step in small[1].steps}
    assert steps["drain/rr-1"].undo == ("Node/rr-1: spec.unschedulable: true -> (absent)",)
    assert steps["create-peer/rrplan-main-clients"].undo == ("delete BGPPeer/rrplan-main-clients",)
    assert all(step.undo for step in small[1].steps)
    assert any(step.undo_gates for step in small[1].steps)


def test_sessions_come_and_go_with_their_step(small: tuple[Plan, Report]) -> None:
    """A promoted node leaves the mesh and gets its clients; with the mesh goes the rest of it."""
    steps = {step.id: step for step in small[1].steps}
    assert "rr-1 with 38 nodes of zone-a: 76 sessions (IPv4 and IPv6)" in steps["promote/rr-1"].come
    assert steps["promote/rr-1"].go == ("the full mesh with rr-1: 238 sessions (IPv4 and IPv6)",)
    assert steps["mesh-off"].go == ("the full mesh: 12,882 sessions (IPv4 and IPv6)",)
    assert not steps["drain/rr-1"].come


def test_without_a_cluster_the_report_says_what_it_cannot_know() -> None:
    """The picture then shows what gates ask about, and no more."""
    plan, _ = demo(12)
    made = document(plan)
    assert made.topology is not None
    assert not made.topology.exact
    assert "No cluster was given" in made.topology.notes[0]
    assert made.topology.frames[-1].reflectors == 6
    assert [frame.mesh.startswith("full") for frame in made.topology.frames][:: len(made.topology.frames) - 1] == [
        True,
        False,
    ]
    assert "(as far as the plan names them)" in answers(made)["what"]


def test_a_part_of_the_sessions_is_no_headline(small: tuple[Plan, Report]) -> None:
    """Without the cluster the number counts what the plan names, which may be none: no card shows it."""
    text = Read(report_html(document(small[0]))).text
    assert "Sessions before" not in text
    assert "(as far as the plan names them)" in text


def test_nothing_to_do_is_a_report_too() -> None:
    """No step, no order, no way back, and all five answers."""
    made = document(plan_of(()))
    text = Read(report_html(made)).text
    assert "Nothing to do: the cluster is as the spec says." in text
    assert all(question.answer for question in made.questions)


def test_every_link_leads_somewhere(small: tuple[Plan, Report]) -> None:
    """Within the page, and nothing leads out of it or is fetched."""
    read = Read(report_html(small[1]))
    assert len(read.ids) == len(set(read.ids))
    links = [value or "" for name, value in read.attributes if name in ("href", "src", "xlink:href")]
    assert links
    assert {link for link in links if link.removeprefix("#") not in read.ids or not link.startswith("#")} == set()
    assert not {"link", "iframe", "img", "object", "embed", "base"} & set(read.elements)


def test_a_page_may_run_its_own_script_and_nothing_else(small: tuple[Plan, Report]) -> None:
    """The policy names the style and the script by digest; nothing inline stands outside of them."""
    text = report_html(small[1])
    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in text
    assert "unsafe" not in text.partition("<style>")[0]
    names = {name for name, _ in Read(text).attributes}
    assert not {name for name in names if name.startswith("on")}
    assert "style" not in names


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    """Names, summaries, notices and values that are HTML, scripts, templates, or change the direction of text."""
    key = ResourceKey("BGPPeer", "p")
    change = Change.create(key, {"metadata": {"name": "p"}, "spec": {"peerSelector": HOSTILE}})
    step = Step(StepId("create/p"), ActionName.CREATE_PEER, HOSTILE, (change,))
    plan = replace(plan_of([step]), name=HOSTILE, notices=(HOSTILE, f"`{HOSTILE}`"), reasons=(HOSTILE,))
    made = report(plan, Told(made_by=HOSTILE))
    text = report_html(made)
    read = Read(text)
    assert read.elements.count("script") == 2
    assert "img" not in read.elements
    data = text.partition('id="data">')[2].partition("</script>")[0]
    assert not {"<", ">"} & set(data)
    assert json.loads(data)["steps"][0]["summary"].startswith("</script ></script>")
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert "\u202e" not in text
    assert "\u200b" not in text
    assert "{{ 7*7 }}" in read.text
    assert "<script>alert(1)</script>" in read.text
    assert "\\u202egnp.exe" in read.text


def test_secrets_are_masked() -> None:
    """A value whose name says that it is one, and one that was left out when it was read; a reference is none."""
    key = ResourceKey("BGPPeer", "p")
    document_ = {
        "metadata": {"name": "p", "annotations": {"x": f"{MARK}0123"}},
        "spec": {"password": {"secretKeyRef": {"name": "bgp", "key": "pw"}}, "apiToken": "t0p"},
    }
    step = Step(StepId("create/p"), ActionName.CREATE_PEER, "create p", (Change.create(key, document_),))
    rows = {row.name: row for change in change_rows(step) for row in change.fields}
    assert rows["spec.apiToken"].after == MASK
    assert rows["metadata.annotations.x"].after == MASK
    assert rows["spec.password.secretKeyRef.name"].after == '"bgp"'
    assert masked([{"name": "BGP_PASSWORD", "value": "s3cret"}, {"name": "A", "value": "b"}]) == [
        {"name": "BGP_PASSWORD", "value": MASK},
        {"name": "A", "value": "b"},
    ]
    assert "t0p" not in report_html(report(plan_of([step]), Told()))


def test_five_thousand_nodes_stay_small() -> None:
    """The file is far below 2 MB, names every node once and draws a few boxes."""
    plan, snapshot = demo(5000)
    made = document(plan, snapshot.state)
    text = report_html(made)
    assert len(text.encode()) < 500_000
    assert made.topology is not None
    assert len(made.topology.boxes) == 9
    assert all(f'"{name}"' in text for name in snapshot.state.nodes)
    assert made.topology.frames[0].sessions == 5000 * 4999


def test_a_run_tells_what_happened() -> None:
    """Its timeline, and how long gates took beside what was expected."""
    plan, _ = demo(12)
    part = ran(plan)
    assert [(row.number, row.took, row.expected) for row in part.took] == [(1, 93, 30)]
    assert [moment.kind for moment in part.timeline] == ["run", "step", "step", "bad"]
    text = report_html(report(plan, Told(run=part)))
    assert "run r1 of plan `demo` is undone" in part.heading
    assert "93 s" in Read(text).text
    assert ", longer than expected" in Read(text).text
    assert f"{datetime.fromtimestamp(95, UTC):%H:%M:%S}" in text
    assert "<b>" not in text


def test_a_rehearsal_tells_what_was_measured(done: Rehearsal) -> None:
    """Its verdict, and a row of probes for each step that lost some."""
    text = Read(report_html(report(replace(demo(12)[0], rehearsal=done), Told()))).text
    assert "Matches the plan: one run; give --repeat 2" in text
    assert "800 of 60000 probes lost" in text
    assert "24, up to 4.0 s" in text


def test_lists_fold_and_frames_are_short() -> None:
    """The first ten lines at once, the others when somebody opens them, and not without end."""
    some = Listing.of([str(number) for number in range(700)])
    assert (len(some.first), len(some.more), some.left, len(some)) == (10, 490, 200, 700)
    assert not Listing.of([])
    assert frames_text([5, 1, 2, 0]) == "0-2 5"


def test_a_report_is_known_by_its_beginning() -> None:
    """So that it may be written over, and nothing else is."""
    plan, _ = demo(12)
    assert is_report(page(plan).encode())
    assert not is_report(b"<!doctype html>\n<html lang=en>")


def test_many_zones_are_read_in_their_order() -> None:
    """Zone 2 stands before zone 10, and what has no zone is last."""
    _, snapshot = demo(120)
    nodes = {
        name: replace(node, labels={**node.labels, ZONE_LABEL: f"z{place % 12}"} if place else {})
        for place, (name, node) in enumerate(sorted(snapshot.state.nodes.items()))
    }
    made = document(plan_of(()), replace(snapshot.state, nodes=nodes))
    assert made.topology is not None
    titles = [title for _, title, _ in made.topology.columns]
    assert titles == [*(f"z{number}" for number in range(12)), "no zone label"]
