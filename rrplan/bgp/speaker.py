"""BGP speakers: what the rest of a cluster knows of one calico-node."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rrplan.bgp.profile import Profile, Versions, profile_for
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, ClusterState, Node

DEFAULT_AS = 64512
"""Calico's global AS number where BGPConfiguration `default` sets none (confd client.go, globalDefaults)."""
BGP_PORT = 179


class Family(StrEnum):
    """Address families; Calico runs one BIRD for each."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


FAMILIES = (Family.IPV4, Family.IPV6)


@dataclass(frozen=True, slots=True)
class Settings:
    """What BGPConfigurations say.

    `ports` holds `node.<name>` listen ports; `default_port` None means that nothing is set (179).
    `mesh_options` are rendered into mesh protocols, under the names that BGPPeer has for them.
    """

    mesh: bool = True
    global_as: int = DEFAULT_AS
    default_port: int | None = None
    ports: Mapping[NodeName, int] = field(default_factory=dict, hash=False)
    mesh_options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, state: ClusterState) -> Settings:
        """Read `default` and every `node.<name>`; other names are ignored, as confd does."""
        default = state.configurations.get("default", BGPConfiguration("default"))
        ports = {
            NodeName(name.removeprefix("node.")): configuration.listen_port
            for name, configuration in state.configurations.items()
            if name.startswith("node.") and configuration.listen_port
        }
        options = tuple(
            (name, str(default.spec[field]))
            for name, field in (("maxRestartTime", "nodeMeshMaxRestartTime"), ("password", "nodeMeshPassword"))
            if default.spec.get(field)
        )
        return cls(
            mesh=default.mesh_enabled is not False,
            global_as=DEFAULT_AS if default.as_number is None else default.as_number,
            default_port=default.listen_port,
            ports=ports,
            mesh_options=options,
        )


@dataclass(frozen=True, slots=True)
class Speaker:
    """One node as BGP speaker, with global defaults filled in.

    `own_as` is the node's own number or None, `as_number` the effective one. `port` None means 179.
    `cluster_id` "" means no reflector. Labels are the effective ones, for selectors.
    """

    name: NodeName
    ipv4: str
    ipv6: str
    own_as: int | None
    as_number: int
    cluster_id: str
    own_port: int | None
    port: int | None
    profile: Profile
    labels: Mapping[str, str] = field(hash=False)

    def address(self, family: Family) -> str:
        """The node's address in a family; "" where it has none."""
        return self.ipv4 if family is Family.IPV4 else self.ipv6

    @property
    def listens(self) -> int:
        """The TCP port that its BIRD listens on."""
        return self.port or BGP_PORT


def speaker_of(node: Node, settings: Settings, versions: Versions) -> Speaker:
    """Resolve one node against the configurations and its own Calico version."""
    profile = profile_for(versions.of(node.name))
    own_port = settings.ports.get(node.name)
    return Speaker(
        name=node.name,
        ipv4=node.ipv4,
        ipv6=node.ipv6,
        own_as=node.as_number,
        as_number=settings.global_as if node.as_number is None else node.as_number,
        cluster_id=_cluster_id(node.cluster_id, profile),
        own_port=own_port,
        port=own_port or settings.default_port,
        profile=profile,
        labels=node.effective_labels,
    )


def _cluster_id(text: str, profile: Profile) -> str:
    if not text or not profile.cluster_id_validated:
        return text
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return ""
    return text
