"""Hooks as child processes: no shell, JSON on stdin, a timeout."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from rrplan.ports import Document, HookResult


class CommandHooks:
    """Implements the HookRunner port."""

    def run(self, command: Sequence[str], message: Document, timeout: int) -> HookResult:
        """Run one command; `code` None where it did not end in time or could not be started."""
        try:
            done = subprocess.run(
                list(command), input=json.dumps(message), capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return HookResult(None, f"no answer within {timeout} s")
        except OSError as error:
            return HookResult(None, f"cannot be started: {error.strerror}")
        return HookResult(done.returncode, (done.stdout + done.stderr)[-2000:])
