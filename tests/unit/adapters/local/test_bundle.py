"""A bundle for a ticket: the same bytes every time, digests that can be checked, and no other zip taken for one."""

import hashlib
import io
import zipfile

from rrplan.adapters.local.bundle import EPOCH, MANIFEST, is_bundle, packed

FILES = {"report.html": b"<html>", "plan.json": b"{}\n"}


def test_the_same_files_give_the_same_bytes() -> None:
    """No date and no name of a machine in it."""
    assert packed(FILES, "sha256:1") == packed(dict(FILES), "sha256:1")
    with zipfile.ZipFile(io.BytesIO(packed(FILES, "sha256:1"))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {EPOCH}
        assert archive.namelist() == [MANIFEST, *FILES]


def test_the_manifest_has_the_digest_of_each_file() -> None:
    """As `sha256sum --check` reads them, and that of the plan."""
    with zipfile.ZipFile(io.BytesIO(packed(FILES, "sha256:1"))) as archive:
        lines = archive.read(MANIFEST).decode().splitlines()
    assert lines[1] == "# plan sha256:1"
    assert lines[2:] == [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in FILES.items()]


def test_another_zip_is_no_bundle() -> None:
    """Nor is anything else; such a file is not written over."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photos.txt", "summer")
    assert is_bundle(packed(FILES, "sha256:1"))
    assert not is_bundle(buffer.getvalue())
    assert not is_bundle(b"PK\x03\x04 broken")
    assert not is_bundle(packed(FILES, "sha256:1")[:-1])
    assert not is_bundle(b"")
