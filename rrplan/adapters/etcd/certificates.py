"""How long a certificate is valid.

A server says "bad certificate" to a client whose certificate has expired; the date is in the client's own file.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime
from pathlib import Path

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
UTC_TIME = 0x17
EXPLICIT_VERSION = 0xA0


def expiry(path: str) -> datetime | None:
    """When the first certificate of a PEM file ends; None where that cannot be read."""
    try:
        match = _PEM.search(Path(path).read_bytes())
        return _not_after(binascii.a2b_base64(match[1])) if match else None
    except (OSError, ValueError, IndexError):
        return None


def _not_after(der: bytes) -> datetime:
    """`Certificate.tbsCertificate.validity.notAfter` (RFC 5280, 4.1)."""
    certificate = _parts(der)[0][1]
    fields = _parts(_parts(certificate)[0][1])
    # The version may be left out; then come serial number, algorithm, issuer, validity.
    validity = fields[4 if fields[0][0] == EXPLICIT_VERSION else 3][1]
    tag, content = _parts(validity)[1]
    text = content.decode("ascii")
    if tag == UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """The elements that stand one after the other in DER: tag and content."""
    elements, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        elements.append((tag, data[at : at + length]))
        at += length
    return elements
