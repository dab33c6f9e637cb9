"""Status links: whoever holds the link may read that one report's status. Intake makes it, dispatch checks it, no table."""

from base64 import urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest


def token(secret: bytes, signal_id: str) -> str:
    """128 bits of keyed BLAKE2b over the signal's id, as 22 URL-safe characters."""
    return urlsafe_b64encode(blake2b(signal_id.encode(), key=secret, digest_size=16, person=b"gewu.link").digest())[
        :22
    ].decode()


def holds(secret: bytes, signal_id: str, said: str) -> bool:
    """Whether this token belongs to this signal."""
    return compare_digest(token(secret, signal_id).encode(), said.encode("utf-8", "replace"))
