"""List all parts of an installation as CycloneDX JSON: `python -m tests.sbom [--environment DIR] [--out FILE]`.

The parts are what `pip install rrplan` brings, and what these bring in turn, with the versions and licences that their
own metadata tell. Nothing is asked of a network. Without `--environment` the one that runs this is read, of which only
what rrplan needs is listed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OUT = Path(__file__).resolve().parents[1] / "dist" / "rrplan.cdx.json"
PRODUCT = "rrplan"
LICENCE_AT_MOST = 60
"""A longer field has the text of a licence, not its name."""


def parts(installed: Mapping[str, Distribution], first: str = PRODUCT) -> dict[str, list[str]]:
    """What a package needs, directly or not: each with what it needs itself, by names as PyPI compares them.

    Raises PackageNotFoundError where one of them is not installed.
    """
    needs: dict[str, list[str]] = {}
    asked: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(first), "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        if name not in installed:
            raise PackageNotFoundError(name)
        for needed in _needed(installed[name].requires or (), extra):
            needs.setdefault(name, []).append(canonicalize_name(needed.name))
            waiting += [(canonicalize_name(needed.name), each) for each in ("", *sorted(needed.extras))]
        needs.setdefault(name, [])
    return {name: sorted({*needs[name]}) for name in sorted(needs)}


def _needed(requires: Sequence[str], extra: str) -> Iterator[Requirement]:
    """The requirements that hold here: without an extra those of everybody, with one those that it adds."""
    for text in requires:
        needed = Requirement(text)
        always = needed.marker is None or needed.marker.evaluate({"extra": ""})
        if always if not extra else not always and needed.marker and needed.marker.evaluate({"extra": extra}):
            yield needed


def licence(part: Distribution) -> str:
    """The licence that a package names: by expression, by field or by classifier; "" if it names none."""
    fields = part.metadata
    expression, field = ((fields.get_all(name) or [""])[0] for name in ("License-Expression", "License"))
    if expression:
        return str(expression)
    if field and len(field) <= LICENCE_AT_MOST and "\n" not in field:
        return str(field)
    named = [text for text in fields.get_all("Classifier") or () if text.startswith("License :: ")]
    return " AND ".join(text.rpartition(" :: ")[2] for text in named)


def installed_in(environment: Path | None = None) -> dict[str, Distribution]:
    """All packages of an environment by name; None is the one that runs this."""
    if environment is None:
        found = distributions()
    else:
        found = distributions(path=[str(path) for path in environment.glob("lib/python3*/site-packages")])
    packages: dict[str, Distribution] = {}
    for package in found:
        # The first one is that which would be imported.
        packages.setdefault(canonicalize_name(package.metadata["Name"]), package)
    return packages


def sbom(installed: Mapping[str, Distribution]) -> str:
    """The list as CycloneDX 1.6 JSON."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    needs = parts(installed)
    components: dict[str, Component] = {}
    for name in needs:
        address = PackageURL("pypi", name=name, version=installed[name].version)
        named = licence(installed[name])
        components[name] = Component(
            name=name,
            version=installed[name].version,
            type=ComponentType.APPLICATION if name == PRODUCT else ComponentType.LIBRARY,
            licenses=[LicenseFactory().make_from_string(named)] if named else [],
            purl=address,
            bom_ref=str(address),
        )
    bom = Bom(components=[component for name, component in components.items() if name != PRODUCT])
    bom.metadata.component = components[PRODUCT]
    for name, needed in needs.items():
        bom.register_dependency(components[name], [components[each] for each in needed])
    return f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n"


def main() -> None:
    """Write the file."""
    words = argparse.ArgumentParser(prog="python -m tests.sbom", description=__doc__)
    words.add_argument("--environment", type=Path, help="a virtual environment in which the wheel is installed")
    words.add_argument("--out", type=Path, default=OUT, help="the file to write")
    options = words.parse_args()
    installed = installed_in(options.environment)
    try:
        text = sbom(installed)
    except PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed there\nhint: `pip install` the wheel into that environment first")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{options.out}: {len(parts(installed)) - 1} parts\n")


if __name__ == "__main__":
    main()
