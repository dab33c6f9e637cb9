"""One bad line at each place of a batch of 500: it alone is rejected, and every other one is said, in its order."""

import asyncio
import itertools
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from gewu.city import load
from gewu.lane import Lane
from gewu.pictures.reference import References
from gewu.runtime.keys import Key
from gewu.runtime.link import Links
from gewu_intake.domain.admission import Admission, Limits
from gewu_intake.handlers import REPORT_BYTES, Handlers
from gewu_intake.request import Accepted, Answer, Rejected

SIZE = 500
KEY = Key("app", "0" * 64, ("report",))
BAD = {
    "malformed": b'{"category": "manhole", ',
    "oversized": b'{"category": "manhole", "text": "' + b"x" * REPORT_BYTES + b'"}',
    "with a NUL": b'{"category": "manhole", "text": "\\u0000"}',
    "out of the city": b'{"category": "manhole", "place": {"lon": 0, "lat": 0}}',
}


class Log:
    """A producer that acknowledges at once and remembers."""

    def __init__(self) -> None:
        self.said: list[bytes] = []

    def append(self, topic: str, partition: int, records: Any, done: Any) -> None:
        """Take them."""
        self.said += [value for _, value, _ in records]
        done(0, len(records), None)

    async def flush(self) -> None:
        """Nothing waits."""


# The kinds take turns over the places. Ten rounds of `make trouble` give every kind every place, `make test` one to each.
@pytest.mark.parametrize("turn", range(len(BAD) if "GEWU_EVERY_PLACE" in os.environ else 1))
async def test_only_the_bad_line_is_rejected_at_each_place(demo: Path, turn: int) -> None:
    kinds = itertools.islice(itertools.cycle(BAD.values()), turn, None)
    city = load(demo)
    lon, lat = city.owners.shapes[0].representative_point().coords[0]
    good = [
        msgspec.json.encode({"id": f"n{n}", "category": "manhole", "place": {"lon": lon, "lat": lat}})
        for n in range(SIZE)
    ]
    clock: Any = SimpleNamespace(now=lambda: datetime(2026, 11, 21, tzinfo=UTC))
    log = Log()
    handlers = Handlers(
        city, dict.fromkeys(Lane, log), clock, Links(b"s" * 32), None, Admission(Limits()), References(b"s" * 32)
    )
    part, _, parts = os.environ.get("GEWU_EVERY_PLACE", "").partition("/")
    for place, bad in zip(range(SIZE), kinds, strict=False):
        if parts and place % int(parts) != int(part):
            continue
        log.said.clear()
        answers: list[Answer] = []
        handlers.on_lines([*good[:place], bad, *good[place + 1 :]], KEY, answers.extend)
        await asyncio.sleep(0)
        assert isinstance(answers[place], Rejected) and len(answers) == SIZE
        assert [a.id for a in answers if isinstance(a, Accepted)] == [f"n{n}" for n in range(SIZE) if n != place]
        assert len(log.said) == SIZE - 1
