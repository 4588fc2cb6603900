"""calicoctl's own configuration file, which says where Calico keeps its data (`kind: CalicoAPIConfig`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.adapters.etcd.client import Access, Etcd
from rrplan.adapters.local.files import read_bytes
from rrplan.errors import FileFormatError

FIELDS = {
    "ca": "etcdCACertFile",
    "certificate": "etcdCertFile",
    "key": "etcdKeyFile",
    "user": "etcdUsername",
    "password": "etcdPassword",
}
HINT = "it is calicoctl's configuration file, by default /etc/calico/calicoctl.cfg"


def calico_in_etcd(name: str) -> CalicoEtcd:
    """Calico's data in the etcd that a file names; raises FileFormatError."""
    return CalicoEtcd(Etcd(etcd_access(name)))


def etcd_access(name: str) -> Access:
    """The etcd that a file names; raises FileFormatError."""
    try:
        value: Any = yaml.safe_load(read_bytes(Path(name)))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FileFormatError.one(f"not YAML: {str(error).splitlines()[0]}", file=name, hint=HINT) from error
    if not isinstance(value, dict) or value.get("kind") != "CalicoAPIConfig":
        raise FileFormatError.one("not a CalicoAPIConfig", file=name, hint=HINT)
    given = value.get("spec")
    spec: dict[str, Any] = given if isinstance(given, dict) else {}
    if spec.get("datastoreType", "etcdv3") != "etcdv3":
        datastore = spec.get("datastoreType")
        hint = "leave `--calico-config` out where Calico keeps its data in Kubernetes"
        raise FileFormatError.one(f"`datastoreType` is `{datastore}`, not `etcdv3`", file=name, hint=hint)
    endpoints = tuple(part.strip() for part in str(spec.get("etcdEndpoints") or "").split(",") if part.strip())
    if not endpoints:
        hint = "one or more, with commas: `https://10.0.0.1:2379`"
        raise FileFormatError.one("`etcdEndpoints` is missing", file=name, hint=hint)
    texts = {name: str(spec.get(field) or "") for name, field in FIELDS.items()}
    return Access(endpoints, texts["ca"], texts["certificate"], texts["key"], texts["user"], texts["password"])
