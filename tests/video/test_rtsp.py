"""A camera's stream against GStreamer's server: it freezes, dies, trickles, and comes back; nothing is left behind."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from gewu.dev import processes
from gewu_video.talk import Beat, Ended
from tests.support.waiting import until
from tests.video.cameras import Heard, camera, kept
from tests.video.conftest import Rtsp
from tests.video.proxy import Proxy

# Read time-out or frame age, pause, and opening: what a camera may take to be seen again, on a busy machine.
AGAIN_S = 45.0


def descriptors() -> int:
    """How many this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> int:
    """How many eyes this process has, dead ones that nobody collected included."""
    return len(_eyes()) + sum(processes.find(pid) is None for pid in _below())


def _eyes() -> list[int]:
    return [pid for pid in _below() if b"gewu_video.child" in _command(pid)]


def _below() -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(OSError):  # a thread that ended meanwhile; its children are another's
            found += map(int, (task / "children").read_text().split())
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def _looked(heard: Heard, more: int = 3) -> None:
    """Some more seconds of pictures."""
    heard.messages.clear()

    async def seen() -> bool:
        return sum(isinstance(m, Beat) and m.looked > 2 and m.age < 1.0 for m in heard.messages) >= more

    await until(seen, AGAIN_S, "pictures")


async def test_a_stream_that_freezes_dies_or_trickles_is_seen_again_and_nothing_is_left(rtsp: Rtsp) -> None:
    before, had = descriptors(), children()
    async with Proxy(rtsp.port) as proxy, kept(camera(f"rtsp://127.0.0.1:{proxy.port}/live")) as (keeper, heard):
        await _looked(heard)

        rtsp.process.send_signal(signal.SIGSTOP)
        await _ended(heard, {Ended.TIMED_OUT, Ended.STALE})
        rtsp.process.send_signal(signal.SIGCONT)
        await _looked(heard)

        rtsp.kill()
        await _ended(heard, {Ended.CLOSED, Ended.TIMED_OUT, Ended.UNDECODABLE})
        rtsp.start()
        await _looked(heard)

        proxy.trickle = True
        # FFmpeg may call a packet that was cut short by its time-out an end of the stream.
        await _ended(heard, {Ended.TIMED_OUT, Ended.STALE, Ended.CLOSED, Ended.UNREACHABLE})
        proxy.trickle = False
        await _looked(heard)
        assert keeper.age() < 3.0
        assert children() <= had + 1
    assert children() == had
    assert descriptors() <= before + 1


async def _ended(heard: Heard, how: set[Ended]) -> None:
    heard.ends.clear()

    async def ended() -> bool:
        return bool(how & set(heard.ends))

    await until(ended, AGAIN_S, f"an end by {how}")


async def test_where_no_time_out_ends_a_trickle_the_age_of_the_picture_does(rtsp: Rtsp) -> None:
    async with (
        Proxy(rtsp.port) as proxy,
        kept(camera(f"rtsp://127.0.0.1:{proxy.port}/live"), read_s=600.0) as (_, heard),
    ):
        await _looked(heard, 1)
        proxy.trickle = True
        await _ended(heard, {Ended.STALE})


async def test_a_child_that_hangs_is_killed_and_another_one_looks(rtsp: Rtsp) -> None:
    async with kept(camera(rtsp.url)) as (_, heard):
        await _looked(heard, 1)
        for pid in _eyes():
            os.kill(pid, signal.SIGSTOP)
        await _ended(heard, {Ended.MUTE})
        await _looked(heard, 1)


async def test_a_peer_that_accepts_and_stays_mute_does_not_hold_a_child() -> None:
    import asyncio

    async def mute(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with kept(camera(f"rtsp://127.0.0.1:{port}/live")) as (_, heard):
        await _ended(heard, {Ended.TIMED_OUT, Ended.STALE, Ended.UNREACHABLE})
    server.close()


async def test_an_address_outside_the_networks_is_never_called() -> None:
    async with kept(camera("rtsp://192.0.2.7/live")) as (_, heard):

        async def refused() -> bool:
            return bool(heard.missing)

        await until(refused, 5.0, "a refusal")
    assert heard.missing == ["192.0.2.7 is 192.0.2.7, outside GEWU_CAMERA_NETWORKS"] and not heard.messages
