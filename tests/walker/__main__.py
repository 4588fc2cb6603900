"""`python -m tests.walker random SEED COUNT`: random plans; `... worlds`: all small ones; `... breaks`."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import click
import pytest

from tests.walker.breaks import BREAKS
from tests.walker.draws import Draw
from tests.walker.judging import Finding, Tally
from tests.walker.lives import Life
from tests.walker.worlds import cases, worlds


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
@click.option("--lives", is_flag=True, help="Clusters that earlier plans left, with levels and shares.")
def random_plans(seed: int, count: int, out: Path, lives: bool) -> None:
    """Random cases from SEED on, until COUNT plans are walked."""
    tally = Tally()
    number = seed
    while tally.walked < count:
        case = Life(number).case() if lives else Draw(number).case()
        finding = tally.judge(case, seed=number)
        if finding:
            report(finding, out / f"seed-{number}")
        number += 1
        if tally.cases % 500 == 0:
            click.echo(f"{tally.text()}", err=True)
    click.echo(f"seeds {seed} to {number - 1}: {tally.text()}")
    sys.exit(1 if tally.findings else 0)


@main.command("worlds")
@click.option("--size", "sizes", type=int, multiple=True, default=(2, 3, 4))
@click.option("--stride", type=int, default=1, help="Only every so many cases.")
@click.option("--part", type=int, default=0, help="Of these, start with that one.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("walker-findings"))
def small_worlds(sizes: tuple[int, ...], stride: int, part: int, out: Path) -> None:
    """Every small cluster with every small spec."""
    bad = False
    for size in sizes:
        tally = Tally()
        for number, case in enumerate(islice(cases(size), part, None, stride)):
            finding = tally.judge(case)
            if finding:
                report(finding, out / f"world-{size}-{number * stride + part}")
            if tally.cases % 2000 == 0:
                click.echo(f"{size} nodes: {tally.text()}", err=True)
        bad = bad or bool(tally.findings)
        click.echo(f"{size} nodes ({sum(1 for _ in worlds(size))} clusters): {tally.text()}")
    sys.exit(1 if bad else 0)


@main.command("breaks")
@click.option("--limit", type=int, default=2000, help="Random cases for each.")
def broken_proofs(limit: int) -> None:
    """The first random case that shows each rule of the proof switched off."""
    bad = False
    for name, switch_off in BREAKS.items():
        with pytest.MonkeyPatch.context() as patch:
            switch_off(patch)
            shown = next((seed for seed in range(limit) if Tally().judge(Draw(seed).case(), seed=seed)), None)
        bad = bad or shown is None
        click.echo(f"{name}: {'not found' if shown is None else f'seed {shown}'}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
