"""A service of a few parts that say what they do; `python -m tests.runtime.tiny MODE PORT`, for tests of its life."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gewu.runtime import process, service
from gewu.runtime.health import Health
from gewu.runtime.service import Part, Service, loop, ops_routes
from gewu.runtime.settings import Http

FEW = 4  # connections that the mode "busy" takes, the last one being refused
BOUND_S = 2.0  # in place of the half minute that a real stop may take


def _say(*words: object) -> None:
    print(*words, flush=True)


def _saying(word: str, then: Callable[[], Awaitable[object]] | None = None) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        _say(word)
        if then:
            await then()

    return act


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _stubborn() -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            _say("stubborn")


async def _fail() -> None:
    raise RuntimeError("no luck")


def _parts(mode: str, health: Health) -> list[Part]:
    first = Part("first", _saying("first starts"), _saying("first stops"))
    more = {
        "slow": [Part("slow", _saying("slow starts", _for_ever), _saying("slow stops"))],
        "broken": [Part("broken", _fail, _saying("broken stops"))],
        "red": [Part("database", lambda: asyncio.sleep(0, health.bad("database", "is away")))],
        "lacks": [Part("masker", lambda: asyncio.sleep(0, health.without("pictures", "no masker")))],
        "dies": [loop("worker", _fail, health)],
        "hangs": [Part("hangs", _saying("hangs starts"), _for_ever)],
        "all hang": [Part(f"hang {n}", _saying("hang starts"), _for_ever) for n in range(8)],
        "loops": [loop("worker", _saying("worker works", _for_ever), health)],
        "stubborn": [loop("worker", _stubborn, health)],
    }.get(mode, [])
    return [first, *more, Part("last", _saying("last starts"), _saying("last stops"))]


def build(mode: str, port: int) -> Service:
    """The service of this mode."""
    health, registry = Health(), CollectorRegistry()
    turned_away = process.export(registry, "tiny", health)

    async def slow(_: Request) -> Response:
        _say("request begins")
        await asyncio.sleep(0.4)
        _say("request ends")
        return PlainTextResponse("done")

    app = Starlette(routes=[*ops_routes(health, registry), Route("/slow", slow)])
    return Service("tiny", app, Http("127.0.0.1", port, None, None), health, turned_away, _parts(mode, health))


def main() -> int:
    """Run as a service is run."""
    service.STOP_S = process.STOP_S = BOUND_S
    if sys.argv[1] == "busy":
        service.CONCURRENCY = FEW

    async def serve() -> None:
        await build(sys.argv[1], int(sys.argv[2])).run(process.end_in_time)
        _say("ended")

    import uvloop

    uvloop.run(serve())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
