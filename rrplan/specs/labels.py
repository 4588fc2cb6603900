"""Labels that a spec sets, removes or takes over: whose they are."""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.resources import CALICO_NODE_LABEL
from rrplan.specs.document import Path
from rrplan.specs.model import LABEL_KEY, Flavor, Spec
from rrplan.specs.shares import CLIENTS_OF

RESERVED = ("kubernetes.io", "k8s.io")
"""Domains of labels that Kubernetes keeps for itself, subdomains included (its page on labels and selectors)."""
OTHER_LABELS = ("rrplan.io/wave", "rrplan.io/renewed", CLIENTS_OF, CALICO_NODE_LABEL)


def is_reserved(key: str) -> bool:
    """Whether a label belongs to Kubernetes."""
    domain = key.rpartition("/")[0]
    return any(domain == reserved or domain.endswith(f".{reserved}") for reserved in RESERVED)


def label_keys(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """The labels that are set on reflectors and removed again belong to nobody else."""
    keys: list[tuple[Path, str]] = [(("labelKey",), spec.label_key)]
    if spec.flavor is Flavor.STANDALONE:
        keys = [(("standalone", "labelKey"), spec.standalone.label_key)]
    for path, key in keys:
        if is_reserved(key):
            yield (
                path,
                f"label `{key}` belongs to Kubernetes: rrplan sets `labelKey` on reflectors, and removes it again",
                f"leave it out, or give a label of your own such as `{LABEL_KEY}`",
            )
        elif key in OTHER_LABELS:
            yield path, f"label `{key}` has another meaning for rrplan", f"leave it out: the default is `{LABEL_KEY}`"


def adoption(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """Labels that are not others' to give away; and what standalone reflectors do not take over."""
    if spec.adopt is None:
        return
    if spec.flavor is Flavor.STANDALONE:
        yield ("adopt",), "`adopt` goes with reflectors inside the cluster", "remove `adopt`, or `flavor: standalone`"
    for index, key in enumerate(spec.adopt.labels):
        at: Path = ("adopt", "labels", index)
        if is_reserved(key):
            yield at, f"label `{key}` belongs to Kubernetes: nobody may take it over", "remove it from `adopt`"
        elif key == spec.label_key or key in OTHER_LABELS:
            yield at, f"label `{key}` is rrplan's own already", "remove it from `adopt`: rrplan removes it by itself"
    for index, group in enumerate(spec.groups):
        for name in group.nodes.names:
            if name in spec.adopt.reflectors:
                yield (
                    ("groups", index, "nodes", "names"),
                    f"node `{name}` reflects for group `{group.name}`, and `adopt` says that it stops",
                    "name it in one of the two places",
                )
