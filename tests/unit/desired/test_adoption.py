"""What others made: what a spec takes over of it, what it may not take over, and what stays."""

import pytest

from rrplan.desired.adoption import Adopted, Left, adopted_by, left_by_others, not_kept
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.plans import Plan
from rrplan.resources import BGPPeer, ClusterState, DaemonSet, IPPool, Node
from rrplan.specs import Spec, load
from tests.support.clusters import BACK, CLIENTS, HEAD, REFLECTORS, TO_REFLECTORS, mesh, node, peer, planned, state

DRAINED = f"{TO_REFLECTORS}, drain: true"
THEIRS = (
    peer("to-rr", nodeSelector="!has(rrx)", peerSelector="rrx == 'yes'"),
    peer("rr-rr", nodeSelector="has(rrx)", peerSelector="has(rrx)"),
)


def foreign(*more: Node | BGPPeer, on_reflectors: str = "yes") -> ClusterState:
    """Reflectors r1 and r2 of another tool, by its label, with clients a, b and c."""
    reflectors = [node(f"r{number}", number, "224.0.0.1", rrx=on_reflectors) for number in (1, 2)]
    return state(*reflectors, *(node(name, n) for n, name in enumerate("abc", 3)), *THEIRS, mesh(on=False), *more)


def spec(text: str) -> Spec:
    """A spec of that text."""
    return load(f"{HEAD}spec: {{{text}}}\n".encode(), "spec.yaml")


def adopting(text: str = "reflection", to: str = DRAINED) -> str:
    """A spec that takes something over."""
    return f"{to}, adopt: {text}"


def ids(plan: Plan) -> list[str]:
    """The steps."""
    return [str(step.id) for step in plan.steps]


def test_all_that_serves_reflection() -> None:
    """Theirs go when ours serve every client, then the label that nobody reads any more."""
    assert ids(planned(foreign(), adopting())) == [
        *("promote/r1", "promote/r2", "create-peer/rrplan-main-clients", "create-peer/rrplan-reflectors"),
        *("await/clients", "delete-peer/rr-rr", "delete-peer/to-rr", "unlabel/adopted"),
    ]


def test_only_what_is_named() -> None:
    """The rest stays, and is told."""
    plan = planned(foreign(), adopting("{peers: [rr-rr]}"))

    assert [step for step in ids(plan) if step.startswith(("delete", "unlabel"))] == ["delete-peer/rr-rr"]
    (finding,) = [finding for finding in plan.findings if finding.check == "left-by-others"]
    assert (finding.facts["peers"], finding.facts["twice"]) == (("to-rr",), 0)


def test_an_uplink_is_never_taken_over_unless_it_is_named() -> None:
    """A BGPPeer by an address that is no node's does not serve reflection."""
    switch = peer("switch", nodeSelector="all()", peerIP="192.0.2.1", asNumber=65000)
    cluster = foreign(switch)

    assert adopted_by(spec(adopting()), cluster, ()).peers == {"to-rr", "rr-rr"}
    assert adopted_by(spec(adopting("{peers: [switch]}")), cluster, ()).peers == {"switch"}


def test_a_peer_of_ours_is_no_others() -> None:
    """Who names it may mean another one."""
    with pytest.raises(
        PolicyRefusal, match="`adopt` names BGPPeer `rrplan-reflectors`, which is rrplan's own"
    ) as error:
        planned(foreign(CLIENTS, REFLECTORS), adopting("{peers: [rrplan-reflectors]}"))
    assert "remove it from `adopt`" in error.value.hint


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("{peers: [to-rrr]}", "`adopt` names BGPPeer `to-rrr`, which is not there (any more); did you mean `to-rr`?"),
        ("{labels: [rry]}", "label `rry`, which is not there (any more); did you mean `rrx`?"),
        ("{reflectors: [r11]}", "node `r11`, which is not there (any more); did you mean"),
        ("{peers: [something-else]}", "BGPPeer `something-else`, which is not there (any more)"),
    ],
)
def test_what_is_not_there_is_told(text: str, notice: str) -> None:
    """It is no error: a spec stays as it is when all of it was taken over."""
    assert notice in " ".join(planned(foreign(), adopting(text)).notices)


