"""Webhooks as most people would send them: aiohttp's client, so many at a time, no signature, no ledger, nothing checked."""

import asyncio

import aiohttp

from bench.processes.words import Words, answer


async def work(words: Words) -> Words:
    """So many POSTs of this body."""
    left = iter(range(words["requests"]))
    connector = aiohttp.TCPConnector(limit=words["at_once"])
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one_after_the_other() -> None:
            for _ in left:
                async with session.post(
                    words["url"], data=words["body"].encode(), headers={"content-type": "application/json"}
                ) as said:
                    assert said.status == 204

        await asyncio.gather(*(one_after_the_other() for _ in range(words["at_once"])))
    return {"requests": words["requests"]}


if __name__ == "__main__":
    raise SystemExit(answer(work))
