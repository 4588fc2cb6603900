"""What is seen at first in ten lines, and a first spec with comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from textwrap import wrap

from rrplan.reports.draft import Draft, DraftGroup, DraftSpeaker
from rrplan.reports.survey import Reflection, Survey
from rrplan.text import listed, one_line

SMALL = 100
"""Up to about so many nodes a full mesh works well (Calico's page on BGP)."""
WIDTH = 100
SCHEMA = "spec.schema.json"
"""The file beside a spec by which editors check it, without any network."""
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*|[0-9]+(\.[0-9]+){3}(/[0-9]+)?")
WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
"""What YAML takes for something else than text."""


# --- what is seen ----------------------------------------------------------------------------------


def survey_lines(survey: Survey) -> list[str]:
    """At most ten lines: what there is, who depends on it, what is down."""
    return [*_nodes(survey), *_bgp(survey), *_others(survey)]


def _nodes(survey: Survey) -> Iterator[str]:
    zones = {zone: count for zone, count in survey.zones.items() if zone}
    without = survey.zones.get("", 0)
    where = "no zone labels"
    if zones:
        counts = listed([f"{zone}: {count}" for zone, count in zones.items()])
        where = f"{len(zones)} zone{'' if len(zones) == 1 else 's'} ({counts})"
        where += f", {without} in none" if without else ""
    yield f"nodes: {survey.nodes:,}, {where}"
    away = [f"down: {listed(survey.down)}"] if survey.down else []
    away += [f"without BGP: {listed(survey.silent)}"] if survey.silent else []
    if away:
        yield "; ".join(away)
    version = " and ".join(f"v{text.removeprefix('v')}" for text in survey.versions)
    yield f"Calico: {version}" + (" (assumed: nothing here tells the version)" if survey.assumed else "")


def _bgp(survey: Survey) -> Iterator[str]:
    families = " and ".join({"ipv4": "IPv4", "ipv6": "IPv6"}[family] for family in survey.families)
    numbers = [
        f"AS {number}" + (f" ({_nodes_of(count)})" if len(survey.as_numbers) > 1 else "")
        for number, count in survey.as_numbers.items()
    ]
    kept = f"; its sessions have {listed(survey.options)}" if survey.options else ""
    average = round(2 * survey.sessions / survey.nodes, 1) if survey.nodes else 0
    if survey.mesh:
        text = f"full mesh of {survey.mesh_nodes:,} nodes, {max(0, survey.mesh_nodes - 1):,} sessions on each"
    else:
        text = f"no mesh, {average:g} sessions on a node on average"
    yield f"BGP: {text}, {survey.sessions:,} in all; {families or 'no addresses'}, {listed(numbers)}{kept}"
    parts = [*map(_reflection, survey.reflections[:3])]
    if len(survey.reflections) > len(parts):
        parts.append(f"and {len(survey.reflections) - len(parts)} more cluster IDs")
    if survey.standalone:
        parts.append(f"containers of their own on {listed(survey.standalone)}")
    if parts:
        yield f"reflectors: {'; '.join(parts)}"


def _reflection(reflection: Reflection) -> str:
    key, value = reflection.label
    label = f"label {key}={value}" if key else "no label of their own"
    return f"{listed(reflection.nodes)} (cluster ID {reflection.cluster_id}, {label})"


def _others(survey: Survey) -> Iterator[str]:
    if survey.inside or survey.ours:
        parts = [f"{listed(survey.inside)}, made by others"] if survey.inside else []
        parts += [f"{listed(survey.ours)}, made by rrplan"] if survey.ours else []
        yield f"BGPPeers between nodes: {'; '.join(parts)}"
    speakers = [f"{each.address} AS {each.as_number} ({_nodes_of(len(each.at))})" for each in survey.outside]
    speakers += [f"workloads of BGPPeer {name}" for name in survey.local]
    if speakers:
        yield f"others that speak BGP: {listed(speakers)}"
    rests = [f"pods of IPPool {listed(survey.plain)}, without tunnels"] if survey.plain else []
    rests += [f"IPPool {listed(survey.tunnels)}"] if survey.tunnels else []
    rests += [f"addresses of services ({listed(survey.services)})"] if survey.services else []
    if rests:
        yield f"depends on it: {'; '.join(rests)}"
    if survey.fragile:
        yield f"fragile labels: {listed([f'{key} ({why})' for key, why in survey.fragile.items()])}"


def _nodes_of(count: int) -> str:
    return f"{count:,} node{'' if count == 1 else 's'}"


def advice(survey: Survey) -> str:
    """What the size of the cluster says; "" where there is nothing to say."""
    if survey.reflections or survey.standalone or not survey.mesh or survey.mesh_nodes >= SMALL:
        return ""
    return (
        f"A mesh of {survey.mesh_nodes} nodes works well: below about {SMALL} nodes nothing needs to be done. "
        "Reflectors are worth it before a cluster grows, where nodes have little memory for BIRD, and where a new "
        "node should bring a few sessions and not one with each node"
    )


# --- the spec --------------------------------------------------------------------------------------


def spec_text(draft: Draft, name: str) -> str:
    """The spec as YAML with comments."""
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        f"# Editors check this file by {SCHEMA} beside it; `rrplan schema spec --out {SCHEMA}` writes it.",
        "apiVersion: rrplan.io/v1",
        "kind: BGPTopology",
        f"metadata: {{name: {_text(name)}}}",
        "spec:",
    ]
    lines += _reflectors(draft) if draft.groups else _mesh()
    lines += _outside(draft.outside)
    lines += [
        "",
        "  # Password, restart time, filters and other options are kept from the sessions that are there.",
        "  # To change one, say so here:",
        "  # peering: {maxRestartTime: 120s}",
    ]
    if draft.questions:
        lines += ["", "# Not decided:"]
        for question in draft.questions:
            first, *more = _wrapped(question, WIDTH - 4)
            lines += [f"# - {first}", *(f"#   {line}" for line in more)]
    return "\n".join(lines) + "\n"


