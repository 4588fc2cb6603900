"""How every verb names a live cluster."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from rrplan.cli.completion import contexts
from rrplan.cli.settings import settled
from rrplan.errors import UsageProblem
from rrplan.parallelism import PROBE_PARALLELISM

if TYPE_CHECKING:
    from rrplan.wiring import LiveOptions

NODE_STATUS = click.option(
    "--node-status",
    metavar="COMMAND",
    help="Asked where nobody may run `birdcl` in pods: `ssh {node} sudo calicoctl node status`.",
)
"""For verbs that run plans."""
PROBE = click.option(
    "--probe-parallelism",
    type=click.IntRange(1, 256),
    default=PROBE_PARALLELISM,
    show_default=True,
    help="Nodes of a live cluster that are asked at the same time.",
)
"""For verbs that ask nodes."""
OPTIONS = (
    click.option(
        "--context",
        metavar="NAME",
        shell_complete=contexts,
        help="A live cluster: a context of the kubeconfig, or in-cluster.",
    ),
    click.option("--kubeconfig", metavar="FILE", help="A live cluster: the kubeconfig that leads to it."),
    click.option(
        "--calico-config", metavar="FILE", help="A live cluster whose Calico uses etcd: calicoctl's configuration file."
    ),
    click.option(
        "--calicoctl",
        metavar="COMMAND",
        help="The same by way of calicoctl: what calls it, such as `ssh manager calicoctl`, or `ucp`.",
    ),
    click.option("--as", "impersonated", metavar="USER", help="A live cluster: act as this user."),
)


def with_live(command: Callable[..., Any], *more: Callable[[Any], Any]) -> Callable[..., Any]:
    """Add the options that name a live cluster, and `more` of them; the command gets all of them as `live`.

    It raises UsageProblem where Calico's data is named twice, or without a cluster.
    """

    @wraps(command)
    def placed(
        kubeconfig: str | None,
        context: str | None,
        impersonated: str | None,
        calico_config: str | None,
        calicoctl: str | None,
        node_status: str | None = None,
        probe_parallelism: int = PROBE_PARALLELISM,
        **rest: object,
    ) -> object:
        from rrplan.wiring import LiveOptions

        given = {
            "context": context,
            "kubeconfig": kubeconfig,
            "calico-config": calico_config,
            "calicoctl": calicoctl,
            "node-status": node_status,
        }
        named = settled(given)
        live = LiveOptions(
            named["kubeconfig"],
            named["context"],
            impersonated,
            named["calico-config"],
            named["calicoctl"],
            named["node-status"],
            probe_parallelism,
        )
        _check(live)
        return command(live=live, **rest)

    with_options = placed
    *options, last = OPTIONS
    for option in reversed((*options, *more, last)):
        with_options = option(with_options)
    return with_options


def _check(live: LiveOptions) -> None:
    given = [
        name for name, value in (("--calico-config", live.calico_config), ("--calicoctl", live.calicoctl)) if value
    ]
    if len(given) == 2:
        raise UsageProblem("`--calico-config` and `--calicoctl` exclude one another", hint="give one way to etcd")
    if given and not live.given:
        hint = "give `--context NAME` too; with etcd both are read"
        raise UsageProblem(f"`{given[0]}` says where Calico's data is, not which cluster", hint=hint)
