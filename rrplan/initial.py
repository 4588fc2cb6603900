"""A first spec for a cluster: several are tried, and the one that plans best here is proposed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rrplan import operations
from rrplan.bgp.profile import Versions, calico_versions
from rrplan.errors import RRPlanError
from rrplan.ids import NodeName
from rrplan.planning.survey import survey
from rrplan.render.initial import Draft, DraftGroup, spec_text
from rrplan.reports.survey import Proposal, Survey
from rrplan.resources import CalicoVersion, ClusterState, Node, Pod
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from rrplan.specs.model import ZONE_LABEL
from rrplan.text import listed

SMALL = 100
"""Up to so many nodes, Calico's documentation calls a full mesh good enough."""
THREE_FROM = 200
"""Nodes from which on three reflectors are proposed instead of two: while one is away, two are left."""
SHARED_FROM = 2000
"""Nodes from which on clients are shared out: a reflector has a session with each of its clients."""
NODES_PER_REFLECTOR = 500
FIRST_ID = "224.0.0."
"""Cluster IDs from a range that no node has as its address (multicast, RFC 5771)."""


@dataclass(frozen=True, slots=True)
class Initial:
    """What was seen, and the spec that is proposed."""

    survey: Survey
    proposal: Proposal


def initial(snapshot: Snapshot, *, name: str = "cluster", version: CalicoVersion | None = None) -> Initial:
    """Look at a cluster and propose a spec for it; raises PolicyRefusal for a Calico version without rules."""
    state = snapshot.state
    versions = calico_versions(state, version)
    seen = survey(state, versions)
    tried = [_tried(draft, snapshot, name, version) for draft in _drafts(state, versions, seen)]
    standing = bool(seen.reflections or seen.standalone)
    # What is there already should plan to nothing; a way to reflectors should plan at all.
    best = min(tried, key=lambda each: (not each.plans, each.steps if standing else 0))
    return Initial(seen, best)


def _tried(draft: Draft, snapshot: Snapshot, name: str, version: CalicoVersion | None) -> Proposal:
    text = spec_text(draft, name)
    try:
        made = operations.plan(load(text.encode(), "spec.yaml"), snapshot, version=version)
    except RRPlanError as error:
        why = str(error).strip().splitlines()[0]
        question = f"As it stands, this spec is refused here: {why}" + (f" ({error.hint})" if error.hint else "")
        draft = replace(draft, questions=(question, *draft.questions))
        return Proposal(spec_text(draft, name), f"is refused: {why}", 0, False, draft.questions)
    if not made.steps:
        return Proposal(text, "plans to no changes: the cluster is as the spec says", 0, True, draft.questions)
    count = len(made.steps)
    outcome = f"plans to {count} step{'' if count == 1 else 's'}, proved"
    return Proposal(text, outcome, count, True, draft.questions)


def _drafts(state: ClusterState, versions: Versions, seen: Survey) -> Iterator[Draft]:
    """Specs to try, the likeliest first."""
    if seen.standalone:
        yield from _standalone(seen)
    elif seen.reflections:
        yield from _of_reflectors(state, seen)
    else:
        yield from _from_mesh(state, seen)


def _standalone(seen: Survey) -> Iterator[Draft]:
    yield Draft(
        flavor="standalone",
        groups=(DraftGroup("main", names=seen.standalone, why="containers of calico/routereflector run there"),),
        cluster_id=f"{FIRST_ID}1",
        drain=True,
        questions=(
            "The cluster ID of the containers is what they were started with (RR_CLUSTER_ID or their configuration in etcd): "
            "is it the one below?",
        ),
    )


def _of_reflectors(state: ClusterState, seen: Survey) -> Iterator[Draft]:
    """Reflectors are there: the labels by which BGPPeers may know them, tried one after another."""
    questions = []
    if seen.inside:
        questions.append(
            f"BGPPeer {listed(seen.inside)} {'was' if len(seen.inside) == 1 else 'were'} not made by rrplan and "
            "stay as they are. Shall rrplan put its own in their place? Then add `adopt: reflection`"
        )
    if seen.mesh:
        questions.append(
            "The node-to-node mesh is on beside these reflectors. This spec turns it off at the end; is that wanted?"
        )
    keys = dict.fromkeys(reflection.label[0] for reflection in seen.reflections if reflection.label[0])
    one_id = len(seen.reflections) == 1
    for key in [*keys, ""]:
        groups = tuple(
            DraftGroup(
                reflection.label[1]
                if reflection.label[0] == key and _is_name(reflection.label[1])
                else f"group-{number}",
                names=reflection.nodes,
                cluster_id="" if one_id else reflection.cluster_id,
                why="they have this cluster ID today",
            )
            for number, reflection in enumerate(seen.reflections, 1)
        )
        first = seen.reflections[0].cluster_id if one_id else ""
        for least in (2, 1) if min(len(each.nodes) for each in seen.reflections) == 1 else (2,):
            yield Draft(
                groups=groups, cluster_id=first, label_key=key, drain=True, least=least, questions=tuple(questions)
            )
        apart = tuple(
            replace(group, clients=clients)
            for group, clients in zip(groups, _clients(state, seen), strict=True)
            if clients
        )
        if len(apart) == len(groups) > 1:
            yield Draft(groups=apart, label_key=key, drain=True, questions=tuple(questions))


