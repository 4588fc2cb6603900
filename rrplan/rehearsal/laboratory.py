"""A cluster of real BIRD speakers: one namespace for each node, sessions as `rrplan sessions` prints them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from rrplan.bgp import outside as model
from rrplan.bgp.adjacency import Established
from rrplan.bgp.profile import Versions
from rrplan.bgp.roles import OutsideRole, Roles, role_at
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName
from rrplan.planning.agents import agents
from rrplan.planning.promise import needed
from rrplan.ports import Whereabouts
from rrplan.rehearsal.announcements import Announcements
from rrplan.rehearsal.configuration import Daemon, configuration
from rrplan.rehearsal.filters import RoutePolicy
from rrplan.rehearsal.namespaces import Host, Network, inside
from rrplan.rehearsal.netlink import Tables
from rrplan.rehearsal.outside import OutsideDaemon, inner_daemon
from rrplan.rehearsal.speakers import START_SECONDS, NodeDaemons
from rrplan.resources import ClusterState, Node

NO_BIRD = "Unable to connect to server control socket. Make sure that the daemon is running.\n"
"""What Calico's `birdcl` says of a family that a node does not speak (client/client.c, BIRD 1.6)."""
INNER = {Family.IPV4: "192.0.2.{}", Family.IPV6: "2001:db8:fffd::{:x}"}
"""Addresses of what joins the speakers of a fabric."""

FLAG = {Family.IPV4: "-4", Family.IPV6: "-6"}
"""What `ip` calls a family."""
Configurations: TypeAlias = dict[NodeName, dict[str, Daemon]]


