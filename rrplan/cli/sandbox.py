"""`rrplan sandbox DIR`."""

from __future__ import annotations

from pathlib import Path

import click

from rrplan.cli.sources import read
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import documents_in


@click.command("sandbox")
@click.argument("directory")
@click.option("-f", "--filename", "manifests", metavar="FILE", multiple=True, help="Fill it from manifests.")
@click.option("--nodes", default=120, help="Without manifests: how many nodes.")
@click.option("--seed", default=1, help="Decides how long sessions take.")
def command(directory: str, manifests: tuple[str, ...], nodes: int, seed: int) -> None:
    """Make an embedded cluster, kept in a directory."""
    if manifests:
        documents = [found.document for name in manifests for found in documents_in(name, read(name))]
    else:
        documents = [dict(document) for document in demo_cluster(nodes)]
    made = Sandbox.make(Path(directory), documents, seed=seed)
    click.echo(f"made {directory}: {len(made.state.nodes)} nodes")
    made.close()
