"""The reference that an upload is answered with: what it says was masked, stored, and when, under a key of the servers'.

So whoever takes a report need not look into the store, and nobody can name a picture that no masker has seen.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from hmac import compare_digest

VALID = timedelta(hours=24)  # from the upload to the report that names it
_AHEAD = timedelta(minutes=5)  # by how much the clocks of two servers may differ
_MAC_BYTES = 16


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
    """References of one secret. `source`: whose upload it is, and who alone may name it: key:<id> or anonymous."""

    __slots__ = ("_keyed",)

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(key=secret, digest_size=_MAC_BYTES, person=b"gewu.picture")

    def make(self, picture: Picture, source: str, now: datetime) -> str:
        """The reference of a picture that was stored now: digits, letters, dots, dashes and lines below."""
        text = f"{picture.type}\n{picture.masked_by}".encode()
        said = f"{picture.sha256.hex()}.{picture.bytes}.{int(now.timestamp())}.{_base64(text)}"
        return f"{said}.{self._mac(said, source)}"

    def read(self, reference: str, source: str, now: datetime) -> Picture | NoPicture:
        """What it names, for this source."""
        said, _, mac = reference.rpartition(".")
        if not compare_digest(self._mac(said, source).encode(), mac.encode("utf-8", "replace")):
            return NoPicture.NOT_OURS
        at = datetime.fromtimestamp(int(said.split(".")[2]), UTC)
        return picture(reference) if now - VALID <= at <= now + _AHEAD else NoPicture.EXPIRED

    def _mac(self, said: str, source: str) -> str:
        keyed = self._keyed.copy()
        keyed.update(f"{source}\x00{said}".encode("utf-8", "replace"))
        return _base64(keyed.digest())


def picture(reference: str) -> Picture:
    """What a reference names that was read before."""
    sha256, size, _, text, _ = reference.split(".")
    type_, _, masked_by = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("\n")
    return Picture(bytes.fromhex(sha256), int(size), type_, masked_by)


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
