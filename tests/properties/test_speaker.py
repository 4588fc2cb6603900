"""The class computation against a naive speaker that passes messages node by node."""

from dataclasses import replace
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrplan.bgp.model import Model
from rrplan.bgp.profile import NEWEST, Versions, calico_versions
from rrplan.bgp.roles import OutsideRole, Roles
from rrplan.bgp.speaker import FAMILIES
from rrplan.ids import NodeName
from rrplan.planning import draft_plan
from rrplan.plans.change import changed
from rrplan.plans.plan import SnapshotReference
from rrplan.resources import BGPConfiguration, BGPFilter, BGPPeer, CalicoVersion, ClusterState, DaemonSet, IPPool, Node
from tests.bench.shapes import CALICO, SHAPES
from tests.properties.naive import Beyond, naive

IDS = ("", "1.1.1.1", "2.2.2.2")


@st.composite
def clusters(draw: st.DrawFn) -> ClusterState:
    """Small clusters: roles, zones, disjoint or shared clients, peers between reflectors, mesh on or off."""
    nodes = []
    for index in range(draw(st.integers(2, 9))):
        labels = {"zone": draw(st.sampled_from("ab"))}
        cluster_id = draw(st.sampled_from(IDS))
        if cluster_id:
            labels["rr"] = draw(st.sampled_from("xy"))
        as_number = draw(st.sampled_from([None, None, None, 65001]))
        nodes.append(
            Node(NodeName(f"n{index}"), labels, ipv4=f"10.0.0.{index + 1}", cluster_id=cluster_id, as_number=as_number)
        )
    peers = []
    for index in range(draw(st.integers(0, 4))):
        local = draw(st.sampled_from(["!has(rr)", "all()", "zone == 'a'", "rr == 'x'", "has(rr)"]))
        remote = draw(st.sampled_from(["has(rr)", "rr == 'x'", "rr == 'y'", "zone == 'b'"]))
        spec = {"nodeSelector": local, "peerSelector": remote}
        peers.append(BGPPeer(f"p{index}", node_selector=local, peer_selector=remote, spec=spec))
    mesh = draw(st.booleans())
    configuration = BGPConfiguration("default", mesh_enabled=mesh, spec={"nodeToNodeMeshEnabled": mesh})
    return ClusterState.of([*nodes, *peers, configuration])


@given(clusters())
def test_fast_equals_naive(state: ClusterState) -> None:
    """The near-linear computation by classes holds exactly the pairs that messages between nodes reach."""
    assert naive(state) == held(state)


def held(state: ClusterState, roles: Roles = ()) -> set[tuple[str, str]]:
    """The pairs of nodes that hold each other's routes, as the model says."""
    model = Model(state, Versions(NEWEST, "test"), roles=roles)
    view = model.view()
    missing = view.holdings[FAMILIES[0]].missing
    place = {name: view.index(model.population.signature_of[name]) for name in state.nodes}
    return {
        (holder, origin)
        for holder in state.nodes
        for origin in state.nodes
        if holder != origin and (place[holder], place[origin]) not in missing
    }


SYSTEMS = (64512, 64512, 65001, 65100)


@st.composite
def with_outside(draw: st.DrawFn) -> tuple[ClusterState, Roles]:
    """The same clusters with reflectors outside, and with transit speakers, some of them in one fabric."""
    state = draw(clusters())
    roles: list[OutsideRole] = []
    peers: list[BGPPeer] = []
    for index in range(draw(st.integers(1, 3))):
        asn = draw(st.sampled_from(SYSTEMS))
        address = f"10.1.0.{index + 1}"
        cluster_id = draw(st.sampled_from(("", *IDS[1:], "3.3.3.3")))
        fabric = "" if cluster_id else draw(st.sampled_from(["", "spine", "spine"]))
        roles.append(OutsideRole(f"o{index}", address, "", asn, cluster_id, not cluster_id, fabric))
        for number in range(draw(st.integers(0, 2))):
            local = draw(st.sampled_from(["all()", "zone == 'a'", "has(rr)", "!has(rr)", "rr == 'x'"]))
            told = draw(st.sampled_from([asn, asn, asn, 65200])) if number == 0 else peers[-1].as_number
            spec = {"nodeSelector": local, "peerIP": address, "asNumber": told}
            name = f"out{index}-{number}"
            peers.append(BGPPeer(name, node_selector=local, peer_ip=address, as_number=told, spec=spec))
    return ClusterState.of([*state, *peers]), tuple(roles)


