"""Those who must know while notify is killed, or while a thousand others do not answer."""

import asyncio
import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from random import Random

from gewu.dev.ports import LOOPBACK, free_ports
from gewu_notify.sending import gate
from tests.notify.world import Listener
from tests.support.load import Load
from tests.support.received import telling
from tests.support.waiting import until
from tests.trouble.play import Family, Found, Own, Seen
from tests.trouble.world import World

_runs = count(1)
_HANG, _WORD = 1000, "pothole"
_RATE = 200  # reports a second beside a thousand
_P0_WORD, _P0S, _APART_S = "sinkhole", 6, 0.8
_BACKLOG = 4096
_GIVEN_S = 10  # to each that hangs; a p0 that waited for one of them would take as long
_MORE = 5  # times as long as before may a p0's notice take, from its plan to its receiver's 2xx
_PAUSE_S = 0.2  # notify looks at its ledger as often; shorter times say nothing
_FURTHER = 100  # connections to those that hang, beside one each
_GROWTH_MIB = 100


def notify_killed(window: str) -> Family:
    """Notify is killed while it stands inside this window."""

    async def family(world: World, random: Random) -> Seen:
        """Notify is killed while it stands in this window: what goes again has the webhook-id that it had, and nobody stays
        untold."""
        name, reached = f"desk-{next(_runs)}", world.folder / f"reached-{window}-{random.randrange(2**31)}"
        desk, begun = await Listener(free_ports(1)[0]).start(), datetime.now(UTC)
        try:
            async with telling(
                world.stack, world.folder, {name: desk.url}, [f"opened,opened,*,*,*,*,{name},"]
            ) as words:
                async with world.load(random):
                    await asyncio.sleep(random.uniform(0.3, 0.8))
                    await world.stack.launch("notify", {**words, "FAILPOINTS": f"{window}={reached}"}, ready=False)
                    await until(lambda: asyncio.sleep(0, reached.exists()), 30.0, f"the window {window}")
                    await world.stack.kill("notify")
                    before = Counter(got.id for got in desk.got)
                    held = {row["id"] for row in await _held(world, name)}
                    await world.stack.launch("notify", words)
                    await asyncio.sleep(1.0)
                await world.judge()  # which waits until all is settled: no case may open between the two looks below
                await until(lambda: _all_told(world, name, begun), 30.0, "a notice of each case that was opened")
            ledger = {row["id"]: row["state"] for row in await _ledger(world, name)}
            ids, after = set(ledger), Counter(got.id for got in desk.got)
        finally:
            await desk.stop()
        assert set(after) == ids, (
            f"{Counter(ledger[i] for i in ids - set(after))} never came, {len(set(after) - ids)} under another webhook-id"
        )
        again = sum(n > 1 for n in after.values())
        words_ = (
            f"stood in {window} with {len(held)} claims, {len(held & set(before))} of them sent; {len(ids)} notices, "
        )
        # Before the sending nobody had them and all came once; after it all had them and they came again.
        hit = bool(held - set(before)) if window == "sender.after_claim" else bool(held & set(before)) and again > 0
        return Seen(hit, f"{words_}{again} of them came twice under their id")

    return family


async def thousand_hang(world: World, random: Random) -> Seen:
    """1,000 receivers take connections and never answer. A p0's notice reaches its living receiver all the same, and notify's
    connections and memory stay below their bounds."""
    return await hang(world, random, _HANG)


