"""Heads that were seen before: the same answers as without them, no key that outlives its revocation, no other framing."""

import json
from pathlib import Path
from typing import Any

import pytest

from gewu.runtime import keys
from gewu_intake.http import heads
from gewu_intake.http.heads import Heads
from tests.intake.test_hot import SAME, SECRET, Line, Server, line, post, report, server

__all__ = ["line", "server"]

HEADERS = [(b"host", b"x"), (b"content-length", b"7")]
RAW = b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n"


@pytest.fixture
def entered(server: Server, monkeypatch: Any) -> list[str]:
    """The doors that were entered by a head that had to be looked at."""
    found: list[str] = []
    enter = server.doors.enter
    monkeypatch.setattr(server.doors, "enter", lambda door, headers: found.append(door) or enter(door, headers))
    return found


def test_what_was_remembered_is_found_by_the_same_bytes_alone() -> None:
    known = Heads()
    known.remember(RAW, "/v1/reports", "d", HEADERS)
    assert known.get(RAW) == ("/v1/reports", "d", 7)
    assert known.get(RAW.replace(b"Host", b"host")) is None and known.get(b"") is None


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (RAW.replace(b"\r\nHost", b"\nHost"), HEADERS),
        (RAW.replace(b"Host: x", b"Host:x"), HEADERS),
        (RAW.replace(b"Host: x", b"Host: x "), HEADERS),
        (RAW.replace(b" HTTP/1.1", b"  HTTP/1.1"), HEADERS),
        (RAW.replace(b"/v1/reports", b"/v1/reports:batch"), HEADERS),
        (RAW.replace(b"\r\n\r\n", b"\r\nX: y\r\n\r\n"), HEADERS),
        (b"\r\n\r\n", HEADERS),
        (RAW, [*HEADERS, (b"content-length", b"7")]),
        (RAW.replace(b"Content-Length: 7\r\n", b""), HEADERS[:1]),
        (RAW.replace(b"7", b"+7"), [HEADERS[0], (b"content-length", b"+7")]),
        (RAW[:-2] + b"Transfer-Encoding: chunked\r\n\r\n", [*HEADERS, (b"transfer-encoding", b"chunked")]),
        (RAW[:-2] + b"X: %b\r\n\r\n" % (b"y" * 1024), [*HEADERS, (b"x", b"y" * 1024)]),
    ],
    ids=[
        "another line end", "no space", "a space behind", "two spaces", "another door", "a line more", "nothing", "two lengths",
        "no length", "no number", "chunked", "long",
    ],
)  # fmt: skip
def test_a_head_that_could_be_cut_otherwise_is_not_remembered(raw: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    known = Heads()
    known.remember(raw, "/v1/reports", "d", headers)
    assert known.get(raw) is None


def test_there_is_an_end_to_what_is_remembered() -> None:
    known = Heads()
    for n in range(3 * heads._MOST):
        length = b"%d" % n
        known.remember(RAW.replace(b"7", length), "/v1/reports", "d", [HEADERS[0], (b"content-length", length)])
    assert len(known._known) <= heads._MOST


async def test_the_same_head_is_looked_at_once(server: Server, line: Line, entered: list[str]) -> None:
    for n in range(5):
        line.send(post(report(n)))
        assert json.loads((await line.answer())[2])["id"] == f"n{n}"
    line.send(post(report(10)))
    assert json.loads((await line.answer())[2])["id"] == "n10", "a longer body has another head"
    assert len(entered) == 2 and len(server.log.said) == 6


@pytest.mark.parametrize("name", sorted(SAME.keys() - {"too long"}))  # that one ends its connection
async def test_the_same_again_has_the_same_answer(server: Server, line: Line, name: str) -> None:
    answers = []
    for _ in range(3):
        line.send(SAME[name])
        status, headers, body = await line.answer()
        answers.append((status, {k: v for k, v in headers.items() if k != "date"}, body))
    assert answers[0] == answers[1] == answers[2]
    assert server.by_asgi == 0


async def test_a_key_that_was_revoked_does_not_live_on(
    server: Server, line: Line, tmp_path: Path, entered: list[str]
) -> None:
    line.send(post(report(1)))
    assert (await line.answer())[0] == 202
    keys.write(tmp_path / "keys.json", [keys.Key("app", keys.digest("another"), ("report",))])
    server.doors._entrance._keys.refresh()
    line.send(post(report(2)))
    assert (await line.answer())[0] == 401 and len(entered) == 1
    assert len(server.log.said) == 1


async def test_a_known_head_in_pieces_or_in_company(server: Server, line: Line) -> None:
    line.send(post(report(1)))
    await line.answer()
    raw = post(report(2))
    for cut in (10, raw.index(b"\r\n\r\n") + 4, len(raw) - 3):
        line.send(raw[:cut])
        await line.writer.drain()
        line.send(raw[cut:])
        assert (await line.answer())[0] == 202
    line.send(post(report(3)) + post(report(4)) + post(report(5))[:40])
    line.send(post(report(5))[40:])
    assert [json.loads((await line.answer())[2])["id"] for _ in range(3)] == ["n3", "n4", "n5"]
    assert len(server.log.said) == 7 and server.by_asgi <= 2


async def test_two_known_ones_at_once_wait_for_each_other(server: Server, line: Line) -> None:
    line.send(post(report(1)))
    await line.answer()
    server.log.hold = True
    line.send(post(report(2)))
    await line.writer.drain()
    line.send(post(report(3)))
    await line.writer.drain()
    server.log.hold = False
    while server.log.waiting:
        server.log.acknowledge()
    assert [json.loads((await line.answer())[2])["id"] for _ in range(2)] == ["n2", "n3"]


async def test_another_key_is_another_head(line: Line) -> None:
    for key, status in ((SECRET, 202), ("gewu_nobody", 401), (SECRET, 202)):
        line.send(post(report(1), key=key))
        assert (await line.answer())[0] == status
