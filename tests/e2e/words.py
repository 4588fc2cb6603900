"""What calico-node makes of its BIRDs' words for CalicoNodeStatus.

Source: node/pkg/status/populators/{bird_status,peers,route}.go and node/pkg/status/reporter.go (v3.30).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

TYPES = {"Global": "GlobalPeer", "Mesh": "NodeMesh", "Node": "NodePeer"}
SOURCES = {"kernel": "Kernel", "static": "Static", "direct": "Direct"}
STATES = {"Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established", "Close"}
SUFFIXES = {"ipv4": "V4", "ipv6": "V6"}
SEPARATORS = {"ipv4": ".", "ipv6": ":"}
READY = " ready."
"""Ends the first line where BIRD speaks."""
_PEER = re.compile(r"^(Global|Node|Mesh)_(\S+) +BGP +\S+ +(\S+) +(\S+)")
_DETAIL = re.compile(r"^ +(BGP state|Neighbor address): +(\S+)")
_ROUTE = re.compile(
    r"^(?P<prefix>\S*)\s+"
    r"(?:via (?P<gateway>\S+) on (?P<link>\S+)|dev (?P<device>\S+)|(?P<nowhere>blackhole|unreachable))"
    r" \[(?P<source>\S+) [^]]*\](?P<best> \*)?"
)


def status_of(birdcl: Callable[[str, str], str], now: str) -> dict[str, object]:
    """The status of a CalicoNodeStatus; `birdcl` says what BIRD of a family says to some words, `now` is the time."""
    agent: dict[str, object] = {}
    bgp: dict[str, object] = {f"number{kind}Established{end}": 0 for kind in ("", "Not") for end in SUFFIXES.values()}
    routes: dict[str, object] = {}
    ready = {family: READY in birdcl(family, "show status") for family in SUFFIXES}
    for family, suffix in SUFFIXES.items():
        agent[f"bird{suffix}"] = {"state": "Ready" if ready[family] else "NotReady"}
        # Where one BIRD has no socket, calico-node reports the sessions and routes of neither (peers.go).
        if all(ready.values()):
            peers = list(_peers(birdcl(family, "show protocols all")))
            up = sum(state == "up" for state, _ in peers)
            bgp[f"peers{suffix}"] = [peer for _, peer in peers]
            bgp[f"numberEstablished{suffix}"], bgp[f"numberNotEstablished{suffix}"] = up, len(peers) - up
            routes[f"routes{suffix}"] = list(_routes(birdcl(family, "show route"), SEPARATORS[family]))
    return {"lastUpdated": now, "agent": agent, "bgp": bgp, "routes": routes}


def _peers(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The state of each session's protocol, and the session."""
    shown: list[tuple[str, dict[str, str]]] = []
    within = False
    for line in text.splitlines():
        row, detail = _PEER.match(line), _DETAIL.match(line)
        if row:
            kind, _, state, since = row.groups()
            shown.append((state, {"type": TYPES[kind], "state": "", "since": since}))
        within = bool(row) or (within and line.startswith(" "))
        if within and detail:
            key, value = detail.groups()
            if key == "BGP state":
                # Other words, such as `Passive` and `Down`, come as "" (birdStateToBGPState).
                shown[-1][1]["state"] = value if value in STATES else ""
            else:
                shown[-1][1]["peerIP"] = value
    return iter(shown)


def _routes(text: str, separator: str) -> Iterator[dict[str, object]]:
    last = ""
    for line in text.splitlines():
        found = _ROUTE.match(line)
        if not found:
            continue
        last = found["prefix"] or last
        yield {
            "type": "FIB" if found["best"] else "RIB",
            "destination": last,
            "gateway": found["gateway"] or "N/A",
            "interface": found["link"] or found["device"] or found["nowhere"],
            "learnedFrom": _learned(found["source"], separator),
        }


def _learned(source: str, separator: str) -> dict[str, str]:
    """Where a route came from; the address of a session comes from the name of its protocol."""
    for prefix, kind in SOURCES.items():
        if source.startswith(prefix):
            return {"sourceType": kind}
    kind, _, address = source.partition("_")
    return {
        "sourceType": "NodeMesh" if kind == "Mesh" else "BGPPeer",
        "peerIP": address.replace("_", separator),
    }
