"""What preflight checks found, in sentences: one for each problem of each check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rrplan.bgp.protocol import joined_names
from rrplan.checks.finding import BEFORE, LEFT_BY_OTHERS, Fact, Finding
from rrplan.text import listed

TEXTS: dict[str, dict[str, str]] = {
    "addresses-known": {
        "strange": (
            "an address that is none of the Node's InternalIPs, such as a bridge of containers: {nodes}; "
            "others may not reach it (IP_AUTODETECTION_METHOD of calico-node)"
        ),
    },
    "addresses-unique": {
        "shared": "{address} is the address of {nodes}: sessions to it reach any of them",
    },
    "annotations-readable": {
        "unreadable": "`{annotation}` cannot be read, so Calico ignores it: {places}",
    },
    "as-numbers-equal": {
        "another": (
            "{nodes}: another AS number than {as_number}, which the reflectors of group `{group}` have; their "
            "sessions are eBGP, and reflection does not apply to them"
        ),
    },
    "bgp-in-use": {
        "backend": "DaemonSet {daemonset} runs with backend `{backend}`: no BIRD, no BGP",
        "disabled": "Installation `{installation}` says `bgp: Disabled`: no BIRD, no BGP",
        "vpp": "Installation `{installation}` says `linuxDataplane: VPP`: calico-node runs no BIRD",
        "felix-alone": (
            "the readiness probe of DaemonSet {daemonset} asks no BIRD, and its backend comes from elsewhere: with "
            "`vxlan` or `none` there is no BIRD and no BGP; look at `calico_backend` of ConfigMap calico-config"
        ),
    },
    "blocks-in-pools": {
        "outside": (
            "address block {block} of {node} lies in no IPPool that is enabled: `calicoctl delete node "
            '{node}` refuses for good; make an IPPool that covers it, with `nodeSelector: "!all()"`, until '
            "the node is deleted, or apply with `--calico-config`, which leaves blocks alone"
        ),
    },
    "cluster-id-unused": {
        "others-have-it": (
            "cluster ID of a group is also on {nodes}, which the spec does not name: clients need sessions to "
            "every reflector of a cluster ID"
        ),
    },
    "cluster-ids-valid": {
        "ignored": "{node} has cluster ID `{value}`, which Calico ignores: it is no reflector",
        "refused": (
            "{node} has cluster ID `{value}`: Calico takes the node for a reflector and renders `rr cluster "
            "id {value}`, which BIRD cannot read: it refuses the whole configuration once the node has a "
            "client"
        ),
        "none": (
            "{node} has cluster ID `{value}`: BIRD takes the router ID of the node in its place, and this plan cannot "
            "tell what such a reflector passes on"
        ),
    },
    "cluster-routes": {
        "neither": (
            "IPPool {pools}: by `programClusterRoutes` of BGPConfiguration and FelixConfiguration neither of "
            "BIRD and Felix programs the routes"
        ),
        "both": (
            "IPPool {pools}: by `programClusterRoutes` of BGPConfiguration and FelixConfiguration both of "
            "BIRD and Felix programs the routes"
        ),
    },
    "datastore-ready": {
        "locked": "ClusterInformation says `datastoreReady: false`: a migration or an upgrade is going on",
    },
    "dead-nodes": {
        "not-ready": (
            "not Ready, and still a BGP peer: {nodes}; no gate waits for them, but a BIRD that restarts waits "
            "up to 240 s for a peer that is gone: repair them, or delete their Nodes"
        ),
    },
    "encapsulation": {
        "vxlan": "IPPool {pools} uses VXLAN: Felix, not BIRD, programs the routes of its pods",
    },
    "fields-known": {
        "would-be-unknown": (
            "{kind} `{resource}` would get `{field}`, which Calico {version} does not know (since {since}): "
            "its sessions would be without"
        ),
        "unknown": "{kind} `{resource}`: `{field}` is not known to Calico {version} (since {since})",
    },
    "filters-readable": {
        "refused": (
            "rule {rule} of `{field}` of BGPFilter `{filter}` asks for prefixes `{pattern}`, which BIRD cannot read: "
            "it refuses its whole configuration on every node, so no change of BGP takes effect"
        ),
        "host-bits": (
            "rule {rule} of `{field}` of BGPFilter `{filter}` has `cidr: {cidr}`, with bits beyond its prefix length, "
            "which BIRD cannot read: it refuses its whole configuration on every node, so no change of BGP takes "
            "effect; write `{meant}`"
        ),
        "no-network": (
            "rule {rule} of `{field}` of BGPFilter `{filter}` has `cidr: {cidr}`, which is no network of that family "
            "to BIRD: it refuses its whole configuration on every node, or each route that gets to this rule"
        ),
    },
    "filters-there": {
        "missing": (
            "BGPFilter `{filter}` does not exist, and Calico leaves a filter out that it does not find: create it "
            "first; with `-f`, add the output of `calicoctl get bgpfilters -o yaml`"
        ),
        "meant": "BGPFilter `{filter}` does not exist: did you mean `{meant}`?",
    },
    "fragile-labels": {
        "fragile": "a selector of {where} rests on label `{label}`: {why}",
    },
    "kubernetes-given": {
        "needed": (
            "no Kubernetes Node of {nodes} is known, which the plan would {does}: nobody says what taints and "
            "pods are there, and whether these nodes are Ready or cordoned"
        ),
        "unknown": ("no Kubernetes Node of {nodes} is known: nobody says whether they are Ready or cordoned; {add}"),
        "no-pods": "no pods are known, so what a drain of {nodes} evicts is not known either; {add}",
    },
    "label-sync": {
        "behind": (
            "Calico's labels are not Kubernetes' on {nodes} ({labels}): with etcd, selectors see Calico's "
            "copy, and kube-controllers' node controller has not brought it up to date"
        ),
    },
    "left-by-others": {
        "left": "{peers} beside rrplan's own: {twice}; {adoptable}",
    },
    "mesh-fields": {
        "forbidden": (
            "BGPConfiguration `{configuration}` has the mesh off and {fields} set: Calico's validation "
            "refuses every write to it"
        ),
    },
    "next-hop-self": {
        "transit": (
            "speakers outside, such as {speaker} (BGPPeer {peer}), may send packets for other nodes through {nodes}, "
            "their next hop: while the role of such a node changes, these packets are lost until its withdrawal "
            "arrives, usually for milliseconds; `keepOriginalNextHop: true` can avoid it"
        ),
    },
    "one-link": {
        "several-subnets": (
            "nodes are in {count} subnets ({subnets}), and IPPool {pools} does not encapsulate: the next hop "
            "of a reflected route is not on the link, unless routers between the subnets know the pods' "
            "routes (they have to speak BGP), or the pool uses CrossSubnet"
        ),
    },
    "one-version": {
        "several": ("calico-node runs in several versions ({versions} nodes); each node is modelled by its own"),
    },
    "options-effective": {
        "by-address-alone": (
            "`{field}` has no effect on the sessions of BGPPeers {peers}: Calico takes it from a BGPPeer with "
            "`peerIP` alone"
        ),
        "gives-way": (
            "the options of BGPPeers {peers} have no effect: BGPPeer `{other}` is for all nodes, has the same address, "
            "and wins"
        ),
    },
    "owners": {
        "owned": (
            "the plan changes what belongs to {tool}: {objects}; {tool} puts its own version back with "
            "{returns}: make the same change at its source, or pause it"
        ),
    },
    "password-readable": {
        "new": (
            "sessions would have the password in key `{key}` of Secret {secret}, which none has yet: without Secret, "
            "key, or the right to list and watch it, calico-node renders them without a password; the right comes "
            "with {commands}"
        ),
    },
    "peer-address": {
        "left-out": "{reason}",
        "unusable": (
            "BGPPeer `{peer}`: `peerIP: {address}` is {why}: BIRD refuses the whole configuration on every "
            "node that has this peer"
        ),
        "unusable-unused": (
            "BGPPeer `{peer}`: `peerIP: {address}` is {why}, which BIRD refuses; no node has this peer now"
        ),
        "spelling": "BGPPeer `{peer}`: `peerIP: {address}` means `{meant}`: write that",
        "spelling-hides-a-node": (
            "BGPPeer `{peer}`: `peerIP: {address}` means `{meant}`: write that; Calico compares text, so it "
            "does not find node {node}, which gets no session back"
        ),
    },
    "peer-as-number": {
        "missing": (
            "BGPPeer `{peer}` has a `peerIP` and no `asNumber`: BIRD refuses the whole configuration on every "
            "node that has this peer, and keeps its old one whatever is changed"
        ),
        "missing-unused": (
            "BGPPeer `{peer}` has a `peerIP` and no `asNumber`: BIRD refuses the whole configuration of a "
            "node that has this peer; no node has it now"
        ),
        "node": (
            "the AS number of {nodes} is 0: BIRD refuses the whole configuration there, and on every node that is to "
            "peer with them"
        ),
    },
    "peers-agree": {
        "disagree": (
            "BGPPeers {peers} give the same sessions different attributes, such as {node} to {other}: which "
            "one wins is random on every recomputation"
        ),
        "disagree-outside": (
            "BGPPeers {peers} give the same sessions different attributes, such as {node} to {other} outside "
            "the cluster: which one wins is random on every recomputation"
        ),
        "not-all": "only the first {count} pairs of kinds of nodes were looked at: too many nodes differ",
    },
    "peers-select": {
        "no-node": "BGPPeer `{peer}`: `{field}: {selector}` matches no node",
    },
    "providers": {
        "azure": (
            "on Azure, whose network drops IP-in-IP, so that Calico mostly runs there without BGP: {nodes}; "
            "check with `calicoctl node status` that BIRD has sessions, and that no IPPool in use has an "
            "`ipipMode`"
        ),
    },
    "router-id": {
        "from-elsewhere": (
            "CALICO_ROUTER_ID of calico-node comes from elsewhere (`valueFrom`), so it is not known whether "
            "each node has a router ID that BIRD reads and that no other node has"
        ),
        "unreadable": (
            "CALICO_ROUTER_ID of calico-node is `{value}`, which is neither `hash` nor a router ID: BIRD "
            "refuses the configuration on every node"
        ),
        "one-for-all": (
            "CALICO_ROUTER_ID of calico-node gives every node the router ID {value}: BIRD has no session with "
            "a node of the same AS and the same router ID; `hash` gives each node its own"
        ),
        "none": (
            "CALICO_ROUTER_ID of calico-node is `{value}`, none for {nodes} (IPv6): without a router ID BIRD "
            "refuses the configuration"
        ),
        "no-ipv4": (
            "no IPv4 address on {nodes}, and calico-node has no CALICO_ROUTER_ID: without a router ID BIRD "
            "refuses the configuration"
        ),
        "no-ipv4-not-known": (
            "no IPv4 address on {nodes}, and whether calico-node has CALICO_ROUTER_ID is not known: without a "
            "router ID BIRD refuses the configuration"
        ),
    },
    "selectors-readable": {
        "syntax": ("BGPPeer `{peer}`: `{field}` is no selector ({why} at character {character}): it matches nobody"),
        "unknown-word": (
            "BGPPeer `{peer}`: `{field}` has `{word}`, which Calico {version} cannot read in a selector: it matches "
            "nobody"
        ),
    },
    "typha": {
        "none": (
            "DaemonSet {daemonset} names no Typha, and the cluster has {nodes} nodes: each calico-node "
            "watches the API server itself, and each change of a BGP resource goes to all of them"
        ),
    },
    "workloads": {
        "not-evicted": "a drain does not evict: {pods}",
        "lost-for-good": (
            "on nodes that become reflectors, no controller makes these pods again if they are lost: {pods}"
        ),
        "only-replica": "the only known replica of its owner is on a node that changes its role: {pods}",
    },
}
"""By check and problem; the names in braces are the facts of a finding."""


def sentence(finding: Finding) -> str:
    """What was found, without saying by which check."""
    if finding.problem == BEFORE:
        return str(finding.facts["text"])
    words = {name: _words(name, fact) for name, fact in finding.facts.items()}
    if finding.check == LEFT_BY_OTHERS:
        # Several facts make one phrase of the sentence, without those that there are none of.
        words |= {"peers": _left(finding.facts), "twice": _cost(finding.facts), "adoptable": _remedy(finding.facts)}
    return TEXTS[finding.check][finding.problem].format(**words)


def _left(facts: Mapping[str, Fact]) -> str:
    """What others made and stays."""
    parts, total = [], 0
    for name, single, several in (
        ("peers", "BGPPeer", "BGPPeers"),
        ("labels", "label", "labels"),
        ("reflectors", "the cluster ID of", "the cluster IDs of"),
    ):
        names = facts[name]
        if isinstance(names, tuple) and names:
            total += len(names)
            parts.append(f"{single if len(names) == 1 else several} {_words(name, names)}")
    return f"{joined_names(parts)} {'stays' if total == 1 else 'stay'}"


def _cost(facts: Mapping[str, Fact]) -> str:
    """What that costs: sessions that are asked for twice, and sessions that nobody else asks for."""
    costs = []
    if facts["twice"]:
        costs.append(f"the sessions of {_pairs(facts['twice'])} are configured twice")
    if facts["alone"]:
        costs.append(f"{_pairs(facts['alone'])} {'has' if facts['alone'] == 1 else 'have'} sessions by these alone")
    if facts["beyond"]:
        costs.append(f"and more, because only the first {facts['beyond']:,} kinds of nodes were looked at")
    if facts["instead"]:
        costs.append(f"rrplan makes none of its own where one of these does the same ({_words('', facts['instead'])})")
    return ", ".join(costs) or "no session rests on that"


def _remedy(facts: Mapping[str, Fact]) -> str:
    if facts["adoptable"]:
        return "`adopt: reflection` in the spec takes all of it over"
    return "delete what nothing else needs once the plan is done"


def _pairs(count: Fact) -> str:
    return f"{count:,} pair{'' if count == 1 else 's'} of nodes"


def named(finding: Finding) -> str:
    """The check, and what it found."""
    return f"{finding.check}: {sentence(finding)}"


def finding_text(finding: Finding) -> str:
    """A finding in a line: severity, check, and what was found."""
    return f"{finding.severity} {named(finding)}"


def all_named(findings: Sequence[Finding]) -> str:
    """Several findings in one line."""
    return "; ".join(map(named, findings))


def _words(name: str, fact: Fact) -> str:
    if not isinstance(fact, tuple):
        return str(fact)
    # What people may have to delete is named in full.
    return joined_names(fact) if name == "peers" else ", ".join(fact) if name == "versions" else listed(fact)
