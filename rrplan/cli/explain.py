"""`rrplan explain CHECK`."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable

import click

from rrplan.cli.completion import checks
from rrplan.cli.say import say
from rrplan.errors import UsageProblem


def pages() -> dict[str, Traversable]:
    """The page of each check, by its id: in the package or, in a source tree, beside it."""
    package = files("rrplan")
    packed = package.joinpath("pages")
    place = packed if packed.is_dir() else package.joinpath("..", "docs", "checks")
    return {page.name.removesuffix(".md"): page for page in place.iterdir() if page.name.endswith(".md")}


@click.command("explain")
@click.argument("check", required=False, shell_complete=checks)
def command(check: str | None) -> None:
    """What a check looks at, why, and what to do; without CHECK, all checks with what they look at."""
    known = pages()
    if check is None:
        width = max(map(len, known))
        for name, page in sorted(known.items()):
            say(f"{name.ljust(width)}  {page.read_text(encoding='utf-8').splitlines()[2]}")
        return
    if check not in known:
        close = get_close_matches(check, known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else "`rrplan explain` lists them"
        raise UsageProblem(f"`{check}` is no check", hint=hint)
    say(known[check].read_text(encoding="utf-8"), nl=False)
