"""Completion of the words of a command line: contexts, runs, checks; and the same for `kubectl rrplan`.

kubectl asks the program `kubectl_complete-rrplan` for words, and reads after them a line with a directive of cobra
(kubernetes/kubectl `pkg/cmd/plugin/plugin_completion.go`, v1.26 and later).
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete

NO_FILES, FILES = 4, 0
"""Directives of cobra: complete nothing but these words, or files too."""


def contexts(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig that is meant."""
    from rrplan.adapters.kubernetes.kubeconfig import contexts as known

    return [name for name in known(context.params.get("kubeconfig")) if name.startswith(incomplete)]


def runs(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The runs of a sandbox, the newest first; a live cluster is not asked while somebody types."""
    from rrplan.adapters.local.runs import RunDirectory
    from rrplan.errors import RRPlanError

    directory = context.params.get("sandbox")
    if not directory:
        return []
    try:
        known = RunDirectory(Path(directory)).runs()
    except (RRPlanError, OSError):
        return []
    return [kept.run for kept in reversed(known) if kept.run.startswith(incomplete)]


def checks(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The checks that have a page."""
    from rrplan.cli.explain import pages

    return [name for name in sorted(pages()) if name.startswith(incomplete)]


def kubectl() -> None:
    """What `kubectl_complete-rrplan WORD...` prints; the last word is the one that is completed."""
    from rrplan.cli.main import rrplan
    from rrplan.cli.say import say

    *before, incomplete = sys.argv[1:] or [""]
    items: list[CompletionItem] = ShellComplete(rrplan, {}, "rrplan", "_RRPLAN_COMPLETE").get_completions(
        before, incomplete
    )
    for item in items:
        if item.type == "plain":
            say(f"{item.value}\t{item.help}" if item.help else item.value)
    say(f":{NO_FILES if items else FILES}")
