"""A plan as commands for sites where only people may type: kubectl and calicoctl, with a check after each step.

Markdown with bash blocks. Blocks that change something stand under "Do", blocks that only look under "Wait until"; the
way back is a section of its own, in reverse order.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import yaml

from rrplan.fallback import SCRIPT
from rrplan.ids import ActionName, NodeName
from rrplan.plans.change import Change
from rrplan.plans.gate import Gate, GateKind
from rrplan.plans.plan import Plan, Step
from rrplan.ports import Document
from rrplan.render.detail import Detail
from rrplan.render.escaping import fenced, prose, word
from rrplan.render.overview import overview, plan_digest, told_sections
from rrplan.render.proof import NOT_PROVED, outside_lines
from rrplan.render.shell import FALLBACK_HELPER, FALLBACK_PREAMBLE, HELPERS, PREAMBLE
from rrplan.render.words import totals
from rrplan.resources import ClusterState
from rrplan.resources.documents import at, leaves
from rrplan.resources.eviction import Eviction
from rrplan.resources.node_codec import CLUSTER_ID_ANNOTATION
from rrplan.specs.ucp import FUNCTION, UCP
from rrplan.text import and_alike

CALICO = ("BGPPeer", "BGPConfiguration", "FelixConfiguration", "HostEndpoint", "CalicoNode")
ALIKE = (ActionName.LABEL_CLIENT, ActionName.UNLABEL_CLIENT)
"""Steps that come in thousands: one section for all in a row."""
MERGE = " --type=merge"
SOCKETS = {"ipv4": "bird", "ipv6": "bird6"}
COLUMNS = 110
"""Of a line with names."""
LOOPED = 4
"""From so many on, what differs in a name alone is one loop."""
FROM_LAST = "From the last step that was done, upwards to the first."
PEER = "@peer@"
"""Stands for the peer of a check."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site: what calls calicoctl, whether Calico's data is in etcd, and addresses by node and family."""

    calicoctl: str
    etcd: bool
    addresses: Mapping[tuple[NodeName, str], str]
    calico_names: Mapping[str, str] = field(default_factory=dict)
    """Calico's name of each node that Kubernetes calls otherwise."""

    @property
    def merge(self) -> str:
        """How a patch says that it is a merge patch; calicoctl knows one kind only, which does the same here."""
        return MERGE if self.calicoctl.split()[:1] == ["kubectl"] else ""

    @classmethod
    def of(cls, state: ClusterState, calicoctl: str) -> Site:
        """Of a cluster as it was read."""
        addresses = {
            (node.name, family): address
            for node in state.nodes.values()
            for family, address in (("ipv4", node.ipv4 or node.host_ip), ("ipv6", node.ipv6))
        }
        names = {str(node.name): node.calico_name for node in state.nodes.values() if node.calico_name}
        return cls(calicoctl, state.in_etcd, addresses, names)


def runbook(plan: Plan, site: Site) -> str:
    """The whole plan, and the way back."""
    lines = [f"# Runbook: {prose(plan.name)}", "", f"**{totals(plan)}**", ""]
    lines += [*(f"- **{title}**: {prose(text)}" for title, text in overview(plan, Detail.FOLDED)), ""]
    if not plan.steps:
        return "\n".join([*lines, ""])
    lines += [
        *_preamble(plan),
        *told_sections(plan),
        *_block("Before you begin", _preparation(plan, site)),
    ]
    sections = _sections(plan)
    number = 0
    for steps in sections:
        first, number = number + 1, number + len(steps)
        lines += [f"## {_range(first, number)} of {len(plan.steps)}: {_title(steps)}", ""]
        lines += _block("Do", [line for step in steps for line in _do(step.changes, site, step.gates)])
        lines += _block("Wait until", _checks(steps[-1].gates, site))
    lines += ["## Back", "", FROM_LAST, "", *_back(sections, site, "###")]
    sessions = outside_lines(plan)
    if sessions:
        lines += ["## Sessions to the outside", "", *(f"- {prose(line)}" for line in sessions), ""]
    lines += ["## What was not proved", "", NOT_PROVED, ""]
    return "\n".join(lines)


def _has_tables(plan: Plan) -> bool:
    return any(step.action is ActionName.FILL_FALLBACK for step in plan.steps)


