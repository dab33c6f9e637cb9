"""A camera's stream against GStreamer's server: it freezes, dies, trickles, and comes back; nothing is left behind."""

import asyncio
import os
import signal

from gewu_video.domain.pauses import Knock
from gewu_video.talk import Beat, Ended
from tests.support.waiting import until
from tests.video.cameras import Heard, camera, kept
from tests.video.conftest import Rtsp
from tests.video.left import children, descriptors, eyes
from tests.video.proxy import Manner, Proxy

# Read time-out or frame age, pause, and opening: what a camera may take to be seen again, on a busy machine.
AGAIN_S = 45.0


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

        proxy.harm(Manner.TRICKLE)
        # FFmpeg may call a packet that was cut short by its time-out an end of the stream, or one that is none.
        await _ended(heard, {Ended.TIMED_OUT, Ended.STALE, Ended.CLOSED, Ended.UNDECODABLE})
        proxy.relieve()
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
        proxy.harm(Manner.TRICKLE)
        await _ended(heard, {Ended.STALE})


async def test_where_sound_goes_on_without_a_picture_the_age_of_the_picture_ends_it_too(rtsp: Rtsp) -> None:
    async with Proxy(rtsp.port) as proxy, kept(camera(f"rtsp://127.0.0.1:{proxy.port}/live")) as (_, heard):
        await _looked(heard, 1)
        proxy.harm(Manner.BLIND)
        await _ended(heard, {Ended.STALE})


async def test_a_picture_that_was_held_back_until_a_read_timed_out_is_no_new_one(rtsp: Rtsp) -> None:
    async with Proxy(rtsp.port) as proxy, kept(camera(f"rtsp://127.0.0.1:{proxy.port}/live")) as (_, heard):
        await _looked(heard, 1)
        proxy.harm(Manner.HANG)
        heard.messages.clear()
        await _ended(heard, {Ended.TIMED_OUT})
        looked = [m.looked for m in heard.messages if isinstance(m, Beat)]
        # What was under way comes within a second; after that none may, until the end.
        assert len(set(looked[1:])) <= 1 and len(looked) <= 3, looked


async def test_a_child_that_hangs_is_killed_and_another_one_looks(rtsp: Rtsp) -> None:
    async with kept(camera(rtsp.url)) as (_, heard):
        await _looked(heard, 1)
        for pid in eyes():
            os.kill(pid, signal.SIGSTOP)
        await _ended(heard, {Ended.MUTE})
        await _looked(heard, 1)


async def test_for_a_peer_that_accepts_and_stays_mute_no_child_is_started() -> None:
    async def mute(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server, had = await asyncio.start_server(mute, "127.0.0.1", 0), children()
    port = server.sockets[0].getsockname()[1]
    async with kept(camera(f"rtsp://127.0.0.1:{port}/live")) as (_, heard):
        await until(lambda: asyncio.sleep(0, len(heard.knocks) >= 3), AGAIN_S, "knocks")
        assert set(heard.knocks) == {Knock.SILENT} and not heard.ends and children() == had
    server.close()


async def test_an_address_outside_the_networks_is_never_called() -> None:
    async with kept(camera("rtsp://192.0.2.7/live")) as (_, heard):

        async def refused() -> bool:
            return bool(heard.missing)

        await until(refused, 5.0, "a refusal")
    assert heard.missing == ["192.0.2.7 is 192.0.2.7, outside GEWU_CAMERA_NETWORKS"] and not heard.messages
