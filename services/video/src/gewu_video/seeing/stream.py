"""One video source: opened with bounds, decoded on one thread, of which only the newest picture is kept."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gewu_video.talk import Ended, Order

Picture = NDArray[np.uint8]

# What a stranger's bytes may be: no playlists, which could name other files and addresses.
_FILES = {"protocol_whitelist": "file", "format_whitelist": "mov,mp4,matroska,webm,mpegts,avi,h264,hevc"}
_LIVE = {
    "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls",
    "format_whitelist": "rtsp,sdp",
    "rtsp_transport": "tcp",
    # Probing for two seconds finds nothing that an RTSP description does not say.
    "analyzeduration": "500000",
    "probesize": "500000",
}
_CODECS = "h264,hevc,mjpeg,mpeg4"
_MOST_PIXELS = 4096 * 2304


class Failed(Exception):
    """The source gave no more pictures."""

    def __init__(self, why: Ended) -> None:
        super().__init__(why)
        self.why = why


class Newest:
    """The newest picture, and how many were dropped because a newer one came before anybody looked."""

    def __init__(self) -> None:
        self.at = 0.0  # of the newest picture, or of the opening before the first one, on the monotonic clock
        self.dropped = 0
        self._picture: Picture | None = None
        self._failed: Ended | None = None
        self._ready = threading.Condition()

    def put(self, picture: Picture) -> None:
        """It replaces the one before."""
        with self._ready:
            self.dropped += self._picture is not None
            self._picture, self.at = picture, time.monotonic()
            self._ready.notify()

    def fail(self, why: Ended) -> None:
        """None will come any more."""
        with self._ready:
            self._failed = why
            self._ready.notify()

    def take(self, within: float) -> Picture | None:
        """The newest one that nobody took, None when none came in so many seconds; Failed when none will."""
        with self._ready:
            if self._picture is None and self._failed is None:
                self._ready.wait(within)
            picture, self._picture = self._picture, None
            if picture is None and self._failed is not None:
                raise Failed(self._failed)
            return picture


def read(order: Order, newest: Newest, width: int, opened: Callable[[int, int], None]) -> None:
    """Decode until it ends, putting `order.fps` pictures a second of at most this width; for a thread of its own."""
    try:
        while True:
            _play(order, newest, width, opened)
            if order.is_live or not order.loop:
                break
        newest.fail(Ended.CLOSED if order.is_live else Ended.PLAYED)
    except Failed as fault:
        newest.fail(fault.why)
    except BaseException as fault:  # noqa: BLE001  whatever a codec raises ends this child, and its parent starts another
        newest.fail(_why(fault))


def _play(order: Order, newest: Newest, width: int, opened: Callable[[int, int], None]) -> None:
    with _open(order) as container:
        stream = container.streams.video[0]
        # More threads gain little and cost 15 % more (one camera's neighbours need the cores).
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        if stream.width * stream.height > _MOST_PIXELS:
            raise Failed(Ended.REFUSED)
        # Its age begins here: who opens slowly has as long for the first picture as who opens at once.
        newest.at = time.monotonic()
        opened(stream.width, stream.height)
        began, due = time.monotonic(), 0.0
        asked = began
        for frame in container.decode(stream):
            if not order.is_live:
                # A file is played at the pace at which it was filmed.
                time.sleep(max(0.0, began + float(frame.time or 0.0) - time.monotonic()))
            now = time.monotonic()
            # When a read times out FFmpeg first gives the picture that it held back: an old one, and the next read waits anew.
            if order.is_live and now - asked >= order.read_s:
                raise Failed(Ended.TIMED_OUT)
            # An eighth of the step: frames come a little early and late, and every second one must not be missed.
            if now >= due - 0.125 / order.fps:
                due = max(due + 1 / order.fps, now)
                newest.put(_picture(frame, width))
            else:
                newest.at = now
            asked = time.monotonic()


def _picture(frame: Any, width: int) -> Picture:
    """Scaled where the colours are converted anyway."""
    if frame.width * frame.height > _MOST_PIXELS:
        raise Failed(Ended.REFUSED)
    wide = min(width, frame.width)
    return frame.to_ndarray(format="bgr24", width=wide, height=max(2, frame.height * wide // frame.width))


def _open(order: Order) -> Any:
    import av

    av.logging.set_level(None)  # FFmpeg's own words hold addresses with their logins
    try:
        container = av.open(
            order.url, options={**(_LIVE if order.is_live else _FILES), "codec_whitelist": _CODECS},
            timeout=(order.open_s, order.read_s),
        )  # fmt: skip
    except Exception as fault:  # noqa: BLE001  a closed list of what can be wrong with a source, and this is the rest
        why = _why(fault)
        raise Failed(why if why is Ended.TIMED_OUT else Ended.UNREACHABLE) from None
    if not container.streams.video:
        container.close()
        raise Failed(Ended.UNDECODABLE)
    return container


def _why(fault: BaseException) -> Ended:
    import av

    if isinstance(fault, TimeoutError | av.error.ExitError):
        return Ended.TIMED_OUT
    if isinstance(fault, av.error.InvalidDataError | av.error.DecoderNotFoundError):
        return Ended.UNDECODABLE
    return Ended.CLOSED if isinstance(fault, OSError | av.error.FFmpegError) else Ended.CRASHED
