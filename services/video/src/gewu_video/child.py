"""`python -m gewu_video.child`: one camera's eyes, in a process that may be killed at any moment.

One order comes in on standard input; messages of talk.py go out on standard output. It keeps nothing and knows no Kafka.
"""

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from gewu_video import talk
from gewu_video.talk import Beat, End, Ended, Message, Order, Sees, Up, Zones

if TYPE_CHECKING:
    from gewu_video.seeing.plates import PlateWatch

_PR_SET_PDEATHSIG = 1
_BEAT_S = 1.0
_FILES = 64  # descriptors; a stream needs a handful
# How wide pictures are: to read plates, to cover what zones shall not see (twice what they see: a face is found that they
# could not know), and for zones alone.
_WITH_PLATES, _MASKED, _WITHOUT = 1280, 640, 320


class Voice:
    """Says messages, from two threads."""

    def __init__(self, out: int) -> None:
        self._out, self._one = out, threading.Lock()

    def say(self, message: Message) -> None:
        """All of it or, where the parent is gone, the end of this process."""
        said = memoryview(talk.worded(message))
        with self._one:
            try:
                while said:
                    said = said[os.write(self._out, said) :]
            except OSError:
                os._exit(0)


def main() -> int:
    """Look until the source ends; the last message says why."""
    order = talk.order(sys.stdin.buffer.readline(talk.ORDER_BYTES))
    # Whatever a library prints must not stand between two messages.
    out = os.dup(1)
    os.dup2(2, 1)
    confine(order)
    voice = Voice(out)
    voice.say(End(look(order, voice)))
    # Not by way of Python's end: a thread that hangs in a codec would be waited for.
    os._exit(0)


def confine(order: Order) -> None:
    """Bounds that hold whatever a stranger's stream makes of the decoder, and an end with the parent."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != order.parent:
        os._exit(0)
    # A core dump would hold pictures.
    for what, most in (
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, order.memory_bytes), (resource.RLIMIT_NOFILE, _FILES),
    ):  # fmt: skip
        resource.setrlimit(what, (most, most))
    os.nice(5)


def look(order: Order, voice: Voice) -> Ended:
    """Pictures in, messages out."""
    import cv2

    from gewu_video.seeing import motion, stream
    from gewu_video.seeing.veil import Veil

    cv2.setNumThreads(1)
    plates, veil = _plates(order), Veil(order.privacy, order.masked)
    sees = [] if veil.hides_all else [Sees.MOTION, *[Sees.PLATES] * bool(plates), *[Sees.MASKED] * order.masked]
    scene = motion.Scene([(zone.id, zone.polygon, zone.share) for zone in order.zones])
    newest, width = stream.Newest(), _WITH_PLATES if plates else _MASKED if order.masked else _WITHOUT
    thread = threading.Thread(
        target=stream.read, args=(order, newest, width, lambda w, h: voice.say(Up(w, h, sees))), daemon=True
    )
    thread.start()
    began = beaten = time.monotonic()
    looked = 0
    while True:
        try:
            picture = newest.take(_BEAT_S / 2)
        except stream.Failed as ended:
            if plates and (found := plates.end()):
                voice.say(found)
            return ended.why
        taken = time.monotonic()
        if picture is not None and veil.over(picture):
            looked += 1
            if covered := scene.see(picture):
                voice.say(Zones(covered))
            if plates and (found := plates.see(picture, taken)):
                voice.say(found)
        # Looked at once more: a look takes its time, and pictures came meanwhile.
        now = time.monotonic()
        if now - beaten >= _BEAT_S:
            voice.say(Beat(max(0.0, now - (newest.at or began)), looked, newest.dropped + veil.kept_back))
            beaten = now


def _plates(order: Order) -> "PlateWatch | None":
    """For the rules of this camera, where there are any, and models to serve them."""
    if not order.plates:
        return None
    from gewu.vision.models import ModelMissing
    from gewu.vision.plates import PlateFinder
    from gewu_video.reading.reader import Reader
    from gewu_video.seeing.plates import PlateWatch

    try:
        return PlateWatch(order.plates, PlateFinder(), Reader())
    except ModelMissing:
        return None  # the service has said so at its start, once


if __name__ == "__main__":
    raise SystemExit(main())
