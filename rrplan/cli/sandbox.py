"""`rrplan sandbox DIR`."""

from __future__ import annotations

from pathlib import Path

import click

from rrplan.cli.say import say_line
from rrplan.cli.sources import read


@click.command("sandbox")
@click.argument("directory")
@click.option("-f", "--filename", "manifests", metavar="FILE", multiple=True, help="Fill it from manifests.")
@click.option(
    "--nodes",
    default=120,
    type=click.IntRange(1, 100_000),
    show_default=True,
    help="Without manifests: how many nodes.",
)
@click.option("--ucp", is_flag=True, help="Without manifests: a cluster like one of Docker Enterprise UCP.")
@click.option("--seed", default=1, help="Decides how long sessions take.")
def command(directory: str, manifests: tuple[str, ...], nodes: int, seed: int, *, ucp: bool) -> None:
    """Make an embedded cluster, kept in a directory."""
    from rrplan.sandbox import Sandbox, demo_cluster, ucp_cluster
    from rrplan.snapshots import joined_documents

    if manifests:
        documents = joined_documents([(name, read(name)) for name in manifests])
    else:
        documents = list(ucp_cluster(nodes) if ucp else demo_cluster(nodes))
    embedded = Sandbox.make(Path(directory), documents, seed=seed)
    say_line(f"made {directory}: {len(embedded.state.nodes)} nodes")
    embedded.close()
