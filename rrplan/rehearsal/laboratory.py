"""A cluster of real BIRD speakers: one namespace for each node, sessions as `rrplan sessions` prints them."""

from __future__ import annotations

import ipaddress
import json
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from rrplan.bgp import outside as model
from rrplan.bgp.profile import Versions
from rrplan.bgp.roles import Roles, role_at
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName
from rrplan.ports import Whereabouts
from rrplan.rehearsal.configuration import Daemon, OutsideDaemon, configuration
from rrplan.rehearsal.namespaces import Host, Network, inside
from rrplan.rehearsal.speakers import NodeDaemons
from rrplan.resources import ClusterState, DaemonSet, Node

POOLS = {
    Family.IPV4: ("10.244.0.0/16", "100.64.0.0/16", "198.18.0.0/16"),
    Family.IPV6: ("fd00:10:244::/64", "fd00:100:64::/64"),
}
"""Everything that nodes announce lies in one of each: the first in which no address of the cluster lies."""
BLOCK = {Family.IPV4: 26, Family.IPV6: 122}
FLAG = {Family.IPV4: "-4", Family.IPV6: "-6"}

NO_BIRD = "Unable to connect to server control socket. Make sure that the daemon is running.\n"
"""What Calico's `birdcl` says of a family that a node does not speak (client/client.c, BIRD 1.6)."""

Configurations: TypeAlias = dict[NodeName, dict[str, Daemon]]


class Laboratory:
    """Namespaces of the nodes of some states and of their outside peers, and the BIRDs in them.

    `recover` starts BIRDs with graceful-restart recovery, as Calico does. Outside peers with one of `roles` play it,
    each by itself: fabrics of several are not known here. Implements the port Directory.
    """

    def __init__(
        self,
        states: Iterable[ClusterState],
        versions: Versions,
        folder: Path,
        *,
        recover: bool = True,
        roles: Roles = (),
    ) -> None:
        self._versions = versions
        self._roles = roles
        self._recover = recover
        self._cluster_ids: frozenset[str] = frozenset()
        self._hosts: dict[NodeName, dict[str, str]] = {}
        self._outside: dict[str, NodeName] = {}
        for state in states:
            self._hosts |= {name: addresses for name, node in state.nodes.items() if (addresses := _addresses(node))}
            for address, speaker in _outside(Speakers.of(state, versions)).items():
                self._outside.setdefault(address, model.Outside(speaker.family, address, speaker.as_number).name)
        taken = [text for addresses in self._hosts.values() for text in addresses.values()]
        self.pools = {family: _pool(family, [*taken, *self._outside]) for family in FAMILIES}
        self.blocks: dict[NodeName, dict[str, str]] = {}
        self.outside: dict[NodeName, dict[str, str]] = {}
        """What peers outside announce; it lies in the pool, so that Calico's export filter hands it on."""
        self.pods: dict[tuple[NodeName, str], str] = {}
        hosts = []
        for index, (name, addresses) in enumerate(sorted(self._hosts.items())):
            self.blocks[name] = {family: _block(self.pools[Family(family)], index) for family in addresses}
            self.pods |= {
                (name, family): str(ipaddress.ip_network(block)[1]) for family, block in self.blocks[name].items()
            }
            pods = [_pod(block) for block in self.blocks[name].values()]
            hosts.append(Host(name, [*addresses.values()], pods, index + 1))
        for index, (address, name) in enumerate(sorted(self._outside.items()), len(hosts)):
            family = Family.IPV6 if ":" in address else Family.IPV4
            block = _block(self.pools[family], index)
            self.outside[name] = {family: block}
            self.pods[name, family] = str(ipaddress.ip_network(block)[1])
            hosts.append(Host(name, [address], [_pod(block)], index + 1))
        self.network = Network.build(hosts)
        self._birds = {
            name: NodeDaemons(folder / name.replace("/", "-"), namespace)
            for name, namespace in self.network.hosts.items()
        }

    # --- configuration -------------------------------------------------------------------------

    def configurations(self, state: ClusterState) -> Configurations:
        """What every node and every outside peer runs in a state, by family; where no BIRD runs, nothing."""
        speakers = Speakers.of(state, self._versions)
        self._cluster_ids = frozenset(speaker.cluster_id for speaker in speakers.by_name.values() if speaker.cluster_id)
        configurations: Configurations = {name: {} for name in [*self._hosts, *self.outside]}
        for address, outside in _outside(speakers).items():
            there = self._outside[address]
            role = role_at(self._roles, address, outside.as_number)
            configurations[there] = {outside.family: outside.daemon(self.outside[there][outside.family], role)}
        for name, own in speakers.by_name.items():
            if name in self._hosts and not own.down and (own.standalone or _agent(state, state.nodes[name])):
                rows = [session.protocol for session in speakers.sessions(name)]
                configurations[name] = {
                    family: configuration(
                        own,
                        [row for row in rows if row.family == family],
                        Family(family),
                        [block],
                        self.pools[Family(family)],
                    )
                    for family, block in self.blocks[name].items()
                    if own.address(Family(family))
                }
        return configurations

    def apply(self, name: NodeName, daemons: Mapping[str, Daemon]) -> None:
        """A node has these configurations: BIRDs read them, are started, or end."""
        self._birds[name].apply({Family(family): daemon for family, daemon in daemons.items()}, recover=self._recover)

    def run(self, state: ClusterState) -> None:
        """Every node of the state has its configuration, at once."""
        for name, daemons in self.configurations(state).items():
            self.apply(name, daemons)

    # --- what it is like -----------------------------------------------------------------------

    def ask(self, name: NodeName, family: str, words: str) -> str:
        """What BIRD on a node answers, or `birdcl` where none is to run; raises DatastoreRefused where it died."""
        if not self.speaks(name, family):
            return NO_BIRD
        try:
            return self._birds[name].ask(Daemon(Family(family), "").program, words)
        except OSError as error:
            raise DatastoreRefused(f"BIRD on {name} does not answer: {error.strerror}") from error

    def speaks(self, name: NodeName, family: str) -> bool:
        """Whether a BIRD of that family runs on a node."""
        return Family(family) in self._birds[name].running

    def whereabouts(self) -> Whereabouts:
        """Every node, also containers of standalone reflectors, with the IDs of the last state that was configured.

        No podCIDRs: the owners are known.
        """
        return Whereabouts(self._hosts, self._cluster_ids)

    def owners(self) -> Mapping[str, NodeName]:
        """Every node has one block in each family."""
        return {block: name for name, blocks in self.blocks.items() for block in blocks.values()}

    def announced_pools(self) -> Sequence[str]:
        """One in each family."""
        return [*self.pools.values()]

    def origins(self) -> Mapping[str, NodeName]:
        """The same, with what peers outside announce."""
        return {block: name for name, blocks in (self.blocks | self.outside).items() for block in blocks.values()}

    def speaking(self, family: str) -> list[NodeName]:
        """The nodes and the peers outside that have a family."""
        return [name for name, blocks in (self.blocks | self.outside).items() if family in blocks]

    def held(self, names: Iterable[NodeName], family: str) -> set[tuple[NodeName, NodeName]]:
        """(holder, origin): the block of the origin is in the kernel table of the holder."""
        owner = {ipaddress.ip_network(block): name for block, name in self.origins().items()}
        pairs = set()
        for name in names:
            with inside(self.network.hosts[name]):
                words = ["ip", "-j", FLAG[Family(family)], "route"]
                shown = subprocess.run(words, capture_output=True, check=True).stdout
            for row in json.loads(shown or b"[]"):
                if row.get("dst", "default") != "default" and row.get("type") != "blackhole":
                    origin = owner.get(ipaddress.ip_network(row["dst"], strict=False))
                    # What one peer outside hears of another is nobody's concern.
                    if origin is not None and origin != name and not {origin, name} <= self.outside.keys():
                        pairs.add((name, origin))
        return pairs

    def waits(self) -> Mapping[NodeName, float]:
        """How long the BIRDs of each node have waited for the processor so far, in seconds."""
        return {NodeName(name): birds.waited() for name, birds in self._birds.items()}

    def kill(self, name: NodeName, number: int = signal.SIGKILL) -> None:
        """End the BIRDs of a node by a signal; SIGTERM says goodbye to their peers, SIGKILL does not."""
        self._birds[name].stop(number)

    def start_again(self, name: NodeName) -> None:
        """Start the BIRDs of a node with the configuration that they had, as runsv does."""
        self._birds[name].start_again(recover=self._recover)

    def halt(self) -> None:
        """Kill every BIRD and empty its routing tables, as if all machines had been switched off."""
        for name, birds in self._birds.items():
            birds.stop(signal.SIGKILL)
            for flag in FLAG.values():
                with inside(self.network.hosts[name]):
                    words = ["ip", flag, "route", "flush", "proto", "bird"]
                    subprocess.run(words, capture_output=True, check=False)

    def close(self) -> None:
        """End every BIRD, and take the network away."""
        for bird in self._birds.values():
            bird.stop()
        self.network.close()


