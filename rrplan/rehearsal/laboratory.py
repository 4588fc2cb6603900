"""A cluster of real BIRD speakers: one namespace for each node, sessions as `rrplan sessions` prints them."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from rrplan.bgp.profile import Versions
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.rehearsal.configuration import POOLS, Daemon, configuration
from rrplan.rehearsal.namespaces import Host, Network, inside
from rrplan.rehearsal.speakers import Speaker
from rrplan.resources import ClusterState

BLOCK = {Family.IPV4: 26, Family.IPV6: 122}
LINK = {Family.IPV4: 16, Family.IPV6: 64}
FLAG = {Family.IPV4: "-4", Family.IPV6: "-6"}


class Laboratory:
    """Namespaces of some nodes, and the BIRDs in them; `recover` starts them with graceful-restart recovery."""

    def __init__(
        self, addresses: Mapping[NodeName, Mapping[Family, str]], folder: Path, *, recover: bool = True
    ) -> None:
        self._recover = recover
        self.blocks: dict[NodeName, dict[Family, str]] = {}
        hosts = []
        for index, (name, told) in enumerate(sorted(addresses.items())):
            self.blocks[name] = {family: _block(family, index) for family in told}
            links = [f"{address}/{LINK[family]}" for family, address in told.items()]
            pods = [_pod(block) for block in self.blocks[name].values()]
            hosts.append(Host(name, links, pods, index + 1))
        self.network = Network.build(hosts)
        self._birds = {name: Speaker(folder / name, namespace) for name, namespace in self.network.hosts.items()}

    def run(self, state: ClusterState, versions: Versions) -> None:
        """Every node of the state has its configuration; BIRDs that are not there are started."""
        speakers = Speakers.of(state, versions)
        for name, own in speakers.by_name.items():
            rows = [session.protocol for session in speakers.sessions(name)]
            daemons = {
                family: configuration(own, [row for row in rows if row.family is family], family, [block])
                for family, block in self.blocks[name].items()
            }
            self._birds[name].apply(daemons, recover=self._recover)

    def ask(self, name: NodeName, family: Family, words: str) -> str:
        """What BIRD on a node answers."""
        return self._birds[name].ask(Daemon(family, "").program, words)

    def held(self, names: Iterable[NodeName], family: Family) -> set[tuple[NodeName, NodeName]]:
        """(holder, origin): the block of the origin is in the kernel table of the holder."""
        owner = {ipaddress.ip_network(told[family]): name for name, told in self.blocks.items() if family in told}
        found = set()
        for name in names:
            with inside(self.network.hosts[name]):
                shown = subprocess.run(["ip", "-j", FLAG[family], "route"], capture_output=True, check=True).stdout
            for row in json.loads(shown or b"[]"):
                if row.get("dst", "default") != "default" and row.get("type") != "blackhole":
                    origin = owner.get(ipaddress.ip_network(row["dst"], strict=False))
                    if origin is not None and origin != name:
                        found.add((name, origin))
        return found

    def close(self) -> None:
        """End everything."""
        for bird in self._birds.values():
            bird.stop()
        self.network.close()


def _block(family: Family, index: int) -> str:
    pool = ipaddress.ip_network(POOLS[family])
    return f"{pool[index << (pool.max_prefixlen - BLOCK[family])]}/{BLOCK[family]}"


def _pod(block: str) -> str:
    network = ipaddress.ip_network(block)
    return f"{network[1]}/{network.max_prefixlen}"
