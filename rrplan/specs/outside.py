"""Speakers outside the cluster, as a spec names them: who they are, and the part that each has to play."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rrplan.bgp.roles import OutsideRole
from rrplan.resources.reading import parse_ip
from rrplan.specs.part import Part
from rrplan.specs.values import ClusterID, Name, Switch


def _addresses(value: object) -> object:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not 1 <= len(texts) <= 2:
        raise ValueError("must be an address such as `10.0.0.1`, or one of each family in a list")
    addresses = [parse_ip(text) if isinstance(text, str) else None for text in texts]
    versions = {address.version for address in addresses if address is not None}
    if len(versions) < len(texts):
        raise ValueError("must be an address such as `10.0.0.1`, or one of each family in a list")
    return tuple(sorted((str(address) for address in addresses), key=lambda text: ":" in text))


def _address_text(addresses: tuple[str, ...]) -> object:
    return addresses[0] if len(addresses) == 1 else list(addresses)


def _prefix(value: object) -> object:
    try:
        return str(ipaddress.ip_network(value)) if isinstance(value, str) and "/" in value else _no_prefix()
    except ValueError:
        return _no_prefix()


def _no_prefix() -> object:
    raise ValueError("must be a prefix such as `0.0.0.0/0`, without bits behind its length")


_ADDRESS = {"type": "string", "examples": ["10.0.0.1", "fd00::1"]}
Addresses = Annotated[
    tuple[str, ...],
    BeforeValidator(_addresses),
    PlainSerializer(_address_text),
    WithJsonSchema({"oneOf": [_ADDRESS, {"type": "array", "items": _ADDRESS, "minItems": 1, "maxItems": 2}]}),
]
Prefix = Annotated[str, BeforeValidator(_prefix), WithJsonSchema({"type": "string", "examples": ["0.0.0.0/0"]})]


class Reflects(Part):
    """How it reflects."""

    cluster_id: ClusterID
    """Its cluster ID; where none is configured there, its router ID."""


class OutsideSpeaker(Part):
    """A BGP speaker that is no node: a router, a switch, a host with BIRD or FRR."""

    name: Name
    """A name for messages, and for groups that it reflects for."""
    address: Addresses
    """The address that nodes peer with; for both families a list of two."""
    as_number: Annotated[int, Field(ge=1, le=4294967295, strict=True)]
    """Its AS number."""
    reflects: Reflects | None = None
    """It is a route reflector: every node of its AS that peers with it is its client."""
    transit: Switch = False
    """It passes routes on between its eBGP sessions, as a ToR switch does where each rack is an AS of its own."""
    fabric: Name | None = None
    """Transit speakers of one fabric pass routes to one another too."""
    announces: tuple[Prefix, ...] = ()
    """What it announces and every node must hold, such as a default route."""
    required: Switch = True
    """Whether a session with it, once there, must stay; what is lost with one that is not is told and accepted."""

    @property
    def role(self) -> OutsideRole:
        """The same for the model."""
        by_family = {":" in address: address for address in self.address}
        return OutsideRole(
            self.name,
            by_family.get(False, ""),
            by_family.get(True, ""),
            self.as_number,
            self.reflects.cluster_id if self.reflects else "",
            self.transit,
            self.fabric or "",
            self.announces,
            self.required,
        )

    def to_document(self) -> dict[str, Any]:
        """The canonical document, without what is left out by default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
