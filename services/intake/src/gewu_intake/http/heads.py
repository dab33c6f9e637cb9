"""Request heads that were seen before: a client on a kept connection says the same one again with every report.

Parsing it, and finding out that it may enter, costs as much as the report itself. What is remembered depends on nothing
but the head's own bytes; whether its key is still in force is asked anew each time.
"""

from collections.abc import Iterable
from typing import NamedTuple

_MOST = 1024  # heads; lengths of bodies make up most of the difference between them
_BYTES = 1024  # of one head; so this memory ends at a mebibyte

Headers = Iterable[tuple[bytes, bytes]]


class Head(NamedTuple):
    """What a head asks for. `digest`: of the key it brings, "" for none; `length`: of its body, in bytes."""

    door: str
    digest: str
    length: int


class Heads:
    """The heads that one server has let in."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def get(self, raw: bytes) -> Head | None:
        """What exactly these bytes were found to ask for, up to and with the empty line."""
        return self._known.get(raw)

    def remember(self, raw: bytes, door: str, digest: str, headers: Headers) -> None:
        """Keep a head that was let in, as the parser understood it.

        Only where these bytes are that head and nothing else: written plainly, with one length and no other framing. A
        head that ends somewhere else than at the first empty line would have us cut the stream at another place.
        """
        headers = list(headers)
        lengths = [value for name, value in headers if name == b"content-length"]
        framed = any(name == b"transfer-encoding" for name, _ in headers)
        if len(raw) > _BYTES or framed or len(lengths) != 1 or not lengths[0].isdigit():
            return
        lines = [b"POST %b HTTP/1.1" % door.encode(), *(b"%b: %b" % header for header in headers), b"", b""]
        # The parser's names are in lower case; values and the request line must be the same to the letter.
        if _lowered(raw.split(b"\r\n")) != lines:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[raw] = Head(door, digest, int(lengths[0]))


def _lowered(lines: list[bytes]) -> list[bytes]:
    names = [line.partition(b": ") for line in lines[1:]]
    return [lines[0], *(name.lower() + colon + value for name, colon, value in names)]
