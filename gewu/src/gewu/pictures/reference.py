"""The reference that an upload is answered with: what it says was masked, stored, and when, under a key of the servers'.

So whoever takes a report or a move need not look into the store, and nobody can name a picture that no masker has seen.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from hmac import compare_digest

VALID = timedelta(hours=24)  # from the upload to the report or the move that names it
_AHEAD = timedelta(minutes=5)  # by how much the clocks of two servers may differ
_MAC_BYTES = 16
# SHA-256, bytes, second of the upload, type and masker, keyed hash.
_FORM = re.compile(r"[0-9a-f]{64}\.[0-9]{1,15}\.[0-9]{1,12}\.[A-Za-z0-9_-]{1,250}\.[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Picture:
    """A masked picture that is stored. bytes: its size; masked_by: the masker with its models."""

    sha256: bytes
    bytes: int
    type: str
    masked_by: str


class NoPicture(StrEnum):
    """Why a reference names nothing."""

    NOT_OURS = "picture_not_ours"  # forged, of another installation, or another client's
    EXPIRED = "picture_expired"


class References:
    """References of one secret. `source`: whose upload it is, and who alone may name it: key:<id>, department:<id>, anonymous."""

    __slots__ = ("_keyed",)

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(key=secret, digest_size=_MAC_BYTES, person=b"gewu.picture")

    def make(self, picture: Picture, source: str, now: datetime) -> str:
        """The reference of a picture that was stored now: digits, letters, dots, dashes and lines below."""
        text = f"{picture.type}\n{picture.masked_by}".encode()
        said = f"{picture.sha256.hex()}.{picture.bytes}.{int(now.timestamp())}.{_base64(text)}"
        return f"{said}.{self._mac(said, source)}"

    def read(self, reference: str, source: str, now: datetime, ahead: timedelta = _AHEAD) -> Picture | NoPicture:
        """What it names, for this source. ahead: by how much the upload may lie after `now`, of another's clock."""
        said, _, mac = reference.rpartition(".")
        if not compare_digest(self._mac(said, source).encode(), mac.encode("utf-8", "replace")):
            return NoPicture.NOT_OURS
        at = datetime.fromtimestamp(int(said.split(".")[2]), UTC)
        return picture(reference) if now - VALID <= at <= now + ahead else NoPicture.EXPIRED

    def _mac(self, said: str, source: str) -> str:
        keyed = self._keyed.copy()
        keyed.update(f"{source}\x00{said}".encode("utf-8", "replace"))
        return _base64(keyed.digest())


def of_department(id: str) -> str:
    """The source of what a department uploads for its moves."""
    return f"department:{id}"


def claimed(reference: str) -> Picture | None:
    """What a reference says that nobody has read yet, None where it is none. It proves nothing."""
    try:
        return picture(reference) if _FORM.fullmatch(reference) else None
    except ValueError:
        return None


def picture(reference: str) -> Picture:
    """What a reference names that was read before."""
    sha256, size, _, text, _ = reference.split(".")
    type_, _, masked_by = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("\n")
    return Picture(bytes.fromhex(sha256), int(size), type_, masked_by)


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
