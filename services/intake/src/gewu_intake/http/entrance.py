"""Who may enter, and a body within its bounds: the same at every door."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from gewu.runtime import keys
from gewu.runtime.keys import Key, KeyRing, bearer
from gewu_intake.http.answers import Refused

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]


class Entrance:
    """The keys in force, and whether one may come without."""

    def __init__(self, ring: KeyRing, anonymous: bool) -> None:
        self._keys, self._anonymous = ring, anonymous

    def digest(self, authorization: bytes | None) -> str:
        """The digest of the key that a request brings, "" for anonymous; Refused where that is not taken."""
        secret = bearer(authorization.decode("latin-1") if authorization is not None else None)
        if secret is not None:
            return keys.digest(secret)
        if self._anonymous:
            return ""
        detail = "send Authorization: Bearer <key>; this city takes no anonymous reports"
        raise Refused(401, "no_key", "a key is needed", detail)

    def holder(self, digest: str) -> Key | None:
        """The key of this digest, None for anonymous; Refused if it is not in force, or may not report."""
        key = self.known(digest)
        if key is not None and not key.may_report:
            raise Refused(403, "scope_missing", "this key may not report", "it lacks the scope report")
        return key

    def known(self, digest: str) -> Key | None:
        """The same, whatever the key may do."""
        if not digest:
            return None
        key = self._keys.of(digest)
        if key is None:
            raise Refused(401, "unknown_key", "this key is not known", "it may have been revoked; ask for a new one")
        return key


async def body(receive: Receive, limit: int, seconds: float) -> bytes:
    """The whole body; Refused when it is larger, slower or not whole."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "disconnected", "the client went away")
                part = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise Refused(413, "too_large", "the body is too large", f"at most {limit} bytes")
                parts.append(part)
                if not message.get("more_body"):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise Refused(408, "too_slow", "the body came too slowly", f"within {seconds:.0f} s") from None
