"""The short way below ASGI: it answers as the long way does, and it takes nothing from uvicorn's promises."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from gewu.city import load
from gewu.dev import scatter
from gewu.dev.ports import free_ports
from gewu.lane import Lane
from gewu.pictures.reference import References
from gewu.runtime import guarded, keys
from gewu.runtime.instruments import Count
from gewu.runtime.link import Links
from gewu_intake import encoding
from gewu_intake.domain.admission import Admission, Limits
from gewu_intake.handlers import REPORT_BYTES, Handlers
from gewu_intake.http import answers, hot
from gewu_intake.http import doors as doors_module
from gewu_intake.http.doors import BATCH_BYTES, Doors
from gewu_intake.metrics import Metrics
from tests.support.building import HERE, NOW
from tests.support.waiting import until

SECRET = "gewu_test"


class Held:
    """A producer that acknowledges when it is told to; at once, unless `hold`."""

    def __init__(self) -> None:
        self.hold = False
        self.waiting: list[Any] = []
        self.said: list[bytes] = []

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them."""
        self.said += [value for _, value, _ in records]
        if self.hold:
            self.waiting += [partial(done, n, n + 1, None) for n in range(len(records))]
        else:
            done(0, len(records), None)

    async def holds(self, count: int) -> bool:
        """Whether so many wait."""
        return len(self.waiting) == count

    def acknowledge(self) -> None:
        """Everything that waits has landed."""
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done()

    async def flush(self) -> None:
        """Nothing to do."""


class Server:
    """Doors behind a real uvicorn; `rest` counts what went past them."""

    def __init__(self, demo: Path, folder: Path, limits: Limits | None = None) -> None:
        self.log, self.rest_calls, self.turned_away = Held(), 0, Count()
        file = folder / "keys.json"
        keys.write(file, [keys.Key("app", keys.digest(SECRET), ("report",))])
        clock: Any = SimpleNamespace(now=lambda: NOW)
        handlers = Handlers(
            load(demo), dict.fromkeys(Lane, self.log), clock, Links(b"s" * 32), None, Admission(limits or Limits()),
            References(b"s" * 32),
        )  # fmt: skip
        self.doors = Doors(handlers, keys.KeyRing(file), False, "http://x", Metrics(CollectorRegistry()), self._rest)
        self.by_asgi = 0
        (self.port,) = free_ports(1)

    async def _rest(self, scope: Any, receive: Any, send: Any) -> None:
        self.rest_calls += 1
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def is_up(self) -> bool:
        """Whether it listens."""
        return self.uvicorn.started

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The long way, counted."""
        self.by_asgi += 1
        await self.doors(scope, receive, send)

    @contextlib.asynccontextmanager
    async def open(self, quiet: int = 5) -> AsyncIterator["Server"]:
        """Serve; a connection may be quiet for so many seconds."""
        protocol = partial(hot.HotProtocol, self.doors, turned_away=self.turned_away)
        config = uvicorn.Config(
            self.app, host="127.0.0.1", port=self.port, http=protocol, ws="none", interface="asgi3", lifespan="off",
            log_config=None, limit_concurrency=20, timeout_graceful_shutdown=2,
            timeout_keep_alive=quiet,
        )  # fmt: skip
        self.uvicorn = uvicorn.Server(config)
        serving = asyncio.create_task(self.uvicorn._serve())
        await until(self.is_up, 5.0, "a server")
        try:
            yield self
        finally:
            self.log.acknowledge()
            self.uvicorn.should_exit = True
            await serving


class Line:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, raw: bytes) -> None:
        """Write as it is."""
        self.writer.write(raw)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        async with asyncio.timeout(8):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def is_closed(self) -> bool:
        """Whether the server ends the connection."""
        async with asyncio.timeout(8):
            return await self.reader.read(1) == b""


@pytest.fixture
async def server(demo: Path, tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(demo, tmp_path).open() as found:
        yield found


@pytest.fixture
async def line(server: Server) -> AsyncIterator[Line]:
    found = await connect(server)
    yield found
    found.writer.close()


async def connect(server: Server) -> Line:
    """A connection of its own."""
    return Line(*await asyncio.open_connection("127.0.0.1", server.port))


def report(n: int | str = 1, **words: Any) -> bytes:
    """A report's body."""
    said = {"id": f"n{n}", "category": "manhole", "place": {"lon": HERE[0], "lat": HERE[1]}, **words}
    return json.dumps(said).encode()


