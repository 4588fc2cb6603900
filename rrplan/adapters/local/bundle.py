"""A zip of files for a ticket, with a manifest of their digests; the same files give the same bytes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

MANIFEST = "MANIFEST"
HEAD = "rrplan bundle 1"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every file: the first that a zip can have."""


def packed(files: Mapping[str, bytes], plan_digest: str) -> bytes:
    """The bytes of a bundle; lines of the manifest after the first two are what `sha256sum --check` reads."""
    digests = [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in files.items()]
    manifest = "\n".join([f"# {HEAD}", f"# plan {plan_digest}", *digests, ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = HEAD.encode()
        for name, data in {MANIFEST: manifest, **files}.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def is_bundle(data: bytes) -> bool:
    """Whether a file is a bundle that `packed` made: a zip that ends with our comment."""
    return data.startswith(b"PK\x03\x04") and data.endswith(HEAD.encode())
