"""Reflectors that are there, whoever made them: groups, clients, levels and shares, as drafts of a spec.

A group is known by a label and a cluster ID. Which label is meant nobody says, so each that may be meant gives a
draft. What is known of others: kubespray and Calico's documents label `i-am-a-route-reflector`, with BGPPeers
`peer-to-rrs` and `rr-mesh`; kubeasz and IBM's operator `route-reflector`, with one BGPPeer `peer-with-route-reflectors`
of all nodes; the mhmxs operator `calico-route-reflector`. All are read alike: by what their BGPPeers select.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rrplan.desired.joining import Joining, Members, Sides
from rrplan.desired.ownership import is_ours
from rrplan.ids import NodeName
from rrplan.initial.choice import Choice, free_ids, shared_taint
from rrplan.reports.draft import Draft, DraftGroup, DraftSpeaker
from rrplan.reports.survey import Neighbour, Survey
from rrplan.resources import BGPPeer, ClusterState
from rrplan.resources.reading import brief
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs.labels import OTHER_LABELS, is_reserved
from rrplan.specs.model import LABEL_KEY
from rrplan.specs.shares import CLIENTS_OF
from rrplan.specs.values import is_cluster_id
from rrplan.text import listed

PLAIN_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
NOT_NAMES = ("true", "yes", "on", "y", "no", "off", "n", "false", "rr", "null")
"""Values of labels that say nothing."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Reflectors with one value of the label and one cluster ID; `served` are the other nodes that they peer with."""

    value: str
    cluster_id: str
    members: Members
    served: Members
    selectors: tuple[str, ...]


def drafts_of_reflectors(state: ClusterState, seen: Survey) -> Iterator[Draft]:
    """Drafts of what is there, the likeliest first."""
    joining = Joining(state.nodes)
    inside = [(peer, joining.sides(peer)) for _, peer in sorted(state.peers.items()) if joining.inside(peer)]
    speakers = outside_reflectors(seen)
    drafts = _completed(state, seen) if seen.mesh else []
    drafts += [
        draft for key in _keys(state, joining, [peer for peer, _ in inside]) for draft in _by_label(state, inside, key)
    ]
    for found in drafts:
        draft, odd = _with_ids_of_specs(state, found)
        asked = replace(draft, questions=(*odd, *_questions(seen, speakers, draft)))
        yield asked
        if speakers:
            groups = tuple(replace(group, outside=tuple(each.name for each in speakers)) for group in draft.groups)
            yield replace(asked, outside=speakers, groups=groups)


def _with_ids_of_specs(state: ClusterState, draft: Draft) -> tuple[Draft, Sequence[str]]:
    """The draft with free cluster IDs in place of those that no spec may have, and the question that this leaves."""
    found = dict.fromkeys(each for each in (draft.cluster_id, *(group.cluster_id for group in draft.groups)) if each)
    odd = [each for each in found if not is_cluster_id(each)]
    if not odd:
        return draft, ()
    ids = dict(zip(odd, free_ids(state, len(odd)), strict=True))
    groups = tuple(replace(group, cluster_id=ids.get(group.cluster_id, group.cluster_id)) for group in draft.groups)
    asked = (
        f"Cluster ID {listed([f'`{brief(each)}`' for each in odd])} of today is none that a spec may have: this one "
        f"gives {listed([*ids.values()])} instead. Is it a mistake, and who reads it?"
    )
    return replace(draft, cluster_id=ids.get(draft.cluster_id, draft.cluster_id), groups=groups), (asked,)


def _completed(state: ClusterState, seen: Survey) -> list[Draft]:
    """One reflector was made beside the mesh, and then somebody stopped: it gets a second one."""
    (first, *more) = seen.reflections
    if more or len(first.nodes) > 1:
        return []
    chosen = Choice(state, first.nodes).of(2)
    (name,) = first.nodes
    others = [each for each in chosen.names if each != name]
    group = DraftGroup(
        "main", (name, *others[:1]), why=f"{name} has this cluster ID already; of the others: {chosen.why}"
    )
    return [Draft(groups=(group,), cluster_id=first.cluster_id)] if others else []


def outside_reflectors(seen: Survey) -> tuple[DraftSpeaker, ...]:
    """Speakers outside with the cluster's own AS number: they can be of use to nodes only as reflectors."""
    return tuple(
        DraftSpeaker(_speaker_name(each, number), each.address, each.as_number, _dotted(each.address, number))
        for number, each in enumerate((each for each in seen.outside if each.internal), 1)
    )


