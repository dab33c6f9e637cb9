"""Intake's doors from outside: reports go in, one answer each comes out, whatever happens on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
import msgspec

_PATIENCE_S = 15.0  # above intake's own deadline for an ack


class Word(StrEnum):
    """What intake said of a report. Unknown: it may have landed; refused: it has not, come back later."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """One report's. `status`: HTTP's, of the whole request; 0 where no answer came."""

    word: Word
    signal_id: str = ""
    status: int = 0


class Doors:
    """A client of one intake; inside `async with`."""

    def __init__(self, url: str, key: str, connections: int) -> None:
        self._url, self._key = url, {"authorization": f"Bearer {key}"}
        self._connections = connections
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> "Doors":
        # trust_env stays off: a proxy of the user's environment has no business on loopback.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=aiohttp.ClientTimeout(total=_PATIENCE_S),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def post(self, bodies: Sequence[dict[str, Any]], keyed: bool) -> list[Answer]:
        """Sends one report by itself, several as a batch; an answer each, in their order. The network never raises."""
        try:
            if len(bodies) == 1:
                return [await self._one(bodies[0], keyed)]
            return await self._many(bodies, keyed)
        except aiohttp.ClientConnectorError:
            return [Answer(Word.REFUSED)] * len(bodies)  # there was no connection: nothing left this process
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError, KeyError, ValueError):
            return [Answer(Word.UNKNOWN)] * len(bodies)

    async def _one(self, body: dict[str, Any], keyed: bool) -> Answer:
        headers = {"content-type": "application/json", **(self._key if keyed else {})}
        line = msgspec.json.encode(body)
        async with self._session.post(f"{self._url}/v1/reports", data=line, headers=headers) as found:
            said = await found.read()
            if found.status == 202:
                return Answer(Word.ACCEPTED, msgspec.json.decode(said)["signal_id"], 202)
            return _without_ack(found.status, said)

    async def _many(self, bodies: Sequence[dict[str, Any]], keyed: bool) -> list[Answer]:
        headers = {"content-type": "application/x-ndjson", **(self._key if keyed else {})}
        lines = b"\n".join(msgspec.json.encode(body) for body in bodies)
        async with self._session.post(f"{self._url}/v1/reports:batch", data=lines, headers=headers) as found:
            said = await found.read()
            if found.status != 200:
                return [_without_ack(found.status, said)] * len(bodies)
        answers = [Answer(Word.UNKNOWN, status=200)] * len(bodies)
        for line in msgspec.json.Decoder().decode_lines(said):
            answers[line["line"] - 1] = Answer(Word(line["outcome"]), line.get("signal_id", ""), 200)
        return answers


def _without_ack(status: int, said: bytes) -> Answer:
    if status == 503 and msgspec.json.decode(said, type=dict).get("code") == "overloaded":
        return Answer(Word.REFUSED, status=status)
    if status >= 500 or status == 408:
        return Answer(Word.UNKNOWN, status=status)
    return Answer(Word.REFUSED if status == 429 else Word.REJECTED, status=status)
