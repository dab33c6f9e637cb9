"""The whole way at half load: from intake's answer to the assignment on the department's topic."""

from bench import databases, reports
from bench.variant import Figures, Run, Variant
from bench.world import World
from gewu import topics
from gewu.city import load

GROUP = "through"
HALF = 0.5
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
        self._word(round(offered * (_WARM_S + run.seconds / 2 + HALF * (_WARM_S + 2 * run.seconds))) + 1)
        dsn = await databases.fresh(self._world, "bench_through")
        await databases.stand_at_the_end(self._world, dsn)
        async with self._world.service("dispatch", dsn=dsn), self._world.service("intake") as intake:
            words = {
                "kafka": self._world.stack.kafka.bootstrap, "topics": [topics.dispatch(d) for d in self._departments],
                "port": intake.port, "key": self._world.access.report_key, "file": str(self._file), "warm": _WARM_S,
            }  # fmt: skip
            full = await self._world.process(
                "processes.through", words | {"rate": offered, "seconds": run.seconds / 2, "skip": 0}
            )
            half = {"rate": HALF * full["done_rate"], "seconds": 2 * run.seconds, "skip": full["sent"]}
            found = await self._world.process("processes.through", words | half)
        return {name: found[name] for name in _FIGURES} | {"full_rate": full["done_rate"]}

    def _word(self, count: int) -> None:
        """Have at least so many different reports in the file: how many are sent, the machine says."""
        if count > self._said:
            self._file.write_bytes(b"\n".join(reports.of_a_day(self._world.city, count)))
            self._said = count


async def variants(world: World) -> list[Variant]:
    """The one."""
    says = "intake's answer to the department's topic, half load"
    return [Variant("through", GROUP, says, Through(world).run, needs=("single", "dispatch"))]