def _clients(state: ClusterState, seen: Survey) -> list[str]:
    """For each group, whom a BGPPeer that selects its reflectors selects as clients."""
    selectors = []
    for reflection in seen.reflections:
        key, value = reflection.label
        asked = [
            peer.node_selector
            for _, peer in sorted(state.peers.items())
            if key and peer.peer_selector and f"{key}" in peer.peer_selector and f"'{value}'" in peer.peer_selector
        ]
        selectors.append(next((text for text in asked if text and text != "all()"), ""))
    return selectors


def _is_name(text: str) -> bool:
    return bool(text) and text.replace("-", "").isalnum() and text.islower() and text not in ("true", "yes", "on")


# --- from the mesh ---------------------------------------------------------------------------------


def _from_mesh(state: ClusterState, seen: Survey) -> Iterator[Draft]:
    questions = []
    if seen.outside:
        described = [f"{each.address} (AS {each.as_number})" for each in seen.outside]
        questions.append(
            f"Speakers outside the cluster: {listed(described)}. rrplan keeps every session to them. Does one of them pass "
            "routes between nodes, or must every node hold what it announces? Then say so in `outside`"
        )
    speaking = seen.nodes - len(seen.silent)
    count = 2 if speaking < THREE_FROM else 3
    for drain in (True, False):
        yield replace(_one_group(state, seen, count, questions), drain=drain, dedicated=not drain)
    if speaking >= SHARED_FROM:
        shared = _one_group(state, seen, max(6, -(-speaking // NODES_PER_REFLECTOR)), questions)
        yield replace(shared, per_client=3, drain=True)


def _one_group(state: ClusterState, seen: Survey, count: int, questions: Sequence[str]) -> Draft:
    names, why = chosen(state, count)
    asked = list(questions)
    if len(names) < count:
        asked.append(
            f"Only {len(names)} nodes can reflect (Linux, Ready, with an address, not of the control plane): is that right?"
        )
    return Draft(
        groups=(DraftGroup("main", names=names, why=why),),
        cluster_id=_free_id(state),
        least=min(2, len(names)) or 1,
        questions=tuple(asked),
    )


def _free_id(state: ClusterState) -> str:
    taken = {node.cluster_id for node in state.nodes.values()} | {node.ipv4 for node in state.nodes.values()}
    return next(text for number in range(1, 255) if (text := f"{FIRST_ID}{number}") not in taken)


def chosen(state: ClusterState, count: int) -> tuple[tuple[NodeName, ...], str]:
    """So many nodes that may reflect, spread over zones, those with the fewest pods first; and why these."""
    pods: defaultdict[str, int] = defaultdict(int)
    for resource in state.others.values():
        if isinstance(resource, Pod):
            pods[resource.node] += 1
    zones: defaultdict[str, list[Node]] = defaultdict(list)
    for node in state.nodes.values():
        if (
            (node.ipv4 or node.ipv6)
            and not (node.windows or node.control_plane or node.unschedulable)
            and node.ready is not False
        ):
            zones[node.effective_labels.get(ZONE_LABEL, "")].append(node)
    for members in zones.values():
        members.sort(key=lambda node: (not _meant(node), pods[node.name], node.name))
    names: list[NodeName] = []
    while len(names) < count and any(zones.values()):
        for zone in sorted(zones, key=lambda zone: (not (zones[zone] and _meant(zones[zone][0])), zone)):
            if zones[zone] and len(names) < count:
                names.append(zones[zone].pop(0).name)
    why = ["one in each zone, in turn"] if len(zones) > 1 else []
    if any(_meant(state.nodes[name]) for name in names):
        why.append("labelled for it")
    why.append("with the fewest pods" if pods else "the first by name, because no pods are known")
    return tuple(names), ", ".join(why)


def _meant(node: Node) -> bool:
    """Whether a label says that the node shall reflect."""
    return any(
        "reflector" in key and value not in ("false", "no") or (key.rpartition("/")[2] == "role" and value == "rr")
        for key, value in node.effective_labels.items()
    )
