"""Who runs this, for records that people read."""

from __future__ import annotations

import getpass
import os


def login() -> str:
    """The name of the login; `uid-1000` where the machine has none, as in a container with a user ID of its own."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # Python before 3.13 lets the KeyError of `pwd` through.
        return f"uid-{os.getuid()}"