def test_nothing_is_left_to_do_once_it_was_taken_over() -> None:
    """Nothing of others is there: the same spec says nothing more."""
    nodes = [node(f"r{n}", n, "224.0.0.1", rr="main") for n in (1, 2)] + [node(x, n) for n, x in enumerate("abc", 3)]
    plan = planned(state(*nodes, CLIENTS, REFLECTORS, mesh(on=False)), adopting())

    assert (ids(plan), [finding.check for finding in plan.findings]) == ([], [])


READERS: list[tuple[str, tuple[BGPPeer | IPPool | DaemonSet, ...], str, str]] = [
    ("a BGPPeer", (peer("up", nodeSelector="has(rrx)", peerIP="192.0.2.1", asNumber=1),), "", "BGPPeer `up`"),
    ("a pool", (IPPool("p", "10.1.0.0/16", node_selector="!has(rrx)"),), "", "IPPool `p`"),
    ("a DaemonSet", (DaemonSet("d", "ns", node_selector={"rrx": "yes"}),), "", "DaemonSet `ns/d`"),
    ("the spec", (), "clients: has(rrx) || all()", "`clients` of group `main`"),
]


@pytest.mark.parametrize(("more", "group", "reader"), [case[1:] for case in READERS], ids=[case[0] for case in READERS])
def test_a_label_that_others_read_stays(
    more: tuple[BGPPeer | IPPool | DaemonSet, ...], group: str, reader: str
) -> None:
    """`reflection` leaves it out; who names it is refused."""
    cluster = ClusterState.of([*foreign(), *more])
    to = DRAINED.replace("names: [r1, r2]}", f"names: [r1, r2]}}, {group}" if group else "names: [r1, r2]}")

    assert adopted_by(spec(adopting(to=to)), cluster, ()).labels == frozenset()
    with pytest.raises(PolicyRefusal, match=r"`adopt` takes label `rrx` over, and .* reads it") as error:
        adopted_by(spec(adopting("{reflection: true, labels: [rrx]}", to)), cluster, ())
    assert reader in str(error.value)


def test_a_label_that_says_something_else_too_does_not_serve_reflection() -> None:
    """Where a node carries it that no BGPPeer means, or all nodes do, it is not theirs alone."""
    other = node("x", 9, rrx="no")
    everywhere = [node(name, n, rrx="yes") for n, name in enumerate("abc", 3)]

    assert adopted_by(spec(adopting()), foreign(), ()).labels == {"rrx"}
    assert adopted_by(spec(adopting()), foreign(other), ()).labels == frozenset()
    assert adopted_by(spec(adopting()), foreign(*everywhere), ()).labels == frozenset()


def test_a_label_in_calicos_annotation_is_taken_away_too() -> None:
    """Else Calico would go on to add it; the undo puts both back."""
    nodes = [
        Node(NodeName(f"r{n}"), {"x": "y"}, {"rrx": "yes", "z": "1"}, ipv4=f"10.0.0.{n}", cluster_id="224.0.0.1")
        for n in (1, 2)
    ]
    plan = planned(state(*nodes, *(node(x, n) for n, x in enumerate("abc", 3)), *THEIRS, mesh(on=False)), adopting())
    step = plan.steps[-1]

    assert step.id == "unlabel/adopted"
    assert [change.after for change in step.changes] == [
        {"metadata": {"annotations": {"projectcalico.org/labels": '{"z":"1"}'}}}
    ] * 2


def test_reflectors_in_no_group() -> None:
    """They stay reflectors unless the spec takes them over; then they are drained, and become clients."""
    cluster = foreign(node("old", 9, "10.9.9.9"))

    left = [finding for finding in planned(cluster, DRAINED).findings if finding.check == "left-by-others"]
    assert left[0].facts["reflectors"] == ("old (10.9.9.9)",)
    named = ids(planned(cluster, adopting("{reflectors: [old]}")))
    assert {"drain/old", "demote/old"} <= set(named)
    assert "demote/old" in ids(planned(cluster, adopting()))


