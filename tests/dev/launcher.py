"""A launcher to be killed: starts both servers with a worker that computes, prints their processes, and waits."""

import asyncio
import sys
from pathlib import Path

import asyncpg

from gewu.dev import processes
from gewu.dev.kafka import KafkaServer
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.postgres import PostgresServer


async def main(folder: Path) -> None:
    kafka, postgres = KafkaServer(folder / "kafka", settings=QUICK_RETURN), PostgresServer(folder / "postgres")
    await asyncio.gather(kafka.start(), postgres.start())
    connection = await asyncpg.connect(postgres.dsn(), ssl=False)
    busy = asyncio.ensure_future(connection.fetchval("SELECT sum(n) FROM generate_series(1, 10000000000) AS t(n)"))
    await asyncio.sleep(0.3)
    for pid in (kafka.pid, postgres.pid):
        for process in processes.family(processes.find(pid)):
            print(process.pid, process.start)
    print("ready", flush=True)
    await busy


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
