"""Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body, once with each secret in force.

A receiver's secrets stand in `<receiver>.whsec`, one a line: while two stand there both sign, so that the receiver may
change from one to the other when it likes.
"""

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from gewu.runtime.files import replace

SUFFIX = ".whsec"
_PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes, as the standard has it
_LINES = 4  # secrets in force at once


class SecretFault(Exception):
    """A file of secrets cannot be used; the text says why and what to do, and repeats nothing of it."""


def read(path: Path) -> tuple[bytes, ...]:
    """The secrets of a file, in its order."""
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError as fault:
        raise SecretFault(f"{path.name}: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise SecretFault(f"{path.name} is no text") from None
    if not 1 <= len(lines) <= _LINES:
        raise SecretFault(
            f"{path.name} has {len(lines)} lines; 1 to {_LINES}, each whsec_ and {_LEAST} bytes or more in base64"
        )
    return tuple(_secret(line, f"{path.name} line {n}") for n, line in enumerate(lines, 1))


def _secret(line: str, where: str) -> bytes:
    try:
        found = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not line.startswith(_PREFIX) or not _LEAST <= len(found) <= _MOST:
        raise SecretFault(f"{where} is not whsec_ and {_LEAST} to {_MOST} bytes in base64")
    return found


def make(folder: Path, receiver: str) -> bool:
    """Make a receiver's file where there is none; whether it was made."""
    path = folder / f"{receiver}{SUFFIX}"
    if path.exists():
        return False
    replace(path, _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    return True


def sign(keys: Sequence[bytes], webhook_id: str, at: int, body: bytes) -> bytes:
    """The value of webhook-signature; at: Unix seconds."""
    said = b"%b.%d.%b" % (webhook_id.encode(), at, body)
    return b" ".join([b"v1," + base64.b64encode(hmac.digest(key, said, "sha256")) for key in keys])


class Keyring:
    """The secrets of every receiver, read again when a file changes; a file that cannot be used leaves the last good one."""

    def __init__(self, folder: Path | None, receivers: Sequence[str]) -> None:
        self._folder, self._receivers = folder, tuple(receivers)
        self._stamps: dict[str, tuple[int, int]] = {}
        self._keys: dict[str, tuple[bytes, ...]] = {}
        self.faults: dict[str, str] = {}
        self.refresh()

    def of(self, receiver: str) -> tuple[bytes, ...]:
        """The secrets in force; () where there are none, and then nothing may be sent."""
        return self._keys.get(receiver, ())

    def refresh(self) -> None:
        """Read again what changed."""
        for receiver in self._receivers:
            self._look(receiver)

    def _look(self, receiver: str) -> None:
        if self._folder is None:
            self.faults[receiver] = "GEWU_RECEIVER_SECRETS is not set"
            return
        path = self._folder / f"{receiver}{SUFFIX}"
        try:
            stat = os.stat(path)
        except OSError as fault:
            self.faults[receiver] = f"{path.name}: {fault.strerror}"
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if self._stamps.get(receiver) == stamp and receiver not in self.faults:
            return
        try:
            self._keys[receiver], self._stamps[receiver] = read(path), stamp
        except SecretFault as fault:
            self.faults[receiver] = str(fault)
        else:
            self.faults.pop(receiver, None)
