"""A service's life: parts start in order, HTTP answers from the first moment, a signal stops all in reverse in time."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gewu.runtime.guarded import LIVEZ, METRICS, GuardedProtocol
from gewu.runtime.health import Health
from gewu.runtime.instruments import Count
from gewu.runtime.settings import Http

log = logging.getLogger(__name__)

CONCURRENCY = 4096  # connections or requests at once: from there on the answer is 503
STOP_S = 30.0  # a stop ends within this many seconds; give the orchestrator's grace period a little more


@dataclass(frozen=True, slots=True)
class Part:
    """Something with a start and a stop."""

    name: str
    start: Callable[[], Awaitable[Any]]
    stop: Callable[[], Awaitable[Any]] | None = None


def loop(name: str, work: Callable[[], Awaitable[None]], health: Health) -> Part:
    """A part that runs in the background until stopped; one that ends by itself is a bug, and red."""
    tasks: list[asyncio.Task[None]] = []

    async def run() -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as fault:
            log.exception("%s ended", name)
            health.bad(name, f"ended: {fault!r}; restart this process")

    async def start() -> None:
        tasks.append(asyncio.create_task(run(), name=name))

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(
                tasks
            )  # gather would not let itself be timed out by a task that swallows its cancellation

    return Part(name, start, stop)


def closing(name: str, stop: Callable[[], Awaitable[Any]]) -> Part:
    """A part that is there from the beginning and needs an end."""

    async def start() -> None:
        pass

    return Part(name, start, stop)


def ops_routes(health: Health, registry: CollectorRegistry) -> list[Route]:
    """/livez (this process runs), /readyz (it can do its work, or which part cannot and why; what it does without), /metrics."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        red = dict(health.red())
        found: dict[str, Any] = {"ready": not red, "red": red}
        if lacking := dict(health.lacking()):
            found["without"] = lacking
        return JSONResponse(found, status_code=503 if red else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [Route(LIVEZ, livez), Route("/readyz", readyz), Route(METRICS, metrics)]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Any:
        yield  # signals belong to the service, which stops its parts in order


@dataclass(slots=True)
class Service:
    """Everything that `build(settings)` made."""

    name: str
    app: Any
    http: Http
    health: Health
    turned_away: Count  # requests refused at the limit of connections
    parts: Sequence[Part]
    protocol: Callable[..., asyncio.Protocol] = GuardedProtocol  # below ASGI, for a door that must be fast
    _stopped_by: float | None = field(default=None, init=False)  # once a stop has begun; every part shares it

    async def run(self, stopping: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT, then stop within STOP_S; `stopping` is called as that begins."""
        asked = asyncio.Event()
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, asked.set)
        server = _Server(self._config())
        serving = asyncio.create_task(server.serve())
        self.health.bad("start", "starting")
        try:
            async with AsyncExitStack() as stack:
                started = asyncio.create_task(self._start(stack))
                stopped = asyncio.create_task(asked.wait())
                await asyncio.wait([started, stopped, serving], return_when=asyncio.FIRST_COMPLETED)
                if started.done():
                    started.result()
                    log.info("ready", extra={"port": self.http.port})
                    await asyncio.wait([stopped, serving], return_when=asyncio.FIRST_COMPLETED)
                started.cancel()
                log.info("stopping")
                stopping()
                self._stopped_by = running.time() + STOP_S * 0.9
                self.health.bad("stop", "stopping")
                server.should_exit = True  # answers under way end first, then the parts they need
                await asyncio.wait([serving], timeout=STOP_S / 2)
        finally:
            server.force_exit = True
            await asyncio.wait([serving], timeout=1.0)
        log.info("stopped")

    async def _start(self, stack: AsyncExitStack) -> None:
        for part in self.parts:
            self.health.bad("start", f"starting {part.name}")
            if part.stop:
                stack.push_async_callback(self._bounded, part.name, part.stop)
            await part.start()
        self.health.good("start")

    async def _bounded(self, name: str, stop: Callable[[], Awaitable[Any]]) -> None:
        """Stop a part in what is left of the time, and never take more than a third of it."""
        now = asyncio.get_running_loop().time()
        left = STOP_S if self._stopped_by is None else self._stopped_by - now
        try:
            async with asyncio.timeout(min(STOP_S / 3, max(left, 0.05))):
                await stop()
        except TimeoutError:
            log.warning("%s did not stop in time", name)
        except Exception:
            log.exception("%s failed to stop", name)

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self.app, host=self.http.host, port=self.http.port, loop="none", ws="none", lifespan="off",
            http=partial(self.protocol, turned_away=self.turned_away), log_config=None, access_log=False,
            server_header=False, limit_concurrency=CONCURRENCY, backlog=2048,
            timeout_keep_alive=75, timeout_graceful_shutdown=int(STOP_S / 2),
            ssl_certfile=self.http.cert_file, ssl_keyfile=self.http.key_file,
        )  # fmt: skip
