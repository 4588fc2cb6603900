"""Options of sessions as they are rendered: two BGPPeers with the same text in BIRD's file ask for one block."""

from __future__ import annotations

from collections.abc import Mapping

from rrplan.resources.duration import rounded_seconds

ONE_HOP = "1"
"""The `ttlSecurity` of a session that goes through no router."""
DURATIONS = frozenset({"maxRestartTime", "keepaliveTime"})


def rendered(name: str, value: object) -> str:
    """An option of a BGPPeer's spec as text that is equal where BIRD's file is; "" where nothing is rendered.

    Durations are whole seconds (`int(math.Round(...Seconds()))`), and of a password Calico reads the name and the key
    of its Secret alone (client.go setPeerConfigFieldsFromV3Resource and getPassword, v3.20 to v3.32).
    """
    if name == "password":
        return _password(value)
    seconds = rounded_seconds(value) if name in DURATIONS and isinstance(value, str) else None
    if seconds is not None:
        return str(seconds)
    return str(value) if value else ""


def _password(value: object) -> str:
    secret = value.get("secretKeyRef") if isinstance(value, Mapping) else None
    return f"{secret.get('name')}/{secret.get('key')}" if isinstance(secret, Mapping) else ""


def next_hop(spec: Mapping[str, object], known: frozenset[str], *, internal: bool) -> dict[str, str]:
    """`next hop self` and `next hop keep`, as far as they are rendered.

    `Auto` renders nothing, and `keepOriginalNextHop` counts towards another AS alone (bird.cfg.template, v3.16 to
    v3.31; bgp_processor.go buildPeerFromData, v3.32).
    """
    mode = spec.get("nextHopMode") if "nextHopMode" in known else None
    kept = "keepOriginalNextHop" in known and bool(spec.get("keepOriginalNextHop")) and not internal
    next_hops = {"nextHopSelf": mode == "Self", "nextHopKeep": mode == "Keep" or kept}
    return {name: "true" for name, set_ in next_hops.items() if set_}