def _mesh() -> Iterator[str]:
    yield "  # Every node peers with every other one, as it is."
    yield "  topology: full-mesh"


def _reflectors(draft: Draft) -> Iterator[str]:
    yield "  topology: route-reflectors"
    if draft.standalone:
        yield "  # Containers of calico/routereflector on hosts of their own; the cluster ID of each is its address."
        yield "  flavor: standalone"
    if draft.cluster_id:
        yield "  # One cluster ID for all reflectors; no node and no other cluster may have it."
        yield f"  clusterID: {_text(draft.cluster_id)}"
    if draft.label_key:
        yield "  # The label by which BGPPeers know these reflectors; nobody else may use it."
        yield f"  labelKey: {_text(draft.label_key)}"
    if not draft.reflectors_peer:
        yield "  # Reflectors do not peer with one another."
        yield "  reflectorsPeer: false"
    if draft.adopt:
        yield "  # BGPPeers of others between nodes go when rrplan's have taken their place."
        yield "  adopt: reflection"
    yield "  groups:"
    for group in draft.groups:
        yield from _group(group)
    if any(group.names for group in draft.groups):
        yield "  # A node loses its routes for seconds while its role changes, so its pods go elsewhere first."
        yield "  drain: true"
        yield from _dedicated(draft)
    yield "  policy:"
    yield "    # Every client has so many reflectors, so that it keeps its routes when one is lost."
    yield f"    minReflectorsPerClient: {draft.least}"
    if draft.zone_resilience:
        yield "    # The loss of any one zone keeps all routes of the others."
        yield "    zoneResilience: true"


def _dedicated(draft: Draft) -> Iterator[str]:
    if draft.standalone:
        return
    if draft.taint is None:
        yield "  # Pods may run on reflectors. To keep them away for good, add:"
        yield "  # dedicated: true"
    else:
        key, value, effect = draft.taint
        yield "  # These nodes are dedicated already: they keep their taint, and every new reflector gets it."
        yield "  dedicated:"
        yield f"    taint: {{key: {_text(key)}, value: {_text(value)}, effect: {effect}}}"


def _group(group: DraftGroup) -> Iterator[str]:
    if group.why:
        yield from (f"  # {line}" for line in _wrapped(f"Why these nodes: {group.why}.", WIDTH))
    yield f"  - name: {_text(group.name)}"
    if group.cluster_id:
        yield f"    clusterID: {_text(group.cluster_id)}"
    if group.names:
        yield "    nodes:"
        yield "      names:"
        yield from (f"      - {_text(name)}" for name in group.names)
    if group.outside:
        yield "    # Reflectors outside the cluster, described in `outside`."
        yield f"    outside: [{', '.join(map(_text, group.outside))}]"
    if group.clients:
        yield f"    clients: {_text(group.clients)}"
    if group.parent:
        yield "    # The reflectors of that group serve those of this one: a second level."
        yield f"    parent: {_text(group.parent)}"
    if group.per_client:
        yield "    # Each client gets so many of these reflectors, by a label that rrplan sets."
        yield f"    reflectorsPerClient: {group.per_client}"


def _outside(speakers: Sequence[DraftSpeaker]) -> Iterator[str]:
    if not speakers:
        return
    yield "  # Speakers outside the cluster, and the part that each plays."
    yield "  outside:"
    for speaker in speakers:
        fields = [
            f"name: {_text(speaker.name)}",
            f"address: {_text(speaker.address)}",
            f"asNumber: {speaker.as_number}",
        ]
        if speaker.cluster_id:
            fields.append(f"reflects: {{clusterID: {_text(speaker.cluster_id)}}}")
        if speaker.fabric:
            fields.append(f"transit: true, fabric: {_text(speaker.fabric)}")
        yield f"  - {{{', '.join(fields)}}}"


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a comment; no name is broken."""
    return wrap(one_line(text), width, break_long_words=False, break_on_hyphens=False)


def _text(text: str) -> str:
    """A text as a YAML scalar: quoted where YAML would read it as something else."""
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        return text
    if text.isprintable() and '"' in text and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())
