"""What a rehearsal is of, and what the plan has that it cannot show."""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.bgp.profile import Versions
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES
from rrplan.digest import digest
from rrplan.plans import Plan
from rrplan.plans.rehearsal import Subject
from rrplan.render.plan_json import plan_document
from rrplan.resources import ClusterState, IPPool
from rrplan.text import listed

NEVER = "Never"


def subject_of(
    plan: Plan, state: ClusterState, small: Plan, ends: tuple[ClusterState, ClusterState], versions: Versions
) -> Subject:
    """What is rehearsed where `small` is carried out in place of `plan`; `ends` are its first and its last state."""
    protocols = [[*_protocols(end, versions)] for end in ends]
    families = {protocol.family for rows in protocols for protocol in rows}
    return Subject(
        plan=str(plan_document(plan)["digest"]),
        spec=digest(plan.spec.to_document()),
        snapshot=plan.snapshot.digest,
        sessions=(_sessions(protocols[0]), _sessions(protocols[1])),
        families=tuple(str(family) for family in FAMILIES if family in families),
        filters=tuple(sorted({name for rows in protocols for protocol in rows for name in protocol.filters})),
        not_exercised=tuple(_not_exercised(plan, state, small, ends[0])),
    )


def _protocols(state: ClusterState, versions: Versions) -> Iterator[Protocol]:
    speakers = Speakers.of(state, versions)
    for name in sorted(speakers.by_name):
        yield from (session.protocol for session in speakers.sessions(name))


def _sessions(protocols: list[Protocol]) -> int:
    """How many sessions there are: both ends of one have a protocol, or one end where the other is outside."""
    return len({(protocol.family, *sorted((protocol.local_address, protocol.peer_address))) for protocol in protocols})


def _not_exercised(plan: Plan, state: ClusterState, small: Plan, sampled: ClusterState) -> Iterator[str]:
    """What nobody can conclude from the sample, in words."""
    if len(sampled.nodes) < len(state.nodes):
        yield (
            f"the size of the cluster: {len(sampled.nodes)} of {len(state.nodes)} nodes, so neither the time nor the "
            f"memory that reflectors need for all of them"
        )
    rehearsed = {step.id for step in small.steps}
    missing = [step.id for step in plan.steps if step.id not in rehearsed]
    if missing:
        yield f"{len(missing)} of {len(plan.steps)} steps, whose nodes are not in the sample: {listed(missing)}"
    pools = [pool for pool in state.others.values() if isinstance(pool, IPPool)]
    tunnels = sorted(pool.name for pool in pools if {pool.ipip_mode, pool.vxlan_mode} != {NEVER})
    if tunnels:
        yield f"tunnels of IPPool {listed(tunnels)}: here every next hop is on one link"
    yield "Kubernetes, Typha, confd and Felix: a stand-in writes what BIRD reads, 0.05 to 0.5 s after each change"
    yield "pods: drains end at once here, and probes take the place of their traffic"
    yield "failures: nothing was broken on the way"
