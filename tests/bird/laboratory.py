"""Whether this machine can be a laboratory of real BIRD speakers."""

import shutil
import subprocess


def lacking() -> list[str]:
    """What is not here, with how to get it."""
    found = [] if shutil.which("bird") else ["bird 1.6 (apt-get install bird)"]
    found += [] if shutil.which("ip") else ["ip (apt-get install iproute2)"]
    alone = subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False)
    return found + ([] if alone.returncode == 0 else ["user namespaces (`unshare -Urn true` fails here)"])
