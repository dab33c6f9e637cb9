"""A receiver of webhooks that does nothing but count: what is sent to it is held against the same sink's count of others."""

import asyncio
import re
import time
from datetime import datetime

import numpy as np

from bench.processes.words import Words, answer

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_AT = re.compile(rb'"timestamp":"([^"]+)"')
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_PATIENCE_S, STILL_S = 120.0, 5.0


class Taken(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, times: list[float], late: list[float]) -> None:
        self._times, self._late, self._rest = times, late, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._rest, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._rest) < whole:
                return
            body, self._rest = self._rest[end + 4 : whole], self._rest[whole:]
            self._times.append(time.perf_counter())
            if at := _AT.search(body):
                self._late.append(time.time() - datetime.fromisoformat(at[1].decode()).timestamp())
            self._transport.write(_ANSWER)  # type: ignore[attr-defined]


async def work(words: Words) -> Words:
    """Requests a second from the first to the last of so many, or until none came for a while; when that was; p50 and p99 from a
    body's own timestamp to here, without those of the first `warm` seconds."""
    times: list[float] = []
    late: list[float] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Taken(times, late), "127.0.0.1", words["port"], backlog=512)
    end = time.perf_counter() + _PATIENCE_S
    while not _all_came(times, words.get("requests")):
        assert time.perf_counter() < end, f"{len(times)} of {words.get('requests', 'all')} requests came"
        await asyncio.sleep(0.01)
    server.close()
    last = time.time() - (time.perf_counter() - times[-1])
    counted = [took for at, took in zip(times, late, strict=True) if at >= times[0] + words.get("warm", 0)]
    p50, p99 = (float(p) * 1000 for p in np.percentile(counted, (50, 99)))
    return {
        "rate": (len(times) - 1) / (times[-1] - times[0]), "p50_ms": p50, "p99_ms": p99, "requests": len(times), "last": last,
    }  # fmt: skip


def _all_came(times: list[float], wanted: int | None) -> bool:
    if wanted is None:
        return bool(times) and time.perf_counter() > times[-1] + STILL_S
    return len(times) >= wanted


if __name__ == "__main__":
    raise SystemExit(answer(work))
