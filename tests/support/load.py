"""Load on a running stack: an open model that repeats what got no ack under the same id and keeps the clients' ledger."""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from gewu import ids
from gewu.city import load as load_city
from gewu.dev.door import Doors, Word
from gewu.dev.ledger import OK, REJECTED, UNKNOWN, Ledger
from gewu.dev.stack import Stack

SOURCE = "key:replay"
_KEPT = 40
# Known words by class, so that each partition of p1 and p2 has some into which a class of the city falls (into p1's sixth none
# does); what nobody knows is spread by its own id.
_WORDS = (
    "manhole", "井盖", "fire lane", "暴露垃圾", "gas leak", "street light", "nobody knows this word", "water manhole",
    "storm manhole", "power manhole", "telecom manhole", "hydrant", "下水道井盖", "煤气井盖", "噪音", "垃圾满了", "违停", "护栏",
)  # fmt: skip


class Load:
    """Reports at a constant rate until the block is left; then each still without an ack is repeated for a while.

    `url` names another door than the stack's first.
    """

    def __init__(self, stack: Stack, folder: Path, *, rate: float = 200.0, seed: int = 1, url: str = "") -> None:
        self._stack, self._rate, self._url = stack, rate, url
        self._random = random.Random(seed)
        self.ledger = folder / f"ledger-{ids.new_client_id()}.jsonl"
        self._city = load_city(stack.city)
        self._places = [(g.centroid.x, g.centroid.y) for g in self._city.owners.shapes]
        self._tasks: set[asyncio.Task[None]] = set()
        self.words: Counter[Word] = Counter()  # every answer, by what it said
        self.statuses: Counter[int] = Counter()  # every answer, by HTTP's status; 0: none came
        self.acked: set[str] = set()  # ids
        self.first: list[dict[str, Any]] = []  # the first reports that were acknowledged, for whoever sends them again
        self.slowest = 0.0  # seconds of the slowest answer
        self.begun = 0.0  # when, by the loop's clock

    @property
    def accepted(self) -> int:
        """Acks; a report that was sent again has several."""
        return self.words[Word.ACCEPTED]

    @property
    def without_ack(self) -> int:
        """Answers on the way that were no acks: the fault was felt."""
        return self.words[Word.UNKNOWN] + self.words[Word.REFUSED]

    @property
    def unavailable(self) -> int:
        """Answers 503: intake itself said that it cannot take the report now."""
        return self.statuses[503]

    async def __aenter__(self) -> Self:
        self.begun = asyncio.get_running_loop().time()
        self._book = Ledger(self.ledger)
        self._doors = await Doors(self._url or self._stack.intake_url, self._stack.report_key, 256).__aenter__()
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(*self._tasks)
        await self._doors.__aexit__()
        self._book.close()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop()
        due = clock.time()
        while True:
            size = self._random.choice((1, 1, 1, 20))
            task = asyncio.create_task(self.ship([self.report() for _ in range(size)]))  # noqa: RUF006  kept below
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due += size / self._rate
            await asyncio.sleep(max(0.0, due - clock.time()))

    def report(self) -> dict[str, Any]:
        """One more report, somewhere in the city, with an id of its own."""
        lon, lat = self._random.choice(self._places)
        spread = lambda: self._random.uniform(-0.0005, 0.0005)  # noqa: E731
        return {
            "id": ids.new_client_id(), "category": self._random.choice(_WORDS), "text": "load",
            "place": {"lon": lon + spread(), "lat": lat + spread()},
        }  # fmt: skip

    async def ship(self, reports: Sequence[dict[str, Any]], seconds: float = 60.0) -> None:
        """Send these until each has its ack, for at most so many seconds."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + seconds
        waiting = list(reports)
        while waiting and clock.time() < deadline:
            self._book.sending(((r["id"], self._city.lane(r["category"]).label) for r in waiting), SOURCE)
            asked = clock.time()
            answers = await self._doors.post(waiting, True)
            self.slowest = max(self.slowest, clock.time() - asked)
            again = []
            for report, answer in zip(waiting, answers, strict=True):
                self.words[answer.word] += 1
                self.statuses[answer.status] += 1
                if answer.word is Word.ACCEPTED:
                    self._took(report, answer.signal_id)
                elif answer.word is Word.REJECTED:
                    self._book.outcome(report["id"], REJECTED)
                else:
                    again.append(report)
            waiting = again
            if waiting:
                await asyncio.sleep(self._random.uniform(0.1, 1.0))
        for report in waiting:
            self._book.outcome(report["id"], UNKNOWN)

    def _took(self, report: dict[str, Any], signal_id: str) -> None:
        self._book.outcome(report["id"], OK, signal_id)
        self.acked.add(report["id"])
        if len(self.first) < _KEPT:
            self.first.append(report)


async def judge(stack: Stack, ledgers: Sequence[Path], wait: float = 60.0, *words: str) -> dict[str, Any]:
    """What `gewu audit` says once nothing is in flight; further words go to the command."""
    named = [word for ledger in ledgers for word in ("--ledger", str(ledger))]
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("gewu")), "--env-file", str(stack.data / "env"), "audit", "--json",
        "--wait", str(int(wait)), *named, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert out, err.decode()
    return {**json.loads(out), "exit": process.returncode}
