"""Made-up desks of all departments in one process, for demos: they accept, give back a few, and are done after a while.

    GEWU_KAFKA_BOOTSTRAP=… DESKS=water,fire python -m gewu_department.desks --returns 0.03 --accept 4 --work 15

Nothing is kept but the positions: a real desk is like sdk/examples/desk.py.
"""

import argparse
import asyncio
import heapq
import logging
import os
import random
from contextlib import suppress

from gewu.runtime import settings as shared
from gewu.runtime.env import Env
from gewu_department.department import Department
from gewu_department.events import Assigned, Event, Refused, Withdrawn
from gewu_department.moves import Move, accept, done, return_
from gewu_department.settings import Settings
from gewu_department.voice import Unsaid

log = logging.getLogger(__name__)
MOST_WAITING = 5000  # moves of one desk; what comes beyond that is left unanswered, as by people who are too few
_TICK_S = 0.1


class Desk:
    """One department's. Delays are drawn around the two means, in seconds."""

    def __init__(self, department: Department, returns: float, accept_s: float, work_s: float) -> None:
        self._department, self._returns, self._accept_s, self._work_s = department, returns, accept_s, work_s
        self._rng = random.Random(department.settings.department)
        self._due: list[tuple[float, int, Move]] = []
        self._count = 0

    async def work(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self._speak())
            async for event in self._department:
                self._hear(event)

    def _hear(self, event: Event) -> None:
        match event:
            case Assigned():
                self._take(event.case_id)
            case Withdrawn():
                self._due = [due for due in self._due if due[2].case_id != event.case_id]
                heapq.heapify(self._due)
            case Refused():
                log.info("%s of %s is refused: %s", event.kind, event.case_id, event.reason)

    def _take(self, case_id: str) -> None:
        if len(self._due) >= MOST_WAITING:
            return
        first = self._rng.expovariate(1 / self._accept_s)
        if self._rng.random() < self._returns:
            self._later(first, return_(case_id, "不属于本单位职责 none of ours"))
            return
        self._later(first, accept(case_id))
        self._later(first + self._rng.expovariate(1 / self._work_s), done(case_id, "已处置 seen to"))

    def _later(self, seconds: float, move: Move) -> None:
        self._count += 1
        heapq.heappush(self._due, (asyncio.get_running_loop().time() + seconds, self._count, move))

    async def _speak(self) -> None:
        clock = asyncio.get_running_loop()
        while True:
            while self._due and self._due[0][0] <= clock.time():
                _, _, move = heapq.heappop(self._due)
                await self._say(move)
            await asyncio.sleep(_TICK_S)

    async def _say(self, move: Move) -> None:
        try:
            await self._department.say(move)
        except Unsaid as fault:
            log.warning("not said yet: %s", fault)
            self._later(1.0, move)  # the same move under the same id


async def _serve(args: argparse.Namespace) -> None:
    kafka = shared.kafka(Env(os.environ))

    async def one(name: str) -> None:
        # What stands in the topic since its first record, or goes on where this demo was; no HTTP needed.
        settings = Settings(department=name, kafka=kafka, reader="demo", from_list=False)
        # Nobody gives back to nobody: what the fallback returned would be refused.
        returns = 0.0 if name == args.fallback else args.returns
        async with Department(settings) as department:
            await Desk(department, returns, args.accept, args.work).work()

    await asyncio.gather(*(one(name) for name in args.departments.split(",") if name))


def main() -> int:
    """Runs until it is ended."""
    parser = argparse.ArgumentParser(description="Made-up desks of departments, for demos (演示用责任单位).")
    parser.add_argument(
        "--departments", default=os.environ.get("DESKS", ""), help="their ids, with commas between [$DESKS]"
    )
    parser.add_argument(
        "--fallback", default=os.environ.get("DESKS_FALLBACK", ""), help="who has nobody to return a case to"
    )
    parser.add_argument("--returns", type=float, default=0.03, help="share of cases that they give back [%(default)s]")
    parser.add_argument("--accept", type=float, default=4.0, help="mean seconds until a case is accepted [%(default)s]")
    parser.add_argument("--work", type=float, default=15.0, help="mean seconds until it is done [%(default)s]")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
