"""One trial: a copy of the source, the system from it under load and fault, and what the judge says of that."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gewu.audit.findings import Fault
from gewu.dev.children import CannotStart
from gewu.dev.kafka import KafkaServer
from gewu.dev.postgres import PostgresServer
from tests.planted import faults, source
from tests.planted.bug import Bug
from tests.planted.load import Neighbours
from tests.planted.site import Site
from tests.support.load import judge
from tests.trouble.play import Found, Own

CITY = source.ROOT / "cities" / "demo"
_SETTLE_S = 20.0  # a bug may keep the system from ever coming to rest; the unpatched one is there in a second or two
Servers = tuple[KafkaServer, PostgresServer]


@dataclass(frozen=True, slots=True)
class Outcome:
    """hits: what the planted code said of its window; found: the judge's findings with their numbers, and what the fault
    found itself; example: one in words; accepted: reports that were promised."""

    name: str
    expected: Fault | Own | None
    hits: Sequence[str]
    found: dict[str, int]
    example: str
    accepted: int
    seconds: float

    @property
    def caught(self) -> bool:
        """Named as expected, and its window was hit; without a bug: nothing found."""
        if self.expected is None:
            return not self.found and self.accepted > 0
        return bool(self.hits) and self.expected in self.found


async def plant(bug: Bug, servers: Servers, folder: Path) -> Outcome:
    """Run the system with this bug and let the unpatched judge speak."""
    began = time.monotonic()
    copy = source.copied(folder / "source", bug.patch)
    site = Site(folder / "site", CITY, servers, copy, planted=True)
    try:
        await site.start()
        work = await _work(site, bug.fault)
        return await _judged(site, [work.ledger], bug.name, bug.finding, work, began)
    except (CannotStart, AssertionError) as fault:
        # A bug that ends the system, or keeps it from starting, is not one that the judge has caught.
        return Outcome(bug.name, bug.finding, site.hits(), {}, f"{fault!r}", 0, time.monotonic() - began)
    finally:
        await site.stop()


async def control(names: Sequence[str], servers: Servers, folder: Path) -> list[Outcome]:
    """The unpatched copy through all these faults, judged after each."""
    copy, ledgers, outcomes = source.copied(folder / "source"), list[Path](), list[Outcome]()
    site = Site(folder / "site", CITY, servers, copy, planted=False)
    try:
        await site.start()
        for name in names:
            began = time.monotonic()
            work = await _work(site, name)
            ledgers.append(work.ledger)
            outcomes.append(await _judged(site, ledgers, f"control: {name}", None, work, began))
    finally:
        await site.stop()
    return outcomes


def clear(folder: Path) -> None:
    """Forget what an earlier run left."""
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Work:
    """What was promised under a fault, and what the fault itself found wrong."""

    ledger: Path
    accepted: int
    own: Found | None


async def _work(site: Site, fault: str) -> _Work:
    own = None
    async with Neighbours(site, site.data) as load:
        try:
            await faults.make(fault, site, load)
        except Found as found:
            own = found
    return _Work(load.ledger, load.accepted, own)


async def _judged(
    site: Site, ledgers: Sequence[Path], name: str, expected: Fault | Own | None, work: _Work, began: float
) -> Outcome:
    had = [word for file in site.received for word in ("--received", str(file))]
    said = await judge(site, [*ledgers, *site.ledgers], _SETTLE_S, "--city", str(site.city), *had)
    found = {str(fault): said[fault] for fault in Fault if said[fault]}
    examples = {str(fault): said["examples"][fault][0] for fault in found}
    if work.own:
        found[work.own.own], examples[work.own.own] = 1, str(work.own)
    shown = expected if expected in found else next(iter(found), "")
    example = examples.get(str(shown), "")
    return Outcome(name, expected, site.hits(), found, example, work.accepted, time.monotonic() - began)
