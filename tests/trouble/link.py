"""A wire between clients and a server that a test may freeze or cut: plain TCP on loopback, one port to another."""

import asyncio
from contextlib import suppress

from gewu.dev import ports

_CHUNK = 64 * 1024


class Link:
    """Listens on `port` and passes bytes on to a target, both ways, until it is frozen or cut.

    held: bytes that came while frozen and were not passed on; accepted: connections that were taken while frozen.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port, self._target = port, target
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._passes = {"requests": asyncio.Event(), "answers": asyncio.Event()}
        self.held = self.accepted = 0

    async def open(self) -> None:
        """Listen, and pass everything on."""
        for passes in self._passes.values():
            passes.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._take, ports.LOOPBACK, self.port)

    def freeze(self, *ways: str) -> None:
        """Connections stay and are accepted, and nothing goes through: both ways, or only "requests" or "answers"."""
        self.held = self.accepted = 0
        for way in ways or tuple(self._passes):
            self._passes[way].clear()

    async def cut(self) -> None:
        """Close the port: every connection ends at once and new ones are refused."""
        server, self._server = self._server, None
        if server:
            server.close()
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection as a reset does; what was held is gone."""
        for end in list(self._ends):
            end.transport.abort()

    async def close(self) -> None:
        """The end of it."""
        await self.cut()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += not all(p.is_set() for p in self._passes.values())
        self._ends.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(ports.LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            self._ends.discard(writer)
            return
        self._ends.add(far_writer)
        try:
            pumps = [
                asyncio.create_task(self._pump(reader, far_writer, "requests")),
                asyncio.create_task(self._pump(far_reader, writer, "answers")),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            for end in (writer, far_writer):
                self._ends.discard(end)
                end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str) -> None:
        passes = self._passes[way]
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                if not passes.is_set():
                    self.held += len(data)
                    await passes.wait()
                sink.write(data)
                await sink.drain()
