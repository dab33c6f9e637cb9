"""A key of the run's own: the judge asks of a source that all its ledgers are there, and this one has only one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gewu.load.connections import Connections, Ended, Exchange, How
from gewu.load.run import Target, request_head
from gewu.runtime import keys, secrets_folder

_IN_FORCE_S = 6.0  # services promise 5 s
_POLL_S = 0.25


class NotTaken(Exception):
    """Intake does not answer, or does not take this key; the text says what to do."""


@contextmanager
def fresh(file: Path) -> Iterator[tuple[str, str]]:
    """A new key that may report: its id and its secret. It is revoked at the end and never given out again."""
    id, secret = f"load-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}", keys.new_secret()
    with secrets_folder.locked(file.parent):
        made = keys.Key(id, keys.digest(secret), ("report",), "gewu load: one run", secrets_folder.now())
        keys.write(file, [*keys.read(file), made])
    try:
        yield id, secret
    finally:
        with secrets_folder.locked(file.parent):
            known = keys.read(file)
            keys.write(file, [replace(k, revoked_at=secrets_folder.now()) if k.id == id else k for k in known])


async def until_taken(target: Target) -> None:
    """Waits until intake knows the key. NotTaken where nobody answers or the key never comes into force."""
    clock = asyncio.get_running_loop().time
    end = clock() + _IN_FORCE_S
    async with Connections(target.url, 1, _IN_FORCE_S, 1) as connections:
        while True:
            answer = await _ask(connections, target)
            if answer.how is not How.ANSWERED:
                raise NotTaken(f"{target.url} gives no answer ({answer.how}): is intake running, and is --url right?")
            if answer.status not in (401, 403):
                return
            if clock() > end:
                why = "knows no such key" if answer.status == 401 else "says that this key may not report"
                raise NotTaken(f"{target.url} {why}: is it in the file that GEWU_KEYS_FILE of intake names?")
            await asyncio.sleep(_POLL_S)


async def _ask(connections: Connections, target: Target) -> Ended:
    """Sends what is no report: it is refused after the key was looked at, and nothing is ever taken."""
    head, answered = request_head(target, batch=False), asyncio.get_running_loop().create_future()
    connections.submit(_Question(b"%b2\r\n\r\n{}" % head, asyncio.get_running_loop().time(), answered))
    return await answered


class _Question(Exchange):
    __slots__ = ("_answered",)

    def __init__(self, data: bytes, due: float, answered: "asyncio.Future[Ended]") -> None:
        super().__init__(data, due, 1)
        self._answered = answered

    def going(self) -> None:
        pass

    def ended(self, ended: Ended) -> None:
        if not self._answered.done():
            self._answered.set_result(ended)
