"""What is not in a laboratory as it is in the cluster, and what does not come up there, in words."""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.adapters.nodes.bird_output import protocols
from rrplan.bgp.adjacency import on_no_link
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.rehearsal.filters import RoutePolicy
from rrplan.rehearsal.laboratory import Laboratory, refused
from rrplan.resources import ClusterState
from rrplan.text import listed

NAMES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}
NAMED = 3


def silent_sessions(laboratory: Laboratory, state: ClusterState) -> Iterator[str]:
    """The sessions of nodes that are not up now; of those that share an address, where none of them is.

    Sessions with nodes that are down are left out.
    """
    speakers = Speakers.of(state, laboratory.versions)
    for name, own in sorted(speakers.by_name.items()):
        if name not in laboratory.hosts or own.down:
            continue
        known = {
            protocol.neighbor
            for family in FAMILIES
            if laboratory.speaks(name, family)
            for protocol in protocols(laboratory.ask(name, family, "show protocols all"))
            if protocol.proto == "BGP" and protocol.established
        }
        for session in speakers.sessions(name):
            protocol = session.protocol
            other = speakers.by_name.get(protocol.peer_node) if protocol.peer_node else None
            if protocol.peer_address in known or not laboratory.speaks(name, protocol.family) or (other and other.down):
                continue
            known.add(protocol.peer_address)
            why = f": {session.verdict.reason}" if session.verdict.reason and other else ""
            yield f"{protocol.name} of {name} ({protocol.family}) is not up{why}"


def unlike_the_cluster(laboratory: Laboratory, state: ClusterState) -> Iterator[str]:
    """What is not as in the cluster."""
    yield from laboratory.announcements.left_out
    speakers = Speakers.of(state, laboratory.versions)
    for family in FAMILIES:
        own = [name for name, addresses in laboratory.hosts.items() if family in addresses and name in speakers.by_name]
        if not own:
            continue
        instead = laboratory.announcements.pool[family]
        policy = RoutePolicy.of(state, laboratory.versions.oldest, family, instead)
        yield from policy.not_played()
        if instead in policy.announced:
            yield f"no IPPool is known for {NAMES[family]}: {instead} stands for it"
        without = [name for name in own if refused(speakers, name, family)]
        if without:
            yield f"BIRD refuses the configuration of {listed(without, NAMED)} ({family}), as it would in the cluster"
    own_speakers = [speaker for name, speaker in speakers.by_name.items() if name in laboratory.hosts]
    numbered = [speaker.name for speaker in own_speakers if not (speaker.router_id or speaker.ipv4)]
    if numbered:
        yield f"the router ID of {listed(numbered, NAMED)} is not known: a number stands for it"
    yield from across_routers(speakers)
    if any(dict(session.protocol.options).get("password") for session in speakers.all_sessions()):
        yield "the values of Secrets are in no snapshot: for each key a password of our own stands"


def across_routers(speakers: Speakers) -> Iterator[str]:
    """A session with a node on another link, which comes up in a laboratory alone: there is one link for all."""
    for session in speakers.all_sessions():
        here, there = session.protocol.node, session.protocol.peer_node
        own, other = speakers.by_name.get(here), speakers.by_name.get(there) if there else None
        if own and other and on_no_link(session.protocol, own, other):
            yield (
                f"all nodes are on one link here, so {here} has a session with {there}; in the cluster a router is "
                "between them"
            )
            return
