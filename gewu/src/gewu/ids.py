"""Identity: the same act done again gives the same id, which is what makes "once" true everywhere.

Ids are UUIDv8 texts (RFC 9562 §5.8): 122 bits of BLAKE2b over the named parts. Where the client's own id is a UUIDv7,
its 48-bit millisecond time becomes the leading bits, because random keys cost a quarter of PostgreSQL's insert rate.
The time is part of the hashed identity as well, so leading bits add no second way to name one act.
"""

import os
import re
import time
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANONYMOUS = "anonymous"

_V7 = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}(?=-7)")
_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}  # the two leading bits of RFC 9562 §4.1
_FEW = 24  # ids that are made sooner one by one than together
_OTHER = "?" * 36  # stands for an id that is no UUID
_SIGNS = bytes(ord("0") if chr(n) in "0123456789abcdef" else n for n in range(256))  # any hex digit is a nought
_TIME = b"00000000-0000-"
# Set up once: that is a third of the work.
_SIGNAL, _CASE, _ACTION, _EVENT, _NOTICE = (
    blake2b(digest_size=16, person=kind)
    for kind in (b"gewu.signal", b"gewu.case", b"gewu.action", b"gewu.event", b"gewu.notice")
)


def signal_id(source: str, client_id: str, body_sha256: bytes = b"") -> str:
    """Id of a signal from its authenticated source and the client's own id.

    An anonymous source adds the body's hash, because there nobody owns a name: a stranger who guesses another's
    client id must not be able to swallow that report as a "repeat".
    """
    return _uuid8(_SIGNAL, f"{source}\x00{client_id}".encode() + body_sha256, _leading_time(client_id))


def signal_ids(sources: Sequence[str], client_ids: Sequence[str], bodies_sha256: Sequence[bytes]) -> list[str]:
    """Ids of many signals, each as `signal_id` gives it; the body's hash counts where the source is anonymous.

    Half of the work of one by one is to put the text together.
    """
    said = zip(sources, client_ids, bodies_sha256, strict=True)
    if len(client_ids) < _FEW:
        return [signal_id(source, id_, body if source == ANONYMOUS else b"") for source, id_, body in said]
    kind, hashes = _SIGNAL.copy, []
    for source, client_id, body in said:
        hashed = kind()
        hashed.update(f"{source}\x00{client_id}".encode())
        if source == ANONYMOUS:
            hashed.update(body)
        hashes.append(hashed.digest())
    text = _uuids8(b"".join(hashes), client_ids).tobytes().decode()
    return [text[n : n + 36] for n in range(0, len(text), 36)]


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


def notice_id(event: str, receiver: str) -> str:
    """Id of what one receiver is told of one event; stays the same however often it is sent."""
    return _uuid8(_NOTICE, f"{event}\x00{receiver}".encode(), event[:13])


def new_client_id() -> str:
    """A UUIDv7 for a client that sent no id of its own; such a client's repeat is a new report."""
    (found,) = new_client_ids(1)
    return found


def new_client_ids(count: int) -> list[str]:
    """So many, all of this millisecond."""
    ms, bits = f"{time.time_ns() // 1_000_000:012x}", os.urandom(10 * count).hex()
    front = f"{ms[:8]}-{ms[8:]}-7"
    rows = [bits[n : n + 20] for n in range(0, 20 * count, 20)]
    return [f"{front}{b[:3]}-{_VARIANT[b[3]]}{b[4:7]}-{b[7:19]}" for b in rows]


def _uuid8(kind: blake2b, said: bytes, leading: str) -> str:
    hashed = kind.copy()
    hashed.update(said)
    h = hashed.hexdigest()
    return f"{leading or h[:8] + '-' + h[8:12]}-8{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:]}"


def _uuids8(hashes: bytes, client_ids: Sequence[str]) -> "NDArray[np.uint8]":
    """As `_uuid8`, a row of 36 characters for each of these hashes."""
    import numpy as np  # a department's own program makes few ids, and needs none of this

    bits = np.frombuffer(bytearray(hashes), np.uint8).reshape(-1, 16)
    bits[:, 6] = bits[:, 6] & 0x0F | 0x80
    bits[:, 8] = bits[:, 8] & 0x3F | 0x80
    h = _rows(bits.tobytes().hex().encode(), 32)
    # Each of its own character is one byte here: one that is not ASCII becomes a question mark.
    theirs = "".join([c if len(c) == 36 else _OTHER for c in client_ids]).encode("ascii", "replace").lower()
    found = _rows(bytearray(theirs), 36)
    is_v7 = (_rows(theirs.translate(_SIGNS), 36)[:, :14] == _rows(_TIME, 14)).all(axis=1) & (found[:, 14] == ord("7"))
    if (other := ~is_v7).any():
        found[other, :8], found[other, 9:13] = h[other, :8], h[other, 8:12]
    found[:, (8, 13, 18, 23)] = ord("-")
    found[:, 14:18], found[:, 19:23], found[:, 24:] = h[:, 12:16], h[:, 16:20], h[:, 20:]
    return found


def _rows(said: bytes | bytearray, width: int) -> "NDArray[np.uint8]":
    import numpy as np

    return np.frombuffer(said, np.uint8).reshape(-1, width)


def _leading_time(client_id: str) -> str:
    """The 12 leading hex digits of a UUIDv7 as they stand there, or nothing for any other id."""
    found = _V7.match(client_id) if len(client_id) == 36 else None
    return found[0].lower() if found else ""
