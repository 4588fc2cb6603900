"""Hooks as child processes: no shell, JSON on stdin, a timeout."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rrplan.adapters.local.command import CommandTimeout, run_command
from rrplan.ports import Document, HookResult


class CommandHooks:
    """Implements the HookRunner port."""

    def run(self, command: Sequence[str], message: Document, timeout: int) -> HookResult:
        """Run one command; `code` None where it did not end in time or could not be started."""
        try:
            finished = run_command(command, json.dumps(message), timeout)
        except CommandTimeout:
            return HookResult(None, f"no answer within {timeout} s")
        except OSError as error:
            return HookResult(None, f"cannot be started: {error.strerror}")
        except ValueError as error:
            # A NUL in a word.
            return HookResult(None, f"cannot be started: {error}")
        return HookResult(finished.code, (finished.stdout + finished.stderr)[-2000:])
