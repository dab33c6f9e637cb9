"""A TCP proxy on loopback, before a camera, that can do what networks and cameras do: hang, forget, trickle, blind, drop."""

import asyncio
from enum import StrEnum
from typing import Self

from tests.video.interleaved import Interleaved

_DRIP_S = 1.0


class Manner(StrEnum):
    """How bytes go through."""

    PASS = "pass"
    HANG = "hang"  # they stop both ways, ends of connections too; afterwards all flows on
    FORGET = "forget"  # they are thrown away both ways, and a connection that was open in it is dead for ever
    TRICKLE = "trickle"  # from the server a byte a second, on a connection that was open in it for ever
    BLIND = "blind"  # sound goes on and no picture comes, on a connection that was open in it for ever
    DROP = "drop"  # every connection ends, and new ones as soon as they are made


_STAYS = Manner.FORGET, Manner.TRICKLE, Manner.BLIND


class Proxy:
    """Passes bytes on to a port; `made` is set by every connection that is made to it."""

    def __init__(self, port: int) -> None:
        self._to, self._ways = port, set[_Way]()
        self._manner, self._open = Manner.PASS, asyncio.Event()
        self._tasks = set[asyncio.Task[None]]()
        self._open.set()
        self.port, self.made = 0, asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.relieve()  # what hangs waits for it, at its end too
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()

    def harm(self, manner: Manner) -> None:
        """From now on, for connections that are there and for new ones."""
        self._manner = manner
        if manner is Manner.HANG:
            self._open.clear()
        elif manner is Manner.DROP:
            self.cut()
        for way in self._ways:
            way.spoil(manner)

    def relieve(self) -> None:
        """New connections are good."""
        self._manner = Manner.PASS
        self._open.set()

    def cut(self) -> None:
        """End every connection, both sides."""
        for way in list(self._ways):
            way.end()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made.set()
        try:
            if self._manner is Manner.DROP:
                raise OSError
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        way = _Way(writer, far_writer)
        way.spoil(self._manner)
        self._ways.add(way)
        for coroutine in (self._up(way, reader), self._down(way, far_reader)):
            task = asyncio.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _up(self, way: "_Way", reader: asyncio.StreamReader) -> None:
        await self._pass(way, reader, way.say_up)

    async def _down(self, way: "_Way", reader: asyncio.StreamReader) -> None:
        await self._pass(way, reader, way.say_down)

    async def _pass(self, way: "_Way", reader: asyncio.StreamReader, say) -> None:  # type: ignore[no-untyped-def]
        try:
            while data := await reader.read(65536):
                await self._open.wait()
                await say(data)
        except OSError:
            pass
        finally:
            await self._open.wait()
            way.end()
            self._ways.discard(way)


class _Way:
    """One connection with its two ends."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._client, self._server = client, server
        self._packets, self._spoiled = Interleaved(), Manner.PASS

    def spoil(self, manner: Manner) -> None:
        if self._spoiled is Manner.PASS and manner in _STAYS:
            self._spoiled = manner

    def end(self) -> None:
        self._client.transport.abort()
        self._server.transport.abort()

    async def say_up(self, data: bytes) -> None:
        if self._spoiled is not Manner.FORGET:
            self._server.write(data)
            await self._server.drain()

    async def say_down(self, data: bytes) -> None:
        said = self._packets.through(data, blind=self._spoiled is Manner.BLIND)
        if self._spoiled is Manner.FORGET:
            return
        if self._spoiled is not Manner.TRICKLE:
            self._client.write(said)
            await self._client.drain()
            return
        for n in range(len(said)):
            if self._client.is_closing():
                return
            self._client.write(said[n : n + 1])
            await asyncio.sleep(_DRIP_S)
