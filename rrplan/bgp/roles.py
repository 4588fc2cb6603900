"""What is known of speakers outside the cluster: the part that each of them has to play.

BGP does not tell it: whoever runs them says it. A speaker without a role passes nothing on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from rrplan.ids import NodeName


@dataclass(frozen=True, slots=True)
class OutsideRole:
    """One speaker outside: it has an address in one family or in both, in canonical form, and one AS number.

    With a `cluster_id` it reflects, and takes every node of its AS that peers with it for a client. With `transit` it
    passes routes on between its eBGP sessions, and to the other speakers of its `fabric` ("" for none). `announces` are
    prefixes that every node must hold. One that is not `required` may be lost.
    """

    name: str
    ipv4: str
    ipv6: str
    as_number: int
    cluster_id: str = ""
    transit: bool = False
    fabric: str = ""
    announces: tuple[str, ...] = ()
    required: bool = True
    inner: bool = False
    """It stands for all that lies between the speakers of its fabric."""
    others: tuple[str, ...] = ()
    """Further addresses, where it stands for several speakers of one fabric."""

    @property
    def passes_on(self) -> bool:
        """Whether it passes routes of one node on to another."""
        return bool(self.cluster_id) or self.transit

    @property
    def owed(self) -> bool:
        """Whether nodes owe it routes, and it owes them its own: a mere reflector needs none and has none."""
        return self.required and (self.transit or not self.cluster_id or bool(self.announces))

    def address(self, family: str) -> str:
        """Its address in a family (`ipv4`, `ipv6`); "" where it has none."""
        return self.ipv4 if family == "ipv4" else self.ipv6

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses."""
        return tuple(address for address in (self.ipv4, self.ipv6, *self.others) if address)

    @property
    def known_as(self) -> NodeName:
        """How it is called where nodes are called by their names; no node has such a name."""
        return NodeName(f"{self.name} (outside)")


def passing(roles: Collection[OutsideRole], systems: Collection[int]) -> tuple[OutsideRole, ...]:
    """The speakers outside that pass routes on, as they are for the nodes, which have these AS numbers.

    What one speaker of a fabric has from eBGP sessions reaches the others. Those of one AS are like one router with
    many addresses, unless they may have iBGP sessions: what came over these does not go on into the fabric. Where that
    leaves several, something in the fabric joins them that is of no AS, and whose sessions nobody else knows.
    """
    apart = [role for role in roles if role.passes_on and not role.fabric]
    fabrics: dict[str, dict[object, list[OutsideRole]]] = {}
    for role in roles:
        if role.transit and role.fabric:
            alike = role.name if role.as_number in systems else role.as_number
            fabrics.setdefault(role.fabric, {}).setdefault(alike, []).append(role)
    for number, (name, by_system) in enumerate(sorted(fabrics.items())):
        apart += [_as_one(members) for members in by_system.values()]
        if len(by_system) > 1:
            inner = NO_SYSTEM - number, f"fabric {name}"
            apart.append(OutsideRole(f"fabric {name}", name, name, *inner, transit=True, fabric=name, inner=True))
    return tuple(apart)


def _as_one(members: list[OutsideRole]) -> OutsideRole:
    first = members[0]
    if len(members) == 1:
        return first
    every = [address for role in members for address in role.addresses]
    ipv4 = next((address for address in every if ":" not in address), "")
    ipv6 = next((address for address in every if ":" in address), "")
    others = tuple(address for address in every if address not in (ipv4, ipv6))
    name = f"fabric {first.fabric}, AS {first.as_number}"
    return OutsideRole(name, ipv4, ipv6, first.as_number, transit=True, fabric=first.fabric, others=others)


NO_SYSTEM = -2
"""AS numbers from here down are those of no speaker."""
WITHIN_FABRIC = -1
"""The AS number on both ends of a session within a fabric: it adds none to a path."""
Roles: TypeAlias = tuple[OutsideRole, ...]


def role_at(roles: Collection[OutsideRole], address: str, as_number: int) -> OutsideRole | None:
    """The role of the speaker with that address and AS number; None where nothing is known of it."""
    return next((role for role in roles if address in role.addresses and role.as_number == as_number), None)
