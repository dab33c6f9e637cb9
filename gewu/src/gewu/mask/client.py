"""The masker as a service sees it: a picture goes in, and a masked one comes out, or the reason why there is none.

Fails closed: only an answer that is whole and in form is a picture. A child that crashes, hangs beyond the deadline or
answers out of form is killed and replaced; what it was working on is not stored. No library that decodes is imported here.
"""

import asyncio
import logging
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from gewu.mask import frames
from gewu.mask.frames import Garbled
from gewu.mask.words import MOST_BYTES, MOST_PIXELS, Masked, Refusal, Unmasked

log = logging.getLogger(__name__)

WAITING = 8  # pictures that may wait for a child
DEADLINE_S = 30.0  # of one picture, from its first byte to the child until its last one back
START_S = 120.0  # until a child is ready
PAUSE_S = 1.0  # before a child is started anew; doubles to LONGEST_S while none comes up
LONGEST_S = 30.0
_KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")  # of the environment; nothing that holds a secret


class Lost(StrEnum):
    """Why a child had to be replaced."""

    DEADLINE = "deadline"
    ENDED = "ended"
    GARBLED = "garbled"


class NoMasker(Exception):
    """There is nothing to mask with; the text says what to do."""


class Busy(Exception):
    """As many pictures wait as may."""


class Failed(Exception):
    """The child was lost over this picture, which is not stored."""


@dataclass(slots=True)
class Told:
    """What the masker tells whoever counts: seconds of a picture, areas covered, a child lost, a masker there or not."""

    masked: Callable[[float, int], None] = lambda seconds, covered: None
    lost: Callable[[Lost], None] = lambda why: None
    standing: Callable[[str], None] = lambda fault: None  # "": there is a masker


@dataclass(slots=True)
class _Job:
    data: bytes
    answer: asyncio.Future[Masked]


@dataclass(slots=True)
class Masker:
    """Keeps the children. `models`: the folder that GEWU_MODELS names; without one there is no masker."""

    models: Path | None = None
    children: int = 1  # each has one thread
    deadline_s: float = DEADLINE_S
    told: Told = field(default_factory=Told)
    fault: str = "it has not started yet"  # why there is no masker, "" where there is one
    _jobs: asyncio.Queue[_Job] = field(default_factory=lambda: asyncio.Queue(WAITING))
    _pids: dict[int, int] = field(default_factory=dict)  # by slot, those that are ready

    @property
    def waiting(self) -> int:
        """How many pictures wait for a child."""
        return self._jobs.qsize()

    @property
    def pids(self) -> tuple[int, ...]:
        """The children that are ready."""
        return tuple(self._pids.values())

    async def mask(self, data: bytes) -> Masked:
        """The masked picture. Raises Unmasked (the picture's fault), NoMasker, Busy, Failed."""
        if len(data) > MOST_BYTES:
            raise Unmasked(Refusal.TOO_LARGE)
        if self.fault:
            raise NoMasker(self.fault)
        job = _Job(data, asyncio.get_running_loop().create_future())
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:
            raise Busy from None
        return await job.answer

    async def run(self) -> None:
        """Keep the children for as long as this runs; they end with it."""
        try:
            if self.models is None:
                self._stand("no folder of models is named: set GEWU_MODELS")
                await asyncio.Event().wait()
            async with asyncio.TaskGroup() as slots:
                for slot in range(self.children):
                    slots.create_task(self._keep(slot))
        finally:
            self._stand("it is stopping")

    async def _keep(self, slot: int) -> None:
        pause = PAUSE_S
        while True:
            served = await self._live(slot)
            pause = PAUSE_S if served else min(LONGEST_S, pause * 2)
            await asyncio.sleep(pause)

    async def _live(self, slot: int) -> bool:
        """One child from start to end; whether it was ready once."""
        process = await _start(self.models)
        try:
            fault = await _hello(process)
            if fault:
                if not self._pids:
                    self._stand(fault)
                return False
            self._pids[slot] = process.pid
            self._stand("")
            await self._serve(process)
            return True
        finally:
            self._pids.pop(slot, None)
            await _end(process)

    async def _serve(self, process: Process) -> None:
        """Give it one picture after another, until it is lost."""
        ended = asyncio.ensure_future(process.wait())
        try:
            while True:
                getting = asyncio.ensure_future(self._jobs.get())
                try:
                    await asyncio.wait({getting, ended}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not getting.done():
                        getting.cancel()
                if not getting.done() or getting.cancelled():
                    return self._lose(Lost.ENDED, process)
                if ended.done():
                    # It fell between two pictures, and this one has nothing to do with it.
                    self._again(getting.result())
                    return self._lose(Lost.ENDED, process)
                if lost := await self._one(process, getting.result()):
                    return self._lose(lost, process)
        finally:
            ended.cancel()

    async def _one(self, process: Process, job: _Job) -> Lost | None:
        """One picture; why the child cannot go on, or None."""
        if job.answer.done():
            return None  # nobody waits for it any more
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.deadline_s):
                found = await _exchange(process, job.data)
        except TimeoutError:
            _settle(job, Failed(f"it took longer than {self.deadline_s:.0f} s"))
            return Lost.DEADLINE
        except (OSError, asyncio.IncompleteReadError):
            _settle(job, Failed("the masker ended over it"))
            return Lost.ENDED
        except Garbled as fault:
            _settle(job, Failed(f"the masker's answer was out of form: {fault}"))
            return Lost.GARBLED
        except asyncio.CancelledError:
            _settle(job, Failed("the service is stopping"))
            raise
        _settle(job, found)
        self.told.masked(time.monotonic() - began, found.covered if isinstance(found, Masked) else 0)
        return None

    def _again(self, job: _Job) -> None:
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:
            _settle(job, Failed("the masker ended before it"))

    def _lose(self, why: Lost, process: Process) -> None:
        log.warning("masker lost", extra={"why": str(why), "pid": process.pid})
        self.told.lost(why)

    def _stand(self, fault: str) -> None:
        if fault != self.fault:
            log.info("masker", extra={"fault": fault or "none"})
        self.fault = fault
        self.told.standing(fault)
        while fault and not self._jobs.empty():
            _settle(self._jobs.get_nowait(), NoMasker(fault))


