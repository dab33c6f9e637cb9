"""The harness itself: a fault that was not felt is not passed off as survived, a full disk is full, a frozen link is."""

import asyncio
import errno
import json
import socket
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from gewu.dev import ports
from gewu.dev.door import Answer, Doors, Word
from tests.support import patched
from tests.trouble import page
from tests.trouble.__main__ import tell
from tests.trouble.disk import Disk, NoDisk
from tests.trouble.families import broker, clients, versions
from tests.trouble.link import Link
from tests.trouble.play import CLEAN, Result, Seen, Skipped, play

_FINE: dict[str, Any] = {
    **dict.fromkeys(CLEAN, 0), "exit": 0, "in_flight": 0, "outbox": 0, "examples": {name: ["one"] for name in CLEAN},
}  # fmt: skip


async def _played(seen: Seen | Exception, verdict: dict[str, Any] | None = None, acks: int = 500) -> Result:
    world: Any = SimpleNamespace(loads=[])

    async def judge() -> dict[str, Any]:
        return {**_FINE, **(verdict or {})}

    async def family(_: Any, __: Random) -> Seen:
        world.loads.append(SimpleNamespace(accepted=acks))
        if isinstance(seen, Exception):
            raise seen
        return seen

    world.judge = judge
    return await play(world, "a family", family, 7)


async def test_a_run_is_good_only_when_it_hit_and_the_judge_is_content() -> None:
    assert (await _played(Seen(True, "felt"))).good
    assert not (await _played(Seen(False, "not felt"))).good
    assert not (await _played(Seen(True, "felt"), {"lost": 2})).good
    assert not (await _played(Seen(True, "felt"), {"exit": 1})).good
    assert not (await _played(Seen(True, "felt"), {"outbox": 1})).good
    assert not (await _played(Seen(True, "felt"), acks=3)).good
    assert not (await _played(AssertionError("the position was skipped"))).good
    assert (await _played(Skipped("no disk"))).skipped == "no disk"


async def test_repeats_whose_sums_could_not_be_held_against_the_acks_are_not_passed_off_as_right() -> None:
    result = await _played(clients.uncounted(1, "900 acks"))
    assert not result.good and "NOT HIT" in page.line(result) and "1 answers without ack" in page.line(result)


async def test_the_sums_and_the_page_show_what_went_wrong() -> None:
    results = [await _played(Seen(True, "felt")), await _played(Seen(True, "felt"), {"lost": 2, "doubled": 1}),
               await _played(Seen(False, "nobody noticed"))]  # fmt: skip
    sums = {"runs": 3, "hit": 2, "accepted": 1500, "lost": 2, "doubled": 1, "failed": 2, "skipped": 0}
    assert page.sums(results) == sums
    text = page.text(results, {"a family": "what it does"}, "abc1234")
    assert "commit abc1234: every" in text
    assert "| a family | what it does | 3 | 2 | 1,500 | 2 | 1 |" in text and "nobody noticed" in text
    assert [page.line(r).split()[0] for r in results] == ["ok", "FAILED", "NOT"]


async def test_a_skipped_family_is_said_aloud_and_keeps_the_page_from_being_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    felt, left_out = await _played(Seen(True, "felt")), await _played(Skipped("no disk"))
    file = tmp_path / "page.md"
    assert page.line(left_out).startswith("SKIPPED")
    assert tell([felt, left_out], file) == 1 and not file.exists()
    loud, last = capsys.readouterr().out.splitlines()
    assert loud.startswith("!!!") and "a family: no disk" in loud and json.loads(last)["skipped"] == 1
    assert tell([felt, left_out], None) == 0, "nobody asked for a page"
    with pytest.raises(ValueError, match="no disk"):
        page.text([felt, left_out], {}, "")
    assert tell([felt], file) == 0 and file.read_text().startswith("# Trouble")


def test_a_full_disk_takes_no_byte_until_it_is_relieved(tmp_path: Path) -> None:
    try:
        disk = Disk(tmp_path / "disk", 8)
    except NoDisk as why:
        pytest.skip(str(why))
    try:
        disk.fill()
        with pytest.raises(OSError) as refused:
            (disk.folder / "more").write_bytes(b"x")
        assert refused.value.errno == errno.ENOSPC
        disk.relieve()
        (disk.folder / "more").write_bytes(b"x")
    finally:
        disk.unmount()
    assert not list((tmp_path / "disk").iterdir()), "nothing of it is left on the machine's own disk"


async def test_a_link_passes_holds_and_refuses() -> None:
    far, near = ports.free_ports(2)
    echo = await asyncio.start_server(_echo, ports.LOOPBACK, far)
    link = Link(near, far)
    await link.open()
    reader, writer = await asyncio.open_connection(ports.LOOPBACK, near)
    assert await _asked(reader, writer, b"one\n") == b"one\n"
    link.freeze("answers")
    with pytest.raises(TimeoutError):
        await _asked(reader, writer, b"two\n")
    assert link.held == 4, "it reached the server, and its answer is held"
    await link.open()
    assert await asyncio.wait_for(reader.readline(), 2.0) == b"two\n"
    await link.cut()
    assert await asyncio.wait_for(reader.read(), 2.0) == b""
    with pytest.raises(ConnectionRefusedError), socket.create_connection((ports.LOOPBACK, near)):
        pass
    echo.close()


async def test_an_answer_503_is_told_from_a_connection_that_ends_without_one() -> None:
    body = b'{"code":"broker_away"}'
    said = [b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body), b""]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(said.pop(0))
        await writer.drain()
        writer.close()

    (port,) = ports.free_ports(1)
    server = await asyncio.start_server(answer, ports.LOOPBACK, port)
    async with Doors(f"http://{ports.LOOPBACK}:{port}", "", 1) as doors:
        assert await doors.post([{"id": "one"}], False) == [Answer(Word.UNKNOWN, status=503)]
        assert await doors.post([{"id": "one"}], False) == [Answer(Word.UNKNOWN)], "its connection ended"
    server.close()


async def test_a_harm_is_told_by_the_light_that_it_is_about_and_by_no_other() -> None:
    lights = {"mqtt": "Connection closed by remote"}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"red": lights}).encode()
        head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
        await writer.drain()
        writer.close()

    (port,) = ports.free_ports(1)
    server = await asyncio.start_server(answer, ports.LOOPBACK, port)
    assert not await broker.red(f"http://{ports.LOOPBACK}:{port}", broker.PRODUCER)
    lights["producer p3"] = "no broker"
    assert await broker.red(f"http://{ports.LOOPBACK}:{port}", broker.PRODUCER) == "producer p3: no broker"
    server.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> bytes:
    writer.write(line)
    return await asyncio.wait_for(reader.readline(), 0.5)


def test_the_next_release_is_one_of_this_one(tmp_path: Path) -> None:
    patched.copy(versions.ROOT, tmp_path, versions.PATCH)
    (release,) = tmp_path.rglob("gewu_dispatch/encoding.py")
    assert "0.2" in release.read_text()
