"""`gewu dev`: a stack, a day replayed into it, a look at it each second, and a clean end."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from gewu.city import City, load
from gewu.dev import clips, day, judging, replay, summary
from gewu.dev.books import Lookout, Snapshot
from gewu.dev.children import CannotStart, die_with_parent
from gewu.dev.ledger import Ledger
from gewu.dev.measuring import Measuring
from gewu.dev.receiver import PORT, Receiver
from gewu.dev.replay import Replay, Tally
from gewu.dev.stack import Stack
from gewu.dev.view import Scene, View

GOOD, FAULTY, FAILED = 0, 1, 1
DAY_S = 900.0  # how long the demo day takes where nobody says
_DRAIN_S = 30.0
_LAST_ANSWERS_S = 20.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says: the day in so many seconds, and then stay up until asked to stop, or end."""

    city: Path
    data: Path
    seconds: float = DAY_S
    stay: bool = True
    replay: bool = True
    fresh: bool = False
    reports: int = day.REPORTS


class Fallen(Exception):
    """A service ended though nobody asked it to."""


class Unbalanced(Exception):
    """The judge found faults at the day's end, and then somebody stopped what had stayed up."""


@dataclass(slots=True)
class Run:
    """What one start is about, once everything is up."""

    stack: Stack
    lookout: Lookout
    view: View
    scene: Scene
    measuring: Measuring | None = None
    began: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        """A message to whoever looks."""
        self.view.say(line)


async def launch(options: Options, view: View) -> int:
    """Runs until it is done or asked to stop (SIGINT, SIGTERM); returns the exit code. No process is left behind."""
    asked: list[signal.Signals] = []
    me = asyncio.current_task()

    def ask(number: signal.Signals) -> None:
        asked.append(number)
        if len(asked) == 1 and me:
            me.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask, number)
    if "MAKELEVEL" in os.environ:
        # `make run` is what people start and may kill; it passes no signal on when it is killed itself.
        die_with_parent(signal.SIGTERM)
    stack = Stack(options.data, options.city, view.say)
    receiver = Receiver(stack.data / "secrets" / "receivers")
    try:
        if not await receiver.start():
            view.say(f"port {PORT} is taken: nobody here receives the demo city's webhooks, and its notices wait")
        return await _live(stack, options, view)
    except asyncio.CancelledError:
        if not asked:
            raise
        return GOOD if options.stay else 128 + asked[0]
    except Unbalanced:
        return FAULTY
    except (CannotStart, Fallen) as fault:
        view.end()
        view.say(f"gewu dev: {fault}")
        return FAILED
    finally:
        view.end()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, view.say, "already stopping …")
        view.say("stopping: services first, then the servers …")
        await stack.stop()
        await receiver.stop()
        view.say("stopped")


async def _live(stack: Stack, options: Options, view: View) -> int:
    if find_spec("gewu_department") is None:  # it needs gewu, so gewu cannot name it among what it needs
        raise CannotStart("who answers for the departments is missing: pip install ./sdk (package gewu_department)")
    await stack.end_leftovers()
    if options.fresh:
        stack.clear()
        view.say(f"{stack.data} was emptied")
    await clips.draw(stack.reel, stack.data, view.say)
    clips.take_away(stack.clips)
    await stack.start()
    city = load(stack.city)
    lookout = Lookout(stack, city.departments)
    try:
        first = await lookout.look(thorough=True)
        run = Run(stack, lookout, view, Scene(city, first, _addresses(stack), Tally()))
        await stack.launch("canary", replica="canary", ready=False)
        desks = {"DESKS": ",".join(city.departments), "DESKS_FALLBACK": city.fallback.id}
        await stack.launch("desks", desks, replica="desks", ready=False)
        _introduce(run)
        if options.stay:
            await _stay(run, city, options)
            return GOOD
        await _watched(run, _replayed(run, city, options))
        return await _close(run)
    finally:
        await lookout.close()


async def _stay(run: Run, city: City, options: Options) -> None:
    """The day and the judge's word on it, then whatever people do with it; ends only by being cancelled."""
    faults: list[str] = []

    async def work() -> None:
        if options.replay:
            await _replayed(run, city, options)
            if run.measuring:
                await run.measuring.heard(run.stack.intake_url)
            faults.extend(await judging.at_work(run.stack, run.say))
        run.say("the system stays up: Ctrl-C stops it (系统保持运行，按 Ctrl-C 停止)")
        await asyncio.Event().wait()

    try:
        await _watched(run, work())
    except asyncio.CancelledError:
        with suppress(asyncio.CancelledError):
            last = await run.lookout.look(thorough=True)
            run.view.end()
            _tell(run, _summary(run, last))
        if faults:
            raise Unbalanced from None
        raise