async def hang(world: World, random: Random, many: int) -> Seen:
    """So many receivers hang, each of which holds one connection, as far as there are some that are not kept for p0."""
    held = min(many, gate.CONNECTIONS - gate.FOR_P0)
    name, silent = f"desk-{next(_runs)}", _Silent()
    quiet = f"{name}-quiet"
    desk, port = await Listener(free_ports(1)[0]).start(), await silent.start()
    dead = {f"{name}-dead-{n}": f"http://{LOOPBACK}:{port}/{n}" for n in range(many)}
    many_class, p0_class = _classes(world, _WORD, _P0_WORD)
    rules = [f"p0,*,p0,*,*,*,{name},", f"rare,*,p0,{p0_class},*,*,{quiet},"]
    rules += (f"r{n},opened,*,{many_class},*,*,{r}," for n, r in enumerate(dead))
    try:
        hear = {
            **dead,
            name: desk.url,
            quiet: desk.url,
        }  # in the order of this file they are offered a place that is free
        async with telling(world.stack, world.folder, hear, rules, timeout=f"{_GIVEN_S}s") as words:
            await world.stack.launch("notify", words)
            notify = world.stack.services["notify"]
            # A plan looks at every rule: where there are more of them, less is said.
            async with world.load(random, rate=_RATE * _HANG / many) as load:
                small = _mib(notify.pid)
                calm = await _now_and_then(world, load, quiet)
                await load.ship([load.report() | {"category": _WORD} for _ in range(2)])
                await until(lambda: asyncio.sleep(0, silent.open >= held), 30.0, f"{held} that hang")
                harmed = await _now_and_then(world, load, quiet)
                large, still = _mib(notify.pid), silent.open
            before = await until(lambda: _took(world, (name, quiet), *calm), 20.0, "notices of p0 before")
            took = await until(
                lambda: _took(world, (name, quiet), *harmed), 20.0, "notices of p0 beside those that hang"
            )
    finally:
        await desk.stop()
        await silent.stop()
    times = f"median {statistics.median(took):.2f} s beside {statistics.median(before):.2f} s before, slowest {took[-1]:.2f} s"
    if statistics.median(took) > _MORE * max(statistics.median(before), _PAUSE_S) or took[-1] > _GIVEN_S / 2:
        raise Found(Own.P0_WAITS, times)
    assert silent.most <= held + _FURTHER, f"{silent.most} connections to those that hang"
    assert large - small < _GROWTH_MIB, f"notify grew from {small} to {large} MiB"
    words_ = (
        f"{still} hung, {silent.most} connections at most, {large - small} MiB more; {len(took)} notices of p0, {times}"
    )
    return Seen(still >= held * 0.9, words_)


async def _now_and_then(world: World, load: Load, quiet: str) -> tuple[datetime, datetime]:
    """From when to when this receiver was to hear of life safety now and then. Its connection is given up for others between two
    notices, so each needs another place; a receiver that always has something to hear keeps its own."""
    begun = datetime.now(UTC)
    for _ in range(_P0S):
        await load.ship([load.report() | {"category": _P0_WORD}])
        await asyncio.sleep(_APART_S)

    async def planned() -> bool:
        said = "SELECT FROM notify.notices WHERE receiver = $1 AND planned_at > $2"
        return len(await world.fetch(said, quiet, begun)) >= _P0S - 1  # one may have met another in a batch

    await until(planned, 30.0, "notices of life safety")
    return begun, datetime.now(UTC)


class _Silent:
    """Takes connections and never answers. open: now; most: at once."""

    def __init__(self) -> None:
        self.open = self.most = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._take, LOOPBACK, 0, backlog=_BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        self._writers.add(writer)
        try:
            while await reader.read(65536):
                pass
        except OSError:
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.transport.abort()

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()


async def _held(world: World, name: str) -> list:
    return await world.fetch(
        "SELECT webhook_id::text AS id FROM notify.notices WHERE receiver = $1 AND state = 'open' AND claimed_until IS NOT NULL",
        name,
    )


async def _ledger(world: World, name: str) -> list:
    return await world.fetch("SELECT webhook_id::text AS id, state FROM notify.notices WHERE receiver = $1", name)


async def _all_told(world: World, name: str, begun: datetime) -> bool:
    """Whether every case that was opened since then was told by one notice, and nothing waits."""
    (row,) = await world.fetch(
        "SELECT count(*) AS cases, coalesce(min(n.told), 0) AS least, coalesce(max(n.told), 0) AS most, "
        "(SELECT count(*) FROM notify.notices WHERE receiver = $1 AND state <> 'sent') AS waiting, "
        "count(*) FILTER (WHERE n.told IS NULL) AS untold FROM dispatch.cases c LEFT JOIN ("
        "  SELECT case_id, count(*) AS told FROM notify.notices WHERE receiver = $1 GROUP BY case_id) n USING (case_id) "
        "WHERE c.opened_at > $2 AND NOT c.exercise", name, begun,
    )  # fmt: skip
    return bool(row["cases"] and not row["untold"] and not row["waiting"] and row["least"] == row["most"] == 1)


async def _took(world: World, names: Sequence[str], since: datetime, end: datetime) -> list[float]:
    """Seconds, sorted, that each notice took which was planned between these moments, once all were sent."""
    rows = await world.fetch(
        "SELECT state, extract(epoch FROM ended_at - planned_at)::float8 AS took FROM notify.notices "
        "WHERE receiver = ANY($1) AND planned_at BETWEEN $2 AND $3", list(names), since, end,
    )  # fmt: skip
    return sorted(row["took"] for row in rows) if all(row["state"] == "sent" for row in rows) else []


def _classes(world: World, *words: str) -> list[str]:
    """The classes of words that only this family reports."""
    from gewu.city import load

    known = load(world.stack.city).categories  # once: it takes the whole city package
    return [next(key for key, c in known.items() if word in c.aliases) for word in words]


def _mib(pid: int | None) -> int:
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024
