"""The children: one for each camera, watched by the age of its newest picture, killed and started again with pauses.

Before a child is started for a stream its parent knocks: where nobody answers, no child is spent.
"""

import asyncio
import logging
import os
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence, Set
from contextlib import suppress

from gewu.city.scene import Camera, PlateRule, Scenes
from gewu.vision import models
from gewu_video import settings, sources, talk
from gewu_video.domain import pauses
from gewu_video.domain.pauses import Cause, Knock
from gewu_video.knock import knock
from gewu_video.talk import Beat, End, Ended, Garbled, Message, Up

log = logging.getLogger(__name__)

# A child that says nothing for so long hangs: it says its age each second. The first word takes longer: it loads models.
MUTE_S, FIRST_WORD_S = 6.0, 20.0
# A source that may not be opened now may be later: a login is written, a file appears. Who asks for a file asks nobody else.
_LOOK_AGAIN_S, _FILE_AGAIN_S = 30.0, 3.0
# What an end is laid at the door of; what is not named here is the content's. Undecodable after pictures is, with FFmpeg, a
# packet that a hanging way cut short; without any picture its pause grows as for all that show none.
_BY_THE_WAY = Ended.TIMED_OUT, Ended.CLOSED, Ended.UNREACHABLE, Ended.STALE, Ended.UNDECODABLE
_CAUSES = {
    **dict.fromkeys(_BY_THE_WAY, Cause.WAY),
    **dict.fromkeys((Ended.RULES, Ended.STOPPED), Cause.OURS),
}


class Keeper:
    """One camera's child after another, for as long as this runs."""

    def __init__(
        self, camera: Camera, scenes: Scenes, bounds: settings.Children, allowed: settings.Sources,
        rules: Callable[[str], Sequence[PlateRule]], environment: dict[str, str],
    ) -> None:  # fmt: skip
        self.camera = camera
        self.newest = time.monotonic()  # of its newest picture
        self._scenes, self._bounds, self._allowed = scenes, bounds, allowed
        self._rules, self._environment = rules, environment
        self._first: float | None = None  # when the child of now showed its first picture

    def age(self) -> float:
        """Seconds since its newest picture, or since the start."""
        return time.monotonic() - self.newest

    async def keep(
        self, heard: Callable[[Camera, Message], None], ended: Callable[[Camera, Ended], None],
        missing: Callable[[Camera, str], None], knocked: Callable[[Camera, Knock], None],
    ) -> None:  # fmt: skip
        """Until cancelled, or until a file that is not to be looped has been played."""
        grown = pauses.FIRST_S
        while True:
            try:
                url = await asyncio.to_thread(sources.url, self.camera, self._allowed)
            except sources.Refused as why:
                missing(self.camera, str(why))
                await asyncio.sleep(
                    (_FILE_AGAIN_S if self.camera.is_file else _LOOK_AGAIN_S) * random.uniform(0.5, 1.0)
                )
                continue
            cause, shown = await self._try(url, heard, ended, knocked)
            if cause is None:
                return
            pause = pauses.judge(grown, cause, shown, self._bounds.pause_s)
            grown = pause.grown_s
            await asyncio.sleep(random.uniform(pause.low_s, pause.high_s))

    async def _try(
        self, url: str, heard: Callable[[Camera, Message], None], ended: Callable[[Camera, Ended], None],
        knocked: Callable[[Camera, Knock], None],
    ) -> tuple[Cause | None, float]:  # fmt: skip
        """A knock and, if it is answered, a child; what ended it (None: all was played), and for how long it showed pictures."""
        if not self.camera.is_file:
            answer = await knock(url)
            knocked(self.camera, answer)
            if answer is not Knock.ANSWERED:
                return Cause.AWAY, 0.0
        self._first = None
        why = await self._one(url, heard)
        ended(self.camera, why)
        log.info("a camera's child ended", extra={"camera": self.camera.id, "ended": why})
        shown = self.newest - self._first if self._first is not None else 0.0
        return None if why is Ended.PLAYED else _CAUSES.get(why, Cause.CONTENT), shown

    async def _one(self, url: str, heard: Callable[[Camera, Message], None]) -> Ended:
        """One child from its start to its end; nothing of it is left, whatever happens."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gewu_video.child", stdin=PIPE, stdout=PIPE, env=self._environment
        )
        try:
            assert child.stdin
            order = self._order(url)
            child.stdin.write(talk.ordered(order))
            child.stdin.close()
            return await self._listen(child.stdout, order.plates.keys(), heard)
        except Garbled:
            return Ended.GARBLED
        except (asyncio.IncompleteReadError, ConnectionError):
            return Ended.CRASHED
        finally:
            await _end(child)

    async def _listen(
        self, out: asyncio.StreamReader | None, asked: Set[str], heard: Callable[[Camera, Message], None]
    ) -> Ended:
        """Until it must be ended; asked: the plate rules that it was ordered to look for."""
        patience, is_open = FIRST_WORD_S, False
        assert out
        while True:
            try:
                async with asyncio.timeout(patience):
                    message = talk.message(await out.readexactly(talk.length(await out.readexactly(4))))
            except TimeoutError:
                return Ended.MUTE
            patience = MUTE_S
            is_open = is_open or isinstance(message, Up)
            if isinstance(message, End):
                return message.why
            if isinstance(message, Beat):
                # A rule that is over, or suspended, is not looked for a second longer; one that begins is looked for.
                if {rule.id for rule in self._rules(self.camera.id)} != asked:
                    return Ended.RULES
                if message.looked or message.dropped:
                    self.newest = time.monotonic() - message.age
                    self._first = self._first or self.newest
                # Whatever keeps a decoder busy without a picture, and no time-out knows: the age tells.
                if message.age > self._bounds.frame_age_s + (0 if is_open else self._bounds.open_s):
                    return Ended.STALE
            heard(self.camera, message)

    def _order(self, url: str) -> talk.Order:
        camera, bounds = self.camera, self._bounds
        return talk.Order(
            url=url, is_live=not camera.is_file, fps=camera.fps, loop=self._allowed.loop, open_s=bounds.open_s,
            read_s=bounds.read_s, memory_bytes=bounds.memory_bytes,
            zones=[
                talk.ZoneOrder(z.id, list(z.polygon), z.share) for z in self._scenes.zones if z.camera == camera.id
            ],
            privacy=[list(polygon) for polygon in self._scenes.privacy.get(camera.id, ())],
            masked=camera.is_masked,
            plates={rule.id: list(rule.plates) for rule in self._rules(camera.id)},
            parent=os.getpid(),
        )  # fmt: skip


def surroundings(models_folder: str) -> dict[str, str]:
    """What a child's environment holds: nothing of the service's settings, and one thread for every library."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV") if name in os.environ}
    return {**kept, models.SETTING: models_folder, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


async def _end(child: Process) -> None:
    """Kill it and collect it: a zombie or an open pipe a restart would end this service in a week."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
    # Shielded: a cancellation at this point must not leave it uncollected.
    await asyncio.shield(child.wait())
    transport = getattr(child, "_transport", None)
    if transport is not None:
        transport.close()
