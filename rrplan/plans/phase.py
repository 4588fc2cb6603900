"""The parts of the way from one topology to another, in the order that keeps routes."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """What a step is for; phases that change sessions follow one another in this order."""

    PREPARE = "prepare"
    """Drain, cordon and taint; no session changes."""
    MESH_ON = "mesh-on"
    AS_NUMBERS = "as-numbers"
    """Change AS numbers of nodes, one after another."""
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
    FALLBACK = "fallback"
    """Copy the routes of every node into a table of its own, before nodes in use change their role."""
    WAVE_PEERS = "wave-peers"
    """Create the temporary BGPPeers that serve one wave after another."""
    NARROWED = "narrowed"
    """Let the BGPPeers of groups leave out reflectors whose sessions have new options."""
    RENEWAL_PEERS = "renewal-peers"
    """Create the temporary BGPPeers that give these sessions the new options."""
    RENEWAL = "renewal"
    """Restart the sessions of one reflector after another with new options."""
    RENEWED = "renewed"
    """Give the BGPPeers of groups the options that all their sessions have by then."""
    PEERS = "peers"
    PROMOTE = "promote"
    MOVE_FIRST = "move-first"
    """Let one node for each group reflect for it, of those that reflect for another one yet."""
    MOVE = "move"
    """Let the others follow, once every group has a reflector that serves those whom they leave."""
    DEMOTE = "demote"
    END_OF_FALLBACK = "end-of-fallback"
    """Take these tables away, once all roles are changed."""
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
    END_OF_RENEWAL = "end-of-renewal"
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

    @property
    def with_fallback(self) -> bool:
        """Whether the fallback tables are there in this phase, in a plan that has some."""
        return Phase.FALLBACK.place < self.place < Phase.END_OF_FALLBACK.place