def beyond(roles: Roles) -> list[Beyond]:
    """The same speakers outside for the naive one."""
    return [Beyond(role.name, role.ipv4, role.as_number, role.cluster_id, role.fabric) for role in roles]


@given(with_outside())
def test_speakers_outside_that_pass_routes_on(drawn: tuple[ClusterState, Roles]) -> None:
    """Reflectors outside and transit speakers hand on what single messages over their sessions reach."""
    state, roles = drawn
    assert naive(state, beyond=beyond(roles)) == held(state, roles)


def test_groups_at_every_step() -> None:
    """More groups than the model asks about, at every state of their plan."""
    shape = SHAPES["groups"](18, 6)
    state = shape.snapshot.state
    plan = draft_plan(shape.spec, state, calico_versions(state, CALICO), SnapshotReference("", None, CALICO))
    for step in plan.steps:
        for change in step.changes:
            state = changed(state, change)
        if step.topology and step.changes:
            assert naive(state) == held(state)


@st.composite
def systems(draw: st.DrawFn) -> ClusterState:
    """Nodes of three AS numbers with sessions by address, some of which take their own number in a path."""
    names = [f"n{index}" for index in range(draw(st.integers(3, 6)))]
    nodes = [
        Node(NodeName(name), ipv4=f"10.0.0.{index + 1}", as_number=draw(st.sampled_from([65001, 65002, 65003])))
        for index, name in enumerate(names)
    ]
    peers = []
    for near, far in combinations(nodes, 2):
        for here, there in draw(st.sampled_from([(), (), ((near, far),), ((far, near),), ((near, far), (far, near))])):
            number = draw(st.sampled_from([0, 0, 1, 2]))
            told = {"node": here.name, "peerIP": there.ipv4, "asNumber": there.as_number}
            spec = {**told, "numAllowedLocalASNumbers": number} if number else told
            peers.append(
                BGPPeer(
                    f"{here.name}-{there.name}",
                    node=here.name,
                    peer_ip=there.ipv4,
                    as_number=there.as_number,
                    spec=spec,
                )
            )
    off = BGPConfiguration("default", mesh_enabled=False, spec={"nodeToNodeMeshEnabled": False})
    return ClusterState.of([*nodes, *peers, off])


@given(systems())
def test_own_as_numbers_in_paths(state: ClusterState) -> None:
    """`numAllowedLocalASNumbers` counts at the end that has the BGPPeer, and for its own sessions alone."""
    assert naive(state) == held(state)


def chain(numbers: list[int], allowed: dict[str, int]) -> ClusterState:
    """Nodes a, b, c ... in a row; each says how often it takes its own AS number from its neighbours."""
    names = "abcdefgh"[: len(numbers)]
    nodes = [
        Node(NodeName(name), ipv4=f"10.0.0.{place}", as_number=number)
        for place, (name, number) in enumerate(zip(names, numbers, strict=True), 1)
    ]
    peers = []
    for here, there in permutations(nodes, 2):
        if abs(names.index(here.name) - names.index(there.name)) == 1:
            told = {"node": here.name, "peerIP": there.ipv4, "asNumber": there.as_number}
            spec = {**told, "numAllowedLocalASNumbers": allowed.get(here.name, 0)}
            name = f"{here.name}{there.name}"
            peers.append(BGPPeer(name, node=here.name, peer_ip=there.ipv4, as_number=there.as_number, spec=spec))
    off = BGPConfiguration("default", mesh_enabled=False, spec={"nodeToNodeMeshEnabled": False})
    return ClusterState.of([*nodes, *peers, off])


@pytest.mark.parametrize(
    ("numbers", "allowed", "holds"),
    [
        ([1, 2, 1], {}, False),
        ([1, 2, 1], {"c": 1}, True),
        ([1, 2, 1], {"a": 1, "b": 1}, False),
        ([1, 2, 1, 2, 1], {"c": 1, "d": 1, "e": 1}, False),
        ([1, 2, 1, 2, 1], {"c": 1, "d": 1, "e": 2}, True),
        ([1, 2, 1, 2, 1], {"c": 1, "d": 0, "e": 2}, False),
    ],
)
def test_own_as_numbers_in_the_path_of_a_chain(numbers: list[int], allowed: dict[str, int], holds: bool) -> None:
    """What the first node announces reaches the last where nobody has its own number too often in the path."""
    state = chain(numbers, allowed)
    assert (("abcdefgh"[len(numbers) - 1], "a") in held(state)) is holds
    assert naive(state) == held(state)


