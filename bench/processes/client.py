"""The least that speaks HTTP: a client library would cost more than the service that it asks."""

import asyncio
import re
from collections.abc import Callable
from typing import cast

_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
Done = Callable[[int, bytes], None]


class Connection(asyncio.Protocol):
    """One connection that is kept, and one request at a time on it."""

    def __init__(self) -> None:
        self._said = b""
        self._done: Done = lambda status, body: None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connected to a port of the loopback."""
        _, found = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return found

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)

    def send(self, head: bytes, body: bytes, done: Done) -> None:
        """Ask; `done` gets status and body. `head`: request line and headers without the last two."""
        self._done = done
        self._transport.write(head + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._said += data
        head, found, rest = self._said.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if length and len(rest) >= int(length[1]):
            self._said = b""
            self._done(int(head[9:12]), rest)

    def connection_lost(self, fault: Exception | None) -> None:
        """asyncio's: who waits hears of it."""
        self._done(0, repr(fault).encode())
