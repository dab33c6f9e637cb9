"""A little steady traffic under a key of its own: what the fault tests' key brings is held against their ledgers."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Self

from gewu import ids
from gewu.city import load
from gewu.dev.door import Doors, Word
from gewu.dev.stack import Stack
from gewu.runtime import keys, secrets_folder

KEY = "observe"
# Of the lanes p0, p1 and p2. Nothing that another test of this Gewu reports and expects to open a case by it.
WORDS = ("sinkhole", "manhole", "hydrant", "占道经营", "street light", "pothole")


class Traffic:
    """So many reports a second until the block is left, singly and in batches."""

    def __init__(self, stack: Stack, rate: float = 60.0, words: Sequence[str] = WORDS) -> None:
        self._stack, self._rate, self._words = stack, rate, words
        self._places = [(p.x, p.y) for p in (s.representative_point() for s in load(stack.city).owners.shapes)]
        self._tasks: set[asyncio.Task[None]] = set()
        self.accepted = 0

    async def __aenter__(self) -> Self:
        self._doors = await Doors(self._stack.intake_url, _key(self._stack), 64).__aenter__()
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, *self._tasks, return_exceptions=True)
        await self._doors.__aexit__()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop()
        due = clock.time()
        while True:
            size = random.choice((1, 1, 1, 10))
            task = asyncio.create_task(self._ship([self._report() for _ in range(size)]))  # noqa: RUF006  kept below
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due += size / self._rate
            await asyncio.sleep(max(0.0, due - clock.time()))

    def _report(self) -> dict[str, Any]:
        lon, lat = random.choice(self._places)
        return {"id": ids.new_client_id(), "category": random.choice(self._words), "place": {"lon": lon, "lat": lat}}

    async def _ship(self, reports: list[dict[str, Any]]) -> None:
        answers = await self._doors.post(reports, True)
        self.accepted += sum(a.word is Word.ACCEPTED for a in answers)


def _key(stack: Stack) -> str:
    """The secret of a key that may report; intake has it in force within seconds."""
    folder = stack.data / "secrets"
    secret = keys.new_secret()
    with secrets_folder.locked(folder):
        file = folder / secrets_folder.KEYS
        keys.write(
            file, [*(k for k in keys.read(file) if k.id != KEY), keys.Key(KEY, keys.digest(secret), ("report",))]
        )
    return secret