async def _replayed(run: Run, city: City, options: Options) -> None:
    """Sends the next day of this data folder, or nothing for as long."""
    seconds = options.seconds
    if not options.replay:
        await asyncio.sleep(seconds)
        return
    number = int(run.stack.folder.remembered("days") or 0) + 1
    run.stack.folder.keep("days", str(number))
    midnight = datetime.now(city.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    reports = await asyncio.to_thread(day.draw, city, midnight, number, options.reports)
    shipments = replay.plan(reports, seconds)
    path = run.stack.data / f"ledger-{datetime.now():%Y%m%d-%H%M%S}.jsonl"
    with Ledger(path) as ledger:
        sender = Replay(run.stack.intake_url, run.stack.report_key, shipments, ledger)
        run.scene.tally, run.scene.sending = sender.tally, True
        run.scene.day_begun, run.scene.day_s = time.monotonic() - run.began, seconds
        run.measuring = Measuring(city, run.stack.mqtt, number, seconds)
        run.scene.measured = run.measuring.tally
        run.say(f"replaying day {number} of {city.name['zh']} {city.name['en']}: {sender.tally.planned} reports and "
                f"{run.measuring.tally.planned} readings in {seconds:.0f} s; what clients were told: {_shown(path)}")  # fmt: skip
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds + _LAST_ANSWERS_S):
                showing = clips.show(run.stack.reel, run.stack.clips, seconds, run.say)
                await asyncio.gather(sender.run(), run.measuring.run(), showing)
    run.scene.sending = False
    run.say(f"the day is sent: {run.scene.tally.accepted} of {run.scene.tally.sent} reports were accepted")


async def _watched(run: Run, work: Awaitable[None]) -> None:
    """Does the work while a look a second is shown and the services are looked after. Raises Fallen."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_watch(run))
    try:
        await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        working.result()
    finally:
        await _end(working, watching)


async def _end(*tasks: asyncio.Future[None]) -> None:
    """Cancels them until they have ended: a library may swallow a cancellation, and this stop would wait for ever."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=1.0)
    await asyncio.gather(*tasks, return_exceptions=True)  # what they raised was looked at, or came of the stop


async def _watch(run: Run) -> None:
    while True:
        now = await run.lookout.look()
        run.view.show(time.monotonic() - run.began, now)
        for service in run.stack.fallen():
            raise Fallen(f"{service.name} ended with code {service.exit_code}. {service.last_words()}")
        await asyncio.sleep(1.0 - (time.monotonic() - run.began) % 1.0)


async def _close(run: Run) -> int:
    """No more reports, everything settled, and the judge's word on it."""
    run.view.end()
    if run.measuring:
        await run.measuring.heard(run.stack.intake_url)
    run.say("stopping intake, then waiting until everything is settled …")
    await run.stack.end("desks")
    await run.stack.end("canary")
    await run.stack.end("intake")
    last = await _drained(run)
    _tell(run, _summary(run, last))
    return FAULTY if await judging.at_rest(run.stack, last, run.say) else GOOD


async def _drained(run: Run) -> Snapshot:
    """The look at which nothing is in flight and nothing waits, or the one after _DRAIN_S in which it did not become less."""
    end, quiet, least = time.monotonic() + _DRAIN_S, 0, float("inf")
    while True:
        last = await run.lookout.look(thorough=True)
        if (waits := last.in_flight + last.unjudged + last.outbox) < least:
            end, least = time.monotonic() + _DRAIN_S, waits
        # Twice: the relay counts an event after it has left the outbox.
        quiet = 0 if last.in_flight or last.unjudged or last.outbox or last.silent else quiet + 1
        if quiet == 2 or time.monotonic() > end:
            return last
        await asyncio.sleep(0.25)


def _addresses(stack: Stack) -> dict[str, str]:
    urls = [f"{name} {service.url}" for name, service in stack.services.items()]
    return {
        "report 上报": f"{stack.intake_url}/v1/reports",
        "sensors 传感器": f"{stack.mqtt.url}  topic sensors/<id>/readings",
        "cases 案件": f"{stack.dispatch_url}/v1/cases",
        "live feed 实时": f"{stack.notify_url}/v1/live",
        "services 服务": "  ".join(urls[:2]),
        "  /docs, /metrics, /readyz": "  ".join(urls[2:]),
        "servers 服务器": f"Kafka {stack.kafka.bootstrap}  PostgreSQL {stack.address}",
        "files 文件": f"clips for cameras {_shown(stack.clips)}  logs {_shown(stack.data / 'logs')}",
        "settings, keys 设置与密钥": f"{_shown(stack.data / 'env')}  (REPORT_KEY, OPS_KEY; for your eyes only)",
    }


def _shown(path: Path) -> str:
    """As short as people would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _introduce(run: Run) -> None:
    first = run.scene.first
    run.view.begin(run.scene)
    if first.said:
        cases = sum(first.cases.values())
        run.say(f"counts continue (在已有数据上继续): {first.said} signals and {cases} cases are here already")
    if not first.plates:
        run.say("cameras see motion only, no plate is read (仅动态检测): GEWU_MODELS names no models")


def _summary(run: Run, last: Snapshot) -> list[str]:
    return summary.lines(run.scene.first, last, run.scene.tally, run.measuring and run.measuring.tally)


def _tell(run: Run, lines: list[str]) -> None:
    for line in lines:
        run.say(line)
