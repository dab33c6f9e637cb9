"""The replay against a door that misbehaves: every report gets its last word, and the ledger has it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gewu.dev import ports, replay
from gewu.dev.day import Report, Turn
from gewu.dev.ledger import Ledger
from gewu.dev.replay import ANONYMOUS, SOURCE, Replay


class Door:
    """Answers for each report the next word of its list, then accepts."""

    def __init__(self) -> None:
        self.words: dict[str, list[str]] = {}
        self.seen: list[str] = []
        self.keys: dict[str, str | None] = {}
        self.delay = 0.0

    def answer(self, body: dict[str, Any], key: str | None) -> str:
        """What becomes of this report."""
        self.seen.append(body["id"])
        self.keys[body["id"]] = key
        left = self.words.get(body["id"], [])
        return left.pop(0) if left else "accepted"

    async def one(self, request: web.Request) -> web.Response:
        """POST /v1/reports."""
        body = await request.json()
        await asyncio.sleep(self.delay)
        word = self.answer(body, request.headers.get("authorization"))
        if word == "cut":
            assert request.transport
            request.transport.abort()
        status = {"accepted": 202, "rejected": 422}.get(word, 503)
        code = "overloaded" if word == "refused" else word
        return web.json_response({"signal_id": f"s-{body['id']}", "code": code}, status=status)

    async def many(self, request: web.Request) -> web.Response:
        """POST /v1/reports:batch."""
        assert request.content_type == "application/x-ndjson"
        bodies = msgspec.json.Decoder().decode_lines(await request.read())
        lines = []
        for n, body in enumerate(bodies, 1):
            word = self.answer(body, request.headers.get("authorization"))
            taken = {"signal_id": f"s-{body['id']}"} if word == "accepted" else {}
            lines.append({"line": n, "outcome": word} | taken)
        return web.Response(body=b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


@pytest.fixture
async def door() -> AsyncIterator[tuple[Door, str]]:
    found, app = Door(), web.Application()
    app.add_routes([web.post("/v1/reports", found.one), web.post("/v1/reports:batch", found.many)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    (port,) = ports.free_ports(1)
    await web.TCPSite(runner, ports.LOOPBACK, port).start()
    yield found, f"http://{ports.LOOPBACK}:{port}"
    await runner.cleanup()


def report(id: str, at: float = 0.0, *, bulk: bool = False, keyed: bool = True, lane: str = "p1") -> Report:
    return Report(at, id, {"id": id, "category": "manhole"}, keyed, bulk, Turn.FIRST, lane)


async def send(url: str, reports: list[Report], path: Path, seconds: float = 1.0) -> tuple[replay.Tally, list[Any]]:
    with Ledger(path) as ledger:
        sender = Replay(url, "secret", replay.plan(reports, seconds), ledger)
        await sender.run()
    said = await asyncio.to_thread(path.read_bytes)
    return sender.tally, msgspec.json.Decoder().decode_lines(said)


async def test_single_and_batch_with_and_without_key(door: tuple[Door, str], tmp_path: Path) -> None:
    reports = [report("a"), report("b", keyed=False), report("c", bulk=True), report("d", bulk=True, lane="p3")]
    tally, ledger = await send(door[1], reports, tmp_path / "ledger")
    assert (tally.planned, tally.sent, tally.accepted, tally.unknown, tally.retried) == (4, 4, 4, 0, 0)
    assert door[0].keys == {"a": "Bearer secret", "b": None, "c": "Bearer secret", "d": "Bearer secret"}
    sent = {line["id"]: line for line in ledger if "sent_at" in line}
    assert [sent[id]["source"] for id in "abcd"] == [SOURCE, ANONYMOUS, SOURCE, SOURCE]
    assert [sent[id]["lane"] for id in "abcd"] == ["p1", "p1", "p1", "p3"]
    assert {line["id"]: line["signal_id"] for line in ledger if "outcome" in line} == {id: f"s-{id}" for id in "abcd"}


@pytest.mark.parametrize("bulk", [False, True])
async def test_what_has_no_answer_goes_again_under_the_same_id(
    door: tuple[Door, str], tmp_path: Path, bulk: bool
) -> None:
    door[0].words = {"a": ["unknown", "refused"], "b": ["rejected"]}
    tally, ledger = await send(door[1], [report(id, bulk=bulk) for id in "abc"], tmp_path / "ledger")
    assert (tally.accepted, tally.rejected, tally.unknown) == (2, 1, 0)
    assert (tally.retried, tally.doubtful) == (2, 1)
    assert Counter(door[0].seen) == {"a": 3, "b": 1, "c": 1}
    outcomes = {line["id"]: line["outcome"] for line in ledger if "outcome" in line}
    assert outcomes == {"a": "ok", "b": "rejected", "c": "ok"}
    assert sum("sent_at" in line for line in ledger) == 5


async def test_a_connection_that_is_cut_is_unknown(door: tuple[Door, str], tmp_path: Path) -> None:
    door[0].words = {"a": ["cut"]}
    tally, _ = await send(door[1], [report("a")], tmp_path / "ledger")
    assert (tally.accepted, tally.retried, tally.doubtful) == (1, 1, 1)


async def test_giving_up_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(replay, "_FIRST_PAUSE_S", 0.001)
    (port,) = ports.free_ports(1)  # nobody listens
    tally, ledger = await send(f"http://{ports.LOOPBACK}:{port}", [report("a")], tmp_path / "ledger")
    # Never connected: it cannot have landed, so nothing about it is doubtful.
    assert (tally.sent, tally.unknown, tally.doubtful) == (1, 1, 0)
    assert ledger[-1] == {"id": "a", "outcome": "unknown"}


async def test_slow_answers_hold_no_later_report_back(door: tuple[Door, str], tmp_path: Path) -> None:
    door[0].delay = 0.5
    reports = [report(f"r{n}", n * 864.0) for n in range(100)]  # one every 10 ms
    started = asyncio.get_running_loop().time()
    tally, _ = await send(door[1], reports, tmp_path / "ledger")
    assert tally.accepted == 100 and asyncio.get_running_loop().time() - started < 3.0


async def test_cut_short_it_says_what_is_unknown(door: tuple[Door, str], tmp_path: Path) -> None:
    door[0].delay = 30.0
    with Ledger(tmp_path / "ledger") as ledger:
        sender = Replay(door[1], "secret", replay.plan([report("a")], 1.0), ledger)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await sender.run()
    assert (sender.tally.sent, sender.tally.unknown, sender.tally.doubtful) == (1, 1, 1)