class Laboratory:
    """Namespaces of the nodes of some states and of their outside peers, and the BIRDs in them.

    With `recover` BIRDs that are started later do graceful-restart recovery, as Calico's do. Outside peers with one of
    `roles` play it; the speakers of a fabric are joined by one more, which has no routes of its own. Implements the
    port Directory.
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
        self.versions = versions
        self._roles = needed(roles)
        self.recover = recover
        self._whereabouts = Whereabouts({}, frozenset())
        self.hosts: dict[NodeName, dict[str, str]] = {}
        """Of each node the addresses, by family."""
        self._outside: dict[str, NodeName] = {}
        self._kept: Configurations = {}
        first: ClusterState | None = None
        for state in states:
            first = first or state
            self.hosts |= {name: addresses for name, node in state.nodes.items() if (addresses := _addresses(node))}
            for address, speaker in _outside(Speakers.of(state, versions)).items():
                self._outside.setdefault(address, model.Outside(speaker.family, address, speaker.as_number).name)
        assert first is not None, "a laboratory has a state to begin with"
        beyond = {name: {_family(address): address} for address, name in self._outside.items()}
        self._beyond = {name: own for name, own in beyond.items() if self._has_routes(*own.values())}
        self.announcements = Announcements.of(first, versions.oldest, self.hosts, self._beyond, self._roles)
        self.outside = self.announcements.outside
        """What peers outside announce, by the names of these routes and of themselves."""
        self.pods = self.announcements.pods
        self._inner = self._fabrics()
        hosts = [
            Host(name, [*addresses.values()], self._pods(name), number)
            for number, (name, addresses) in enumerate(self._everywhere(), 1)
        ]
        self.network = Network.build(hosts)
        self._tables = Tables(self.network.hosts)
        self._birds = {
            name: NodeDaemons(folder / name.replace("/", "-"), namespace)
            for name, namespace in self.network.hosts.items()
        }

    def _everywhere(self) -> Iterable[tuple[NodeName, Mapping[str, str]]]:
        """Everybody with addresses: nodes, peers outside, and what joins the speakers of fabrics."""
        yield from sorted(self.hosts.items())
        yield from ((name, {_family(address): address}) for address, name in sorted(self._outside.items()))
        for (fabric, _), address in self._inner.items():
            yield NodeName(f"fabric {fabric} ({_family(address)})"), {_family(address): address}

    def _pods(self, name: NodeName) -> list[str]:
        return [f"{pod}/{128 if ':' in pod else 32}" for (at, _), pod in self.pods.items() if at == name]

    def _role(self, address: str) -> OutsideRole | None:
        """The part that a peer outside plays, whatever its AS number is: one address is one peer."""
        return next((role for role in self._roles if address in role.addresses), None)

    def _has_routes(self, address: str) -> bool:
        """Whether a peer outside has routes of its own, and needs those of nodes: a mere reflector does not."""
        role = self._role(address)
        return role is None or role.owed

    def _fabrics(self) -> dict[tuple[str, Family], str]:
        """The fabrics of which several speakers are here, each with the address of what joins them."""
        members: dict[tuple[str, Family], set[str]] = {}
        for address in self._outside:
            role = self._role(address)
            if role is not None and role.transit and role.fabric:
                members.setdefault((role.fabric, Family(_family(address))), set()).add(address)
        joined = sorted(key for key, addresses in members.items() if len(addresses) > 1)
        return {key: INNER[key[1]].format(number) for number, key in enumerate(joined, 1)}

    # --- configuration -------------------------------------------------------------------------

    def configurations(self, state: ClusterState) -> Configurations:
        """What every node and every outside peer runs in a state, by family; where no BIRD runs, nothing."""
        speakers = Speakers.of(state, self.versions)
        self._note(state, speakers)
        configurations: Configurations = {name: {} for name in [*self.hosts, *self._outside.values()]}
        ports: dict[str, int | None] = {}
        for address, outside in _outside(speakers).items():
            there = self._outside[address]
            role = role_at(self._roles, address, outside.as_number)
            prefixes = [*self.announcements.prefixes.get(there, [])]
            prefixes += [prefix for prefix in (role.announces if role else ()) if _family(prefix) == outside.family]
            inner = self._inner.get((role.fabric, outside.family), "") if role else ""
            ports |= {address: outside.port} if inner else {}
            configurations[there] = {outside.family: outside.daemon(prefixes, role, inner)}
        for (fabric, family), address in self._inner.items():
            members = {text: port for text, port in ports.items() if self._of_fabric(text, fabric, family)}
            name = NodeName(f"fabric {fabric} ({family})")
            configurations[name] = {family: inner_daemon(family, address, members)}
        policies = {
            family: RoutePolicy.of(state, self.versions.oldest, family, self.announcements.pool[family])
            for family in FAMILIES
        }
        running = agents(state)
        for name, own in speakers.by_name.items():
            if name in self.hosts and not own.down and (own.standalone or name in running):
                rows = [session.protocol for session in speakers.sessions(name)]
                configurations[name] = {
                    family: configuration(own, [row for row in rows if row.family == family], policies[family], blocks)
                    for text, blocks in self.announcements.blocks[name].items()
                    if own.address(family := Family(text)) and not refused(speakers, name, family)
                }
                kept = self._kept.get(name, {})
                for text, daemon in kept.items():
                    # What BIRD refuses does not take the place of the file that it has.
                    if own.address(Family(text)) and refused(speakers, name, Family(text)):
                        configurations[name].setdefault(text, daemon)
        self._kept = configurations
        return configurations

    def _of_fabric(self, address: str, fabric: str, family: Family) -> bool:
        role = self._role(address)
        return role is not None and role.fabric == fabric and _family(address) == family

    def _note(self, state: ClusterState, speakers: Speakers) -> None:
        """Where nodes are now; hosts that Calico does not know are where containers may be."""
        known = {
            name: {family: text for family, text in (("ipv4", node.ipv4), ("ipv6", node.ipv6)) if text}
            for name, node in state.nodes.items()
        }
        ids = frozenset(speaker.cluster_id for speaker in speakers.by_name.values() if speaker.cluster_id)
        unknown = {name: state.nodes[name].host_ip for name, own in known.items() if not own}
        self._whereabouts = Whereabouts(
            {name: own for name, own in known.items() if own},
            ids,
            {name: address for name, address in unknown.items() if address},
        )

    def apply(self, name: NodeName, daemons: Mapping[str, Daemon]) -> None:
        """A node has these configurations: BIRDs read them, are started, or end."""
        self._birds[name].apply({Family(family): daemon for family, daemon in daemons.items()}, recover=self.recover)

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
            why = error.strerror or f"not within {START_SECONDS:.0f} s"
            raise DatastoreRefused(f"BIRD on {name} does not answer: {why}") from error

    def execute(self, name: NodeName, command: Sequence[str]) -> str:
        """What a command prints that runs in the network of a node."""
        with inside(self.network.hosts[name]):
            output, both = subprocess.PIPE, subprocess.STDOUT
            return subprocess.run(command, stdout=output, stderr=both, text=True, check=False).stdout

    def speaks(self, name: NodeName, family: str) -> bool:
        """Whether a BIRD of that family runs on a node."""
        return Family(family) in self._birds[name].running

    def programs(self, name: NodeName, family: str) -> bool:
        """Whether its BIRD of a family programs the kernel; where a container reflects, old routes stay as they are."""
        return self.speaks(name, family) and not self._birds[name].contained(Family(family))

    def whereabouts(self) -> Whereabouts:
        """Every node of the last state that was configured, and the hosts that may have containers.

        No podCIDRs: the owners are known.
        """
        return self._whereabouts

    def owners(self) -> Mapping[str, NodeName]:
        """Every node has blocks in each family."""
        return {
            block: name
            for name, blocks in self.announcements.blocks.items()
            for own in blocks.values()
            for block in own
        }

    def announced_pools(self) -> Sequence[str]:
        """None is told of: the owners are known."""
        return []

    def origins(self) -> Mapping[str, NodeName]:
        """What may be in kernel tables, by prefix: routes of nodes and of peers outside, by what they are called."""
        return self.announcements.origins

    @property
    def watched(self) -> Mapping[NodeName, int]:
        """The namespaces of those whose kernel tables are looked at: nodes, and peers outside that have routes."""
        return {name: self.network.hosts[name] for name in [*self.hosts, *self._beyond]}

    def speaking(self, family: str) -> list[NodeName]:
        """The nodes, and the peers outside that have routes, that have a family."""
        return [name for name, own in [*self.hosts.items(), *self._beyond.items()] if family in own]

    def held(self, names: Iterable[NodeName], family: str) -> set[tuple[NodeName, NodeName]]:
        """(holder, origin): a route of that name is in the kernel table of the holder."""
        origins = self.origins()
        pairs = set()
        for name in names:
            own = {*self.announcements.blocks.get(name, {}).get(family, ()), *self.announcements.prefixes.get(name, ())}
            for prefix in self._tables.of(name, family):
                origin = origins.get(prefix)
                # What one peer outside hears of another is nobody's concern.
                if origin is not None and prefix not in own and not {origin, name} <= self.outside.keys():
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
        self._birds[name].start_again(recover=self.recover)

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
        self._tables.close()
        self.network.close()


def refused(speakers: Speakers, name: NodeName, family: Family) -> bool:
    """Whether BIRD certainly refuses what confd renders for a node."""
    refusal = speakers.refusal(name, family)
    return refusal is not None and refusal.established is Established.NO


def _addresses(node: Node) -> dict[str, str]:
    ipv4 = node.ipv4 or node.host_ip
    return {family: text for family, text in (("ipv4", ipv4), ("ipv6", node.ipv6)) if text}


def _family(text: str) -> str:
    return "ipv6" if ":" in text else "ipv4"


def _outside(speakers: Speakers) -> dict[str, OutsideDaemon]:
    outside: dict[str, OutsideDaemon] = {}
    OutsideDaemon.collect(outside, speakers)
    return outside
