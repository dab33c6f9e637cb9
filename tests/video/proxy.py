"""A TCP proxy on loopback that can begin to trickle, or fall silent with its connections open."""

import asyncio
from typing import Self

_DRIP_S = 0.2


class Proxy:
    """Passes bytes on; `trickle`: from the server a byte a fifth of a second."""

    def __init__(self, port: int) -> None:
        self._to, self._tasks = port, set[asyncio.Task[None]]()
        self.trickle = False
        self.port = self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        for source, sink, drips in ((reader, far_writer, False), (far_reader, writer, True)):
            task = asyncio.create_task(self._pass(source, sink, drips))
            self._tasks.add(task)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, drips: bool) -> None:
        try:
            while data := await source.read(1 if drips and self.trickle else 65536):
                sink.write(data)
                await sink.drain()
                if drips and self.trickle:
                    await asyncio.sleep(_DRIP_S)
        except OSError:
            pass
        finally:
            sink.close()
