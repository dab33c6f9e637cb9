"""A knock says who speaks RTSP at an address, and pauses grow only for who answers and is no good."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gewu.dev.ports import free_ports
from gewu_video.domain import pauses
from gewu_video.domain.pauses import Because, Cause, Knock
from gewu_video.knock import KNOCK_S, knock
from tests.support.waiting import until
from tests.video.conftest import Rtsp

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LONGEST_S = 60.0


@asynccontextmanager
async def door(answer: Answer) -> AsyncIterator[str]:
    """The address of a door that answers so."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"rtsp://user:word@127.0.0.1:{server.sockets[0].getsockname()[1]}/live?channel=1"
    finally:
        server.close()


def says(line: bytes, pause_s: float = 0.0) -> Answer:
    """Answers with these bytes, one after the other with pauses between, and stays until the other one goes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in [line] if not pause_s else [line[n : n + 1] for n in range(len(line))]:
            writer.write(byte)
            await asyncio.sleep(pause_s)
        with suppress(OSError):
            await reader.read()
        writer.close()

    return answer


async def _closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("answer", "comes_to"),
    [
        (says(b"RTSP/1.0 200 OK\r\n"), Knock.ANSWERED),
        (says(b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n"), Knock.ANSWERED),
        (says(b"HTTP/1.1 400 Bad Request\r\n"), Knock.FOREIGN),
        (says(b"R" * 100_000), Knock.FOREIGN),
        (_closes, Knock.REFUSED),
    ],
)
async def test_a_whole_status_line_of_rtsp_is_an_answer_and_nothing_else_is(answer: Answer, comes_to: Knock) -> None:
    async with door(answer) as url:
        assert await knock(url) is comes_to


@pytest.mark.parametrize("answer", [says(b""), says(b"RTSP/1.0 200 OK\r\n", 1.0)], ids=["mute", "a byte a second"])
@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
async def test_who_is_mute_or_trickles_is_given_up_in_time_and_nothing_is_left(answer: Answer, scheme: str) -> None:
    async with door(answer) as url:
        address, before, began = url.replace("rtsp:", f"{scheme}:"), _descriptors(), time.monotonic()
        found = await asyncio.gather(*(knock(address) for _ in range(20)))
        # A trickle of plain text is no TLS, and ends at once.
        assert set(found) <= {Knock.SILENT, Knock.REFUSED} and (scheme == "rtsps" or set(found) == {Knock.SILENT})
        assert time.monotonic() - began < 3 * KNOCK_S
        await until(lambda: asyncio.sleep(0, _descriptors() <= before), 5.0, "the end of every connection")


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_where_nobody_listens_the_knock_is_refused() -> None:
    assert await knock(f"rtsp://127.0.0.1:{free_ports(1)[0]}/live") is Knock.REFUSED


async def test_a_knock_asks_for_the_stream_and_tells_no_login() -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")

    async with door(answer) as url:
        assert await knock(url) is Knock.ANSWERED
    assert asked[0].startswith(b"OPTIONS rtsp://127.0.0.1:") and b"/live?channel=1 RTSP/1.0\r\nCSeq: 1\r\n" in asked[0]
    assert b"user" not in asked[0] and b"word" not in asked[0]


async def test_a_real_server_answers(rtsp: Rtsp) -> None:
    assert await knock(rtsp.url) is Knock.ANSWERED
    rtsp.kill()
    assert await knock(rtsp.url) is Knock.REFUSED
    rtsp.start()


def _row(*tries: tuple[Cause, float]) -> list[float]:
    """The longest that each pause may be."""
    grown, found = pauses.FIRST_S, []
    for cause, shown in tries:
        pause = pauses.judge(grown, cause, shown, LONGEST_S)
        assert 0 < pause.low_s < pause.high_s
        grown = pause.grown_s
        found.append(pause.high_s)
    return found


def test_who_is_away_is_asked_every_second_or_two_however_long_it_takes() -> None:
    assert set(_row(*[(Cause.AWAY, 0.0)] * 1000)) == {2.0}


def test_a_way_that_breaks_again_and_again_between_pictures_never_grows_the_pause() -> None:
    assert set(_row(*[(Cause.WAY, 2.0)] * 1000)) == {0.75}


@pytest.mark.parametrize("cause", [Cause.CONTENT, Cause.WAY])
def test_who_answers_and_shows_nothing_is_opened_ever_more_seldom_up_to_the_bound(cause: Cause) -> None:
    row = _row(*[(cause, 0.0)] * 20)
    assert row == sorted(row) and row[0] == 1.5 and row[-1] == 1.5 * LONGEST_S


def test_pictures_that_break_their_child_are_opened_ever_more_seldom_unless_they_were_good_for_long() -> None:
    assert _row(*[(Cause.CONTENT, 2.0)] * 20)[-1] == 1.5 * LONGEST_S
    assert set(_row(*[(Cause.CONTENT, pauses.GOOD_S)] * 20)) == {0.75}


def test_what_was_wrong_is_forgotten_when_it_was_away_or_good() -> None:
    wrong = [(Cause.CONTENT, 0.0)] * 10
    assert _row(*wrong, (Cause.AWAY, 0.0), wrong[0])[-1] == 1.5
    assert _row(*wrong, (Cause.WAY, 1.0), wrong[0])[-1] == 1.5


def test_our_own_ends_grow_nothing_and_each_pause_says_why_it_is_so_long() -> None:
    assert pauses.judge(8.0, Cause.OURS, 0.0, LONGEST_S).because is Because.OURS
    assert pauses.judge(8.0, Cause.AWAY, 0.0, LONGEST_S).because is Because.KNOCKING
    assert pauses.judge(8.0, Cause.WAY, 1.0, LONGEST_S).because is Because.SHOWN
    assert pauses.judge(8.0, Cause.CONTENT, 1.0, LONGEST_S).because is Because.NO_GOOD
