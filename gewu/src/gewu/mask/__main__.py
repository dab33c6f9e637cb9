"""The child: reads pictures from its input, says masked ones, and ends with its parent. `python -m gewu.mask PARENT [MODELS]`."""

import os
import sys
from pathlib import Path
from typing import BinaryIO

from gewu.mask import confine, frames
from gewu.mask.words import Refusal, Unmasked


def main() -> int:
    """Serve one client until its pipe ends; 1 where there is nothing to mask with."""
    confine.at_start(int(sys.argv[1]))
    said, asked = os.fdopen(os.dup(1), "wb"), sys.stdin.buffer
    os.dup2(2, 1)  # whatever a library prints must not stand between frames
    try:
        from gewu.mask.cover import Cover

        cover = Cover(Path(sys.argv[2]) if sys.argv[2:] else None)
    except Exception as fault:  # noqa: BLE001  # whatever it is, there is no masker; the service says so and goes on
        todo = ": install gewu[mask]" if isinstance(fault, ImportError) else ""
        _say(said, frames.said({"fault": f"{fault}{todo}"[:1000]}))
        return 1
    confine.before_pictures()
    _say(said, frames.said({"ready": cover.masked_by}))
    while raw := asked.read(frames.LENGTH.size):
        data = asked.read(frames.length(raw))
        confine.before_one()
        _say(said, _masked(cover, data))
    return 0


def _masked(cover: "Cover", data: bytes) -> bytes:  # noqa: F821
    try:
        found = cover.mask(data)
    except Unmasked as fault:
        return frames.said({"refusal": str(fault.why)})
    except MemoryError:
        return frames.said({"refusal": str(Refusal.TOO_MUCH_MEMORY)})
    words = {"type": found.type, "masked_by": found.masked_by, "covered": found.covered}
    return frames.said(words, found.data)


def _say(out: BinaryIO, frame: bytes) -> None:
    out.write(frame)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
