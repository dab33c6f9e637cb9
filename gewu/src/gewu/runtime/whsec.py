"""Secrets and signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body, once with each secret in force.

A receiver's secrets stand in `<receiver>.whsec`, one a line: while two stand there both sign, so that the receiver may
change from one to the other when it likes.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from gewu.runtime.files import replace

SUFFIX = ".whsec"
_PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes, as the standard has it
_LINES = 4  # secrets in force at once


class WhsecFault(Exception):
    """A file of secrets cannot be used; the text says why and what to do, and repeats nothing of it."""


def read(path: Path) -> tuple[bytes, ...]:
    """The secrets of a file, in its order."""
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError as fault:
        raise WhsecFault(f"{path.name}: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise WhsecFault(f"{path.name} is no text") from None
    if not 1 <= len(lines) <= _LINES:
        raise WhsecFault(
            f"{path.name} has {len(lines)} lines; 1 to {_LINES}, each whsec_ and {_LEAST} bytes or more in base64"
        )
    return tuple(_secret(line, f"{path.name} line {n}") for n, line in enumerate(lines, 1))


def _secret(line: str, where: str) -> bytes:
    try:
        found = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not line.startswith(_PREFIX) or not _LEAST <= len(found) <= _MOST:
        raise WhsecFault(f"{where} is not whsec_ and {_LEAST} to {_MOST} bytes in base64")
    return found


def make(folder: Path, receivers: Iterable[str]) -> list[str]:
    """Make the files of receivers that have none; returns theirs. What is there stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = [name for name in receivers if not (folder / f"{name}{SUFFIX}").exists()]
    for name in made:
        replace(folder / f"{name}{SUFFIX}", _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    return made


def sign(keys: Sequence[bytes], webhook_id: str, at: int, body: bytes) -> bytes:
    """The value of webhook-signature; at: Unix seconds."""
    said = b"%b.%d.%b" % (webhook_id.encode(), at, body)
    return b" ".join([b"v1," + base64.b64encode(hmac.digest(key, said, "sha256")) for key in keys])
