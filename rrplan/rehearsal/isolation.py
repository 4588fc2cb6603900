"""Work in a process of its own, which may make network namespaces and leaves nothing behind."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeVar

from rrplan.errors import PreflightError

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG = 1
END_SECONDS = 30
"""How long the process may take to end what it started, once it is interrupted."""
PRIORITY = -10
"""For the scheduler, where we may; see nice(1)."""
Result = TypeVar("Result")
_forked = get_context("fork")


def isolated(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises, in a child with a network of its own; everything it started ends with it.

    Without root the child has a user namespace too, in which it may do what it needs and nobody else is concerned.
    """
    ours, theirs = _forked.Pipe(duplex=False)
    child = _forked.Process(target=_begin, args=(work, theirs, os.getpid()))
    child.start()
    theirs.close()
    try:
        succeeded, result = ours.recv()
    except EOFError:
        child.join()
        raise PreflightError([f"the rehearsal ended without a word (exit code {child.exitcode})"]) from None
    except KeyboardInterrupt:
        # Ctrl-C reaches the child too: it cleans up.
        child.join(END_SECONDS)
        raise
    finally:
        child.join(END_SECONDS)
        if child.is_alive():
            child.kill()
    if not succeeded:
        raise result
    outcome: Result = result
    return outcome


def _begin(work: Callable[[], Result], answer: Connection, parent: int) -> None:
    die_with(parent)
    with suppress(OSError):
        # The laboratory goes before other work: a BIRD that waits for the processor looks like one that waits for BGP.
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    try:
        alone()
        answer.send((True, work()))
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent raises it
        answer.send((False, error))


def die_with(parent: int) -> None:
    """End when the parent ends, however it ends, and on Ctrl-C, whatever the parent does then."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    # What nohup(1) and the like ignore stays ignored.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def alone() -> None:
    """Give this process, which has one thread, a network of its own; raises PreflightError."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    elif libc.unshare(CLONE_NEWNET):
        text = f"this process may not make network namespaces: {os.strerror(ctypes.get_errno())}"
        raise PreflightError([text], hint="run it as root, or where `unshare -Urn true` works")
