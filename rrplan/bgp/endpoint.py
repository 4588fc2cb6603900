"""`peerIP` as confd reads it: an address with or without a port."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rrplan.bgp.profile import Profile
from rrplan.bgp.speaker import Family
from rrplan.resources import BGPPeer
from rrplan.resources.reading import LONGEST, parse_ip

_PORT = re.compile(r"0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*")
"""A Go integer literal: strconv.ParseUint with base 0."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`peerIP` taken apart; `port` 0 means that none is given.

    `address` is what BIRD dials. `host` is the text that stands for it: Calico compares this text, and not the
    address, with the addresses of nodes.
    """

    address: str
    family: Family
    port: int
    host: str

    @property
    def canonical(self) -> bool:
        """Whether the text is the one that Calico itself writes, so that it can be found equal to a node's address."""
        return self.host == self.address

    @property
    def text(self) -> str:
        """The same in canonical form."""
        if not self.port:
            return self.address
        return f"{self.address}:{self.port}" if self.family is Family.IPV4 else f"[{self.address}]:{self.port}"


@lru_cache(maxsize=16384)
def endpoint_of(peer_ip: str) -> Endpoint | None:
    """Read `10.0.0.1`, `10.0.0.1:500`, `fd00::1` or `[fd00::1]:500`; None for what confd ignores.

    Source: parseIPPort and net.ParseIP (projectcalico/calico confd/pkg/backends/calico/client.go, v3.16 to v3.32). An
    address with a zone is none, and an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
    """
    host, port = _split(peer_ip)
    address = parse_ip(host)
    if address is None:
        return None
    return Endpoint(str(address), Family.IPV4 if address.version == 4 else Family.IPV6, port, host)


def dialled(peer: BGPPeer, profile: Profile) -> Endpoint | None:
    """The address that a BGPPeer names, as one version of Calico reads it; None where it names none there.

    A selector of the other side wins over `peerIP`, once Calico knows it; before v3.16 an address with a port is none
    (client.go updatePeersV1, v3.3 to v3.32).
    """
    selected = peer.peer_selector or (peer.local_workload_selector and profile.local_workloads)
    endpoint = None if selected else endpoint_of(peer.peer_ip)
    return None if endpoint is not None and endpoint.port and not profile.ports else endpoint


def unreachable(peer: BGPPeer, endpoint: Endpoint, profile: Profile) -> bool:
    """Whether Calico leaves out the peer for its `reachableBy`: no address, or one of the other family.

    Only where the BGPPeer is configured; the reverse pass does not look at it (client.go updatePeersV1, v3.25).
    """
    reachable_by = peer.spec.get("reachableBy") if profile.reachable_by else None
    if not reachable_by:
        return False
    address = parse_ip(str(reachable_by))
    return address is None or (address.version == 4) is not (endpoint.family is Family.IPV4)


def _split(text: str) -> tuple[str, int]:
    """Address and port; a text without port, or with one that cannot be read, is all address."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif not colon or ":" in host:
        return text, 0
    number = _port(port)
    return (text, 0) if number is None else (host, number)


def _port(text: str) -> int | None:
    """`500`, `0x1f4` or octal `0764`; None for what is no number, such as `0179`, or does not fit."""
    plain = text.replace("_", "")
    # A text of digits may be of any length; zeros in front of a number change nothing.
    if not _PORT.fullmatch(text) or len(plain.lstrip("0")) > LONGEST:
        return None
    number = int(plain, 8 if plain.isdecimal() and plain.startswith("0") else 0)
    return number if number < 65536 else None