def post(body: bytes, *extra: str, path: str = "/v1/reports", key: str = SECRET, version: str = "1.1") -> bytes:
    """A whole request."""
    head = [f"POST {path} HTTP/{version}", "Host: x", f"Authorization: Bearer {key}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, *extra, "", ""]).encode() + body


async def ask(line: Line, count: int) -> list[tuple[int, Any, bytes]]:
    """So many reports one after another, and their answers."""
    found = []
    for n in range(count):
        line.send(post(report(n)))
        found.append(await line.answer())
    return found


SAME = {
    "taken": post(report()),
    "wrong": post(b'{"category": 1}'),
    "unknown key": post(report(), key="other"),
    "no body": post(b""),
    "wrong type": post(report(), "Content-Type: text/plain"),
    "too long": post(report(text="x" * REPORT_BYTES)),
    "many": post(report(1) + b"\n\n" + report(2) + b"\nno", path="/v1/reports:batch"),
    "no line": post(b"\n", path="/v1/reports:batch"),
    "too many lines": post(b"{}\n" * 1001, path="/v1/reports:batch"),
}


@pytest.mark.parametrize("raw", SAME.values(), ids=SAME.keys())
async def test_both_ways_give_the_same_answer(server: Server, raw: bytes) -> None:
    short, long = await connect(server), await connect(server)
    short.send(raw)
    long.send(raw.replace(b"Host: x", b"Host: x\r\nConnection: close", 1))
    one, other = await short.answer(), await long.answer()
    assert server.by_asgi == 1, "a connection that closes goes the long way, a plain one does not"
    assert (one[0], one[2]) == (other[0], other[2])
    assert {k: v for k, v in one[1].items() if k not in ("date", "connection")} == {
        k: v for k, v in other[1].items() if k not in ("date", "connection")
    }
    short.writer.close()


async def test_many_requests_on_one_connection(server: Server, line: Line) -> None:
    for n in range(5):
        line.send(post(report(n)))
        status, headers, body = await line.answer()
        assert status == 202 and headers["content-type"] == "application/json" and "date" in headers
        assert json.loads(body)["id"] == f"n{n}"
    assert server.by_asgi == 0 and len(server.log.said) == 5


async def test_pipelined_requests_are_answered_in_their_order(server: Server, line: Line) -> None:
    server.log.hold = True
    line.send(post(report(1)) + post(report(2)) + post(report(3)))
    await asyncio.sleep(0.1)
    assert len(server.log.said) == 1, "the second waits for the first one's answer"
    server.log.hold = False
    server.log.acknowledge()
    assert [json.loads((await line.answer())[2])["id"] for _ in range(3)] == ["n1", "n2", "n3"]


async def test_other_routes_and_hot_ones_share_a_connection(server: Server, line: Line) -> None:
    line.send(post(report(1)))
    assert (await line.answer())[0] == 202
    line.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 204 " in await line.reader.readuntil(b"\r\n\r\n")
    line.send(post(report(2)))
    assert (await line.answer())[0] == 202
    assert (server.by_asgi, server.rest_calls) == (1, 1)


@pytest.mark.parametrize("step", [1, 7, 64])
async def test_a_request_in_pieces(server: Server, line: Line, step: int) -> None:
    raw = post(report(1))
    for start in range(0, len(raw), step):
        line.send(raw[start : start + step])
        if step > 1:
            await asyncio.sleep(0.002)
    assert (await line.answer())[0] == 202


async def test_a_chunked_body(line: Line) -> None:
    head = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    body = report(1)
    line.send(head + b"%x\r\n%s\r\n" % (10, body[:10]) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) - 10, body[10:]))
    assert (await line.answer())[0] == 202


