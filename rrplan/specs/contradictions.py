"""What each field of a spec allows but the whole does not: paths in `spec`, what is wrong, and what to do."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterator

from rrplan.specs.beyond import outside_contradictions
from rrplan.specs.counting import NodesPerReflector
from rrplan.specs.document import Path
from rrplan.specs.labels import adoption, label_keys
from rrplan.specs.model import Flavor, Group, HookPoint, Spec, Topology
from rrplan.specs.peering import OF_MESH, Peering, excluded
from rrplan.specs.shares import is_shared, reflectors_of, share_count


def contradictions(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """What each field allows but the whole does not."""
    if spec.topology is Topology.FULL_MESH and spec.groups:
        yield ("groups",), "a full mesh has no reflector groups", "remove `groups`, or set `topology: route-reflectors`"
    if spec.topology is Topology.ROUTE_REFLECTORS and not spec.groups:
        yield ("topology",), "`groups` is missing: which nodes are reflectors?", "add at least one group"
    if spec.flavor is Flavor.STANDALONE:
        yield from _standalone(spec)
    yield from _in_use(spec)
    yield from outside_contradictions(spec)
    yield from _options(spec)
    yield from label_keys(spec)
    yield from adoption(spec)
    names: dict[str, int] = {}
    owners: dict[str, str] = {}
    for index, group in enumerate(spec.groups):
        at: Path = ("groups", index)
        if group.name in names:
            yield (*at, "name"), f"two groups are called `{group.name}`", "group names are unique"
        names[group.name] = index
        yield from _group(spec, group, at)
        for node in group.nodes.names:
            if node in owners:
                where = (
                    f"twice in group `{group.name}`" if owners[node] == group.name else f"in group `{owners[node]}` too"
                )
                yield (*at, "nodes", "names"), f"node `{node}` is {where}", "a node reflects for one group"
            owners[node] = group.name
    yield from _levels(spec)
    for index, group in enumerate(spec.groups):
        if is_shared(group):
            yield from _shared(spec, group, ("groups", index, "reflectorsPerClient"))
    if sum(size.percent for size in spec.rollout.waves) > 100:
        yield (
            ("rollout", "waves"),
            "the waves are more than 100 % of the clients together",
            "the rest forms a last wave",
        )
    for index, hook in enumerate(spec.hooks):
        if hook.action and hook.on not in (HookPoint.BEFORE_STEP, HookPoint.AFTER_STEP):
            yield (
                ("hooks", index, "action"),
                f"`action` has no meaning for a hook on `{hook.on}`",
                "use `before-step` or `after-step`",
            )


def _in_use(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """Routes of nodes in use are kept where they stay in use, and lead straight to their node."""
    if spec.policy.in_use is None:
        return
    at: Path = ("policy", "inUse")
    if spec.flavor is Flavor.STANDALONE:
        yield at, "standalone reflectors take the place of calico-node, so their nodes are drained", "remove `inUse`"
    elif spec.drain is not None:
        yield at, "`drain` empties the nodes that `inUse` keeps in use", "give one of the two"
    elif spec.as_numbers:
        yield (
            at,
            "`inUse` needs one AS number for all nodes, and `asNumbers` gives them others",
            "remove one of the two",
        )


def _peerings(spec: Spec) -> list[tuple[Path, Peering]]:
    given: list[tuple[Path, Peering]] = [(("peering",), spec.peering)]
    return given + [(("groups", index, "peering"), group.peering) for index, group in enumerate(spec.groups)]


def _options(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """Options that exclude one another, and those that a mesh cannot have (BGPConfiguration has two)."""
    for path, peering in _peerings(spec):
        if excluded(peering.stated()):
            yield (
                (*path, "keepOriginalNextHop"),
                "`keepOriginalNextHop` and `nextHopMode` exclude one another",
                "say `nextHopMode: Keep` alone; before Calico v3.30.2, `keepOriginalNextHop: true` alone",
            )
    if spec.topology is Topology.FULL_MESH:
        for name, value in spec.peering.stated().items():
            if value is not None and name not in OF_MESH:
                yield (
                    ("peering", name),
                    f"sessions of the node-to-node mesh have no `{name}`",
                    "remove it: a full mesh has `password` and `maxRestartTime` alone",
                )


def _standalone(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """Each container is a reflector for every node, with its router ID as cluster ID, and needs a node for itself."""
    if spec.topology is Topology.FULL_MESH:
        yield (
            ("flavor",),
            "`flavor: standalone` goes with `topology: route-reflectors`",
            "`rrplan rollback` is the way back",
        )
    if len(spec.groups) > 1:
        yield ("groups",), "standalone reflectors are one group: each serves every node", "give one group"
    for index, group in enumerate(spec.groups):
        if group.clients:
            yield ("groups", index, "clients"), "standalone reflectors serve every node", "remove `clients`"
        if group.cluster_id:
            yield (
                ("groups", index, "clusterID"),
                "a standalone reflector's cluster ID is its address",
                "remove `clusterID`",
            )
    for path, peering in _peerings(spec):
        if any(value is not None for value in peering.stated().values()):
            yield path, "sessions with a standalone reflector have no options", "remove `peering`"
    if spec.as_numbers:
        yield ("asNumbers",), "AS numbers of nodes are not changed beside standalone reflectors", "remove `asNumbers`"
    if spec.cluster_id:
        yield ("clusterID",), "a standalone reflector's cluster ID is its address", "remove `clusterID`"
    if spec.drain is None:
        yield (
            ("flavor",),
            "standalone reflectors need `drain: true`",
            "calico-node leaves their nodes, so no pod there has routes any more",
        )
    if spec.rollout.waves:
        yield ("rollout", "waves"), "standalone reflectors serve every node from the start", "remove `waves`"


def _levels(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """Groups with a parent lie below another group that treats them as clients."""
    by_name = {group.name: group for group in spec.groups}
    for index, group in enumerate(spec.groups):
        at: Path = ("groups", index, "parent")
        if group.parent is None:
            continue
        above = by_name.get(group.parent)
        if spec.flavor is Flavor.STANDALONE:
            yield at, "standalone reflectors are one group, which has no parent", "remove `parent`"
        elif above is None:
            close = difflib.get_close_matches(group.parent, by_name, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "`parent` names another group of this spec"
            yield at, f"there is no group `{group.parent}`", hint
        elif not (group.reflects_inside and above.reflects_inside):
            without = group if above.reflects_inside else above
            problem = f"no node reflects for group `{without.name}`, so it lies neither above nor below another one"
            yield at, problem, "remove `parent`; reflectors outside have a part in each group that names them"
        elif _circles(group, by_name):
            yield at, f"group `{group.name}` is above itself", "one group at least has no `parent`"
        elif spec.cluster_id_of(group) == spec.cluster_id_of(above) != "":
            problem = f"groups `{group.name}` and `{above.name}` have one cluster ID, so neither serves the other"
            yield at, problem, "give each group a `clusterID` of its own"


def _shared(spec: Spec, group: Group, at: Path) -> Iterator[tuple[Path, str, str]]:
    """Clients are shared out among the reflectors of one group inside the cluster."""
    each, every = group.reflectors_per_client or 0, reflectors_of(group)
    if spec.flavor is Flavor.STANDALONE:
        yield at, "standalone reflectors serve every node", "remove `reflectorsPerClient`"
    elif group.outside:
        yield at, "clients are shared out among reflectors inside the cluster", "remove `outside` from the group"
    elif isinstance(group.nodes.count, NodesPerReflector):
        yield at, "reflectors that are shared out have a fixed number", "give `count` as a number"
    elif spec.children(group):
        yield at, f"group `{group.name}` is above others, whose reflectors have all of its", "share out groups below it"
    elif share_count(group) < 2 and every:
        problem = f"{every} reflector{'s' if every > 1 else ''} with {each} for each client leave nothing to share out"
        most = every // 2
        enough = most >= spec.policy.min_reflectors_per_client
        hint = f"`reflectorsPerClient` is at most {most} here; or leave it out" if enough else "leave it out"
        yield at, problem, hint
    elif each < spec.policy.min_reflectors_per_client:
        least = spec.policy.min_reflectors_per_client
        problem = f"each client has {each} reflector{'s' if each > 1 else ''}, and the policy wants {least}"
        yield at, problem, "`policy.minReflectorsPerClient` says how many a client has at least"
    elif cluster_id := spec.cluster_id_of(group):
        last = int(ipaddress.IPv4Address(cluster_id)) + share_count(group) - 1
        own = range(int(ipaddress.IPv4Address(cluster_id)), last + 1)
        ids = {other.name: spec.cluster_id_of(other) for other in spec.groups if other.name != group.name}
        met = next((name for name, text in ids.items() if text and int(ipaddress.IPv4Address(text)) in own), "")
        if last >= 2**32:
            yield at, f"no {share_count(group)} cluster IDs follow from {cluster_id} on", "begin with a lower one"
        elif met:
            problem = f"the shares of group `{group.name}` have the {len(own)} cluster IDs from {cluster_id} on"
            yield at, f"{problem}, and one of them is that of group `{met}`", "give that group another `clusterID`"


def _circles(group: Group, by_name: dict[str, Group]) -> bool:
    """Whether the way up from a group leads back to it."""
    above, seen = group.parent, set[str]()
    while above is not None and above in by_name and above not in seen:
        if above == group.name:
            return True
        seen.add(above)
        above = by_name[above].parent
    return False


def _group(spec: Spec, group: Group, at: Path) -> Iterator[tuple[Path, str, str]]:
    nodes = group.nodes
    if group.outside and not (nodes.names or nodes.selector):
        if nodes.count is not None or nodes.spread_over or nodes.allow:
            yield (*at, "nodes"), f"group `{group.name}`: no node is chosen", "give `names` or `selector`, or remove it"
        return
    if bool(nodes.names) == bool(nodes.selector):
        both = "both `names` and `selector` are given" if nodes.names else "neither `names` nor `selector` is given"
        yield (*at, "nodes"), f"group `{group.name}`: {both}", "give exactly one of them"
    elif nodes.selector and nodes.count is None:
        yield (*at, "nodes", "selector"), "`count` is missing", "say how many of the matching nodes become reflectors"
    elif nodes.names and (nodes.count is not None or nodes.spread_over):
        yield (
            (*at, "nodes", "names"),
            "`count` and `spreadOver` go with `selector`",
            "remove them, or choose by selector",
        )
    if isinstance(nodes.count, NodesPerReflector) and not spec.serves_nodes(group):
        problem = f"the clients of group `{group.name}` are reflectors, and `nodesPerReflector` counts nodes"
        yield (*at, "nodes", "count"), problem, "give `count` as a number"
    if not spec.cluster_id_of(group) and spec.flavor is Flavor.IN_CLUSTER:
        yield at, f"group `{group.name}` has no cluster ID", "set `clusterID` here, or once for all groups under `spec`"
