"""Ways to an API server: kubeconfig (files, lists, exec plugins, proxies), or the account of the pod it runs in."""

from __future__ import annotations

import os
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from rrplan.errors import PreflightError
from rrplan.text import listed

IN_CLUSTER = "in-cluster"
"""As a context: the ServiceAccount of the pod that rrplan runs in."""
WHOLE = "`kubectl config view` must be able to read it"
_UNSUPPORTED = ("as-uid", "as-groups", "as-user-extra")


def configuration(kubeconfig: str | None, context: str | None) -> tuple[Any, str | None]:
    """The official client's Configuration, and the user that the kubeconfig says to act as; raises PreflightError."""
    from kubernetes.client import Configuration

    config: Any = import_module("kubernetes.config")
    settings: Any = Configuration()
    try:
        if context == IN_CLUSTER and kubeconfig is None:
            config.load_incluster_config(client_configuration=settings)
            return settings, None
        config.load_kube_config(kubeconfig, context=context, client_configuration=settings)
        files = _read(config, kubeconfig)
        chosen = _chosen(files, context)
        proxy = _named(files, "clusters", "cluster", str(chosen.get("cluster", ""))).get("proxy-url")
        # Client 36 does not read it; 37 looks through the whole environment again at each request until it is told.
        settings.proxy = str(proxy) if proxy else settings.proxy
        return settings, _acting_as(files, str(chosen.get("user", "")))
    except (AttributeError, RecursionError) as error:
        # The official client takes for granted that every part is what it should be.
        problem = "the kubeconfig cannot be used: a part of it is not what it should be"
        raise PreflightError([problem], hint=WHOLE) from error
    except yaml.YAMLError as error:
        raise PreflightError([f"the kubeconfig is no YAML: {' '.join(str(error).split())}"], hint=WHOLE) from error
    except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise PreflightError([f"the kubeconfig cannot be used: {error}"], hint=_hint(context, kubeconfig)) from error


def _hint(context: str | None, kubeconfig: str | None) -> str:
    if context == IN_CLUSTER:
        return f"`--context {IN_CLUSTER}` is for a pod with a ServiceAccount"
    known = contexts(kubeconfig)
    if context is None or not known or context in known:
        return "check `--kubeconfig`, `--context` and KUBECONFIG"
    close = get_close_matches(context, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"it has {listed(known)}"


def contexts(kubeconfig: str | None) -> list[str]:
    """The names of the contexts of a kubeconfig, sorted; none where it cannot be read."""
    config: Any = import_module("kubernetes.config")
    try:
        files = _read(config, kubeconfig)
        return sorted({str(entry["name"]) for file in files for entry in file.get("contexts") or () if "name" in entry})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
        return []


def _read(config: Any, kubeconfig: str | None) -> list[dict[str, Any]]:
    """The files, in their order; the official client has accepted them already."""
    listed = kubeconfig or str(config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION)
    paths = [Path(name).expanduser() for name in listed.split(os.pathsep) if name]
    return [yaml.safe_load(path.read_text()) or {} for path in paths if path.exists()]


def _named(files: list[dict[str, Any]], part: str, kind: str, name: str) -> dict[str, Any]:
    """The first one of that name: where files are listed, the earlier one wins."""
    parts = (entry.get(kind) or {} for value in files for entry in value.get(part) or () if entry.get("name") == name)
    return next(parts, {})


def _chosen(files: list[dict[str, Any]], context: str | None) -> dict[str, Any]:
    """The context of that name, or the current one."""
    current = next((str(value["current-context"]) for value in files if value.get("current-context")), "")
    return _named(files, "contexts", "context", context or current)


def _acting_as(files: list[dict[str, Any]], user: str) -> str | None:
    """`as` of a user, which the official client does not read: without it one would act with other rights."""
    fields = _named(files, "users", "user", user)
    present = [name for name in _UNSUPPORTED if fields.get(name)]
    if present:
        raise PreflightError(
            [f"user `{user}` of the kubeconfig has `{present[0]}`, which rrplan does not pass on"],
            hint="use a context without it, or `--as USER`",
        )
    return str(fields["as"]) if fields.get("as") else None
