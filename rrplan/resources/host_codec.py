"""What Calico keeps for single hosts: its own Node, FelixConfigurations, HostEndpoints, address blocks.

They are kept whole, because Calico's client deletes them together with a Node (`cascade`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rrplan.resources.key import ResourceKey
from rrplan.resources.node_codec import decode_node
from rrplan.resources.objects import BlockAffinity, CalicoNode, FelixConfiguration, HostEndpoint
from rrplan.resources.reading import Reader

V3 = "projectcalico.org/v3"
ORIGIN = ("uid", "creationTimestamp")
"""What Calico's client adds to a new object where it is not given (libcalico-go/lib/clientv3/resources.go, Create)."""


def origin_of(metadata: Reader) -> dict[str, object]:
    """What an object was made with, where its document says so."""
    return {field: text for field in ORIGIN if (text := metadata.text(field))}


def calico_node(name: str, document: Mapping[str, object]) -> CalicoNode:
    """Calico's Node of a document, without its resourceVersion; raises DecodeProblem."""
    reader = Reader(document)
    decode_node(reader, calico=True)
    metadata = reader.child("metadata")
    kept = {field: metadata.document[field] for field in ("labels", "annotations") if metadata.plain(field)}
    status = reader.plain("status") if "status" in document else None
    return CalicoNode(name, {"name": name, **origin_of(metadata), **kept}, reader.plain("spec"), status)


def encode_calico_node(node: CalicoNode) -> dict[str, object]:
    """The document of Calico's Node, under the kind that is ours."""
    status = {} if node.status is None else {"status": dict(node.status)}
    head = {"apiVersion": V3, "kind": "CalicoNode"}
    return {**head, "metadata": dict(node.metadata), "spec": dict(node.spec), **status}


def felix_configuration(key: ResourceKey, reader: Reader) -> FelixConfiguration:
    """A FelixConfiguration of a document."""
    metadata, spec = reader.child("metadata"), reader.child("spec")
    return FelixConfiguration(
        key.name,
        spec.text("programClusterRoutes"),
        metadata.strings("labels"),
        metadata.annotations(),
        reader.plain("spec"),
        origin_of(metadata),
    )


def felix_spec(felix: FelixConfiguration) -> dict[str, object]:
    """The `spec` of a FelixConfiguration as a document has it."""
    programs = felix.program_cluster_routes
    return {**felix.spec, **({"programClusterRoutes": programs} if programs else {})}


def host_endpoint(key: ResourceKey, reader: Reader) -> HostEndpoint:
    """A HostEndpoint of a document."""
    metadata, spec = reader.child("metadata"), reader.child("spec")
    labels, annotations = metadata.strings("labels"), metadata.annotations()
    return HostEndpoint(key.name, spec.text("node"), labels, annotations, reader.plain("spec"), origin_of(metadata))


def block_affinity(key: ResourceKey, reader: Reader) -> BlockAffinity:
    """A BlockAffinity of a document."""
    spec = reader.child("spec")
    return BlockAffinity(key.name, spec.text("cidr"), spec.text("node"))


def encode_block(block: BlockAffinity) -> dict[str, object]:
    """The document of a BlockAffinity."""
    return block_document(block.node, block.cidr, block.name)


def block_document(node: str, prefix: str, name: str = "") -> dict[str, object]:
    """A BlockAffinity; without a name it gets Calico's (libcalico-go/lib/names, CIDRToName)."""
    named = name or f"{node}-{re.sub('[.:/]', '-', prefix)}"
    spec = {"cidr": prefix, "node": node}
    return {"apiVersion": V3, "kind": "BlockAffinity", "metadata": {"name": named}, "spec": spec}
