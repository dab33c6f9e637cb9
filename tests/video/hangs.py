"""`make hangs`: cameras behind proxies that hang, forget, trickle, blind and drop, watched by video's keepers.

Measured of each: from the moment in which new connections are good again to the newest picture that the parent then hears of.
At the end nothing may be left. Needs GStreamer's RTSP server (Debian packages: tests/video/conftest.py).
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from bench import machine
from gewu_video import settings
from gewu_video.children import Keeper
from tests.video import hangs_page, left
from tests.video.cameras import Heard, camera, kept
from tests.video.conftest import Rtsp, why_not
from tests.video.hangs_page import Found, Row
from tests.video.proxy import Manner, Proxy

ROOT = Path(__file__).parents[2]
# Of ten: seven hang in one of two ways, and each of the others has its turn.
TURNS = (
    Manner.HANG, Manner.FORGET, Manner.TRICKLE, Manner.HANG, Manner.DROP,
    Manner.FORGET, Manner.HANG, Manner.BLIND, Manner.FORGET, Manner.HANG,
)  # fmt: skip
# Longer than a read waits; of ten that are not short, three are middling and one long.
_SHORT_S, _MIDDLE_S, _LONG_S = (4.0, 8.0), (8.0, 20.0), (30.0, 60.0)
_LENGTHS = (_SHORT_S,) * 6 + (_MIDDLE_S,) * 3 + (_LONG_S,)
_DARK_S, _LATE_S = 2.0, 10.0  # without a picture at its end, which waits for it so long
_AT_OPENING = 0.2  # so many begin while a stream is being opened
_QUIET_S, _STEP_S, _OPENED_S, _COUNT_S = 4.0, 0.02, 60.0, 0.5


@dataclass(frozen=True, slots=True)
class Watched:
    """A camera behind its proxy."""

    name: int
    proxy: Proxy
    keeper: Keeper
    heard: Heard

    async def shown(self, since: float, within_s: float) -> float | None:
        """Seconds from then to a picture that is newer; None where none came in time."""
        while self.keeper.newest <= since:
            if time.monotonic() - since > within_s:
                return None
            await asyncio.sleep(_STEP_S)
        return self.keeper.newest - since

    async def _dark(self) -> bool:
        """Whether no picture comes any more: on a busy machine what had passed before it began is looked at seconds later."""
        for _ in range(round(_LATE_S / _STEP_S)):
            if self.keeper.age() >= _DARK_S:
                return True
            await asyncio.sleep(_STEP_S)
        return False

    async def harm(self, manner: Manner, length_s: float, opening_s: float | None, given_up_s: float) -> Row:
        """Once; opening_s: so many seconds after a connection of a child or a knock was made, not while it shows pictures."""
        if opening_s is not None:
            self.proxy.made.clear()
            self.proxy.cut()
            await self.proxy.made.wait()
            await asyncio.sleep(opening_s)
        began = time.monotonic()
        self.proxy.harm(manner)
        await asyncio.sleep(length_s)
        hit = await self._dark()
        self.proxy.relieve()
        ended = time.monotonic()
        return Row(self.name, manner, ended - began, opening_s is not None, hit, await self.shown(ended, given_up_s))


async def run(
    hangs: int, cameras: int, seed: int = 1, turns: Sequence[Manner] = TURNS, *, only_short: bool = False,
    given_up_s: float = 60.0,
) -> Found:  # fmt: skip
    """So many, shared out over the cameras, each at its own times."""
    found = Found(left.descriptors(), left.children())
    server = Rtsp()
    try:
        async with AsyncExitStack() as proxies:
            async with AsyncExitStack() as keepers:
                watched = [await _watched(proxies, keepers, server.port, n) for n in range(cameras)]
                opened = [w.shown(time.monotonic(), _OPENED_S) for w in watched]
                assert None not in await asyncio.gather(*opened), "not every camera was opened"
                counting = asyncio.create_task(_count(found))
                drawn = _draw(hangs, seed, turns, only_short)
                shares = [_share(w, drawn[w.name :: cameras], given_up_s) for w in watched]
                found.rows = [row for rows in await asyncio.gather(*shares) for row in rows]
                counting.cancel()
            # Now, and not when their streams end, which would end them too.
            found.children_after = left.children()
            found.ends = sum(len(w.heard.ends) for w in watched)
            found.knocks = sum(len(w.heard.knocks) for w in watched)
    finally:
        server.kill()
    await asyncio.sleep(0.5)  # the ends of connections take a turn of the loop or two
    found.descriptors_after = left.descriptors()
    return found


async def _watched(proxies: AsyncExitStack, keepers: AsyncExitStack, port: int, name: int) -> Watched:
    proxy = await proxies.enter_async_context(Proxy(port))
    seen = camera(f"rtsp://127.0.0.1:{proxy.port}/live", id=f"9901010000131{name:07}")
    keeper, heard = await keepers.enter_async_context(kept(seen, bounds=defaults()))
    return Watched(name, proxy, keeper, heard)


def defaults() -> settings.Children:
    """The bounds with which video watches where nobody says others."""
    said = {"GEWU_KAFKA_BOOTSTRAP": "127.0.0.1:9", "GEWU_CITY": str(ROOT / "cities" / "demo")}
    return settings.read(said).children


def _draw(
    hangs: int, seed: int, turns: Sequence[Manner], only_short: bool
) -> list[tuple[Manner, float, float | None, float]]:
    """Of each its manner, length, place in an opening and the quiet time before it."""
    random, drawn = Random(seed), []
    for n in range(hangs):
        manner = turns[n % len(turns)]
        span = hangs_page.BLIND_S if manner is Manner.BLIND else _SHORT_S if only_short else random.choice(_LENGTHS)
        opening = random.uniform(0.0, 1.5) if random.random() < _AT_OPENING and manner is not Manner.BLIND else None
        drawn.append((manner, random.uniform(*span), opening, random.uniform(0.0, _QUIET_S)))
    random.shuffle(drawn)
    return drawn


async def _share(
    watched: Watched, drawn: Sequence[tuple[Manner, float, float | None, float]], given_up_s: float
) -> list[Row]:
    rows = []
    for manner, length, opening, quiet in drawn:
        await asyncio.sleep(quiet)
        rows.append(await watched.harm(manner, length, opening, given_up_s))
        print(hangs_page.line(rows[-1]), file=sys.stderr, flush=True)
        if rows[-1].took_s is None:
            break  # it would only be given up again and again
    return rows


async def _count(found: Found) -> None:
    while True:
        found.most_children = max(found.most_children, left.children())
        await asyncio.sleep(_COUNT_S)


async def away(cameras: int, seconds: float) -> float:
    """Share of a core that this process spends on cameras that accept and say nothing, the peer's part included."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    source = f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/live"
    async with AsyncExitStack() as stack, server:
        for _ in range(cameras):
            await stack.enter_async_context(kept(camera(source), bounds=defaults()))
        began, spent = time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        return (time.process_time() - spent) / (time.monotonic() - began)