async def _start(models: Path | None) -> Process:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {
        "OPENCV_IO_MAX_IMAGE_PIXELS": str(MOST_PIXELS),
        "OMP_NUM_THREADS": "1",
        "OPENCV_LOG_LEVEL": "SILENT",
    }
    return await asyncio.create_subprocess_exec(
        *_command(models), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/", env=environment
    )


def _command(models: Path | None) -> list[str]:
    # -P, and / to work in: nothing that lies in the service's folder is imported in its place.
    own = [sys.executable, "-P", "-m", "gewu.mask", str(os.getpid())]
    return [*own, os.path.abspath(models)] if models else own


async def _hello(process: Process) -> str:
    """Why this child cannot mask, "" when it can."""
    try:
        async with asyncio.timeout(START_S):
            words, _ = await _answer(process)
    except (TimeoutError, OSError, asyncio.IncompleteReadError, Garbled) as fault:
        return f"the masker does not start ({fault!r})"
    return "" if "ready" in words else str(words.get("fault", "the masker does not start"))


async def _exchange(process: Process, data: bytes) -> Masked | Unmasked:
    assert process.stdin is not None
    process.stdin.write(frames.picture(data))
    await process.stdin.drain()
    words, picture = await _answer(process)
    try:
        if "refusal" in words:
            return Unmasked(Refusal(words["refusal"]))
        found = Masked(picture, str(words["type"]), str(words["masked_by"]), int(words["covered"]))
    except (KeyError, ValueError, TypeError) as fault:
        raise Garbled(repr(fault)) from None
    if not (picture and found.masked_by and found.type == "image/jpeg" and picture.startswith(b"\xff\xd8\xff")):
        raise Garbled("no picture")
    return found


async def _answer(process: Process) -> tuple[dict[str, Any], bytes]:
    assert process.stdout is not None
    read = process.stdout.readexactly
    words = frames.words(await read(frames.length(await read(frames.LENGTH.size), frames.WORDS_BYTES)))
    return words, await read(frames.length(await read(frames.LENGTH.size)))


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _settle(job: _Job, found: Masked | Exception) -> None:
    if job.answer.done():
        return
    if isinstance(found, Masked):
        job.answer.set_result(found)
    else:
        job.answer.set_exception(found)
