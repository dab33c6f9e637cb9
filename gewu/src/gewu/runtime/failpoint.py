"""Windows in which a test may end this process: named places where it stops and waits to be killed.

Unarmed (always, outside tests) a point costs one dictionary look-up a batch. Where a city's Kafka or PostgreSQL could be
at the other end, a process with an armed point does not start.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from gewu.runtime.env import Env
from gewu.runtime.settings import Kafka, Postgres

VARIABLE = "FAILPOINTS"  # name=file[,name=file…]: on reaching `name` write the file, then wait for ever; no setting of a city's


class Failpoints:
    """The armed points of this process."""

    def __init__(self, armed: dict[str, Path]) -> None:
        self._armed = armed

    @classmethod
    def read(cls, variables: Mapping[str, str], env: Env, kafka: Kafka, postgres: Postgres) -> "Failpoints":
        """The points that the variable arms, none when it is not set; a fault in `env` unless both servers are at home."""
        said = variables.get(VARIABLE, "")
        env.require(
            not said or (kafka.is_home and postgres.is_home),
            f"{VARIABLE} is set, by which tests stop this process: unset it; "
            "it is for GEWU_KAFKA_BOOTSTRAP and GEWU_POSTGRES_DSN on loopback only",
        )
        return cls({n: Path(f) for n, _, f in (s.partition("=") for s in said.split(",") if s)})

    async def reach(self, name: str) -> None:
        """Say that this place was reached and wait to be killed, if the point is armed and its file is not there yet."""
        file = self._armed.get(name)
        if file is None or file.exists():
            return
        file.write_text("reached")
        await asyncio.Event().wait()


UNARMED = Failpoints({})
