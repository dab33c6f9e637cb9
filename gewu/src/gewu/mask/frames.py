"""What goes over the pipes between a service and its masker, and never more than its bound.

To the child: a length (4 bytes, big end first) and a picture. From the child: a length and a few words as JSON, a length and
a picture (empty where there is none).
"""

import json
import struct
from typing import Any

from gewu.mask.words import MOST_BYTES

WORDS_BYTES = 4096
LENGTH = struct.Struct(">I")


class Garbled(Exception):
    """The other side does not keep to this form: whatever it is, it is not trusted with a picture."""


def picture(data: bytes) -> bytes:
    """A picture's frame."""
    return LENGTH.pack(len(data)) + data


def said(words: dict[str, Any], data: bytes = b"") -> bytes:
    """An answer's frame."""
    head = json.dumps(words).encode()
    return LENGTH.pack(len(head)) + head + LENGTH.pack(len(data)) + data


def length(raw: bytes, most: int = MOST_BYTES) -> int:
    """A frame's length; Garbled above the bound."""
    (found,) = LENGTH.unpack(raw)
    if found > most:
        raise Garbled(f"{found} bytes announced, at most {most}")
    return int(found)


def words(raw: bytes) -> dict[str, Any]:
    """An answer's words."""
    try:
        found = json.loads(raw)
    except ValueError:
        raise Garbled("its words are no JSON") from None
    if not isinstance(found, dict):
        raise Garbled("its words are no object")
    return found
