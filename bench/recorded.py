"""Signals as intake words them: reports go through a real intake once, and are kept as they came to stand in the log."""

from collections.abc import Sequence
from pathlib import Path

import aiohttp
import msgspec

from bench import log, reports
from bench.world import Fault, World

_PATIENCE = aiohttp.ClientTimeout(total=30)


async def through_intake(world: World, city: Path, bodies: Sequence[bytes]) -> list[log.Record]:
    """The records of these reports. Fault where one is not taken."""
    before = await log.ends(world.kafka, log.SIGNALS)
    async with world.service("intake", city=city) as intake, aiohttp.ClientSession(timeout=_PATIENCE) as session:
        for body in reports.batches(bodies):
            await _post(session, intake.url, headers(world, "application/x-ndjson"), body)
    after = await log.ends(world.kafka, log.SIGNALS)
    found = await log.read(world.kafka, before, after)
    if len(found) != len(bodies):
        raise Fault(f"{len(bodies)} reports were taken and {len(found)} stand in the log")
    return found


def headers(world: World, type_: str) -> dict[str, str]:
    """Of a request with a key that may report."""
    return {"authorization": f"Bearer {world.access.report_key}", "content-type": type_}


async def _post(session: aiohttp.ClientSession, url: str, head: dict[str, str], body: bytes) -> None:
    async with session.post(f"{url}/v1/reports:batch", data=body, headers=head) as answer:
        said = await answer.read()
        if answer.status != 200:
            raise Fault(f"intake answers {answer.status}: {said[:300].decode(errors='replace')}")
    wrong = [line for line in msgspec.json.Decoder().decode_lines(said) if line["outcome"] != "accepted"]
    if wrong:
        raise Fault(f"intake does not take every report: {wrong[0]}")