def _preamble(plan: Plan) -> list[str]:
    return [*PREAMBLE.splitlines(), *(FALLBACK_PREAMBLE.splitlines() if _has_tables(plan) else ()), ""]


def rollback_runbook(plan: Plan, site: Site) -> str:
    """The way back alone, for whoever has to go it at night."""
    lines = [f"# Way back: {prose(plan.name)}", "", FROM_LAST, ""]
    lines += [f"It takes back the plan with the digest `{plan_digest(plan)}`.", ""]
    if plan.steps:
        lines += [*_preamble(plan), *_block("Before you begin", _preparation(plan, site))]
    lines += [*_back(_sections(plan), site, "##"), "## What was not proved", "", NOT_PROVED, ""]
    return "\n".join(lines)


def _sections(plan: Plan) -> list[list[Step]]:
    """Steps that stand under one heading."""
    return [list(steps) for _, steps in groupby(plan.steps, lambda step: step.action if _many(step) else step.id)]


def _back(sections: Sequence[Sequence[Step]], site: Site, mark: str) -> list[str]:
    """The undo of each section, the last one first; `mark` begins its heading."""
    lines, number = list[str](), sum(map(len, sections))
    for steps in reversed(sections):
        first, number = number - len(steps) + 1, number - len(steps)
        back = [line for step in reversed(steps) for line in _do(step.undo_changes, site, step.undo_gates)]
        checks = _checks(steps[0].undo_gates, site)
        if back or checks:
            lines += [f"{mark} Undo {_range(first, first + len(steps) - 1).lower()}: {_title(steps)}", ""]
            lines += [*_block("Do", back), *_block("Wait until", checks)]
    return lines


def _many(step: Step) -> bool:
    return step.action in ALIKE and not step.gates


def _range(first: int, last: int) -> str:
    return f"Step {first}" if first == last else f"Steps {first} to {last}"


def _title(steps: Sequence[Step]) -> str:
    return prose(f"{steps[0].summary}{and_alike(len(steps))}")


def _block(title: str, lines: Sequence[str]) -> list[str]:
    return [f"*{title}*", "", *fenced([*lines], "bash"), ""] if lines else []


def _preparation(plan: Plan, site: Site) -> list[str]:
    count = len({name for name, _ in site.addresses})
    here = "$(kubectl config current-context), $(kubectl get nodes -o name | wc -l) nodes"
    lines = [f'echo "here: {here}; the plan is for {count}"', "umask 077"]
    if site.calicoctl == UCP:
        lines += FUNCTION.splitlines()
    elif site.calicoctl != "calicoctl":
        lines.append(f'calicoctl() {{ {site.calicoctl} "$@"; }}')
    lines += HELPERS.splitlines()
    if _has_tables(plan):
        lines += [f"FALLBACK={shlex.quote(SCRIPT)}", *FALLBACK_HELPER.splitlines()]
    gates = [gate for step in plan.steps for gate in (*step.gates, *step.undo_gates)]
    named = {expectation.nodes for gate in gates for expectation in gate.expectations}
    for name in sorted(named):
        lines += _listed(f"{_variable(name)}=(", plan.node_sets[name], ")")
    return lines


def _listed(lead: str, names: Iterable[str], end: str) -> list[str]:
    """An array of a shell; its names stand in lines of their own where they are many."""
    whole = f"{lead}{_words(names)}{end}"
    return [whole] if len(whole) <= COLUMNS else [lead, *(f"  {line}" for line in _lines(names)), end]


def _loop(variable: str, names: Iterable[str]) -> list[str]:
    """The head of a loop over names."""
    first, *more = _lines(names)
    if not more:
        return [f"for {variable} in {first}; do"]
    return [f"for {variable} in \\", *(f"  {line} \\" for line in (first, *more)), "; do"]


def _lines(names: Iterable[str]) -> list[str]:
    """Names as words of a shell, as many in a line as fit."""
    lines = [""]
    for text in map(word, names):
        if lines[-1] and len(lines[-1]) + len(text) >= COLUMNS:
            lines.append("")
        lines[-1] += f" {text}" if lines[-1] else text
    return lines


def _variable(node_set: str) -> str:
    return re.sub(r"\W", "_", node_set, flags=re.ASCII)


def _words(texts: Iterable[str]) -> str:
    return " ".join(map(word, texts))


