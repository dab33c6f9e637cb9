"""A dump is restored under a running city: dispatch reads again what it had decided and announced since the dump."""

import asyncio
import json
import sys
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import asyncpg

from gewu import topics
from gewu.dev.children import CannotStart
from gewu.dev.ports import free_ports
from gewu.dev.postgres import _binaries
from gewu.dev.stack import DATABASE
from tests.notify.world import Listener
from tests.support.load import Load, judge
from tests.support.neighbours import pairs_across_partitions
from tests.support.received import kept, telling
from tests.support.waiting import until
from tests.trouble.play import Seen
from tests.trouble.world import World

_GEWU = Path(sys.executable).with_name("gewu")
_RESTORED, _LOST = f"{DATABASE}_restored", f"{DATABASE}_lost"
_runs = count(1, 2)  # the other family that needs pairs counts in even numbers
_PAIRS, _MOVES = 40, 15


async def dump_restored(world: World, random: Random) -> Seen:
    """A dump, some seconds of reports and departments' moves, then the dump takes the database's place while intake,
    dispatch and notify run. `gewu restore` makes what is decided again the newer, and says what does not stand any more;
    who was told is told again under the webhook-ids that there were."""
    desk = await Listener(free_ports(1)[0]).start()
    try:
        rules = ["opened,opened,*,*,*,*,desk-restored,"]
        async with telling(world.stack, world.folder, {"desk-restored": desk.url}, rules) as words:
            await world.stack.launch("notify", words)
            seen = await _restored(world, random)
            return await _told_as_well(world, desk, Path(words["GEWU_CITY"]), seen)
    finally:
        await desk.stop()


async def _told_as_well(world: World, desk: Listener, city: Path, seen: Seen) -> Seen:
    """Nobody stays untold, and nobody has one thing under two webhook-ids."""
    await until(lambda: _nothing_waits(world), 30.0, "the last notice")
    had = kept(desk, "desk-restored", world.folder)
    said = await judge(world.stack, world.ledgers, 60.0, "--city", str(city), "--received", str(had))
    found = {name: words for name, words in said["examples"].items() if words}
    counts, again = said["notices"]["desk-restored"], len(desk.got) - len({got.id for got in desk.got})
    assert not found and counts["wanted"] == counts["sent"] > 0, f"{found}, {counts}"
    return Seen(seen.hit and again > 0, f"{seen.words}, {counts['sent']} notices, {again} came again under their id")


async def _nothing_waits(world: World) -> bool:
    (row,) = await world.fetch(
        "SELECT (SELECT sum(next_offset) FROM notify.position WHERE topic = 'cases.changed') AS stood, "
        "(SELECT count(*) FROM notify.notices WHERE receiver = 'desk-restored' AND state <> 'sent') AS waiting"
    )
    return row["stood"] == await world.end(topics.CASES) and not row["waiting"]


async def _restored(world: World, random: Random) -> Seen:
    dump = world.folder / f"dump-{random.randrange(2**31)}"
    async with world.load(random) as load:
        await asyncio.sleep(random.uniform(1.0, 2.0))
        await _run(_binaries() / "pg_dump", "-Fc", "-f", dump, world.stack.dsn)
        moves = await _live_on(world, load, random)
        await _execute(world, f"CREATE DATABASE {_RESTORED}")
        await _run(_binaries() / "pg_restore", "-d", world.stack.postgres.dsn(_RESTORED), dump)
        begun = await _gewu(world, "begin", dsn=world.stack.postgres.dsn(_RESTORED))
        await _swap(world)
        await asyncio.sleep(1.0)
    finished = await _gewu(world, "finish", "--wait", "60")
    again = await world.fetch("SELECT refusal, count(*) AS n FROM actions GROUP BY refusal ORDER BY 1 NULLS FIRST")
    judged = {row["refusal"] or "applied": row["n"] for row in again}
    words = (
        f"{begun['again']} records read again, incarnation {begun['before']} → {begun['after']}, {finished['superseded']} "
        f"cases superseded, {finished['said_again']} said again, moves {judged}"
    )
    assert sum(judged.values()) >= moves, f"{moves} moves were judged before, {judged} after"
    return Seen(begun["again"] > _PAIRS and begun["after"] > begun["before"], words)


async def _live_on(world: World, load: Load, random: Random) -> int:
    """What the dump does not hold: pairs whose second report joined the first one's case, and moves of departments."""
    pairs = pairs_across_partitions(world.stack.city, next(_runs))
    random.shuffle(pairs)
    for first, second in pairs[:_PAIRS]:
        await load.ship([first])
        await load.ship([second])
    ids = [first["id"] for first, _ in pairs[:_MOVES]]
    cases = await until(lambda: _cases(world, ids), 20.0, "the pairs' cases")
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {world.stack.ops_key}"}) as session:
        for case in cases:
            move = {"kind": "accept", "note": "on the way"}
            url = f"{world.stack.dispatch_url}/v1/cases/{case}/actions"
            async with session.post(url, json=move, headers={"prefer": "wait=5"}) as answer:
                assert answer.status in (200, 202), await answer.text()
    return len(cases)


async def _cases(world: World, client_ids: list[str]) -> list[str]:
    rows = await world.fetch("SELECT case_id FROM signals WHERE client_id = ANY($1)", client_ids)
    return [str(row["case_id"]) for row in rows] if len(rows) == len(client_ids) else []


async def _swap(world: World) -> None:
    """The restored database takes the other's name; whoever is connected is put out and comes back to this one."""
    await _execute(world, f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
    await _execute(world, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'")
    await _execute(world, f"ALTER DATABASE {DATABASE} RENAME TO {_LOST}")
    await _execute(world, f"ALTER DATABASE {_RESTORED} RENAME TO {DATABASE}")
    await _execute(world, f"DROP DATABASE {_LOST}")


async def _execute(world: World, statement: str) -> None:
    connection = await asyncpg.connect(world.stack.postgres.dsn(), ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _gewu(world: World, *words: str, dsn: str = "") -> Any:
    file = world.stack.data / "env"
    if dsn:
        own, file = file.read_text(), world.folder / "env-restored"
        file.write_text(own.replace(world.stack.dsn, dsn))
    return json.loads(await _run(_GEWU, "--env-file", file, "restore", *words, "--json"))


async def _run(program: Path, *words: object) -> str:
    process = await asyncio.create_subprocess_exec(
        program, *map(str, words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        raise CannotStart(
            f"{program.name} ended with {process.returncode}: {out.decode()[-300:]} {err.decode()[-500:]}"
        )
    return out.decode()
