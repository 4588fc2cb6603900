"""What is wanted, as the compilers of a spec make it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rrplan.desired.adoption import Adopted, Left
from rrplan.desired.options import MESH_FIELDS, Options, same_value
from rrplan.desired.placement import Placed
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, Resource


@dataclass(frozen=True, slots=True)
class Desired:
    """The target state, who reflects, and the reasons in words.

    `drained` are the nodes that the spec wants empty while they change their role. `general` are the names of the
    BGPPeers that serve all clients of a group, `waves` the BGPPeers that serve the clients of a wave meanwhile.
    `cascades` are the nodes whose Calico Node is deleted, each with what goes with it. `adopted`
    is what is taken over of what others made, `left` what stays of it.
    """

    state: ClusterState
    placed: tuple[Placed, ...]
    drained: frozenset[NodeName]
    reasons: tuple[str, ...]
    notices: tuple[str, ...]
    general: frozenset[str] = frozenset()
    waves: tuple[BGPPeer, ...] = ()
    cascades: Mapping[NodeName, tuple[Resource, ...]] = field(default_factory=dict, hash=False)
    adopted: Adopted = field(default_factory=Adopted)
    left: Left = field(default_factory=Left)


def cordoned(target: ClusterState, names: Iterable[NodeName]) -> ClusterState:
    """The target in which nodes that calico-node leaves stay cordoned: no pod of theirs has a network any more."""
    return replace(
        target, nodes={**target.nodes, **{name: replace(target.nodes[name], unschedulable=True) for name in names}}
    )


def mesh_off(state: ClusterState) -> Mapping[str, BGPConfiguration]:
    """The configurations with the mesh off, and without what validation forbids beside it (v3.23+)."""
    default = state.configurations.get("default")
    if default is not None and default.mesh_enabled is False:
        return state.configurations
    spec = {name: value for name, value in (default.spec if default else {}).items() if name not in _OF_MESH}
    return _with(state, default, {**spec, "nodeToNodeMeshEnabled": False}, mesh=False)


def mesh_on(state: ClusterState, options: Options) -> Mapping[str, BGPConfiguration]:
    """The configurations with the mesh on, and these options for its sessions."""
    default = state.configurations.get("default")
    present = default.spec if default else {}
    wanted = {MESH_FIELDS[name]: value for name, value in options.items()}
    same = all(same_value(present.get(name), wanted.get(name)) for name in _OF_MESH)
    if (default is None or default.mesh_enabled is not False) and same:
        return state.configurations
    spec = {name: value for name, value in present.items() if name not in _OF_MESH}
    return _with(state, default, {**spec, **wanted, "nodeToNodeMeshEnabled": True}, mesh=True)


_OF_MESH = frozenset(MESH_FIELDS.values())


def _with(
    state: ClusterState, default: BGPConfiguration | None, spec: Mapping[str, object], *, mesh: bool
) -> Mapping[str, BGPConfiguration]:
    changed = replace(default or BGPConfiguration("default"), mesh_enabled=mesh, spec=spec)
    return {**state.configurations, "default": changed}
