"""The list of all parts: complete, with versions and licences, and in the form that it says."""

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import lacks
from tests.sbom import installed_in, licence, parts, sbom

ROOT = Path(__file__).resolve().parents[2]


def plain(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def written() -> Any:
    """What `make sbom` writes."""
    if find_spec("cyclonedx") is None:
        lacks("the package cyclonedx-python-lib is not installed: make test installs it")
    return json.loads(sbom(installed_in()))


def test_every_part_is_in_it(written: Any) -> None:
    """Each dependency of pyproject.toml and what it needs in turn, with version and licence; no tool of developers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    components = {component["name"]: component for component in written["components"]}
    needed = {plain(re.split(r"[^\w.-]", text)[0]) for text in project["dependencies"]}
    assert needed <= components.keys()
    # Of extras (`cryptography[ssh]`), of others' needs, and of theirs.
    assert {"bcrypt", "cffi", "requests", "idna", "markupsafe", "pydantic-core"} <= components.keys()
    assert not {"pytest", "sphinx", "mypy", "ruff", "cyclonedx-python-lib"} & components.keys()
    for name, component in components.items():
        assert component["version"], name
        assert component["licenses"], name
        assert component["purl"] == f"pkg:pypi/{name}@{component['version']}"
    assert written["metadata"]["component"]["name"] == "rrplan"


def test_who_needs_what(written: Any) -> None:
    """Every part but rrplan is needed by another one, and nothing is named that is not listed."""
    listed = {component["bom-ref"] for component in written["components"]}
    needs = {each["ref"]: each.get("dependsOn", []) for each in written["dependencies"]}
    root = written["metadata"]["component"]["bom-ref"]
    assert needs.keys() == listed | {root}
    assert {ref for refs in needs.values() for ref in refs} == listed


def test_the_schema(written: Any) -> None:
    """CycloneDX's own schema has nothing to say."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert (written["bomFormat"], written["specVersion"]) == ("CycloneDX", "1.6")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(written)) is None


class Package(Distribution):
    """A package that says this of itself."""

    def __init__(self, metadata: str) -> None:
        self._metadata = metadata

    def read_text(self, filename: str) -> str | None:
        """The text of METADATA."""
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        """Nowhere."""
        return path


def packages() -> Iterator[tuple[str, Package]]:
    """Three that need one another."""
    yield "rrplan", Package("Name: rrplan\nRequires-Dist: a[more]\nRequires-Dist: d; sys_platform == 'other'\n")
    yield (
        "a",
        Package("Name: a\nRequires-Dist: rrplan\nRequires-Dist: b; extra == 'more'\nRequires-Dist: c; extra == 'x'\n"),
    )
    yield "b", Package("Name: b\n")


def test_extras_and_markers() -> None:
    """An extra brings what it adds, an extra that nobody asks for and a marker that does not hold bring nothing."""
    assert parts(dict(packages())) == {"a": ["b", "rrplan"], "b": [], "rrplan": ["a"]}
    without = {name: package for name, package in packages() if name != "b"}
    with pytest.raises(PackageNotFoundError):
        parts(without)


def test_licences() -> None:
    """An expression comes before the field, and a field with the whole text does not count."""
    classifier = "Classifier: License :: OSI Approved :: MIT License\n"
    texts = {
        "License-Expression: Apache-2.0\nLicense: old\n": "Apache-2.0",
        "License: BSD-3-Clause\n" + classifier: "BSD-3-Clause",
        f"License: {'long ' * 20}\n{classifier}": "MIT License",
        "Summary: nothing\n": "",
    }
    assert [licence(Package(text)) for text in texts] == [*texts.values()]