def test_a_node_that_is_chosen_does_not_stop() -> None:
    """`adopt` and a group contradict each other."""
    by_choice = DRAINED.replace("names: [r1, r2]", "selector: has(rrx), count: 2")
    with pytest.raises(PolicyRefusal, match="node `r1` was chosen to reflect, and `adopt` says that it stops"):
        planned(foreign(), adopting("{reflectors: [r1]}", by_choice))


def test_the_mesh_gets_the_options_of_what_is_taken_over() -> None:
    """On the way back they are retired like those of rrplan, and what they have is kept."""
    secret = {"secretKeyRef": {"name": "bgp", "key": "password"}}
    peers = [peer(theirs.name, **theirs.spec, password=secret) for theirs in THEIRS]
    plan = planned(foreign(*peers), adopting(to=f"{BACK}, drain: true"))

    assert any("password (key `password` of Secret `bgp`); on the mesh" in notice for notice in plan.notices)
    assert ids(plan)[-5:] == ["delete-peer/rr-rr", "delete-peer/to-rr", "await/drained", "uncordon/r1", "uncordon/r2"]


def test_a_name_that_ours_got_stays() -> None:
    """A BGPPeer of others that has our name goes: ours keeps the name that it has, so nothing else changes."""
    taken = peer("rrplan-reflectors", nodeSelector="has(nobody)", peerSelector="has(nobody)")
    second = peer("rrplan-reflectors-2", ours=True, **REFLECTORS.spec)
    nodes = [node(f"r{n}", n, "224.0.0.1", rr="main") for n in (1, 2)] + [node(x, n) for n, x in enumerate("abc", 3)]

    assert ids(planned(state(*nodes, CLIENTS, second, taken, mesh(on=False)), DRAINED)) == []
    assert ids(planned(state(*nodes, CLIENTS, second, mesh(on=False)), DRAINED)) == []
    assert ids(planned(state(*nodes, CLIENTS, second, taken, mesh(on=False)), adopting())) == [
        *("await/clients", "delete-peer/rrplan-reflectors"),
    ]


def test_what_stays_and_what_it_costs() -> None:
    """Pairs of nodes that ours or the mesh join too, and pairs that others join alone."""
    nothing = spec(BACK)
    everybody = peer("all", nodeSelector="all()", peerSelector="all()")
    plain = [node(name, number) for number, name in enumerate("abcd", 1)]
    for on, counts in ((True, (6, 0)), (False, (0, 6))):
        cluster = state(*plain, everybody, mesh(on=on))
        left = left_by_others(nothing, cluster, cluster, {})
        assert (left.peers, left.pairs.twice, left.pairs.alone) == (("all",), *counts)
    assert not left_by_others(nothing, state(*plain), state(*plain), {})
    assert not Left()


def test_options_on_which_others_do_not_agree_are_told() -> None:
    """One BGPPeer of ours takes the place of both: it has what they agree on, and what is not kept is said."""
    nodes = [node(f"r{number}", number, "224.0.0.1") for number in (1, 2)]
    hosts = "rack == 'x'", "!has(rack)"
    theirs = [
        peer(name, nodeSelector=hosts[place], peerSelector="all()", maxRestartTime=time, keepaliveTime="20s")
        for place, (name, time) in enumerate((("one", "60s"), ("two", "90s")))
    ]
    cluster = state(*nodes, node("a", 3, rack="x"), node("b", 4), *theirs, mesh(on=True))
    target = state(*nodes, peer("ours", ours=True, nodeSelector="all()", peerSelector="all()", keepaliveTime="20s"))
    both = Adopted(frozenset({"one", "two"}))

    assert not_kept(both, cluster, target) == [
        "not kept from BGPPeer `one`: maxRestartTime 60s",
        "not kept from BGPPeer `two`: maxRestartTime 90s",
    ]
