"""The whole way at half load, and when little happens: from intake's answer to the assignment on the department's topic."""

from typing import Any

from bench import databases, reports
from bench.processes.words import Words
from bench.variant import Figures, Run, Variant
from bench.world import World
from gewu import topics
from gewu.city import load

GROUP = "through"
HALF = 0.5
QUIET = 50.0  # reports a second
_WARM_S = 2.0
_FIGURES = ("rate", "p50_ms", "p99_ms", "answer_p50_ms", "answer_p99_ms", "cases")


class Through:
    """Both services, a client and a department."""

    def __init__(self, world: World) -> None:
        self._world, self._departments = world, load(world.city).departments
        self._file = world.scratch / "day.ndjson"
        self._said = 0

    async def run(self, run: Run) -> Figures:
        """At half of what the whole way did a moment before, when all was offered that both services can do side by side: with a
        client, a department and both servers on the same cores, and with the small batches of a steady load, that is far less."""
        offered = 1 / sum(1 / run.so_far[name]["rate"] for name in ("single", "dispatch"))
        dsn = await databases.fresh(self._world, "bench_through")
        await databases.stand_at_the_end(self._world, dsn)
        async with self._world.service("dispatch", dsn=dsn), self._world.service("intake") as intake:
            words = {
                "kafka": self._world.stack.kafka.bootstrap, "topics": [topics.dispatch(d) for d in self._departments],
                "port": intake.port, "key": self._world.access.report_key, "file": str(self._file), "warm": _WARM_S, "skip": 0,
                "dsn": dsn,
            }  # fmt: skip
            quiet = await self._sent(words, QUIET, 2 * run.seconds)
            full = await self._sent(words, offered, run.seconds / 2)
            half = await self._sent(words, HALF * full["done_rate"], 2 * run.seconds)
        calm = {f"quiet_{name}": quiet[name] for name in ("p50_ms", "p99_ms")}
        return {name: half[name] for name in _FIGURES} | {"full_rate": full["done_rate"]} | calm

    async def _sent(self, words: dict[str, Any], rate: float, seconds: float) -> Words:
        """What the client found at so many reports a second; the next ones of the file stand behind them."""
        self._word(words["skip"] + round(rate * (_WARM_S + seconds)) + 1)
        found = await self._world.process("processes.through", words | {"rate": rate, "seconds": seconds})
        words["skip"] += found["sent"]
        return found

    def _word(self, count: int) -> None:
        """Have at least so many different reports in the file: how many are sent, the machine says."""
        if count > self._said:
            self._file.write_bytes(b"\n".join(reports.of_a_day(self._world.city, count)))
            self._said = count


async def variants(world: World) -> list[Variant]:
    """The one."""
    says = "intake's answer to the department's topic, half load"
    return [Variant("through", GROUP, says, Through(world).run, needs=("single", "dispatch"))]
