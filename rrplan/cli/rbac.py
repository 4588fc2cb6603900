"""`rrplan rbac PLAN`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rrplan.cli.live import with_live
from rrplan.cli.say import say
from rrplan.cli.sources import read

if TYPE_CHECKING:
    from rrplan.wiring import LiveOptions

ETCD = "etcd"
"""Said where Calico keeps its data in etcd, which gives rights of its own."""


@click.command("rbac")
@click.argument("plan")
@click.option("--account", default="rrplan", show_default=True, help="The ServiceAccount.")
@click.option("--namespace", default="kube-system", show_default=True, help="Where the ServiceAccount lives.")
@click.option(
    "--calico-api", metavar="GROUP/VERSION", help="Calico's API, such as crd.projectcalico.org/v1, or `etcd`."
)
@with_live
def command(
    plan: str,
    account: str,
    namespace: str,
    calico_api: str | None,
    live: LiveOptions,
) -> None:
    """Print ServiceAccount, roles and bindings that are just enough to apply, resume and roll back one plan.

    A live cluster is asked for Calico's API; without one, and without `--calico-api`, it is Calico's CRDs.
    """
    import yaml

    from rrplan.adapters.kubernetes.kinds import CRD
    from rrplan.adapters.kubernetes.rights import manifests
    from rrplan.plans import read_plan

    made, _ = read_plan(read(plan), plan)
    group = calico_api or (live.connection().group if live.given else CRD)
    group = "" if group == ETCD else group
    say(yaml.safe_dump_all(manifests(made, group, account, namespace), sort_keys=False), nl=False)
