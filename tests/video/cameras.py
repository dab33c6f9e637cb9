"""A camera for a test, and one child after another kept for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

from gewu.city.scene import Camera, KindOfPlace, PlateRule, Purpose, Scenes
from gewu_video.children import Keeper, surroundings
from gewu_video.domain.pauses import Knock
from gewu_video.settings import Children, Sources
from gewu_video.talk import Ended, Message

ID = "99010100001310000009"
LOOPBACK = ip_network("127.0.0.0/8")


def camera(source: str, id: str = ID, fps: float = 5.0) -> Camera:
    """One that is right in every respect."""
    return Camera(
        id=id, label_zh="甲", label_en="A", programme="雪亮工程", owner="desk", supplier="desk", lon=83.0005, lat=39.0005,
        kind_of_place=KindOfPlace.STREET, level=2, purpose=Purpose.PUBLIC_SECURITY, filing="1", source=source,
        silent_after_s=10.0, fps=fps,
    )  # fmt: skip


class Heard:
    """What a keeper was told."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.ends: list[Ended] = []
        self.missing: list[str] = []
        self.knocks: list[Knock] = []

    def count(self) -> Counter[str]:
        """Messages by kind."""
        return Counter(type(m).__name__ for m in self.messages)


@asynccontextmanager
async def kept(
    seen: Camera, scenes: Scenes | None = None, rules: Sequence[PlateRule] = (), files: Path | None = None,
    models: str = "", loop: bool = False, read_s: float = 2.0, bounds: Children | None = None,
) -> AsyncIterator[tuple[Keeper, Heard]]:  # fmt: skip
    """Its children run until the block is left, with bounds that a test can wait for."""
    bounds = bounds or Children(open_s=4.0, read_s=read_s, frame_age_s=3.0, pause_s=1.0, memory_bytes=1 << 30)
    allowed = Sources(files, loop, (LOOPBACK,), None)
    keeper = Keeper(seen, scenes or Scenes(), bounds, allowed, lambda _: rules, surroundings(models))
    heard = Heard()
    task = asyncio.create_task(
        keeper.keep(
            lambda _, m: heard.messages.append(m), lambda _, w: heard.ends.append(w), lambda _, w: heard.missing.append(w),
            lambda _, k: heard.knocks.append(k),
        )
    )  # fmt: skip
    try:
        yield keeper, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
