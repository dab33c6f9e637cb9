"""`make panels`: the demo city's day on a fresh system under a Prometheus; what each panel shows of it: docs/panels.svg."""

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from gewu.city import load
from gewu.dev import clips, day, replay
from gewu.dev.ledger import Ledger
from gewu.dev.measuring import Measuring
from gewu.dev.receiver import Receiver
from gewu.dev.stack import Stack
from tests.observe import panels, svg, visitors
from tests.observe.prometheus import ROOT, Prometheus
from tests.support import shared
from tests.support.waiting import until

OUT = ROOT / "docs/panels.svg"
_STEP_S = 1.0
_AFTER_S = 8.0  # so that the last reports are through, and the last scrape has seen them
_CANARY_S, _PICTURE_S, _LISTENERS = 5, 4.0, 20


async def watched(folder: Path, seconds: float, reports: int) -> str:
    """The drawing of one run."""
    async with _city(folder) as stack:
        services = {name: service.url for name, service in stack.services.items() if service.component.port}
        async with Prometheus(folder / "prometheus", services) as prometheus:

            async def each() -> bool:
                return await prometheus.scraped() == set(services)

            await until(each, 30.0, "a scrape of each service")
            start = time.time()
            await _day(stack, folder, seconds, reports)
            await asyncio.sleep(_AFTER_S)
            end = time.time()
            charts = [await _chart(prometheus, panel, start, end) for panel in panels.read()]
    title = f"The panels over {end - start:.0f} s: the demo city's day, {reports:,} reports in {seconds:.0f} s"
    return svg.page(title, charts, end - start, panels.fingerprint())


@asynccontextmanager
async def _city(folder: Path) -> AsyncIterator[Stack]:
    """Everything that `gewu dev` has: cameras with clips, a receiver of webhooks, desks that answer, a canary in a hurry."""
    stack = Stack(folder / "stack", ROOT / "cities/demo", say=print, models=shared.models())
    await clips.draw(stack.reel, stack.data, print)
    async with stack:
        receiver, city = Receiver(stack.data / "secrets" / "receivers"), load(stack.city)
        if not await receiver.start():
            print("the receiver's port is taken: no notice will be taken")
        await stack.launch("canary", {"GEWU_CANARY_EVERY": f"{_CANARY_S}s"}, replica="canary")
        desks = {"DESKS": ",".join(city.departments), "DESKS_FALLBACK": city.fallback.id}
        await stack.launch("desks", desks, replica="desks", ready=False)
        try:
            yield stack
        finally:
            await receiver.stop()


async def _day(stack: Stack, folder: Path, seconds: float, reports: int) -> None:
    city = load(stack.city)
    midnight = datetime.now(city.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    drawn = await asyncio.to_thread(day.draw, city, midnight, 1, reports)
    with Ledger(folder / "ledger.jsonl") as ledger:
        sender = replay.Replay(stack.intake_url, stack.report_key, replay.plan(drawn, seconds), ledger)
        measuring = Measuring(city, stack.mqtt, 1, seconds)
        photographs = sorted(shared.shared("eval/plates/frames").glob("*.jpg")) if shared.models() else []
        others = [asyncio.create_task(visitors.listen(stack, _LISTENERS))]
        others += [asyncio.create_task(visitors.photograph(stack, photographs, _PICTURE_S))] if photographs else []
        await asyncio.gather(sender.run(), measuring.run(), clips.show(stack.reel, stack.clips, seconds, print))
    for other in others:
        other.cancel()
    for ended in await asyncio.gather(*others, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    print(f"{sender.tally.accepted} of {sender.tally.planned} reports were accepted")


async def _chart(prometheus: Prometheus, panel: panels.Panel, start: float, end: float) -> svg.Chart:
    lines: dict[str, svg.Points] = {}
    for query, legend in panel.queries:
        for labels, values in await prometheus.over(query, start, end, _STEP_S):
            name = re.sub(r"\{\{(\w+)\}\}", lambda m, labels=labels: labels.get(m[1], ""), legend).strip() or "all"
            lines[name] = [(at - start, value) for at, value in values]
    seen = {name: points for name, points in lines.items() if len(points) > 1}
    return svg.Chart(panel.row, panel.title, panel.unit, seen)


def main() -> None:
    """Draw, and say where it stands."""
    asked = argparse.ArgumentParser(prog="python -m tests.observe.draw", description=__doc__)
    asked.add_argument("--seconds", type=float, default=90.0, help="into how many the day is pressed [90]")
    asked.add_argument("--reports", type=int, default=9000, help="how many there are in it [9000]")
    words = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        OUT.write_text(asyncio.run(watched(Path(folder), words.seconds, words.reports)))
    print(f"{OUT.relative_to(ROOT)} is drawn")


if __name__ == "__main__":
    main()
