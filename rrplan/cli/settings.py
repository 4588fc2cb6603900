"""Which cluster is meant where the command line does not say it: the environment, then a file of the operator's.

`RRPLAN_CONTEXT`, `RRPLAN_KUBECONFIG`, `RRPLAN_CALICO_CONFIG`, `RRPLAN_CALICOCTL` and `RRPLAN_NODE_STATUS` stand for the
options of the same names; the file has these options as keys. It is `RRPLAN_CONFIG`, or `rrplan/config.yaml` in the
directory for configuration (XDG Base Directory Specification).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import click

from rrplan.adapters.local.files import read_bytes
from rrplan.errors import FileFormatError, Problem

KEYS = ("context", "kubeconfig", "calico-config", "calicoctl", "node-status")
OTHER_SOURCES = ("sandbox", "manifests", "snapshot_file")
"""Options that name a cluster, or a state, without a live cluster."""


def settled(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """The options of a live cluster, by key: as given, from the environment, or from the file; raises FileFormatError.

    Where the command line names any cluster or state, nothing else counts.
    """
    if given["context"] or given["kubeconfig"] or any(_given(name) for name in OTHER_SOURCES):
        return dict(given)
    kept = _file()
    return {key: given[key] or os.environ.get(_variable(key)) or kept.get(key) for key in KEYS}


def _variable(key: str) -> str:
    return f"RRPLAN_{key.upper().replace('-', '_')}"


def _given(parameter: str) -> bool:
    return bool(click.get_current_context().params.get(parameter))


def _file() -> dict[str, str]:
    named = os.environ.get("RRPLAN_CONFIG")
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    path = Path(named) if named else Path(home).expanduser() / "rrplan" / "config.yaml"
    if not named and not path.exists():
        return {}
    import yaml

    try:
        value = yaml.safe_load(read_bytes(path)) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _problem(path, "is not YAML", "it has lines like `context: production`") from error
    if not isinstance(value, dict):
        raise _problem(path, "is no mapping", "it has lines like `context: production`")
    for key, text in value.items():
        if key not in KEYS:
            close = get_close_matches(str(key), KEYS, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(KEYS)}"
            raise _problem(path, f"has an unknown key `{key}`", hint)
        if not isinstance(text, str):
            raise _problem(path, f"has no text for `{key}`", "give one word, in quotes if it looks like a number")
    return value


def _problem(path: Path, what: str, hint: str) -> FileFormatError:
    return FileFormatError([Problem(f"{path} {what}", hint=hint)])