# --- commands -------------------------------------------------------------------------------------


def _do(changes: Sequence[Change], site: Site, gates: Sequence[Gate]) -> Iterator[str]:
    """The commands of changes, in their order; one loop for a run of nodes that get the same command."""
    drained = next((gate for gate in gates if gate.kind is GateKind.DRAINED), None)

    def command(change: Change) -> tuple[str, ...]:
        """What it does to a node, whichever; of other changes, the name, so that none is like another."""
        nothing_else = change.key.kind == "Node" and not site.etcd
        return tuple(_node(change, site, drained, '"$node"')) if nothing_else else (str(change.key),)

    for commands, alike in groupby(changes, command):
        same = [*alike]
        if len(same) < LOOPED or len(commands) != 1:
            yield from _each(same, site, drained)
            continue
        yield from _loop("node", (change.key.name for change in same))
        yield f'  {commands[0]} || {{ echo "FAILED: $node"; break; }}'
        yield "done"


def _each(changes: Iterable[Change], site: Site, drained: Gate | None) -> Iterator[str]:
    for change in changes:
        match change.key.kind:
            case "Node":
                yield from _node(change, site, drained, word(change.key.name))
            case "CalicoNode" if change.after is None:
                file = re.sub(r"[^\w.-]", "_", f"calico-node-{change.key.name}.yaml", flags=re.ASCII)
                yield f"calicoctl get node {word(change.key.name)} -o yaml > {file}"
                yield "# releases the address blocks of the node too, and deletes whatever else still names it"
                yield f"calicoctl delete node {word(change.key.name)}"
            case _:
                yield from _object(change, site)


def _object(change: Change, site: Site) -> Iterator[str]:
    key = change.key
    command = "calicoctl" if key.kind in CALICO else "kubectl"
    kind = "node" if key.kind == "CalicoNode" else word(key.kind.lower())
    place = f" -n {word(key.namespace)}" if key.namespace else ""
    if change.before is None:
        assert change.after is not None
        whole = {**change.after, "kind": "Node"} if key.kind == "CalicoNode" else dict(change.after)
        document = yaml.safe_dump(_plain(whole), sort_keys=False).splitlines()
        end = "EOF"
        while end in document:
            end += "_"
        yield f"{command} create -f - <<'{end}'"
        yield from document
        yield end
    elif change.after is None:
        yield f"{command} delete{place} {kind} {word(key.name)}"
    else:
        way = MERGE if command == "kubectl" else site.merge
        yield f"{command} patch{place} {kind} {word(key.name)}{way} --patch={_json(change.after)}"


def _node(change: Change, site: Site, drained: Gate | None, name: str) -> Iterator[str]:
    """The command that people know for it, where there is one; else a patch, so that a role is one write.

    `name` is the node as a word of the shell.
    """
    assert change.before is not None
    assert change.after is not None
    fields = dict(leaves(change.after))
    labels = {path[2]: value for path, value in fields.items() if path[:2] == ("metadata", "labels")}
    if set(fields) == {("spec", "unschedulable")}:
        if not fields["spec", "unschedulable"]:
            yield f"kubectl uncordon {name}"
        elif drained is None:
            yield f"kubectl cordon {name}"
        else:
            flags = _flags(drained.eviction or Eviction())
            yield f"kubectl drain {name} --ignore-daemonsets{flags} --timeout={drained.timeout}s"
    elif set(fields) == {("spec", "taints")}:
        before, after = ({_taint(taint) for taint in _taints(document)} for document in (change.before, change.after))
        words = [*(f"{taint}-" for taint in sorted(before - after)), *sorted(after - before)]
        yield f"kubectl taint node {name} {_words(words)}"
    elif len(labels) == len(fields):
        yield f"kubectl label node {name} --overwrite {' '.join(_label(*label) for label in labels.items())}"
    elif site.etcd:
        yield from _role_in_etcd(name, word(site.calico_names.get(change.key.name, change.key.name)), fields, labels)
    else:
        yield f"kubectl patch node {name}{MERGE} --patch={_json(change.after)}"


