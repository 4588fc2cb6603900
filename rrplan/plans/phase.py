"""The parts of the way from one topology to another, in the order that keeps routes."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """What a step is for; phases that change sessions follow one another in this order."""

    PREPARE = "prepare"
    """Drain, cordon and taint; no session changes."""
    MESH_ON = "mesh-on"
    RELEASE = "release"
    """Take calico-node off the hosts of standalone reflectors."""
    CALICO_NODES = "calico-nodes"
    """Delete the Calico Nodes of these hosts."""
    HOSTS = "hosts"
    """Label the hosts of standalone reflectors."""
    CONTAINERS = "containers"
    """Start standalone reflectors."""
    FREED = "freed"
    """Give clients a share of reflectors before a BGPPeer reads it, or take it away until they have another."""
    KNOWN = "known"
    """Label nodes that reflect already, before any BGPPeer of ours selects them."""
    WAVE_PEERS = "wave-peers"
    """Create the temporary BGPPeers that serve one wave after another."""
    PEERS = "peers"
    PROMOTE = "promote"
    DEMOTE = "demote"
    WAVES = "waves"
    GENERAL_PEERS = "general-peers"
    """Create the BGPPeers that take the place of the temporary ones."""
    SHARES = "shares"
    """Give clients a share of reflectors, so that others serve them no more."""
    CLIENTS = "clients"
    """Wait until reflectors alone carry every route."""
    MESH_OFF = "mesh-off"
    BAKE = "bake"
    NARROWER_PEERS = "narrower-peers"
    """Take sessions away from BGPPeers that stay, once others carry the routes."""
    OLD_PEERS = "old-peers"
    END_OF_WAVES = "end-of-waves"
    END_OF_SHARES = "end-of-shares"
    """Take the shares of reflectors away when no BGPPeer reads them any more."""
    UNLABEL = "unlabel"
    """Remove labels that others left."""
    RETIRE = "retire"
    """End standalone reflectors."""
    HELD_AGAIN = "held-again"
    """Wait until drained nodes hold every route again."""
    FINISH = "finish"
    """Untaint and uncordon; no session changes."""

    @property
    def place(self) -> int:
        """How many phases come before."""
        return list(Phase).index(self)
