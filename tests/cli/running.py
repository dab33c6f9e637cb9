"""The command, run as a person would, without a process of its own."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from gewu.cli import main
from gewu.runtime.settings import Kafka, Postgres


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Gewu:
    """`gewu` with settings of its own."""

    capsys: pytest.CaptureFixture[str]
    words: tuple[str, ...] = ()

    def __call__(self, *words: object) -> Ended:
        code = main([*self.words, *map(str, words)])
        return Ended(code, *self.capsys.readouterr())

    async def there(self, *words: object) -> Ended:
        """The same from a test that runs in an event loop of its own."""
        return await asyncio.to_thread(self, *words)


def env_file(folder: Path, kafka: Kafka | None = None, postgres: Postgres | None = None, **further: object) -> Path:
    """A file for --env-file; names of further settings come without their prefix."""
    said = {f"GEWU_{name}": value for name, value in further.items()}
    if kafka:
        said["GEWU_KAFKA_BOOTSTRAP"] = kafka.bootstrap
    if postgres:
        said["GEWU_POSTGRES_DSN"] = postgres.dsn
    path = folder / "env"
    path.write_text("# made by a test\n\n" + "".join(f"{name}={value}\n" for name, value in said.items()))
    return path
