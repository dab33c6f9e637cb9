"""Servers that stand in for intake where a test needs it slow, cut or strange."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from gewu.dev import ports


@dataclass
class Door:
    """Takes what comes, one request after the other with `lasts` seconds each, and remembers it. `say` may answer
    otherwise."""

    lasts: float = 0.0
    say: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
    ids: list[str] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def report(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/reports and /v1/reports:batch."""
        bodies = msgspec.json.Decoder().decode_lines(await request.read())
        if "id" not in bodies[0]:
            return web.json_response({"code": "rejected"}, status=422)  # the question whether the key is known
        self.connections.add(request.transport)
        if self.say and (answer := await self.say(request)):
            return answer
        async with self._one:
            await asyncio.sleep(self.lasts)
        self.ids += [body["id"] for body in bodies]
        if not request.path.endswith(":batch"):
            return web.json_response({"signal_id": _signal(bodies[0])}, status=202)
        lines = [{"line": n, "outcome": "accepted", "signal_id": _signal(b)} for n, b in enumerate(bodies, 1)]
        return web.Response(body=b"\n".join(map(msgspec.json.encode, lines)))


def _signal(body: dict[str, Any]) -> str:
    return str(body["id"])  # any UUID will do


@asynccontextmanager
async def listening(door: Door) -> AsyncIterator[str]:
    """The door's address, for as long as the block lasts."""
    app = web.Application()
    app.add_routes([web.post("/v1/reports", door.report), web.post("/v1/reports:batch", door.report)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    (port,) = ports.free_ports(1)
    await web.TCPSite(runner, ports.LOOPBACK, port).start()
    try:
        yield f"http://{ports.LOOPBACK}:{port}"
    finally:
        await runner.cleanup()
