"""`rrplan apply PLAN|SPEC`."""

from __future__ import annotations

from dataclasses import replace

import click

from rrplan.cli.approve import approved_by
from rrplan.cli.detail import ALL
from rrplan.cli.output import TERMINAL
from rrplan.cli.plan import refused, rendered
from rrplan.cli.running import EXIT, Where, confirmed, control, with_run
from rrplan.cli.say import say
from rrplan.cli.sources import read
from rrplan.errors import DigestMismatch, UnsafePlanError
from rrplan.exit_codes import ExitCode
from rrplan.render.detail import Detail

INSTEAD = "give `--auto-approve` or `--expect-digest`"


@click.command("apply")
@click.argument("plan")
@with_run
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--no-input", is_flag=True, help="Never ask: refuse where a question would come.")
@click.option(
    "--accept-down",
    metavar="NODE",
    multiple=True,
    help="Begin although sessions of this node, or to this address outside the cluster, are down; may be repeated.",
)
@ALL
@click.option("--expect-digest", metavar="SHA256", help="Apply without asking if the plan has this digest.")
@click.option(
    "--require-approvals",
    type=click.IntRange(1),
    metavar="N",
    help="Only with approvals by so many people; the spec's policy may ask for more.",
)
@click.option("--trusted-keys", metavar="FILE", help="Whose approvals count: `ssh-ed25519 AAAA... name` in each line.")
@click.option(
    "--approval",
    "approvals",
    metavar="FILE",
    multiple=True,
    help="An approval that is not beside the plan (PLAN.*.approval.json); may be repeated.",
)
def command(
    plan: str,
    where: Where,
    output: str,
    expect_digest: str | None,
    accept_down: tuple[str, ...],
    detail: Detail,
    require_approvals: int | None,
    trusted_keys: str | None,
    approvals: tuple[str, ...],
    *,
    auto_approve: bool,
    no_input: bool,
) -> int:
    """Carry out a plan file, exactly; or plan a spec and carry that out."""
    from rrplan import operations
    from rrplan.plans import is_plan, read_plan
    from rrplan.render.plan_json import plan_document
    from rrplan.snapshots import capture
    from rrplan.specs import load

    data = read(plan)
    cluster = where.cluster()
    if is_plan(data):
        made, digest = read_plan(data, plan)
    else:
        try:
            made = operations.plan(load(data, plan), capture(cluster.datastore))
        except UnsafePlanError as error:
            return refused(error, output, detail)
        digest = str(plan_document(made)["digest"])
    if expect_digest and digest != expect_digest:
        raise DigestMismatch.one(f"the plan has digest {digest}", file=plan, hint="review it again with `rrplan show`")
    approved = approved_by(made, digest, plan if is_plan(data) else "", require_approvals, trusted_keys, approvals)
    if approved:
        from rrplan.render.run import approved_text

        say(approved_text(approved), err=True)
    if not auto_approve and not expect_digest:
        say(rendered(made, TERMINAL, detail), err=True)
    if not made.steps:
        return ExitCode.DONE
    asks = not auto_approve and not expect_digest
    if asks and not confirmed(f"Apply this plan to cluster {where.title(cluster)}?", INSTEAD, no_input=no_input):
        say("not applied; nothing was changed", err=True)
        return ExitCode.ERROR
    accepted = replace(control(output, where), accept_down=frozenset(accept_down), approvers=tuple(approved))
    return EXIT[operations.apply(made, cluster, accepted)]
