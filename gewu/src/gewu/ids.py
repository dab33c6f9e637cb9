"""Identity: the same act done again gives the same id, which is what makes "once" true everywhere.

Ids are UUIDv8 texts (RFC 9562 §5.8): 122 bits of BLAKE2b over the named parts. Where the client's own id is a UUIDv7,
its 48-bit millisecond time becomes the leading bits, because random keys cost a quarter of PostgreSQL's insert rate.
The time is part of the hashed identity as well, so leading bits add no second way to name one act.
"""

import os
import re
import time
from hashlib import blake2b

ANONYMOUS = "anonymous"

_V7 = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}(?=-7)")
_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}  # the two leading bits of RFC 9562 §4.1
# Set up once: that is a third of the work.
_SIGNAL, _CASE, _ACTION, _EVENT = (
    blake2b(digest_size=16, person=kind) for kind in (b"gewu.signal", b"gewu.case", b"gewu.action", b"gewu.event")
)


def signal_id(source: str, client_id: str, body_sha256: bytes = b"") -> str:
    """Id of a signal from its authenticated source and the client's own id.

    An anonymous source adds the body's hash, because there nobody owns a name: a stranger who guesses another's
    client id must not be able to swallow that report as a "repeat".
    """
    return _uuid8(_SIGNAL, f"{source}\x00{client_id}".encode() + body_sha256, _leading_time(client_id))


def case_id(opening_signal: str) -> str:
    """Id of the case that this signal opens."""
    return _uuid8(_CASE, opening_signal.encode(), opening_signal[:13])


def action_id(department: str, client_id: str) -> str:
    """Id of a department's action."""
    return _uuid8(_ACTION, f"{department}\x00{client_id}".encode(), _leading_time(client_id))


def event_id(case: str, incarnation: int, version: int, topic: str) -> str:
    """Id of one record about one version of a case on one topic."""
    said = f"{case}\x00{incarnation}\x00{version}\x00{topic}".encode()
    return _uuid8(_EVENT, said, case[:13])


def new_client_id() -> str:
    """A UUIDv7 for a client that sent no id of its own; such a client's repeat is a new report."""
    ms = time.time_ns() // 1_000_000
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    return _dashed(f"{ms:012x}{tail.hex()}")


def _uuid8(kind: blake2b, said: bytes, leading: str) -> str:
    hashed = kind.copy()
    hashed.update(said)
    h = hashed.hexdigest()
    return f"{leading or h[:8] + '-' + h[8:12]}-8{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:]}"


def _leading_time(client_id: str) -> str:
    """The 12 leading hex digits of a UUIDv7 as they stand there, or nothing for any other id."""
    found = _V7.match(client_id) if len(client_id) == 36 else None
    return found[0].lower() if found else ""


def _dashed(h: str) -> str:
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
