"""A small change moves little: reflectors that can stay do stay, and nobody is touched whose sessions stay the same."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from rrplan.bgp.sessions import Speakers
from rrplan.errors import PolicyRefusal, UnsafePlanError
from rrplan.ids import ActionName, NodeName
from rrplan.planning.promise import states
from rrplan.plans import Plan
from rrplan.resources import ClusterState, Node
from rrplan.specs.counting import NodesPerReflector
from tests.support.clusters import VERSIONS, mesh, node, planned, state

ROLES = (ActionName.PROMOTE_REFLECTOR, ActionName.DEMOTE_REFLECTOR)


def spec(count: object, *, spread: bool, policy: int = 1) -> str:
    """One group, chosen among the nodes with a role."""
    zones = ", spreadOver: zone" if spread else ""
    choice = f"{{selector: role == 'rr', count: {count}{zones}}}"
    head = (
        f"topology: route-reflectors, clusterID: 224.0.0.1, drain: true, policy: {{minReflectorsPerClient: {policy}}}"
    )
    return f"{head}, groups: [{{name: main, nodes: {choice}}}]"


@st.composite
def clusters(draw: st.DrawFn) -> ClusterState:
    """A mesh of nodes in up to three zones, some of which may reflect."""
    zones = draw(st.lists(st.sampled_from("abc"), min_size=5, max_size=8))
    able = draw(st.integers(4, len(zones)))
    nodes = [node(f"r{n}", n + 1, role="rr", zone=zone) for n, zone in enumerate(zones[:able])]
    return state(*nodes, *(node(f"n{n}", n + 20, zone=zone) for n, zone in enumerate(zones[able:])), mesh(on=True))


def after(plan: Plan, cluster: ClusterState) -> ClusterState:
    """The cluster once the plan was carried out."""
    *_, last = states(plan, cluster)
    return last


def reflectors(cluster: ClusterState) -> set[NodeName]:
    """Who reflects."""
    return {name for name, made in cluster.nodes.items() if made.cluster_id}


def changed(data: st.DataObject, cluster: ClusterState) -> ClusterState:
    """One node more, one less, one that is down, or none of it."""
    names = sorted(cluster.nodes)
    match data.draw(st.sampled_from(["more", "able", "gone", "down", "other zone", "nothing"])):
        case "more":
            return cluster.put(node("x", 90, zone=data.draw(st.sampled_from("abc"))))
        case "able":
            return cluster.put(node("x", 90, role="rr", zone=data.draw(st.sampled_from("abcd"))))
        case "gone":
            return cluster.remove(cluster.nodes[data.draw(st.sampled_from(names))].key)
        case "down":
            return cluster.put(replace(cluster.nodes[data.draw(st.sampled_from(names))], ready=False))
        case "other zone":
            moved = cluster.nodes[data.draw(st.sampled_from(names))]
            return cluster.put(replace(moved, labels={**moved.labels, "zone": data.draw(st.sampled_from("abcd"))}))
        case _:
            return cluster


def best(cluster: ClusterState, count: int, *, spread: bool) -> int:
    """The most present reflectors that any choice of so many can keep, if it is spread as evenly as can be."""
    able = [made for made in cluster.nodes.values() if made.labels.get("role") == "rr" and made.ready]

    def evenness(chosen: Sequence[Node]) -> list[int]:
        zones = Counter({made.labels["zone"]: 0 for made in able})
        zones.update(made.labels["zone"] for made in chosen)
        return sorted(zones.values(), reverse=True) if spread else []

    choices = [*combinations(able, count)]
    evenest = min(map(evenness, choices))
    return max(sum(bool(made.cluster_id) for made in choice) for choice in choices if evenness(choice) == evenest)


def rendered(cluster: ClusterState) -> dict[NodeName, Counter[object]]:
    """Of every node what is rendered on it, and what others render towards it."""
    found: dict[NodeName, Counter[object]] = {name: Counter() for name in cluster.nodes}
    for session in Speakers.of(cluster, VERSIONS).all_sessions():
        protocol = session.protocol
        found[protocol.node][protocol.peer_address, protocol.blocks] += 1
        if protocol.peer_node:
            found[protocol.peer_node][protocol.node, protocol.blocks] += 1
    return found


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_small_change_moves_little(data: st.DataObject) -> None:
    """From a cluster with reflectors in place to the same with another number of them, or with a node that changed."""
    spread = data.draw(st.booleans(), "spread")
    count = data.draw(st.integers(2, 3), "count")
    cluster = data.draw(clusters(), "cluster")
    able = sorted(name for name, made in cluster.nodes.items() if made.labels.get("role"))
    names = data.draw(st.permutations(able), "reflectors")[:count]
    chosen = spec(count, spread=spread).partition("{selector")[0] + f"{{names: [{', '.join(names)}]}}}}]"
    first = planned(cluster, chosen)
    before = changed(data, after(first, cluster))
    more = data.draw(st.integers(-1, 1), "more")
    wanted = count + more
    try:
        plan = planned(before, spec(wanted, spread=spread))
    except (PolicyRefusal, UnsafePlanError) as refusal:
        event(f"refused: {refusal}"[:50])
        return
    last = after(plan, before)
    note(str([step.id for step in plan.steps]))
    event("moves" if any(step.action in ROLES for step in plan.steps) else "moves nobody")

    assert len(reflectors(last)) == wanted
    assert len(reflectors(before) & reflectors(last)) == best(before, wanted, spread=spread)
    assert last.peers == before.peers
    assert last.configurations == before.configurations
    here, there = rendered(before), rendered(last)
    same = {name for name in before.nodes if here[name] == there[name]}
    touched = {step.node for step in plan.steps if step.node} | {
        NodeName(change.key.name) for _, change in plan.writes if change.key.kind == "Node"
    }
    assert not same & touched
    roles = {name for name in before.nodes if before.nodes[name].cluster_id != last.nodes[name].cluster_id}
    assert touched == roles
    assert not planned(last, spec(wanted, spread=spread)).steps


@given(st.integers(1, 6_000), st.integers(1, 200), st.integers(1, 4), st.integers(0, 40))
def test_a_node_that_comes_and_goes_moves_one_reflector_at_most(size: int, share: int, least: int, start: int) -> None:
    """The number of reflectors follows the nodes without swinging with them, and is never too small."""
    count = NodesPerReflector(nodes_per_reflector=share, minimum=least)
    settled = count.of(size, start)
    for step in (-1, 1):
        moved = count.of(size + step, settled)
        again = count.of(size, moved)
        assert moved in {settled, again}
        assert again == count.of(size, again)
    assert settled >= least
    assert settled == least or size <= settled * share * 1.1
