"""Specs to try on a cluster, the likeliest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from rrplan.bgp.profile import Versions
from rrplan.bgp.speaker import Settings
from rrplan.desired.standalone import AWAY
from rrplan.ids import NodeName
from rrplan.initial.choice import SHARED_FROM, Choice, fleeting, free_ids, reflector_count, shared_count
from rrplan.initial.recognition import drafts_of_reflectors, outside_reflectors
from rrplan.reports.draft import Draft, DraftGroup, DraftSpeaker
from rrplan.reports.survey import Neighbour, Survey
from rrplan.resources import CalicoVersion, ClusterState
from rrplan.specs.labels import is_reserved
from rrplan.text import listed

TRANSIT = (
    "Each AS is taken to be a rack whose switches pass routes on to one another (`transit`, one `fabric`). Is that so?"
)
WORTH = (
    "Racks with few nodes gain little from reflectors: nothing needs to be done where their sessions are few. Is it "
    "worth it here?"
)
IN_CLUSTER_FROM = CalicoVersion(3, 21, 0)
"""Reflectors inside the cluster leave the mesh at both ends (confd#619)."""


def is_standing(seen: Survey) -> bool:
    """Whether something is there that a spec should describe without changing it."""
    return bool(seen.reflections or seen.standalone or (not seen.mesh and outside_reflectors(seen)))


def drafts(state: ClusterState, versions: Versions, seen: Survey) -> Iterator[Draft]:
    """Specs to try, the likeliest first."""
    if seen.standalone:
        yield from _standalone_in_place(state, seen)
    elif seen.reflections:
        yield from drafts_of_reflectors(state, seen)
    elif not seen.mesh and outside_reflectors(seen):
        yield from _outside_in_place(seen)
    elif len(seen.as_numbers) > 1 and seen.mesh:
        yield _mesh_of_systems(seen)
    elif len(seen.as_numbers) > 1:
        yield from _racks(state, seen)
        yield from _from_mesh(state, seen)
    elif state.in_etcd and versions.oldest < IN_CLUSTER_FROM:
        draft = _standalone(state)
        yield draft
        if draft.groups:
            yield from _from_mesh(state, seen)
    else:
        yield from _from_mesh(state, seen)


def _standalone_in_place(state: ClusterState, seen: Survey) -> Iterator[Draft]:
    group = DraftGroup("main", seen.standalone, why="containers of calico/routereflector run there")
    others = [name for name in seen.standalone if state.nodes[name].labels.get(AWAY[0]) != AWAY[1]]
    asked = (
        f"rrplan did not keep calico-node away from {listed(others)}. Does it stay away when its DaemonSet is "
        "updated, and is there no Calico Node of these hosts?"
    )
    for least in (2, 1):
        yield Draft(groups=(group,), standalone=True, least=least, questions=(asked,) if others else ())


def _standalone(state: ClusterState) -> Draft:
    chosen = Choice(state, standalone=True).of(2)
    if not chosen.names:
        return _mesh_without_candidates()
    return Draft(
        groups=(DraftGroup("main", chosen.names, why=chosen.why),),
        standalone=True,
        questions=(
            *_too_few(chosen.names, 2),
            *fleeting(state, chosen.names),
            "A host of these containers runs nothing else: calico-node and pods go. Are these nodes free for that?",
        ),
    )


def _outside_in_place(seen: Survey) -> Iterator[Draft]:
    speakers = outside_reflectors(seen)
    names = tuple(each.name for each in speakers)
    asked = (
        f"{listed([each.address for each in speakers])} have the AS number of the nodes, so they are taken to reflect. "
        "Is that so, and is the cluster ID of each its address (its router ID, where it is configured with no other)?"
    )
    draft = Draft(groups=(DraftGroup("main", outside=names),), outside=speakers, questions=(asked,))
    yield draft if len(names) > 1 else replace(draft, least=1)


def _mesh_of_systems(seen: Survey) -> Draft:
    numbers = ", ".join(f"AS {number}: {count} nodes" for number, count in seen.as_numbers.items())
    asked = (
        f"The nodes have several AS numbers ({numbers}), and reflectors serve only nodes of their own. Is each AS a "
        "rack with switches that pass routes on? Then describe the switches in `outside` (`transit: true`), and give "
        "each rack that is large a group of its own"
    )
    return Draft(questions=(asked, *_beyond(seen)))


def _beyond(seen: Survey) -> Iterator[str]:
    if seen.outside:
        described = [f"{each.address} (AS {each.as_number})" for each in seen.outside]
        yield (
            f"Speakers outside the cluster: {listed(described)}. rrplan keeps every session to them. Does one of them "
            "pass routes between nodes, or must every node hold what it announces? Then say so in `outside`"
        )


def _uplinks(seen: Survey) -> frozenset[NodeName]:
    """Nodes that peer with a speaker outside with which most do not."""
    few = [each.at for each in seen.outside if 2 * len(each.at) < seen.nodes]
    return frozenset[NodeName]().union(*few)


def _mesh_without_candidates() -> Draft:
    """What is left where no node can reflect."""
    return Draft(questions=tuple(_too_few((), 2)))


def _too_few(names: tuple[NodeName, ...], count: int) -> Iterator[str]:
    if len(names) < count:
        yield (
            f"{'Only ' + listed(names) if names else 'No node'} can reflect: Linux, Ready, with an address, not of the "
            "control plane. Is there another one, or shall one of the control plane do it?"
        )


# --- from the mesh ---------------------------------------------------------------------------------


def _from_mesh(state: ClusterState, seen: Survey) -> Iterator[Draft]:
    speaking = seen.nodes - len(seen.silent)
    if not Choice(state).of(1).names:
        yield _mesh_without_candidates()
        return
    if speaking >= SHARED_FROM:
        shared = _one_group(state, seen, shared_count(speaking))
        groups = tuple(replace(group, per_client=3) for group in shared.groups)
        yield from _taken_over(replace(shared, groups=groups), seen)
    draft = _one_group(state, seen, reflector_count(speaking))
    if draft.zone_resilience:
        yield from _taken_over(draft, seen)
    yield from _taken_over(replace(draft, zone_resilience=False), seen)


def _taken_over(draft: Draft, seen: Survey) -> Iterator[Draft]:
    """The BGPPeers of others between nodes go where reflectors take their place; else they would stay beside them."""
    if seen.inside:
        asked = (
            f"BGPPeer {listed(seen.inside)} between nodes {'was' if len(seen.inside) == 1 else 'were'} not made by "
            "rrplan. `adopt: reflection` retires what the reflectors replace; shall it stay? Then remove that line"
        )
        yield replace(draft, adopt=True, questions=(asked, *draft.questions))
        yield replace(
            draft,
            questions=(
                f"BGPPeer {listed(seen.inside)} between nodes stays beside the reflectors. Is it needed?",
                *draft.questions,
            ),
        )
    else:
        yield draft


def _one_group(state: ClusterState, seen: Survey, count: int) -> Draft:
    chosen = Choice(state, _uplinks(seen)).of(count)
    return Draft(
        groups=(DraftGroup("main", chosen.names, why=chosen.why),),
        cluster_id=free_ids(state, 1)[0],
        taint=chosen.taint,
        least=min(2, len(chosen.names)) or 1,
        zone_resilience=chosen.zones > 1 and "" not in seen.zones,
        questions=(*_too_few(chosen.names, count), *fleeting(state, chosen.names), *_beyond(seen)),
    )


# --- racks -----------------------------------------------------------------------------------------


def _racks(state: ClusterState, seen: Survey) -> Iterator[Draft]:
    """Two reflectors for each AS of nodes that a label tells apart; switches carry routes between them."""
    settings = Settings.of(state)
    racks: defaultdict[int, set[NodeName]] = defaultdict(set)
    for name, node in state.nodes.items():
        if (node.ipv4 or node.ipv6) and not node.windows:
            racks[settings.effective_as(node.as_number)].add(name)
    labels = _rack_labels(state, racks)
    if labels is None:
        return
    choice, ids = Choice(state, _uplinks(seen)), iter(free_ids(state, len(racks)))
    groups = []
    for number, (key, value) in labels.items():
        chosen = choice.of(2, racks[number])
        if not chosen.names:
            return
        groups.append(
            DraftGroup(_group_name(value, number), chosen.names, next(ids), f"{key} == '{value}'", why=chosen.why)
        )
    draft = Draft(
        groups=tuple(groups),
        outside=tuple(_switch(each, number) for number, each in enumerate(seen.outside, 1) if not each.internal),
        reflectors_peer=False,
        questions=(TRANSIT, WORTH),
    )
    if seen.inside:
        asked = (
            f"Between nodes there are BGPPeers that stay ({listed(seen.inside)}): reflectors of one rack peer by them. "
            "Once the plan is done, they can be narrowed to the reflectors, so that clients have fewer sessions. "
            "Shall they be?"
        )
        draft = replace(draft, questions=(asked, *draft.questions))
    yield draft


def _rack_labels(state: ClusterState, racks: dict[int, set[NodeName]]) -> dict[int, tuple[str, str]] | None:
    """For each AS the value of one label that exactly its nodes carry; None where there is no such label."""
    first = next(iter(sorted(racks)))
    shared = {key for name in racks[first] for key in state.nodes[name].effective_labels}
    for key in sorted(shared, key=lambda key: (is_reserved(key), "rack" not in key, key)):
        values = {
            number: {state.nodes[name].effective_labels.get(key, "") for name in names}
            for number, names in sorted(racks.items())
        }
        single = [*values.values()]
        if all(len(each) == 1 and "" not in each for each in single) and len(set.union(*single)) == len(racks):
            return {number: (key, next(iter(each))) for number, each in values.items()}
    return None


def _group_name(value: str, number: int) -> str:
    plain = value.replace("-", "").isalnum() and value.islower() and value[0].isalpha() and value[-1] != "-"
    return value if plain and len(value) < 30 else f"as-{number}"


def _switch(neighbour: Neighbour, number: int) -> DraftSpeaker:
    return DraftSpeaker(f"switch-{number}", neighbour.address, neighbour.as_number, fabric="fabric")
