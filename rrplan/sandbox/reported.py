"""What the nodes of the embedded cluster report of their sessions and routes, at one moment and in one family."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from rrplan.bgp.model import Model
from rrplan.bgp.outside import uplinks
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.ports import FamilyReading, SessionReading, UplinkReading
from rrplan.sandbox.sessions import explicit_links

UP = ""
WAITS = "BIRD says `start Active`"


@dataclass(frozen=True, slots=True)
class Moment:
    """`gone` are the explicit sessions that are not up, by both ends, `meshed` the nodes whose mesh sessions are up,
    `dead` those that are silent."""

    model: Model
    family: Family
    gone: Mapping[NodeName, set[NodeName]]
    meshed: Collection[NodeName]
    dead: Collection[NodeName]

    def readings(self, nodes: Collection[NodeName], peers: Collection[NodeName]) -> dict[NodeName, FamilyReading]:
        """The sessions of each node to `peers`, and the routes that came over them."""
        model = self.model
        view = model.view()
        holdings = view.holdings[self.family]
        sizes = model.living(view)
        joined = set(holdings.joined)
        counts = [
            sum(name not in self.dead for name in model.population.classes[signature]) for signature in view.signatures
        ]
        meshing = {index for index, signature in enumerate(view.signatures) if not signature.cluster_id}

        @cache
        def linked(here: int) -> frozenset[int]:
            return frozenset(holdings.linked(here))

        outside = model.rules.reaches_outside
        here = {name for name in {*nodes, *peers} if name in model.population.speakers}
        place = {name: view.index(model.population.signature_of[name]) for name in here}
        passed = self._passed_on({place[name] for name in nodes if name in here}) if outside else {}
        alike: dict[int, dict[NodeName, SessionReading]] = {}
        readings: dict[NodeName, FamilyReading] = {}
        for name in nodes:
            if name not in here or not model.population.speakers[name].address(self.family):
                continue
            there = place[name]
            if there not in alike:
                alike[there] = {}
                for peer in peers:
                    if peer in here and (place[peer], there) in joined:
                        given = holdings.delivered(place[peer], there, sizes) - len(self.gone.get(peer, ()))
                        routes = 0 if peer in self.dead else max(given, 0)
                        alike[there][peer] = SessionReading(peer, peer not in self.dead, routes)
            sessions = alike[there]
            # Most nodes have all their sessions: those of a class share one reading.
            if name in self.gone or name in sessions:
                late = self.gone.get(name, ())
                sessions = {
                    peer: SessionReading(peer, established=False, routes=0) if peer in late else session
                    for peer, session in sessions.items()
                    if peer != name
                }
            mesh_up = len(self.meshed) - 1 if name in self.meshed else 0
            uplinks = {
                address: UplinkReading(
                    established=not why, why=why, routes=0 if why else passed.get((address, there), 0)
                )
                for address, why in (self._uplinks(name) if outside else {}).items()
            }
            late = self.gone.get(name, set())
            direct_up = (
                0
                if model.rules.settings.mesh and there in meshing and name not in self.meshed
                else (sum(counts[far] for far in linked(there)) - (there in linked(there)) - len(late))
            )
            readings[name] = FamilyReading(False, sessions, mesh_up, uplinks, max(direct_up, 0))
        return readings

    def _passed_on(self, places: Collection[int]) -> dict[tuple[str, int], int]:
        """How many nodes' routes each speaker outside hands to a node of these classes, by its address."""
        model, view = self.model, self.model.view()
        holdings, sizes = view.holdings[self.family], model.living(view)
        given: dict[tuple[str, int], int] = {}
        for (address, _), name in model.outside.items():
            if (":" in address) is (self.family is Family.IPV6):
                sender = view.index(model.population.signature_of[name])
                late = len(self.gone.get(NodeName(address), ()))
                for there in places:
                    if holdings.joins(sender, there):
                        given[address, there] = max(0, holdings.delivered(sender, there, sizes) - late)
        return given

    def sessions(self, name: NodeName) -> dict[str, str]:
        """All sessions of a node by the other end's address: "" where established, else why not."""
        speakers = self.model.population.speakers
        explicit = explicit_links(self.model, name)
        states = self._states(sorted(explicit), explicit - self.gone.get(name, set()))
        if self.model.rules.settings.mesh and not speakers[name].reflects_in_mesh:
            others = [
                peer
                for peer, speaker in speakers.items()
                if peer != name and not speaker.reflects_in_mesh and speaker.role is None
            ]
            up = self.meshed if name in self.meshed else ()
            states |= self._states((peer for peer in others if peer not in explicit), up)
        return states | self._uplinks(name)

    def _states(self, peers: Iterable[NodeName], up: Collection[NodeName]) -> dict[str, str]:
        speakers = self.model.population.speakers
        return {
            address: UP if peer in up and peer not in self.dead else WAITS
            for peer in peers
            if (address := speakers[peer].address(self.family))
        }

    def _uplinks(self, name: NodeName) -> dict[str, str]:
        late = self.gone.get(name, ())
        return {
            uplink.address: WAITS if uplink.address in late else UP
            for uplink in uplinks(self.model.rules, self.model.population.speakers[name], self.family)
            if uplink.address
        }
