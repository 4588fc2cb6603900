"""Write what is made from the command line (docs/cli.md, man page, completions): `python -m tests.manual`.

A test proves them current.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from rrplan.cli.examples import EXAMPLES
from rrplan.cli.main import VERBS, rrplan
from rrplan.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "packaging"
COMPLETIONS = {"rrplan.bash": BashComplete, "_rrplan": ZshComplete, "rrplan.fish": FishComplete}
VARIABLE = "_RRPLAN_COMPLETE"


def files() -> dict[Path, str]:
    """Every file with its text."""
    texts = {ROOT / "docs" / "cli.md": _reference(), FOLDER / "rrplan.1": _man_page()}
    for name, kind in COMPLETIONS.items():
        texts[FOLDER / name] = kind(rrplan, {}, "rrplan", VARIABLE).source().strip() + "\n"
    return texts


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(rrplan)
    for verb in VERBS:
        command = rrplan.get_command(context, verb)
        assert command is not None
        yield verb, command


def _paragraphs(command: click.Command) -> list[str]:
    """The help of a verb, a paragraph each."""
    text = (command.help or "").partition("\f")[0]
    return [" ".join(each.split()) for each in text.split("\n\n") if each.strip()]


def _usage(verb: str, command: click.Command) -> str:
    pieces = command.collect_usage_pieces(click.Context(command, info_name=f"rrplan {verb}"))
    return " ".join(["rrplan", verb, *pieces])


def _options(verb: str, command: click.Command) -> Iterator[tuple[str, str]]:
    """Each option with its words, and what it does."""
    context = click.Context(command, info_name=f"rrplan {verb}")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option):
            yield record


def _reference() -> str:
    lines = [
        "# Command line",
        "",
        "Made from the program by `python -m tests.manual`; `rrplan VERB --help` prints the same.",
        "",
    ]
    lines += ["| verb | |", "|---|---|", *(f"| [`{verb}`](#{verb}) | {told} |" for verb, told in VERBS.items()), ""]
    for verb, command in _commands():
        lines += [f"## {verb}", "", "```", _usage(verb, command), "```", ""]
        for paragraph in _paragraphs(command):
            lines += [paragraph, ""]
        lines += ["| option | |", "|---|---|"]
        lines += [
            f"| `{words}` | {_cell(told)} |"
            for words, told in ((_cell(left), right) for left, right in _options(verb, command))
        ]
        examples = EXAMPLES.get(verb, ())
        if examples:
            lines += ["", "```", *examples, "```"]
        lines.append("")
    lines += ["## Exit codes", "", "| | |", "|---|---|"]
    lines += [f"| {code.value} | {_told(code)} |" for code in ExitCode]
    return "\n".join(lines) + "\n"


def _told(code: ExitCode) -> str:
    """The sentence that stands below a code in its module."""
    source = (ROOT / "rrplan" / "exit_codes.py").read_text()
    found = re.search(rf'    {code.name} = {code.value}\n    """(.+?)"""', source, re.DOTALL)
    assert found, code
    return _cell(" ".join(found[1].split()))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _man_page() -> str:
    lines = [
        '.TH RRPLAN 1 "" "rrplan" "User Commands"',
        ".SH NAME",
        "rrplan \\- move a Calico cluster between BGP topologies without losing a route",
        ".SH SYNOPSIS",
        ".B rrplan",
        "VERB [OPTIONS] ...",
        ".SH VERBS",
    ]
    for verb, command in _commands():
        lines += [f".SS {_roff(_usage(verb, command))}"]
        for paragraph in _paragraphs(command):
            lines += [".PP", _roff(paragraph)]
        for words, told in _options(verb, command):
            lines += [".TP", f".B {_roff(words)}", _roff(told)]
        for example in EXAMPLES.get(verb, ()):
            lines += [".PP", ".nf", _roff(f"    {example}"), ".fi"]
    lines += [".SH EXIT STATUS"]
    for code in ExitCode:
        lines += [".TP", f".B {code.value}", _roff(_told(code).replace("\\|", "|"))]
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    """Text that groff takes literally: no escapes, no requests."""
    text = " ".join(text.split()) if not text.startswith(" ") else text
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return f"\\&{text}" if text[:1] in ".'" else text


def main() -> None:
    """Write all of them."""
    os.environ["COLUMNS"] = "100"
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
