"""The file: templates, one style and one script inside, and nothing that a browser would fetch.

Text of others is escaped by Jinja2 as HTML, and before that as on a terminal: nothing in it is invisible or changes the
direction of text. A Content-Security-Policy allows this style and this script by their digests and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING

from rrplan.render.overview import span
from rrplan.render.report.document import Report
from rrplan.text import one_line

if TYPE_CHECKING:
    import jinja2

MARK = '<html lang="en" data-rrplan="report">'
"""What a file of ours begins with, so that `--out` may write over it."""


def report_html(report: Report) -> str:
    """The whole file."""
    style, script = (_source(name).strip() for name in ("report.css", "report.js"))
    environment = _environment()
    from markupsafe import Markup

    text = environment.get_template("report.html").render(
        report=report,
        style=Markup(style),
        script=Markup(script),
        policy=(
            f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
            "base-uri 'none'; form-action 'none'"
        ),
        data=Markup(_data(report)),
    )
    return text.rstrip() + "\n"


def is_report(data: bytes) -> bool:
    """Whether a file is a report that we wrote."""
    return MARK.encode() in data[:200]


def _source(name: str) -> str:
    return (files("rrplan.render.report") / "templates" / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup, escape

    def finalized(value: object) -> object:
        return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    def words(text: str) -> Markup:
        """A sentence whose backticks mark code."""
        parts = one_line(text).split("`")
        if len(parts) % 2 == 0:
            return escape(one_line(text))
        return Markup("").join(
            Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
        )

    def sentence(text: str) -> Markup:
        """The same, with a capital letter where it begins with a plain word."""
        first = text.partition(" ")[0].rstrip(",:")
        return words(text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text)

    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=finalized,
    )
    environment.filters |= {"words": words, "sentence": sentence, "span": span, "number": "{:,}".format}
    return environment


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data(report: Report) -> str:
    """What the script reads: JSON in which no character ends its element."""
    topology = report.topology
    value = {
        "topology": topology.data if topology else None,
        "frames": [
            {"text": one_line(frame.text), "mesh": frame.mesh, "sessions": frame.sessions} for frame in topology.frames
        ]
        if topology
        else [],
        "steps": [
            {
                "numbers": step.numbers,
                "summary": one_line(step.summary),
                "frame": step.frame,
                "moves": bool(step.come or step.go),
            }
            for step in report.steps
        ],
    }
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
