"""`rrplan bundle PLAN`."""

from __future__ import annotations

import click

from rrplan.cli.output import write_own
from rrplan.cli.reporting import html_of, plan_from, start_of
from rrplan.cli.say import say_line
from rrplan.cli.sources import Source, note, with_state
from rrplan.errors import UsageProblem
from rrplan.text import one_line


@click.command("bundle")
@click.argument("plan")
@with_state
@click.option("--out", metavar="FILE", help="The file; `bundle.zip` if left out. What is no bundle is not overwritten.")
@click.option(
    "--runbook-calicoctl", metavar="COMMAND", help="What calls calicoctl in the runbooks, if not `--calicoctl`."
)
def command(plan: str, source: Source, out: str | None, runbook_calicoctl: str | None) -> None:
    """Everything about a plan for the ticket, as a zip: HTML, Markdown, the plan, and runbooks there and back.

    The runbooks need the cluster, or the snapshot that the plan was made from. The same input gives the same bytes;
    MANIFEST in it has the digest of each file.
    """
    from rrplan.adapters.local.bundle import is_bundle, packed
    from rrplan.render.detail import Detail
    from rrplan.render.markdown import plan_markdown
    from rrplan.render.overview import plan_digest
    from rrplan.render.runbook import Site, rollback_runbook, runbook
    from rrplan.specs import Flavor
    from rrplan.specs.model import Platform
    from rrplan.specs.ucp import UCP

    made, data = plan_from(plan)
    start = start_of(made, source)
    files = {
        "report.html": html_of(made, start, None, "").encode(),
        "plan.md": plan_markdown(made, Detail.ALL).encode(),
        "plan.json": data,
    }
    if start is not None:
        ucp = made.spec.flavor is Flavor.STANDALONE and made.spec.standalone.platform is Platform.UCP
        said = runbook_calicoctl or source.live.calicoctl
        site = Site.of(start[0], said or (UCP if ucp else "calicoctl"))
        files |= {"runbook.md": runbook(made, site).encode(), "rollback.md": rollback_runbook(made, site).encode()}
    elif runbook_calicoctl:
        raise UsageProblem(
            "`--runbook-calicoctl` is for runbooks, and these need the cluster",
            hint="give `--snapshot FILE` with the snapshot that the plan was made from, or `--context NAME`",
        )
    else:
        note("no runbooks in it: they need the addresses of the nodes; give the cluster, or the snapshot of the plan")
    name = out or "bundle.zip"
    whole = packed(files, plan_digest(made))
    write_own(name, whole, "bundle of rrplan", is_bundle)
    say_line(f"wrote {one_line(name)} ({len(whole):,} bytes): {', '.join(files)}", err=True)