def _addresses(node: Node) -> dict[str, str]:
    ipv4 = node.ipv4 or node.host_ip
    return {family: text for family, text in (("ipv4", ipv4), ("ipv6", node.ipv6)) if text}


def _agent(state: ClusterState, node: Node) -> bool:
    """Whether DaemonSet calico-node has a pod on a node; where it is not known, it has."""
    sets = [
        daemonset for daemonset in state.others.values() if isinstance(daemonset, DaemonSet) and not daemonset.reflector
    ]
    fits = [
        daemonset.node_selector.items() <= node.labels.items() and not set(daemonset.avoids) & node.labels.items()
        for daemonset in sets
    ]
    return bool(node.ipv4 or node.ipv6) and (not fits or any(fits))


def _outside(speakers: Speakers) -> dict[str, OutsideDaemon]:
    outside: dict[str, OutsideDaemon] = {}
    OutsideDaemon.collect(outside, speakers)
    return outside


def _pool(family: Family, addresses: Iterable[str]) -> str:
    taken = [ipaddress.ip_address(text) for text in addresses]
    return next(
        (pool for pool in POOLS[family] if not any(address in ipaddress.ip_network(pool) for address in taken)),
        POOLS[family][-1],
    )


def _block(pool: str, index: int) -> str:
    network = ipaddress.ip_network(pool)
    size = BLOCK[Family.IPV6 if network.version == 6 else Family.IPV4]
    return f"{network[index << (network.max_prefixlen - size)]}/{size}"


def _pod(block: str) -> str:
    network = ipaddress.ip_network(block)
    return f"{network[1]}/{network.max_prefixlen}"