async def test_a_chunked_body_over_the_limit_ends_the_connection(server: Server, line: Line) -> None:
    line.send(post(b"", path="/v1/reports:batch").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
    for _ in range(BATCH_BYTES // 65536 + 1):
        line.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    status, headers, _ = await line.answer()
    assert status == 413 and headers["connection"] == "close"
    assert server.log.said == []


async def test_a_body_that_is_not_what_its_length_says_is_not_taken(server: Server, line: Line) -> None:
    line.send(post(report(1)).replace(b"Content-Length: ", b"Content-Length: 9"))
    line.writer.write_eof()
    await asyncio.sleep(0.1)
    assert server.log.said == []


async def test_continue_is_given_where_it_is_expected(server: Server, line: Line) -> None:
    body = report(1)
    line.send(post(body, "Expect: 100-continue")[: -len(body)])
    assert b" 100 " in await line.reader.readuntil(b"\r\n\r\n")
    line.send(body)
    assert (await line.answer())[0] == 202
    assert server.by_asgi == 1


@pytest.mark.parametrize(
    "raw", [post(report(), version="1.0"), post(report(), "Connection: close")], ids=["1.0", "close"]
)
async def test_a_connection_that_shall_not_stay_ends(line: Line, raw: bytes) -> None:
    line.send(raw)
    assert (await line.answer())[0] == 202
    assert await line.is_closed()


async def test_a_client_that_goes_before_its_answer_harms_nobody(server: Server) -> None:
    server.log.hold = True
    gone, stays = await connect(server), await connect(server)
    gone.send(post(report(1)))
    stays.send(post(report(2)))
    await until(partial(server.log.holds, 2), 5.0, "both reports")
    gone.writer.transport.abort()
    await asyncio.sleep(0.1)
    server.log.acknowledge()
    assert (await stays.answer())[0] == 202
    stays.writer.close()


async def test_no_http_is_refused(line: Line) -> None:
    line.send(b"\x00\x01nonsense\r\n\r\n")
    status, headers, _ = await line.answer()
    assert status == 400 and headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("way", ["/v1/reports", "/livez"])
@pytest.mark.parametrize("end", [b"\r\n", b""], ids=["many lines", "one long line"])
async def test_a_head_has_an_end(server: Server, line: Line, way: str, end: bytes) -> None:
    line.send(f"POST {way} HTTP/1.1\r\nx: 1".encode() + end)
    for _ in range(40):
        line.send((b"x: " if end else b"") + b"y" * 1000 + end)
        await asyncio.sleep(0.001)
        if server.uvicorn.server_state.connections == set():
            break
    status, _, body = await line.answer()
    assert status == 431 and json.loads(body)["code"] == "head_too_large"
    assert await line.is_closed()


async def test_a_bug_is_our_fault_and_not_the_clients(server: Server, line: Line, monkeypatch: Any) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(server.doors, "take", broken)
    line.send(post(report(1)))
    assert (await line.answer())[0] == 500


async def test_a_bug_that_one_report_meets_spoils_no_other_that_came_with_it(
    server: Server, line: Line, monkeypatch: Any
) -> None:
    whole = encoding.report

    def broken(own: str, theirs: str, content: bytes, said: Any) -> bytes:
        if said.text == "planted":
            raise RuntimeError("planted")
        return whole(own, theirs, content, said)

    monkeypatch.setattr(encoding, "report", broken)
    lines = [await connect(server) for _ in range(5)]
    for n, one in enumerate(lines):  # at once, so that they come in one turn of the server's loop
        one.send(post(report(n, text="planted" if n == 2 else "")))
    assert [(await one.answer())[0] for one in lines] == [202, 202, 500, 202, 202]
    assert len(server.log.said) == 4
    batch = b"\n".join(report(n, text="planted" if n == 11 else "") for n in range(10, 13))
    line.send(post(batch, path="/v1/reports:batch"))
    status, _, body = await line.answer()
    told = [json.loads(one) for one in body.splitlines()]
    assert status == 200 and [one["outcome"] for one in told] == ["accepted", "refused", "accepted"]
    assert "a fault of ours" in told[1]["detail"] and len(server.log.said) == 6


async def test_a_bug_that_one_report_meets_uses_up_nobodys_quota(demo: Path, tmp_path: Path, monkeypatch: Any) -> None:
    whole = encoding.report

    def broken(own: str, theirs: str, content: bytes, said: Any) -> bytes:
        if said.text == "planted":
            raise RuntimeError("planted")
        return whole(own, theirs, content, said)

    monkeypatch.setattr(encoding, "report", broken)
    async with Server(demo, tmp_path, Limits(each_key=10.0)).open() as server:
        line = await connect(server)
        # Nine of the ten that the key may send in this second; counted twice, the last of them would find none left.
        line.send(post(b"\n".join(report(n, text="" if n else "planted") for n in range(9)), path="/v1/reports:batch"))
        _, _, body = await line.answer()
        assert [json.loads(one)["outcome"] for one in body.splitlines()] == ["refused"] + ["accepted"] * 8


@pytest.mark.parametrize("body", [report(), report(place={"lon": 0, "lat": 0})], ids=["taken", "refused"])
async def test_a_bug_that_meets_an_answer_is_an_answer(
    server: Server, line: Line, monkeypatch: Any, body: bytes
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(answers, "of_one", broken)
    line.send(post(body))
    assert (await line.answer())[0] == 500


@pytest.mark.parametrize(
    ("part", "status"), [(b"", 0), (b"POST /v1/rep", 0), (post(report(1))[:-5], 408)], ids=["nothing", "head", "body"]
)
async def test_what_does_not_come_in_time_is_not_waited_for(
    demo: Path, tmp_path: Path, monkeypatch: Any, part: bytes, status: int
) -> None:
    monkeypatch.setattr(guarded, "HEAD_S", 0.2)
    async with Server(demo, tmp_path).open() as server:
        line = await connect(server)
        line.send(part)
        if status:
            assert (await line.answer())[0] == status
        assert await line.is_closed()
        assert server.log.said == []


async def test_a_connection_ends_when_it_was_quiet_for_so_long_and_not_before(demo: Path, tmp_path: Path) -> None:
    async with Server(demo, tmp_path).open(quiet=1) as server:
        quiet, busy = await connect(server), await connect(server)
        for line in (quiet, busy):
            line.send(post(report()))
            assert (await line.answer())[0] == 202
        for n in range(4):
            await asyncio.sleep(0.4)
            busy.send(post(report(n)))
            assert (await busy.answer())[0] == 202
        spoke = asyncio.get_running_loop().time()
        assert quiet.reader.at_eof() and not busy.reader.at_eof()
        assert await busy.is_closed() and 0.9 < asyncio.get_running_loop().time() - spoke < 1.5


async def test_a_connection_whose_answer_is_awaited_is_not_quiet(demo: Path, tmp_path: Path) -> None:
    async with Server(demo, tmp_path).open(quiet=1) as server:
        line = await connect(server)
        line.send(post(report(1)))
        assert (await line.answer())[0] == 202
        server.log.hold = True
        line.send(post(report(2)))
        await asyncio.sleep(1.5)
        server.log.acknowledge()
        assert (await line.answer())[0] == 202
        spoke = asyncio.get_running_loop().time()
        assert await line.is_closed() and 0.9 < asyncio.get_running_loop().time() - spoke < 1.5


async def test_a_connection_that_speaks_the_long_way_is_not_quiet(demo: Path, tmp_path: Path) -> None:
    async with Server(demo, tmp_path).open(quiet=1) as server:
        line = await connect(server)
        line.send(post(report(1)))
        assert (await line.answer())[0] == 202
        for _ in range(3):
            await asyncio.sleep(0.6)
            line.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 204 " in await line.reader.readuntil(b"\r\n\r\n")
        spoke = asyncio.get_running_loop().time()
        assert await line.is_closed() and 0.9 < asyncio.get_running_loop().time() - spoke < 1.5


async def test_a_stop_lets_a_report_under_way_have_its_answer(server: Server, line: Line) -> None:
    server.log.hold = True
    line.send(post(report(1)))
    await until(partial(server.log.holds, 1), 5.0, "the report")
    server.uvicorn.should_exit = True
    await asyncio.sleep(0.3)
    server.log.acknowledge()
    status, headers, _ = await line.answer()
    assert status == 202 and headers["connection"] == "close"
    assert await line.is_closed()


async def test_one_connection_too_many_is_refused_and_counted(server: Server) -> None:
    lines = [await connect(server) for _ in range(20)]
    lines[-1].send(post(report(1)))
    head = await lines[-1].reader.readuntil(b"\r\n\r\n")
    assert b" 503 " in head and server.log.said == [] and server.turned_away.value() == 1
    lines[0].send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 204 " in await lines[0].reader.readuntil(b"\r\n\r\n"), "what was counted can be seen meanwhile"
    for line in lines:
        line.writer.close()


async def test_who_asks_for_too_much_is_told_when_to_come_back(demo: Path, tmp_path: Path) -> None:
    async with Server(demo, tmp_path, Limits(each_key=1)).open() as server:
        line = await connect(server)
        found = await ask(line, 8)
        assert found[0][0] == 202
        headers, body = next((headers, body) for status, headers, body in found if status == 429)
        assert 1 <= int(headers["retry-after"]) <= 3 and json.loads(body)["code"] == "quota"
        line.writer.close()


async def test_no_room_is_our_fault_each_line_says_so_and_what_saves_lives_is_taken(demo: Path, tmp_path: Path) -> None:
    fire = next(c for c in load(demo).categories.values() if c.lane == "p0").key
    async with Server(demo, tmp_path, Limits(total=2)).open() as server:
        line = await connect(server)
        bodies = [report(n, category="nobody knows it") for n in range(6)]
        line.send(post(b"\n".join([*bodies, report("fire", category=fire)]), path="/v1/reports:batch"))
        status, headers, body = await line.answer()
        lines = [json.loads(one) for one in body.splitlines()]
        assert status == 200 and "retry-after" in headers
        assert [one["outcome"] for one in lines] == ["accepted"] * 2 + ["refused"] * 4 + ["accepted"]
        line.send(post(report("late")))
        status, headers, body = await line.answer()
        assert (status, json.loads(body)["code"]) == (503, "overloaded") and "retry-after" in headers
        line.writer.close()


async def test_one_grid_leaves_room_for_others(demo: Path, tmp_path: Path) -> None:
    async with Server(demo, tmp_path, Limits(each_grid=2)).open() as server:
        line = await connect(server)
        found = await ask(line, 5)
        assert (found[0][0], found[-1][0], json.loads(found[-1][2])["code"]) == (202, 503, "grid")
        city = load(demo)
        here = city.owners.at(*HERE)
        lon, lat = next(p for p in scatter.inside(city, Random(1), 1000) if city.owners.at(*p) not in (here, -1))
        line.send(post(report("elsewhere", place={"lon": lon, "lat": lat})))
        assert (await line.answer())[0] == 202
        line.writer.close()


@pytest.mark.parametrize(
    ("limits", "longest"), [(Limits(total=1), 30), (Limits(each_key=1), 3), (Limits(each_grid=1), 30)]
)
async def test_those_who_are_refused_together_are_not_told_to_come_back_together(
    demo: Path, tmp_path: Path, limits: Limits, longest: int
) -> None:
    async with Server(demo, tmp_path, limits).open() as server:
        line = await connect(server)
        told = [int(headers["retry-after"]) for status, headers, _ in await ask(line, 41) if status != 202]
        assert len(told) >= 36 and 1 <= min(told) <= max(told) <= longest
        assert len(set(told)) >= min(longest, 8), (
            "at random: so many of them fall on fewer less than once in a hundred thousand runs"
        )
        line.writer.close()


def test_the_short_ways_doors_are_the_long_ways() -> None:
    assert set(doors_module.LIMITS) == {"/v1/reports", "/v1/reports:batch"}
