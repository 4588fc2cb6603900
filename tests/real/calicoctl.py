"""A calicoctl for tests: its words, its JSON and its errors, on a real etcd; the real one is not in any registry.

`python -m tests.real.calicoctl ACCESS WORDS...`, where ACCESS is JSON. Verbs: get KIND [NAME] -o json|yaml; create,
replace, delete -f -; delete KIND NAME; patch KIND NAME --patch=JSON. Sources: calicoctl/resourcemgr/resourcemgr.go and
libcalico-go/lib/errors/errors.go (v3.8).
"""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import yaml

from rrplan.adapters.etcd import Access, Etcd
from rrplan.adapters.etcd_calico import PLURALS, CalicoEtcd
from rrplan.errors import DatastoreConflict, DatastoreError
from rrplan.ports import Stored
from rrplan.resources import ResourceKey
from rrplan.resources.documents import patched

CODE = "import sys; sys.path[:0] = [{root!r}]; from tests.real.calicoctl import main; sys.exit(main(sys.argv[1:]))"


def command(access: Access, root: str) -> str:
    """The command that calls it."""
    told = {name: value for name, value in asdict(access).items() if value}
    return shlex.join([sys.executable, "-c", CODE.format(root=root), json.dumps(told)])


def main(words: list[str]) -> int:
    """What calicoctl would do; 1 for an error."""
    calico = CalicoEtcd(Etcd(Access(**json.loads(words[0]))))
    verb, *rest = words[1:]
    try:
        if verb == "get":
            _get(calico, rest)
        elif rest[0] == "-f":
            _write(calico, verb, yaml.safe_load(sys.stdin))
        else:
            _named(calico, verb, *rest)
    except Refused as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    except DatastoreError as error:
        sys.stderr.write(f"Failed to execute command: {error}\n")
        return 1
    return 0


class Refused(Exception):
    """An error in calicoctl's words."""


def _get(calico: CalicoEtcd, words: list[str]) -> None:
    plural, *names = words[: words.index("-o")]
    kind = _kind(plural)
    if names:
        found = calico.get(ResourceKey(kind, names[0]))
        if found is None:
            raise Refused(f"resource does not exist: {kind}({names[0]}) with error: <nil>")
        value: Mapping[str, object] = found.document
    else:
        items = [stored.document for stored in calico.everything([kind])]
        head = {"kind": f"{kind}List", "apiVersion": "projectcalico.org/v3", "metadata": {"resourceVersion": "9"}}
        value = {**head, "items": items}
    sys.stdout.write(yaml.safe_dump(dict(value)) if words[-1] == "yaml" else json.dumps(value, indent=2) + "\n")


def _kind(word: str) -> str:
    return next(kind for kind, plural in PLURALS.items() if word.lower() in (plural, kind.lower()))


def _named(calico: CalicoEtcd, verb: str, kind: str, name: str, *words: str) -> None:
    key = ResourceKey(_kind(kind), name)
    present = calico.get(key)
    if present is None:
        raise Refused(f"Hit error: resource does not exist: {key.kind}({name}) with error: <nil>")
    if verb == "patch":
        patch = json.loads(words[0].removeprefix("--patch="))
        calico.replace(key, patched(present.document, patch), present.version)
    else:
        calico.delete(key, present.version)


def _write(calico: CalicoEtcd, verb: str, document: dict[str, Any]) -> None:
    metadata = document["metadata"]
    key = ResourceKey(document["kind"], metadata["name"])
    named = f"{key.kind}({key.name})"
    present = calico.get(key)
    if verb == "create":
        if present is not None:
            raise Refused(f"Failed to create '{key.kind}' resource: [resource already exists: {named}]")
        calico.create(key, document)
        return
    if present is None:
        raise Refused(f"Hit error: resource does not exist: {named} with error: <nil>")
    if metadata.get("resourceVersion") not in (None, present.version):
        raise Refused(f"Hit error: update conflict: {named}")
    try:
        if verb == "replace":
            calico.replace(key, _merged(document, present), present.version)
        else:
            calico.delete(key, present.version)
    except DatastoreConflict as error:
        raise Refused(f"Hit error: update conflict: {named}") from error


def _merged(document: dict[str, Any], present: Stored) -> dict[str, Any]:
    """What was there when it was made stays; labels and annotations are the new ones."""
    there = present.document["metadata"]
    assert isinstance(there, Mapping)
    told = {name: document["metadata"].get(name) for name in ("labels", "annotations")}
    kept = {name: value for name, value in there.items() if name not in told}
    return {**document, "metadata": {**kept, **{name: value for name, value in told.items() if value}}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
