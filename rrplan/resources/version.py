"""Calico release numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rrplan.resources.reading import parse_decimal

UCP_IMAGE = "ucp-calico-node"
"""`docker/ucp-calico-node:3.2.4` and `mirantis/ucp-calico-node:3.4.15` are Calico v3.8 and v3.19 or so."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?![\d])")


@dataclass(frozen=True, slots=True, order=True)
class CalicoVersion:
    """`v3.26.1` as three numbers; pre-release and build suffixes are dropped, because no rule depends on them."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def parse(cls, text: str) -> CalicoVersion | None:
        """Read `v3.26.1`, `3.26`, `v3.30.0-rc1`; None where the text is no release number."""
        match = _VERSION.match(text.strip())
        if match is None:
            return None
        numbers = [parse_decimal(part) for part in match.groups(default="0")]
        major, minor, patch = numbers
        return None if major is None or minor is None or patch is None else cls(major, minor, patch)

    @classmethod
    def of_image(cls, image: str) -> CalicoVersion | None:
        """The version in an image reference such as `docker.io/calico/node:v3.26.1`.

        None for digests and `latest`, and for images of UCP and MKE, whose tag is the version of UCP.
        """
        repository, colon, tag = image.partition("@")[0].rpartition(":")
        if not colon or "/" in tag or not repository.endswith("node") or repository.endswith(UCP_IMAGE):
            return None
        return cls.parse(tag)