def _speaker_name(neighbour: Neighbour, number: int) -> str:
    """The name that a BGPPeer of ours gives it, or one made up."""
    for name in neighbour.peers:
        match = re.fullmatch(r"rrplan-[a-z0-9]+-(.+?)(-ipv6)?", name)
        if match and PLAIN_NAME.fullmatch(match[1]):
            return match[1]
    return f"rr-{number}"


def _dotted(address: str, number: int) -> str:
    return address if ":" not in address else f"224.0.1.{number}"


def _questions(seen: Survey, speakers: Sequence[DraftSpeaker], draft: Draft) -> Iterator[str]:
    single = len(seen.inside) == 1
    if seen.inside:
        yield (
            f"BGPPeer {listed(seen.inside)} {'was' if single else 'were'} not made by rrplan and "
            f"{'stays as it is' if single else 'stay as they are'}. Shall BGPPeers of rrplan take "
            f"{'its' if single else 'their'} place? Then add `adopt: reflection`, and read what the plan says"
        )
    if seen.mesh:
        yield "The node-to-node mesh is on beside these reflectors. This spec turns it off at the end; is that wanted?"
    if speakers:
        yield (
            f"{listed([each.address for each in speakers])} outside the cluster may reflect too. Then describe them "
            "in `outside`, with the cluster ID that they have, and name them in the group"
        )
    if seen.down:
        single = len(seen.down) == 1
        yield (
            f"{listed(seen.down)} {'is' if single else 'are'} down. {'Does it' if single else 'Do they'} come back, or "
            f"shall {'another node take its' if single else 'other nodes take their'} place?"
        )
    if draft.least < 2:
        yield "Some client has one reflector alone: its loss takes all routes away. Shall there be a second one?"


def _keys(state: ClusterState, joining: Joining, inside: Sequence[BGPPeer]) -> list[str]:
    """Labels by which reflectors may be known: carried by nodes that reflect, and by nobody else; at last our own."""
    reflecting = {name for name, node in state.nodes.items() if node.cluster_id}
    read: dict[str, None] = {}
    for peer in inside:
        for text in (peer.peer_selector, peer.node_selector):
            try:
                read |= dict.fromkeys(sorted(parse(text).labels)) if text else {}
            except SelectorSyntaxError:
                continue
    carried = {key for name in reflecting for key in state.nodes[name].effective_labels}
    named = sorted(key for key in carried if "reflector" in key or key.rpartition("/")[2] == "rr")
    keys = [key for key in (*read, *named) if not is_reserved(key) and key not in (*OTHER_LABELS, LABEL_KEY)]
    meant = [key for key in dict.fromkeys(keys) if joining.carriers(key) and joining.carriers(key) <= reflecting]
    return [LABEL_KEY, *meant] if joining.carriers(LABEL_KEY) else [*meant, LABEL_KEY]


def _by_label(state: ClusterState, inside: Sequence[tuple[BGPPeer, Sides]], key: str) -> Iterator[Draft]:
    members: defaultdict[tuple[str, str], set[NodeName]] = defaultdict(set)
    for name, node in sorted(state.nodes.items()):
        if node.cluster_id:
            members[node.effective_labels.get(key, ""), node.cluster_id].add(name)
    reflectors = frozenset(name for names in members.values() for name in names)
    systems = {state.nodes[name].as_number for name in reflectors}
    others = frozenset(
        name
        for name, node in state.nodes.items()
        if (node.ipv4 or node.ipv6) and name not in reflectors and node.as_number in systems
    )
    groups = [
        _group(value, cluster_id, frozenset(names), inside, others, key)
        for (value, cluster_id), names in sorted(members.items())
    ]
    joined = _joined(groups, inside)
    parents = _parents(groups, joined)
    names = _names(groups, key)
    everybody = frozenset(name for name, node in state.nodes.items() if node.ipv4 or node.ipv6) - reflectors
    apart = any(group.served != everybody for group in groups) and len(groups) > 1
    drafted = [
        DraftGroup(
            names[index],
            tuple(sorted(group.members)),
            group.cluster_id,
            _clients(group, state, others) if apart and group.served != everybody else "",
            names[parents[index]] if index in parents else "",
            why="they have this cluster ID today",
        )
        for index, group in enumerate(groups)
    ]
    roots = [index for index in range(len(groups)) if index not in parents]
    several = sum(len(groups[index].members) for index in roots) > 1
    among = any({*pair} <= {*roots} for pair in joined)
    if not several:
        among = any(reflectors & near and reflectors & far for _, (near, far) in inside)
    elif not any(group.served for group in groups):
        # Somebody began and made no sessions yet: they are wanted.
        among = True
    draft = Draft(
        groups=tuple(drafted),
        label_key="" if key == LABEL_KEY else key,
        least=min([2, *(_least(group, groups) for group in groups if group.served)]),
        reflectors_peer=among,
        taint=shared_taint([state.nodes[name] for name in reflectors]),
    )
    shared = _shared(state, draft)
    for each in (shared, draft) if shared else (draft,):
        one = _one_id(each)
        yield one
        if one.least > 1:
            yield replace(one, least=1)


