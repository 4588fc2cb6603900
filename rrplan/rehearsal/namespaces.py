"""Network namespaces on one bridge: no names, no mounts, nothing that outlives the process.

A namespace lives as long as somebody has it open, so when this process ends, however it ends, all of it is gone.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rrplan.errors import PreflightError
from rrplan.ids import NodeName

CLONE_NEWNET = 0x40000000
SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}


PARTS = {"bird": "bird", "bird6": "bird", "ip": "iproute2"}
"""Programs, and the Debian packages that have them."""


def check_parts() -> None:
    """Raise PreflightError where a program is missing."""
    missing = {package: program for program, package in PARTS.items() if shutil.which(program) is None}
    if missing:
        raise PreflightError(
            [f"`{program}` is not installed" for program in missing.values()],
            hint=f"`apt-get install {' '.join(missing)}`; a rehearsal needs BIRD 1.6, on which Calico's is based",
        )


@dataclass(frozen=True, slots=True)
class Host:
    """A node: its addresses on the bridge, and one in each of its address blocks (pods)."""

    name: NodeName
    addresses: Sequence[str]
    pods: Sequence[str]
    """With prefix length."""
    number: int
    """From 1, for its hardware address."""

    @property
    def mac(self) -> str:
        """Known to all from the beginning: tables of neighbours overflow in large laboratories."""
        return f"02:00:00:{self.number >> 16 & 255:02x}:{self.number >> 8 & 255:02x}:{self.number & 255:02x}"


@dataclass(slots=True)
class Network:
    """The bridge and its hosts; each namespace is a file descriptor."""

    bridge: int
    hosts: dict[NodeName, int] = field(default_factory=dict)

    @classmethod
    def build(cls, hosts: Sequence[Host]) -> Network:
        """Make it; raises PreflightError where the kernel or the rights do not allow it."""
        network = cls(_made())
        ip(network.bridge, ["link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0", "link set br0 up"])
        for host in hosts:
            network.hosts[host.name] = _made()
        for host in hosts:
            _plug(network, host)
        for host in hosts:
            _furnish(network.hosts[host.name], host, hosts)
        return network

    def close(self) -> None:
        """Let go of everything."""
        for opened in (self.bridge, *self.hosts.values()):
            os.close(opened)
        self.hosts.clear()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _made() -> int:
    """A new namespace."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        if _libc().unshare(CLONE_NEWNET):
            text = f"this process may not make network namespaces: {os.strerror(ctypes.get_errno())}"
            raise PreflightError([text], hint="run it as root, or where `unshare -Urn true` works")
        descriptor = os.open("/proc/self/ns/net", os.O_RDONLY)
    finally:
        enter(before)
        os.close(before)
    return descriptor


def enter(namespace: int) -> None:
    """This thread goes on in a namespace."""
    if _libc().setns(namespace, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """This thread is in a namespace meanwhile; sockets made there stay there."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        enter(namespace)
        yield
    finally:
        enter(before)
        os.close(before)


def ip(namespace: int, lines: Iterable[str], pass_fds: Sequence[int] = ()) -> None:
    """Commands of iproute2 in a namespace; raises PreflightError with what it says."""
    with inside(namespace):
        done = subprocess.run(
            ["ip", "-batch", "-"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            pass_fds=pass_fds,
            check=False,
        )
    if done.returncode:
        raise PreflightError([f"`ip` refused: {done.stderr.strip().splitlines()[0]}"], hint="see `ip link help`")


def _plug(network: Network, host: Host) -> None:
    """A cable from the bridge to the host."""
    there = network.hosts[host.name]
    lines = [
        f"link add v{host.number} type veth peer name eth0 address {host.mac} netns /proc/self/fd/{there}",
        f"link set v{host.number} master br0 up",
    ]
    ip(network.bridge, lines, [there])


def _furnish(namespace: int, host: Host, hosts: Sequence[Host]) -> None:
    """Addresses, the other hosts as permanent neighbours, and a pod's address in each block."""
    with inside(namespace):
        for name, value in SETTINGS.items():
            with open(f"/proc/sys/{name}", "w") as file:
                file.write(value)
    links = [ipaddress.ip_interface(f"{address}/{_length(address)}") for address in host.addresses]
    lines = ["link set lo up", *(f"address add {interface} dev eth0" for interface in links), "link set eth0 up"]
    lines += ["link add cali0 type bridge", *(f"address add {pod} dev cali0" for pod in host.pods), "link set cali0 up"]
    # Whatever the subnets of a cluster are, here everybody is on one link.
    families = {ipaddress.ip_address(address).version for address in host.addresses}
    subnets = {
        ipaddress.ip_interface(f"{address}/{_length(address)}").network
        for other in hosts
        for address in other.addresses
    } - {link.network for link in links}
    lines += [f"route add {subnet} dev eth0" for subnet in sorted(subnets, key=str) if subnet.version in families]
    for other in hosts:
        if other.name != host.name:
            lines += [f"neigh add {address} lladdr {other.mac} nud permanent dev eth0" for address in other.addresses]
    ip(namespace, lines)


def _length(address: str) -> int:
    return 64 if ":" in address else 16