POOLS = {"pods": "10.42.0.0/16", "more": "10.44.0.0/16"}


@st.composite
def filtered(draw: st.DrawFn) -> ClusterState:
    """The same clusters with one or two pools, and with one BGPFilter on every BGPPeer."""
    state = draw(clusters())
    rule = st.fixed_dictionaries(
        {
            "action": st.sampled_from(["Reject", "Accept"]),
            "matchOperator": st.sampled_from(["In", "NotIn"]),
            "cidr": st.sampled_from([*POOLS.values(), "10.0.0.0/8", "192.168.0.0/16"]),
        }
    )
    rules = st.lists(rule, max_size=3)
    told = BGPFilter("f", {"importV4": draw(rules), "exportV4": draw(rules)})
    peers = [replace(one, spec={**one.spec, "filters": ["f"]}) for one in state.peers.values()]
    pools = [IPPool(name, POOLS[name]) for name in draw(st.sampled_from([["pods"], ["pods", "more"]]))]
    return ClusterState.of([*state, *peers, told, *pools])


@given(filtered())
def test_each_pool_by_itself(state: ClusterState) -> None:
    """Where filters treat pools differently, the routes of each spread as messages of that pool alone do."""
    model = Model(state, Versions(NEWEST, "test"))
    view = model.view()
    layers = view.holdings[FAMILIES[0]].layers
    assert sorted(pool for layer in layers for pool in layer.pools) == sorted(state.others_of(IPPool))
    place = {name: view.index(model.population.signature_of[name]) for name in state.nodes}
    for layer in layers:
        found = {
            (holder, origin)
            for holder in state.nodes
            for origin in state.nodes
            if holder != origin and (place[holder], place[origin]) not in replace(layer, others=()).missing
        }
        for pool in layer.pools:
            assert naive(state, POOLS[pool]) == found


@st.composite
def standalone(draw: st.DrawFn) -> ClusterState:
    """Workers and hosts of `calico/routereflector`; BGPPeers of all nodes or of one; wrong AS numbers; mesh or not."""
    workers = [Node(NodeName(f"w{n}"), ipv4=f"10.0.0.{n + 1}") for n in range(draw(st.integers(2, 5)))]
    hosts = [Node(NodeName(f"r{n}"), {"rr": "yes"}, host_ip=f"10.0.1.{n + 1}") for n in range(draw(st.integers(0, 3)))]
    peers = []
    for index in range(draw(st.integers(0, 5)) if hosts else 0):
        node = draw(st.sampled_from(["", "", *(worker.name for worker in workers)]))
        aimed = draw(st.sampled_from(hosts)).host_ip
        as_number = draw(st.sampled_from([64512, 64512, 64512, 65001]))
        spec = {"peerIP": aimed, "asNumber": as_number, **({"node": node} if node else {})}
        peers.append(BGPPeer(f"p{index}", node=node, peer_ip=aimed, as_number=as_number, spec=spec))
    mesh = draw(st.booleans())
    configuration = BGPConfiguration("default", mesh_enabled=mesh, spec={"nodeToNodeMeshEnabled": mesh})
    reflectors = DaemonSet("calico-rr", "kube-system", reflector=True, node_selector={"rr": "yes"})
    return ClusterState.of([*workers, *hosts, *peers, configuration, reflectors])


@given(standalone())
def test_standalone_reflectors(state: ClusterState) -> None:
    """Two workers hold each other's routes in a mesh, or where both certainly have a session with one reflector."""
    workers = [name for name, node in state.nodes.items() if node.ipv4]
    hosts = [node for node in state.nodes.values() if not node.ipv4]

    def certain(worker: NodeName, host: Node) -> bool:
        aimed = [peer for peer in state.peers.values() if peer.peer_ip == host.host_ip and peer.node in ("", worker)]
        # A wrong AS number among several BGPPeers may be the one that wins, or whose session waits for the lock.
        return bool(aimed) and {peer.as_number for peer in aimed} == {64512}

    expected = {
        (one, other)
        for one in workers
        for other in workers
        if one != other
        and (
            state.configurations["default"].mesh_enabled
            or any(certain(one, host) and certain(other, host) for host in hosts)
        )
    }
    model = Model(state, Versions(CalicoVersion(3, 8), "test"))
    view = model.view()
    where = {name: view.index(model.population.signature_of[name]) for name in workers}
    missing = view.holdings[FAMILIES[0]].missing
    found = {
        (one, other)
        for one in workers
        for other in workers
        if one != other and (where[one], where[other]) not in missing
    }
    assert found == expected
