"""Whatever a plan holds, each renderer shows it as text: nothing acts on a terminal, a shell, Markdown or a graph."""

import dataclasses
import enum
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from rrplan.adapters.local.clock import SystemClock
from rrplan.ids import StepId
from rrplan.plans import Plan
from rrplan.render.escaping import cell, code, dot_text, fenced, mermaid_text, prose, word
from rrplan.render.graph import dot, graph_json, mermaid
from rrplan.render.markdown import plan_markdown
from rrplan.render.plan_json import write_plan
from rrplan.render.progress import JsonProgress, TextProgress
from rrplan.render.runbook import Site, runbook
from rrplan.render.terminal import plan_text
from rrplan.reports import events
from rrplan.reports.reasons import DatastoreFailed, HookObjected
from rrplan.resources import ClusterState
from rrplan.text import one_line, printable
from tests.support.clusters import meshed, planned, state

HOSTILE = (
    "victim;touch PWNED1 $(touch PWNED2) `touch PWNED3` \"'\n"
    "touch PWNED4\n```\n\nEOF\ntouch PWNED5\n# Heading\n<img src=x> [link](http://x) ![i](x) | &lt; *b* "
    '"] click s0 "javascript:x" %%{init: {}}%% \\" \\N '
    "\x1b]0;title\x07\x1b[31m\x9b2J\u202egnp.exe\u2066\u200b\u2028\U000e0041"
)
SPEC = (
    "topology: route-reflectors, clusterID: 224.0.0.1, drain: true, groups: [{name: groupname, nodes: {names: [r1, "
    "victim-node]}}], hooks: [{name: hookname, on: before-step, command: [hookcommand, word]}]"
)


