"""Who else comes in a day: somebody with a camera in the pocket, and readers of the live feed."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp

from gewu import ids
from gewu.city import load
from gewu.dev.stack import Stack

_BROKEN_EACH = 4  # uploads, of which one is no picture


async def photograph(stack: Stack, pictures: Sequence[Path], every: float) -> None:
    """Upload one after another, name each in a report, and look at it as its department; until cancelled."""
    place = load(stack.city).owners.shapes[0].representative_point()
    report = {"category": "manhole", "place": {"lon": place.x, "lat": place.y}}
    sends = {"authorization": f"Bearer {stack.report_key}"}
    looks = {"authorization": f"Bearer {stack.ops_key}"}
    jpeg = {**sends, "content-type": "image/jpeg"}
    async with aiohttp.ClientSession() as session:
        for n, picture in enumerate(itertools.cycle(pictures), 1):
            data = b"no picture" if n % _BROKEN_EACH == 0 else picture.read_bytes()
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.post(f"{stack.intake_url}/v1/pictures", data=data, headers=jpeg) as answer:
                    stored = await answer.json(content_type=None) if answer.status == 201 else None
                if stored:
                    body = {**report, "id": ids.new_client_id(), "pictures": [stored["picture"]]}
                    async with session.post(f"{stack.intake_url}/v1/reports", json=body, headers=sends) as answer:
                        assert answer.status == 202, await answer.text()
                    await asyncio.sleep(every / 2)
                    url = f"{stack.dispatch_url}/v1/pictures/{stored['sha256']}?purpose=drawing"
                    async with session.get(url, headers=looks) as answer:
                        await answer.read()
            await asyncio.sleep(every / 2)


async def listen(stack: Stack, clients: int) -> None:
    """So many clients of the live feed; until cancelled."""
    headers = {"authorization": f"Bearer {stack.ops_key}"}
    endless = aiohttp.ClientTimeout(total=None)

    async def one(session: aiohttp.ClientSession) -> None:
        async with session.get(f"{stack.notify_url}/v1/live", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            async for _ in answer.content.iter_chunked(1 << 16):
                pass

    async with aiohttp.ClientSession(timeout=endless) as session:
        await asyncio.gather(*(one(session) for _ in range(clients)))
