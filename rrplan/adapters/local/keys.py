"""Ed25519 keys in files, as people have them: of OpenSSH, or in PEM by `openssl genpkey -algorithm ed25519`.

`cryptography` stays in here (RFC 8032 for the signatures, RFC 4253 section 6.6 and RFC 8709 for OpenSSH's forms).
"""

from __future__ import annotations

import base64
import hashlib
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from rrplan.adapters.local.files import read_bytes
from rrplan.errors import InputError, Problem, RRPlanError, UsageProblem
from rrplan.plans.approval import TrustedKey
from rrplan.text import one_line

KIND = "ssh-ed25519"
MAKE = "`ssh-keygen -t ed25519 -f KEY` makes one"


def key_id(key: Ed25519PublicKey) -> str:
    """The fingerprint, as `ssh-keygen -lf` prints it."""
    blob = base64.b64decode(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key that signs, and the ID of its public one."""

    key: Ed25519PrivateKey

    @property
    def key_id(self) -> str:
        """The fingerprint of the public key."""
        return key_id(self.key.public_key())

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature over bytes."""
        return self.key.sign(data)


def load_signer(path: Path, passphrase: Callable[[], str]) -> Signer:
    """Read a private key; `passphrase` is asked where it is encrypted. Raises UsageProblem."""
    data = read_bytes(path)
    if data.lstrip().startswith(KIND.encode()):
        raise UsageProblem(f"{path} is a public key", hint="give the private one, without `.pub`")
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        try:
            key = load(data, None)
        except TypeError:
            key = load(data, passphrase().encode())
        except ValueError as error:
            if "password" not in str(error).lower() and "passphrase" not in str(error).lower():
                raise
            key = load(data, passphrase().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageProblem(
            f"{path} is no private key that can be read, or the passphrase is wrong", hint=MAKE
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageProblem(f"{path} is a key of another kind than Ed25519", hint=MAKE)
    return Signer(key)


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """Public keys by their IDs, and whose they are."""

    keys: Mapping[str, Ed25519PublicKey]
    trusted: tuple[TrustedKey, ...]

    def verify(self, key: str, signature: bytes, data: bytes) -> bool:
        """Whether the key made the signature."""
        try:
            self.keys[key].verify(signature, data)
        except (InvalidSignature, KeyError):
            return False
        return True


class TrustedKeysError(InputError):
    """A file of trusted keys is wrong; all its problems at once."""

    what = "the trusted keys"


def load_trusted(path: Path) -> TrustedKeys:
    """Read trusted keys, `ssh-ed25519 AAAA... name` in each line; raises TrustedKeysError with all problems."""
    keys: dict[str, Ed25519PublicKey] = {}
    names: dict[str, str] = {}
    problems: list[Problem] = []
    _check_writers(path)
    # Only a line feed ends a line: what an editor shows inside a comment is no key.
    for number, line in enumerate(read_bytes(path).decode("utf-8-sig", "replace").split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            key, name = _key(words)
        except RRPlanError as error:
            problems.append(Problem(str(error), file=str(path), line=number, column=1, hint=error.hint))
            continue
        if key_id(key) in names:
            text = f"the key of {name} is already that of {names[key_id(key)]}"
            problems.append(
                Problem(text, file=str(path), line=number, column=1, hint="each person has a key of their own")
            )
        keys[key_id(key)] = key
        names[key_id(key)] = name
    if not keys and not problems:
        text = "there is no key in it"
        problems.append(Problem(text, file=str(path), hint=f"a line for each person: `{KIND} AAAA... name`"))
    if problems:
        raise TrustedKeysError(problems)
    return TrustedKeys(keys, tuple(TrustedKey(name, key) for key, name in names.items()))


def _check_writers(path: Path) -> None:
    """Raise TrustedKeysError where every user of the machine may add a key."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # Reading it says why.
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        hint = f"`chmod o-w {path}`, once you have looked at the keys in it"
        raise TrustedKeysError([Problem("every user of this machine may add keys to it", file=str(path), hint=hint)])


def _key(words: list[str]) -> tuple[Ed25519PublicKey, str]:
    hint = f"a line for each person: `{KIND} AAAA... name`"
    if words[0] != KIND:
        raise RRPlanError(f"`{words[0]}` is no kind of key that is known here", hint=hint)
    if len(words) < 3:
        raise RRPlanError("the name of whose key it is is missing", hint=hint)
    try:
        key = load_ssh_public_key(" ".join(words[:2]).encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RRPlanError("the key cannot be read", hint=hint) from error
    assert isinstance(key, Ed25519PublicKey)
    name = " ".join(words[2:])
    if one_line(name) != name:
        raise RRPlanError(f"the name `{one_line(name)}` has characters that nobody sees", hint="write it without them")
    return key, name