def rewritten(value: Any, old: str, new: str) -> Any:
    """A value with a text replaced in every string that it holds."""
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, tuple | list | frozenset):
        return type(value)(rewritten(item, old, new) for item in value)
    if isinstance(value, Mapping):
        return {rewritten(key, old, new): rewritten(item, old, new) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        return replace(value, **{name: rewritten(getattr(value, name), old, new) for name in fields})
    return value


def hostile_plan() -> tuple[Plan, ClusterState]:
    """A plan that was never read: its node, peer, group and hook names, notices, reasons and values are all hostile."""
    cluster = meshed(nodes="r1 victim-node a b c")
    made = planned(cluster, SPEC)
    for harmless in ("victim-node", "groupname", "hookname", "hookcommand"):
        made = rewritten(made, harmless, HOSTILE)
    made = replace(made, name=f"x{HOSTILE}", notices=(HOSTILE,), reasons=(HOSTILE,))
    return made, state(*(rewritten(node, "victim-node", HOSTILE) for node in cluster.nodes.values()))


@pytest.fixture(scope="module", name="hostile")
def _hostile() -> tuple[Plan, ClusterState]:
    return hostile_plan()


@pytest.mark.parametrize("render", [plan_text, plan_markdown, dot, mermaid], ids=lambda render: render.__name__)
def test_no_character_acts(render, hostile: tuple[Plan, ClusterState]) -> None:  # type: ignore[no-untyped-def]
    """What would change the terminal, or hide, is shown escaped; a value ends no line."""
    text = render(hostile[0])
    assert printable(text) == text
    assert "victim;touch PWNED1" in text
    assert r"\x1b" in text.replace(r"\\", "\\").replace("#92;", "\\")
    assert not [line for line in text.splitlines() if line.lstrip().startswith(("touch PWNED", "# Heading", "EOF"))]


def test_colors_are_ours_alone(hostile: tuple[Plan, ClusterState]) -> None:
    """A painted plan has the colors of the symbols, and no other escape sequence."""
    text = plan_text(hostile[0], color=True)
    rest = re.sub(r"\x1b\[3[123]m[+~-]\x1b\[0m", "", text)
    assert rest != text
    assert printable(rest) == rest


def test_graph_languages(hostile: tuple[Plan, ClusterState]) -> None:
    """A name ends no label, opens no directive and no HTML."""
    drawn = mermaid(hostile[0])
    for line in drawn.splitlines()[1:]:
        assert re.fullmatch(r'  s\d+(\["[^"<>%]*"\]| --> s\d+)', line), line
    for line in dot(hostile[0]).splitlines()[2:-1]:
        assert re.fullmatch(r'  "(?:[^"\\]|\\["\\])*" (\[label=|-> ")(?:[^"\\]|\\["\\]|")*\];', line), line
    assert mermaid_text('a"]; click') == "a#34;]; click"
    assert mermaid_text("`code` %%{init}") == "#96;code` #37;#37;{init}"
    assert dot_text('a"\\N&lt;') == '"a\\"\\\\N&amp;lt;"'


def test_json_stays_json(hostile: tuple[Plan, ClusterState]) -> None:
    """What the command line escapes in JSON reads back as it was."""
    for text in (graph_json(hostile[0]), write_plan(hostile[0]).decode()):
        assert printable(text) != text
        assert json.loads(printable(text)) == json.loads(text)


def test_markdown() -> None:
    """What is in single backticks is code; nothing else is a mark."""
    assert prose("node `a_b*c` is <b>*new*</b> [x](y) a_b _c_") == r"node `a_b*c` is \<b>\*new\*\</b> \[x](y) a_b \_c\_"
    assert prose("# x") == r"\# x"
    assert prose("1. x") == r"1\. x"
    assert prose("odd ` <b>") == r"odd \` \<b>"
    assert prose("``two``") == r"\`\`two\`\`"
    assert prose("a\n\n# b") == r"a\\n\\n# b"
    assert prose("a@b see https://evil.example and www.evil.example") == (
        r"a`@`b see https\://evil.example and www\.evil.example"
    )
    assert code("a`b") == "`` a`b ``"
    assert cell(code("a|b")) == r"`a\|b`"
    assert fenced(["a", "````"], "bash") == ["`````bash", "a", "````", "`````"]


def test_words_for_a_shell(tmp_path: Path) -> None:
    """bash reads each word as it was, in one line that shows no odd character raw."""
    words = [HOSTILE, "plain", "a b", "it's", "\x1b'\\", "-x", "\U000e0041", ""]
    text = " ".join(map(word, words))
    assert one_line(text) == text
    shown = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {text}"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert shown.stdout.decode().split("\0")[:-1] == words


STAND_IN = """\
#!/bin/sh
for word in "$0" "$@"; do printf '%s\\0' "$word"; done >> "$CALLS"
printf '\\n\\0' >> "$CALLS"
cat > /dev/null
"""


def test_a_shell_runs_nothing_else(hostile: tuple[Plan, ClusterState], tmp_path: Path) -> None:
    """All blocks of a runbook in a real bash: only kubectl, calicoctl and what we wrote ourselves is executed."""
    tools, here, calls = tmp_path / "bin", tmp_path / "here", tmp_path / "calls"
    tools.mkdir()
    here.mkdir()
    for name in ("kubectl", "calicoctl", "sleep"):
        (tools / name).write_text(STAND_IN)
        (tools / name).chmod(0o755)
    text = runbook(hostile[0], Site.of(hostile[1], "calicoctl"))
    assert printable(text) == text
    blocks = re.findall(r"^(````+)bash\n(.*?)^\1$|^```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 15
    script = "\n".join(long or short for _, long, short in blocks)
    # Nothing is ever reached on stand-ins: each check is made once.
    script = script.replace('[ "$SECONDS" -lt "$end" ] ||', "")
    (tmp_path / "script").write_text(script)
    done = subprocess.run(
        ["bash", tmp_path / "script"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=here,
        env={"PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(calls), "LC_ALL": "C.UTF-8"},
        timeout=60,
    )
    assert "syntax error" not in done.stderr
    assert "command not found" not in done.stderr
    assert [path.name for path in here.iterdir() if "PWNED" in path.name] == []
    words = calls.read_text().split("\0")
    assert HOSTILE in words
    assert [
        entry for entry in words if "PWNED" in entry and HOSTILE not in entry and not entry.startswith("--patch={")
    ] == []


def test_progress_of_a_run() -> None:
    """The output of a hook, a server's message and the name of a step are shown, on one line each."""
    for live in (False, True):
        stream = StringIO()
        progress = TextProgress(stream, live=live)
        progress.report(events.StepStarted(StepId(f"step-{HOSTILE}"), 1, 2, HOSTILE))
        progress.report(events.StepFailed(StepId("x"), DatastoreFailed(HOSTILE)))
        progress.report(events.StepFailed(StepId("x"), HookObjected(HOSTILE, 1, HOSTILE)))
        progress.report(events.HookRan(HOSTILE, HOSTILE, 1))
        text = stream.getvalue().replace("\r\x1b[K", "")
        assert printable(text) == text
        assert not [line for line in text.splitlines() if line.startswith(("touch", "# Heading"))]
    stream = StringIO()
    JsonProgress(stream, SystemClock().wall).report(events.StepFailed(StepId("x"), DatastoreFailed(HOSTILE)))
    assert json.loads(printable(stream.getvalue()))["reason"] == HOSTILE
