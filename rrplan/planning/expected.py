"""What the sessions of a cluster should be by the model, as the expectations that gates carry."""

from __future__ import annotations

from collections.abc import Mapping

from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.roles import Roles
from rrplan.ids import NodeName
from rrplan.planning.gates import GateMaker
from rrplan.planning.node_sets import NodeSets
from rrplan.plans.gate import Expectation
from rrplan.resources import ClusterState
from rrplan.specs import from_document

_ANY = {
    "apiVersion": "rrplan.io/v1",
    "kind": "BGPTopology",
    "metadata": {"name": "any"},
    "spec": {"topology": "full-mesh"},
}
"""The times of a gate come from a spec; here nobody waits."""


def expected(
    state: ClusterState, versions: Versions, roles: Roles = ()
) -> tuple[list[Expectation], Mapping[str, tuple[NodeName, ...]]]:
    """Of every reflector, the routes that its neighbours have from it; of the mesh, the sessions of each node.

    `roles` is what is known of speakers outside.
    """
    sets = NodeSets()
    maker = GateMaker(from_document(_ANY), sets)
    model = Model(state, versions, roles=roles)
    gates = [*maker.routes(model, maker.reflectors(model), title="reflectors")]
    gates += maker.between_plain(model)
    return [expectation for gate in gates for expectation in gate.expectations], sets.table()
