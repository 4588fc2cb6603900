"""What containers of standalone reflectors need beside their DaemonSet, looked for without reading any secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.server import ApiServer, Forbidden
from rrplan.errors import DatastoreRefused
from rrplan.runs.preflight import Effect, PreflightCheck, Situation
from rrplan.specs import Flavor, Spec

CONFIG_KEYS = ("etcd_endpoints", "etcd_ca", "etcd_cert", "etcd_key")
METADATA_ONLY = ",".join(
    f"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v={version}" for version in ("v1", "v1beta1")
)
"""A Secret without its content; `v1` is served since Kubernetes 1.15. A server that knows neither answers 406."""


def containers_check(server: ApiServer) -> PreflightCheck:
    """Whether anything is missing; what may not be read is treated as there. Without it a plan is no use."""

    def problems(situation: Situation) -> list[str]:
        return list(_lacking(server, situation.plan.spec))

    hint = "give the right names in `standalone` of the spec"
    return PreflightCheck("containers", problems, hint=hint, at_plan=Effect.REFUSED)


def _lacking(server: ApiServer, spec: Spec) -> Iterator[str]:
    if spec.flavor is not Flavor.STANDALONE:
        return
    names = spec.standalone
    # What may not be read is taken to be there.
    with suppress(Forbidden):
        config = server.get(f"{collection('ConfigMap', names.namespace)}/{names.config_map}")
        if config is None:
            yield f"ConfigMap {names.namespace}/{names.config_map} does not exist: it tells where etcd is"
        else:
            keys = [key for key in CONFIG_KEYS if key not in (config.get("data") or {})]
            if keys:
                yield f"ConfigMap {names.namespace}/{names.config_map} lacks {', '.join(f'`{key}`' for key in keys)}"
    with suppress(DatastoreRefused):
        if server.get(f"{collection('Secret', names.namespace)}/{names.secret}", accept=METADATA_ONLY) is None:
            yield f"Secret {names.namespace}/{names.secret} does not exist: it has etcd's certificates"