def _role_in_etcd(
    name: str, in_calico: str, fields: Mapping[tuple[str, ...], object], labels: Mapping[str, object]
) -> Iterator[str]:
    """Calico's half first where a label comes, or kube-controllers would copy it without the cluster ID."""
    cluster_id = fields.get(("metadata", "annotations", CLUSTER_ID_ANNOTATION))
    patch = {"metadata": {"labels": dict(labels)}, "spec": {"bgp": {"routeReflectorClusterID": cluster_id}}}
    calico = f"calicoctl patch node {in_calico} --patch={_json(patch)}"
    if not labels:
        yield calico
        return
    kubernetes = f"kubectl label node {name} --overwrite {' '.join(_label(*label) for label in labels.items())}"
    yield from (calico, kubernetes) if cluster_id else (kubernetes, calico)


def _flags(eviction: Eviction) -> str:
    flags = [" --force"] if eviction.force else []
    flags += [" --delete-emptydir-data"] if eviction.delete_empty_dir_data else []
    flags += [f" --grace-period={eviction.grace}"] if eviction.grace is not None else []
    return "".join(flags)


def _label(name: str, value: object) -> str:
    return word(f"{name}-" if value is None else f"{name}={value}")


def _taints(document: Document) -> Sequence[Mapping[str, str]]:
    taints = at(document, ("spec", "taints"))
    return taints if isinstance(taints, Sequence) else ()


def _taint(taint: Mapping[str, str]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _json(value: object) -> str:
    return word(json.dumps(_plain(value), separators=(",", ":")))


def _plain(value: object) -> object:
    """Plain dictionaries and lists, for encoders that know no others."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


# --- checks ---------------------------------------------------------------------------------------


def _checks(gates: Sequence[Gate], site: Site) -> list[str]:
    return [line for gate in gates for line in _check(gate, site)]


def _check(gate: Gate, site: Site) -> Iterator[str]:
    if gate.kind is GateKind.ROLLOUT:
        assert gate.daemonset is not None
        check = f"rolled {word(gate.daemonset.namespace)} {word(gate.daemonset.name)} {gate.pods}"
        yield f"await {gate.timeout} {check} && echo ok"
    elif gate.kind in (GateKind.FALLBACK, GateKind.NO_FALLBACK):
        deed = "fill" if gate.kind is GateKind.FALLBACK else "remove"
        yield "gate() {"
        for nodes in dict.fromkeys(expectation.nodes for expectation in gate.expectations):
            each = f'for node in "${{{_variable(nodes)}[@]}}"; do'
            yield f'  {each} await {gate.timeout} fallback "$node" {deed} || return 1; done'
        yield "}"
        yield "gate && echo ok"
    elif gate.kind in (GateKind.ROUTES, GateKind.MESH, GateKind.UPLINKS):
        yield "gate() {"
        for (nodes, lead, count), peers in _alike(gate, site).items():
            checked = f"await {gate.timeout} {lead} {count}".rstrip()
            each = f'for node in "${{{_variable(nodes)}[@]}}"; do'
            if len(peers) < LOOPED:
                yield from (f"  {each} {checked.replace(PEER, peer)} || return 1; done" for peer in peers)
                continue
            yield from (f"  {line}" for line in _loop("peer", peers))
            yield f"    {each} {checked.replace(PEER, '$peer')} || return 1; done"
            yield "  done"
        yield "}"
        # Everything once, a while, and everything once more.
        yield f"gate && sleep {gate.stable} && gate && echo ok"


def _alike(gate: Gate, site: Site) -> dict[tuple[str, str, str], list[str]]:
    """The peers of the checks that differ in their peer alone, by nodes, check and count."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for expectation in gate.expectations:
        socket, count, peer = SOCKETS[expectation.family], str(expectation.count), ""
        if expectation.outside and expectation.peer:
            lead, peer = f'routed "$node" {socket} {PEER}', _protocol(expectation.outside)
        elif expectation.outside:
            lead, count, peer = f'uplink "$node" {socket} {PEER}', "", _protocol(expectation.outside)
        elif expectation.peer is not None:
            lead = f'routed "$node" {socket} {PEER}'
            peer = _protocol(site.addresses[expectation.peer, expectation.family])
        else:
            lead = f'{"joined" if expectation.direct else "meshed"} "$node" {socket}'
        found.setdefault((expectation.nodes, lead, count), []).append(peer)
    return found


def _protocol(address: str) -> str:
    """An address as the names of BIRD's protocols have it."""
    return re.sub(r"\W", "_", address, flags=re.ASCII)
