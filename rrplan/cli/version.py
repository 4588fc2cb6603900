"""`rrplan version`."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version

import click

from rrplan.cli.output import JSON, TERMINAL, with_output
from rrplan.cli.say import say

FORMAT_VERSION = "1.0"
PACKAGES = ("kubernetes", "pydantic", "networkx", "deepdiff", "pyyaml", "etcd3gw", "cryptography")
"""What is told of an installation in a report of a fault."""


@click.command("version")
@with_output(TERMINAL, JSON)
def command(output: str) -> None:
    """Say which rrplan this is, which files it reads and writes, and up to which Calico it knows the rules."""
    from rrplan.bgp.profile import NEWEST
    from rrplan.plans import planfile, rehearsal
    from rrplan.snapshots import file

    body = {
        "format_version": FORMAT_VERSION,
        "kind": "Version",
        "rrplan": _version("rrplan"),
        "python": platform.python_version(),
        "plan_format": planfile.FORMAT_VERSION,
        "snapshot_format": file.FORMAT_VERSION,
        "rehearsal_format": rehearsal.FORMAT_VERSION,
        "newest_calico": str(NEWEST),
        "packages": {name: _version(name) for name in PACKAGES},
    }
    if output == JSON:
        say(json.dumps(body, indent=2))
        return
    say(f"rrplan {body['rrplan']} on Python {body['python']}")
    say(f"knows the rules of Calico up to {body['newest_calico']}; writes plans of format {body['plan_format']}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
