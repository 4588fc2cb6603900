"""Hooks as real processes."""

import json

import pytest

from rrplan.adapters.local.hooks import CommandHooks


@pytest.mark.parametrize(
    ("words", "timeout", "code", "text"),
    [
        (["cat"], 5, 0, json.dumps({"run": "r"})),
        (["sh", "-c", "echo out; echo err >&2; exit 4"], 5, 4, "out\nerr\n"),
        (["sleep", "30"], 1, None, "no answer within 1 s"),
        (["no-such-command-here"], 1, None, "cannot be started: No such file or directory"),
    ],
    ids=["stdin", "output", "timeout", "missing"],
)
def test_hooks(words: list[str], timeout: int, code: int | None, text: str) -> None:
    """JSON on stdin, both outputs back, a timeout, and no shell in between."""
    result = CommandHooks().run(words, {"run": "r"}, timeout)
    assert (result.code, result.output) == (code, text)
