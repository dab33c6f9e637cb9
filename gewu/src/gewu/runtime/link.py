"""Status links: whoever holds the link may read that one report's status. Intake makes it, dispatch checks it, no table."""

from binascii import b2a_base64
from hashlib import blake2b
from hmac import compare_digest

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def token(secret: bytes, signal_id: str) -> str:
    """128 bits of keyed BLAKE2b over the signal's id, as 22 URL-safe characters."""
    said = blake2b(signal_id.encode(), key=secret, digest_size=16, person=b"gewu.link").digest()
    return b2a_base64(said, newline=False)[:22].translate(_URL_SAFE).decode()


def holds(secret: bytes, signal_id: str, said: str) -> bool:
    """Whether this token belongs to this signal."""
    return compare_digest(token(secret, signal_id).encode(), said.encode("utf-8", "replace"))
