"""What is seen at first in ten lines, and a first spec with comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rrplan.ids import NodeName
from rrplan.reports.survey import Reflection, Survey
from rrplan.text import listed, one_line

SMALL = 100
WIDTH = 100
SCHEMA = "spec.schema.json"


@dataclass(frozen=True, slots=True)
class DraftGroup:
    """A group of a spec that is drafted; `why` says why these nodes."""

    name: str
    names: tuple[NodeName, ...]
    cluster_id: str = ""
    clients: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec that is drafted: what differs from the defaults."""

    groups: tuple[DraftGroup, ...]
    cluster_id: str = ""
    label_key: str = ""
    flavor: str = ""
    drain: bool = False
    dedicated: bool = False
    least: int = 2
    per_client: int = 0
    questions: Sequence[str] = ()


# --- what is seen ----------------------------------------------------------------------------------


def survey_lines(survey: Survey) -> list[str]:
    """At most ten lines: what there is, who depends on it, what is down."""
    return [*_nodes(survey), *_bgp(survey), *_others(survey)]


def _nodes(survey: Survey) -> Iterator[str]:
    zones = {zone: count for zone, count in survey.zones.items() if zone}
    where = f" in {len(zones)} zones ({listed([f'{zone}: {count}' for zone, count in zones.items()])})" if zones else ""
    yield f"nodes: {survey.nodes}{where}{'' if zones else ', no zone labels'}"
    if survey.down:
        yield f"down: {listed(survey.down)}"
    if survey.silent:
        yield f"without BGP: {listed(survey.silent)}"
    version = " and ".join(f"v{text.removeprefix('v')}" for text in survey.versions)
    yield f"Calico: {version}" + (" (assumed: nothing here tells the version)" if survey.assumed else "")


def _bgp(survey: Survey) -> Iterator[str]:
    families = " and ".join({"ipv4": "IPv4", "ipv6": "IPv6"}[family] for family in survey.families)
    if survey.mesh:
        each = max(0, survey.mesh_nodes - 1)
        kept = f"; its sessions have {listed(survey.options)}" if survey.options else ""
        yield f"BGP: node-to-node mesh of {survey.mesh_nodes} nodes, {each} sessions each, {survey.sessions} in all; {families}, AS {survey.as_number}{kept}"
    else:
        yield f"BGP: no mesh, {survey.sessions} sessions in all; {families}, AS {survey.as_number}"
    if survey.reflections:
        yield f"reflectors: {'; '.join(map(_reflection, survey.reflections))}"
    if survey.standalone:
        yield f"reflectors in containers of their own: {listed(survey.standalone)}"


def _reflection(reflection: Reflection) -> str:
    key, value = reflection.label
    label = f", label {key}={value}" if key else ", no label of their own"
    return f"{listed(reflection.nodes)} (cluster ID {reflection.cluster_id}{label})"


def _others(survey: Survey) -> Iterator[str]:
    if survey.inside or survey.ours:
        parts = [f"{listed(survey.inside)}, made by others"] if survey.inside else []
        parts += [f"{listed(survey.ours)}, made by rrplan"] if survey.ours else []
        yield f"BGPPeers between nodes: {'; '.join(parts)}"
    if survey.outside:
        speakers = [f"{each.address} AS {each.as_number} ({each.nodes} nodes)" for each in survey.outside]
        yield f"speakers outside: {listed(speakers)}"
    if survey.local:
        yield f"workloads that speak BGP: BGPPeer {listed(survey.local)}"
    if survey.encapsulated:
        yield f"tunnels: IPPool {listed(survey.encapsulated)}; who programs their routes is in the plan's checks"


def advice(survey: Survey) -> str:
    """What the size of the cluster says; "" where there is nothing to say."""
    if survey.reflections or survey.standalone or not survey.mesh or survey.mesh_nodes >= SMALL:
        return ""
    return (
        f"A mesh of {survey.mesh_nodes} nodes is fine: nothing needs to be done below about {SMALL} nodes. Reflectors are worth it "
        "before a cluster grows, where a node's BIRD has little memory or processor, or where switches take few sessions"
    )


# --- the spec --------------------------------------------------------------------------------------


def spec_text(draft: Draft, name: str) -> str:
    """The spec as YAML with comments."""
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        f"# For checks in the editor: `rrplan schema spec > {SCHEMA}` beside this file.",
        "apiVersion: rrplan.io/v1",
        "kind: BGPTopology",
        f"metadata: {{name: {name}}}",
        "spec:",
        "  topology: route-reflectors",
    ]
    if draft.flavor:
        lines.append(f"  flavor: {draft.flavor}")
    if draft.cluster_id:
        lines += [
            "  # One cluster ID for all reflectors; no node may have it as its address.",
            f"  clusterID: {draft.cluster_id}",
        ]
    if draft.label_key:
        lines += [
            "  # The label that these reflectors have already; nobody else may use it.",
            f"  labelKey: {draft.label_key}",
        ]
    lines.append("  groups:")
    for group in draft.groups:
        lines += [f"  # {line}" for line in wrap(f"Why these nodes: {group.why}.", WIDTH)]
        lines.append(f"  - name: {group.name}")
        if group.cluster_id:
            lines.append(f"    clusterID: {group.cluster_id}")
        lines += ["    nodes:", "      names:", *(f"      - {name}" for name in group.names)]
        if group.clients:
            lines.append(f"    clients: {_quoted(group.clients)}")
        if draft.per_client:
            lines += [
                "    # Each node gets so many of these reflectors, by a label that rrplan sets.",
                f"    reflectorsPerClient: {draft.per_client}",
            ]
    if draft.drain:
        lines += [
            "  # A node loses its routes for seconds while its role changes, so its pods go elsewhere first.",
            "  # `dedicated: true` beside it keeps pods away from reflectors for good.",
            "  drain: true",
        ]
    if draft.dedicated:
        lines += ["  # These nodes are for reflectors alone: tainted, so that no pod runs there.", "  dedicated: true"]
    lines += [
        "  # What is left out is kept from the sessions that are there: password, restart time, filters.",
        "  # peering: {}",
    ]
    lines += [
        "  policy:",
        "    # So many reflectors may be lost, less one, before a client loses a route.",
        f"    minReflectorsPerClient: {draft.least}",
    ]
    if draft.questions:
        lines += ["", "# Not decided:"]
        for question in draft.questions:
            first, *more = wrap(one_line(question), WIDTH - 4)
            lines += [f"# - {first}", *(f"#   {line}" for line in more)]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
