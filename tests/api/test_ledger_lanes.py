"""What a client writes down as a report's lane, before it is sent, is the lane in which the report is then handled."""

import json
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from gewu.city import City, load
from gewu.dev import day, phrases, replay
from gewu.dev.ledger import Ledger
from gewu.dev.stack import Stack
from gewu.lane import Lane
from tests.la311.replay import Replay as Evaluation
from tests.la311.reports import Report as Resident
from tests.support.waiting import until


@pytest.fixture(scope="module")
def city(demo: Path) -> City:
    return load(demo)


def _written(ledger: Path) -> dict[str, str]:
    """The lane that the ledger names for each accepted report, by signal id."""
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    lanes = {line["id"]: line["lane"] for line in lines if "lane" in line}
    return {line["signal_id"]: lanes[line["id"]] for line in lines if line.get("outcome") == "ok"}


async def _landed(stack: Stack, signals: set[str]) -> dict[str, str]:
    """The lane on whose topic dispatch found each of them: it believes no message about that."""

    async def look() -> dict[str, str]:
        rows = await connection.fetch("SELECT signal_id, lane FROM dispatch.signals WHERE signal_id = ANY($1)", signals)
        found = {str(row["signal_id"]): Lane(row["lane"]).label for row in rows}
        return found if len(found) == len(signals) else {}

    connection = await asyncpg.connect(stack.dsn)
    try:
        return await until(look, what="every accepted report as a signal")
    finally:
        await connection.close()


async def test_of_the_made_up_day(stack: Stack, reporter: str, city: City, tmp_path: Path) -> None:
    midnight = datetime.now(city.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    # Enough of them for every lane to occur, and what was said in words that no code book has.
    usual = day.draw(city, midnight, 311, 400)
    odd = [report for report in day.draw(city, midnight, 312, 4000) if report.body["category"] in phrases.UNHEARD_OF]
    shipments = replay.plan(sorted([*usual, *odd], key=lambda report: report.at), 2.0)
    with Ledger(tmp_path / "ledger") as ledger:
        await replay.Replay(stack.intake_url, reporter, shipments, ledger).run()
    written = _written(tmp_path / "ledger")
    assert written == await _landed(stack, {*written})
    assert odd and len(written) > 380 and {*written.values()} == {lane.label for lane in Lane}


async def test_of_the_evaluation(stack: Stack, reporter: str, city: City, tmp_path: Path) -> None:
    point = city.owners.shapes[0].representative_point()
    words = ["gas leak", "manhole", "nobody knows this word", *sorted(city.categories)[:20]]
    channels = ("Mobile App", "Call")
    reports = [
        Resident(f"la-{n}", datetime.now(UTC), word, channels[n % 2], "", "", point.x, point.y)
        for n, word in enumerate(words)
    ]
    await Evaluation(stack.intake_url, reporter, tmp_path / "ledger", city).run(reports)
    written = _written(tmp_path / "ledger")
    assert written == await _landed(stack, {*written})
    assert len(written) == len(words) and {"p0", "p2"} < {*written.values()}
