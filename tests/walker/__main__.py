"""`python -m tests.walker SEED COUNT`: random cases until COUNT plans are walked. Or `worlds`: all small worlds."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tests.walker.draws import Draw
from tests.walker.judging import Finding, Tally


def report(finding: Finding, directory: Path) -> None:
    """Say what was found, and leave the case as files."""
    finding.write(directory)
    click.echo(f"{directory}: {finding.text()}")


@click.group()
def main() -> None:
    """The walker over many plans; exit code 1 where it finds something."""


@main.command("random")
@click.argument("seed", type=int)
@click.argument("count", type=int)
@click.option("--out", type=click.Path(path_type=Path), default=Path("walker-findings"))
def random_plans(seed: int, count: int, out: Path) -> None:
    """Random cases from SEED on, until COUNT plans are walked."""
    tally = Tally()
    number = seed
    while tally.walked < count:
        finding = tally.judge(Draw(number).case(), seed=number)
        if finding:
            report(finding, out / f"seed-{number}")
        number += 1
        if tally.cases % 500 == 0:
            click.echo(f"{tally.text()}", err=True)
    click.echo(f"seeds {seed} to {number - 1}: {tally.text()}")
    sys.exit(1 if tally.findings else 0)


if __name__ == "__main__":
    main()
