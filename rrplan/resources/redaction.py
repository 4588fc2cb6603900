"""Documents without secrets: what no rule reads is told by its name and a digest, or is left out.

Fields are those of Calico v3.32 (libcalico-go/lib/apis/v3, api/pkg/apis/projectcalico/v3). Whatever stands elsewhere
may be anything, so its value does not leave the cluster.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from rrplan.resources.reading import LAST_APPLIED

MARK = "rrplan.io/digest:"
"""Begins what stands in the place of a value that was left out."""
OWN_ANNOTATIONS = ("projectcalico.org/", "rrplan.io/")

_DURATION = re.compile(r"\d{1,9}(?:ms|s|m|h)?", re.ASCII)

Fields: TypeAlias = Mapping[str, "Fields | None"]
"""The fields that are kept, by name; None for plain values and lists of them."""


def _plain(names: str) -> dict[str, Fields | None]:
    return dict.fromkeys(names.split())


_PASSWORD: Fields = {"secretKeyRef": _plain("key name optional")}
_CIDR = _plain("cidr")
_RULE: Fields = {
    **_plain("action cidr interface matchOperator source operations peerType priority"),
    "prefixLength": _plain("max min"),
}
_STATUS = _plain("podCIDRs wireguardPublicKey wireguardPublicKeyV6")
_FIELDS: Mapping[str, Fields] = {
    "BGPPeer": {
        **_plain(
            "asNumber filters keepOriginalNextHop keepaliveTime localASNumber localWorkloadSelector maxRestartTime "
            "nextHopMode node nodeSelector numAllowedLocalASNumbers peerIP peerSelector reachableBy reversePeering "
            "sourceAddress ttlSecurity"
        ),
        "password": _PASSWORD,
    },
    "BGPConfiguration": {
        **_plain(
            "asNumber bindMode ignoredInterfaces ipv4NormalRoutePriority ipv6NormalRoutePriority listenPort "
            "localWorkloadPeeringIPV4 localWorkloadPeeringIPV6 logSeverityScreen nodeMeshMaxRestartTime "
            "nodeToNodeMeshEnabled programClusterRoutes serviceLoadBalancerAggregation"
        ),
        "communities": _plain("name value"),
        "nodeMeshPassword": _PASSWORD,
        "prefixAdvertisements": _plain("cidr communities"),
        "serviceClusterIPs": _CIDR,
        "serviceExternalIPs": _CIDR,
        "serviceLoadBalancerIPs": _CIDR,
    },
    "BGPFilter": dict.fromkeys(("exportV4", "exportV6", "importV4", "importV6"), _RULE),
    "FelixConfiguration": _plain(
        "bpfLogLevel healthHost iptablesBackend logSeverityFile logSeverityScreen logSeveritySys programClusterRoutes"
    ),
    "HostEndpoint": {
        **_plain("node interfaceName expectedIPs profiles"),
        "ports": _plain("name port protocol"),
    },
    "CalicoNode": {
        **_plain("ipv4VXLANTunnelAddr ipv6VXLANTunnelAddr vxlanTunnelMACAddr vxlanTunnelMACAddrV6"),
        "addresses": _plain("address type"),
        "bgp": _plain(
            "asNumber ipv4Address ipv4IPIPTunnelAddr ipv6Address routeReflectorClusterID "
            "ipv4VXLANTunnelAddr ipv6VXLANTunnelAddr vxlanTunnelMACAddr"
        ),
        "orchRefs": _plain("nodeName orchestrator"),
        "wireguard": _plain("interfaceIPv4Address interfaceIPv6Address"),
    },
}


def redacted(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as `original` makes it, without what no rule needs; what was left out once stays as it is."""
    fields = _FIELDS.get(str(document.get("kind")))
    kept = dict(document)
    if fields is not None:
        spec = document.get("spec") or {}
        if document.get("kind") == "FelixConfiguration":
            # Its switches, numbers and durations are many, and none of them is a secret.
            fields = {**fields, **{name: None for name, value in spec.items() if _harmless(value)}}
        kept["spec"] = _kept(spec, fields)
        if "status" in document:
            kept["status"] = _kept(document["status"], _STATUS)
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if isinstance(metadata, Mapping) and annotations:
        own = {
            name: text if name.startswith(OWN_ANNOTATIONS) else _mark(text)
            for name, text in annotations.items()
            if name != LAST_APPLIED
        }
        rest = {name: value for name, value in metadata.items() if name != "annotations"}
        kept["metadata"] = {**rest, "annotations": own} if own else rest
    return kept


def _harmless(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and _DURATION.fullmatch(value) is not None)


def withheld(value: object) -> bool:
    """Whether something was left out of a value."""
    if isinstance(value, Mapping):
        return any(map(withheld, value.values()))
    if isinstance(value, list | tuple):
        return any(map(withheld, value))
    return isinstance(value, str) and value.startswith(MARK)


def _kept(value: object, fields: Fields | None) -> object:
    if isinstance(value, list | tuple):
        return [_kept(item, fields) for item in value]
    if fields is None:
        return _mark(value) if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping):
        return None if value is None else _mark(value)
    return {name: _kept(part, fields[name]) if name in fields else _mark(part) for name, part in value.items()}


def _mark(value: object) -> str:
    if isinstance(value, str) and value.startswith(MARK):
        return value
    return MARK + hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
