"""What a plan relied on, as one short digest per resource: unrelated edits do not make a plan stale."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from functools import partial

from rrplan.bgp.profile import Versions
from rrplan.digest import digest
from rrplan.ids import ActionName
from rrplan.plans.plan import Step
from rrplan.resources import ClusterState, Node, encode
from rrplan.resources.cascade import cascades
from rrplan.resources.redaction import redacted
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs import Spec
from rrplan.specs.model import ZONE_LABEL


class Digests:
    """Digests of resources that were the same objects the last time, so that they are not computed again."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, Hashable, str]] = {}

    def of(self, key: str, resource: object, beside: Hashable, make: Callable[[], str]) -> str:
        """What `make` makes of a resource and of what counts `beside` it."""
        kept = self._kept.get(key)
        if kept is None or kept[0] is not resource or kept[1] != beside:
            kept = self._kept[key] = (resource, beside, make())
        return kept[2]


def deleted_nodes(steps: Iterable[Step]) -> frozenset[str]:
    """The nodes whose Calico Node the steps of a plan delete: what would go with it counts."""
    return frozenset(step.node for step in steps if step.action is ActionName.DELETE_CALICO_NODE and step.node)


def fingerprints(
    spec: Spec, state: ClusterState, versions: Versions, deleted: Collection[str] = (), known: Digests | None = None
) -> dict[str, str]:
    """Digests by resource key, sorted; `deleted` are the nodes whose Calico Node the plan deletes.

    `known` are those that were computed before; new ones are added to them.
    """
    labels = _labels(spec, state)
    known = known or Digests()
    digests = {}
    for node in state.nodes.values():
        version = str(versions.of(node.name))
        make = partial(_node, node, labels, version)
        digests[str(node.key)] = known.of(str(node.key), node, (labels, version), make)
    digests |= {str(peer.key): _short(redacted(encode(peer))["spec"]) for peer in state.peers.values()}
    digests |= {
        str(configuration.key): _short(redacted(encode(configuration))["spec"])
        for configuration in state.configurations.values()
    }
    for resources in cascades(state, deleted, versions.default).values():
        digests |= {str(resource.key): _short(redacted(encode(resource))["spec"]) for resource in resources}
    return dict(sorted(digests.items()))


def _node(node: Node, labels: frozenset[str], version: str) -> str:
    effective = node.effective_labels
    return _short(
        [
            node.ipv4,
            node.ipv6,
            node.as_number,
            node.cluster_id,
            {label: effective[label] for label in sorted(labels) if label in effective},
            node.unschedulable,
            version,
        ]
    )


def _labels(spec: Spec, state: ClusterState) -> frozenset[str]:
    """The labels that some selector of the spec or of a BGPPeer looks at."""
    texts = [group.clients or "" for group in spec.groups] + [group.nodes.selector for group in spec.groups]
    spread = [group.nodes.spread_over for group in spec.groups if group.nodes.spread_over]
    for peer in state.peers.values():
        texts += [peer.node_selector, peer.peer_selector]
    labels = {spec.label_key, ZONE_LABEL, *spread, *(spec.adopt.labels if spec.adopt else ())}
    for text in texts:
        try:
            labels |= parse(text).labels
        except SelectorSyntaxError:
            continue
    return frozenset(labels)


def _short(value: object) -> str:
    return digest(value).removeprefix("sha256:")[:16]