def _group(
    value: str,
    cluster_id: str,
    members: Members,
    inside: Sequence[tuple[BGPPeer, Sides]],
    others: Members,
    key: str,
) -> _Group:
    served: set[NodeName] = set()
    selectors: dict[str, None] = {}
    for peer, sides in inside:
        for (near, far), text in ((sides, peer.node_selector), (sides[::-1], peer.peer_selector)):
            if far & members and (near & others or not near):
                served |= near & others
                selectors[_stripped(text, key)] = None
    return _Group(value, cluster_id, members, frozenset(served), tuple(selectors))


def _stripped(text: str, key: str) -> str:
    """A selector of clients without the part that says that reflectors are none."""
    match = re.fullmatch(rf"\((.*)\) && !has\({re.escape(key)}\)", text)
    try:
        return parse(match[1]).text if match else text
    except SelectorSyntaxError:
        return text


def _clients(group: _Group, state: ClusterState, others: Members) -> str:
    """A selector of exactly these clients, from those that the BGPPeers have; "" where these do not say it."""
    texts = [text for text in group.selectors if text not in ("", "all()")]
    joint = texts[0] if len(texts) == 1 else " || ".join(f"({text})" for text in texts)
    try:
        selector = parse(joint) if joint else None
    except SelectorSyntaxError:
        return ""
    if selector is None or {n for n in others if selector.matches(state.nodes[n].effective_labels)} != group.served:
        return ""
    return joint


def _joined(groups: Sequence[_Group], inside: Sequence[tuple[BGPPeer, Sides]]) -> set[tuple[int, int]]:
    """Pairs of groups whose reflectors peer, by their places."""
    pairs: set[tuple[int, int]] = set()
    for _, (near, far) in inside:
        here = [index for index, group in enumerate(groups) if group.members & near]
        there = [index for index, group in enumerate(groups) if group.members & far]
        for one in here:
            for other in there:
                if len((groups[one].members & near) | (groups[other].members & far)) > 1:
                    pairs |= {(one, other), (other, one)}
    return pairs


def _parents(groups: Sequence[_Group], joined: set[tuple[int, int]]) -> dict[int, int]:
    """The group above each, where groups do not peer with one another but with one that all of them have."""
    places = range(len(groups))
    for top in places:
        below = [place for place in places if place != top]
        if (
            len(below) > 1
            and all((top, place) in joined for place in below)
            and not any((one, other) in joined for one in below for other in below)
        ):
            return dict.fromkeys(below, top)
    return {}


def _names(groups: Sequence[_Group], key: str) -> list[str]:
    names: list[str] = []
    for number, group in enumerate(groups, 1):
        plain = PLAIN_NAME.fullmatch(group.value) is not None and group.value not in NOT_NAMES
        name = group.value if plain else "main" if len(groups) == 1 else f"group-{number}"
        names.append(name if name not in names else f"group-{number}")
    return names


def _least(group: _Group, groups: Sequence[_Group]) -> int:
    """How many reflectors each of its clients has at least, with those of other groups that serve the same clients."""
    return sum(len(each.members) for each in groups if each.served >= group.served)


def _shared(state: ClusterState, draft: Draft) -> Draft | None:
    """Groups whose clients are shared out by rrplan's label become one again; None where none are."""
    used = any(is_ours(peer) and CLIENTS_OF in peer.node_selector for peer in state.peers.values())
    bases: Mapping[str, list[DraftGroup]] = defaultdict(list)
    for group in draft.groups:
        base, _, number = group.name.rpartition("-")
        bases[base if number.isdigit() else ""].append(group)
    if not used or "" in bases or len(bases) != 1:
        return None
    ((base, shares),) = bases.items()
    shares.sort(key=lambda share: int(share.name.rpartition("-")[2]))
    return replace(
        draft,
        groups=(
            DraftGroup(
                base,
                tuple(name for share in shares for name in share.names),
                shares[0].cluster_id,
                per_client=min(len(share.names) for share in shares),
                why="they have consecutive cluster IDs today, and clients are shared out by a label",
            ),
        ),
    )


def _one_id(draft: Draft) -> Draft:
    """The cluster ID at the top, where the groups have one in common."""
    ids = {group.cluster_id for group in draft.groups}
    if len(ids) > 1:
        return draft
    return replace(draft, cluster_id=ids.pop(), groups=tuple(replace(group, cluster_id="") for group in draft.groups))
