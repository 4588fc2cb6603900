"""Ask every address that a package would name: `python -m tests.addresses`, before a release.

It needs the network, so it is no test. Nothing is uploaded while an address does not answer: docs/release.md.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOME: str = PROJECT["project"]["urls"]["Homepage"]


def package_page() -> str:
    """README as the page of the package shows it: by the substitutions that the build does."""
    hook = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = "".join((ROOT / fragment["path"]).read_text(encoding="utf-8") for fragment in hook["fragments"])
    for each in hook["substitutions"]:
        text = re.sub(each["pattern"], each["replacement"], text)
    return text


def addresses() -> list[str]:
    """Every one, once: of the page, of the project, and of the manifest for Krew."""
    manifest = (ROOT / "docs" / "packaging" / "krew.yaml").read_text(encoding="utf-8")
    named = re.findall(r"\]\((https?://[^)#]+)", package_page())
    named += PROJECT["project"]["urls"].values()
    named += re.findall(r"^ *(?:homepage|uri): (\S+)$", manifest, re.MULTILINE)
    return sorted({*named})


def without_answer(asked: Sequence[str], answers: Callable[[str], bool]) -> list[str]:
    """Those that do not answer."""
    return [address for address in asked if not answers(address)]


def answers(address: str) -> bool:
    """Whether somebody serves that address now."""
    try:
        with urlopen(Request(address, method="HEAD"), timeout=20) as reply:
            return bool(reply.status == 200)
    except (URLError, TimeoutError):
        return False


def main() -> None:
    """Name those that do not answer, and end with 1 if there are any."""
    asked = addresses()
    silent = without_answer(asked, answers)
    for address in silent:
        sys.stdout.write(f"no answer: {address}\n")
    sys.stdout.write(f"{len(asked) - len(silent)} of {len(asked)} addresses answer\n")
    sys.exit(1 if silent else 0)


if __name__ == "__main__":
    main()