def main() -> int:
    """Exit code: 0 when all was as it must be, 1 when not, 2 where the server is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.video.hangs", description=__doc__)
    parser.add_argument("--hangs", type=int, default=200)
    parser.add_argument("--cameras", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--manner", action="append", choices=[m for m in Manner if m is not Manner.PASS], default=[])
    parser.add_argument("--short", action="store_true", help="none is longer than 8 s")
    parser.add_argument(
        "--give-up", type=float, default=60.0, help="seconds without a picture after which nobody waits"
    )
    parser.add_argument("--percentile", type=int, default=99, help="of recoveries, which must be below the limit")
    parser.add_argument("--page", type=Path, help="write the table here")
    words = parser.parse_args()
    if why := why_not():
        print(why, file=sys.stderr)
        return 2
    commit, turns = machine.commit(ROOT), [Manner(m) for m in words.manner] or TURNS
    harmed = run(words.hangs, words.cameras, words.seed, turns, only_short=words.short, given_up_s=words.give_up)
    found = asyncio.run(harmed)
    if words.page:
        found = replace(found, away=asyncio.run(away(64, 30.0)))
        words.page.write_text(hangs_page.text(found, words.hangs, words.cameras, words.seed, commit, defaults()))
    wrong = hangs_page.wrong(found, words.percentile / 100)
    print(json.dumps({**hangs_page.sums(found), "wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
