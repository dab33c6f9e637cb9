"""Sealed plates: a box is kept where a rule of dispatch's own package asks for it, apart from everything else."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gewu import topics
from gewu.city import City
from gewu.city.scene import PlateRule, Scenes
from gewu.clock import micros
from gewu_dispatch.domain.case import Plate, Signal, Source
from gewu_dispatch.domain.plate import Kept, keep
from gewu_dispatch.domain.routing import Router
from gewu_dispatch.domain.triage import Rules
from gewu_dispatch.handlers.signals import Signals
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.wire import Events
from tests.dispatch.conftest import Desk
from tests.support.building import a_signal

CAMERA = "99010100001310000001"
BOX = b"a box that nobody here opens"
RULE = PlateRule(
    "stolen-7", (CAMERA,), "matter:09009", "案件 7", ("皖AG2R28",), ("甲", "乙"), date(2026, 3, 1), date(2026, 3, 4)
)


def a_detection(rule: str = RULE.id, camera: str = CAMERA, **words: Any) -> Signal:
    """A detection with a sealed plate."""
    said = {
        "kind": Source.DETECTION,
        "source": f"camera:{camera}",
        "said": "matter:09009",
        "sealed": Plate("k1", BOX, rule),
    }
    return a_signal(**{**said, **words})


@pytest.fixture
def metrics() -> CollectorRegistry:
    """What the desk counts into."""
    return CollectorRegistry()


@pytest.fixture
def asking(desk: Desk, city: City, metrics: CollectorRegistry) -> Desk:
    """The desk of a city whose package has the rule."""
    asks = replace(city, scenes=Scenes(plates=(RULE,)))
    rules = Rules(Router(city.rules, city.fallback, city.departments), city.version, city.calendar)
    desk.signals = Signals(asks, rules, Events(topics.registry(city.departments)), desk.clock, Metrics(metrics))
    return desk


@pytest.mark.parametrize(
    ("rule", "source", "day", "answer"),
    [
        (RULE, f"camera:{CAMERA}", date(2026, 3, 4), Kept.KEPT),
        (RULE, f"camera:{CAMERA}", date(2026, 3, 5), Kept.NOT_IN_FORCE),
        (RULE, f"camera:{CAMERA}", date(2026, 2, 28), Kept.NOT_IN_FORCE),
        (RULE, "camera:99010100001310000002", date(2026, 3, 4), Kept.OTHER_CAMERA),
        (RULE, f"key:{CAMERA}", date(2026, 3, 4), Kept.OTHER_CAMERA),
        (None, f"camera:{CAMERA}", date(2026, 3, 4), Kept.NO_RULE),
    ],
)  # fmt: skip
def test_a_plate_is_kept_for_a_rule_in_force_at_its_camera_alone(
    rule: PlateRule | None, source: str, day: date, answer: Kept
) -> None:
    assert keep(rule, source, day) is answer


async def test_a_box_stands_in_its_own_table_and_nowhere_else(asking: Desk, metrics: CollectorRegistry) -> None:
    found = a_detection()
    assert await asking.take(found, a_signal()) == {"opened": 2}
    (row,) = await asking.rows("plates")
    assert (str(row.pop("signal_id")), row) == (
        found.signal_id,
        {"key_id": "k1", "box": BOX, "rule_id": RULE.id, "purpose": "案件 7", "camera_id": CAMERA},
    )
    for table, rows in (await asking.all()).items():
        assert (BOX.hex() in "".join(rows)) is (table == "plates"), table
    for event in await asking.events():
        assert BOX not in event.value
    assert metrics.get_sample_value("gewu_dispatch_plates_total", {"answer": "kept"}) == 1


async def test_the_same_detection_again_keeps_one_box(asking: Desk) -> None:
    found = a_detection()
    await asking.take(found)
    assert await asking.take(found) == {"duplicate": 1} and len(await asking.rows("plates")) == 1


async def test_a_box_that_no_rule_of_this_package_asks_for_is_counted_and_not_kept(
    asking: Desk, metrics: CollectorRegistry
) -> None:
    late = micros(datetime(2026, 3, 4, 16, 0, 1, tzinfo=UTC))  # the day after, in the city
    other = a_detection(rule="stolen-8"), a_detection(camera="99010100001310000002"), a_detection(observed_at=late)
    assert sum((await asking.take(*other)).values()) == 3, "what was seen becomes a case all the same"
    assert len(await asking.rows("signals")) == 3 and await asking.rows("plates") == []
    assert BOX.hex() not in str(await asking.all())
    for answer in (Kept.NO_RULE, Kept.OTHER_CAMERA, Kept.NOT_IN_FORCE):
        assert metrics.get_sample_value("gewu_dispatch_plates_total", {"answer": answer}) == 1


async def test_no_row_of_views_is_of_a_picture_and_a_plate_or_of_neither(desk: Desk) -> None:
    import asyncpg

    one = "INSERT INTO views (at, key_id, case_id, purpose, sha256, plate) VALUES (now(), 'k', gen_random_uuid(), '', $1, $2)"
    own = "019a9c2f-0c11-8043-bca3-b40a3b39bfd7"
    for sha256, plate in ((None, None), (bytes(32), own)):
        with pytest.raises(asyncpg.CheckViolationError):
            await desk.pool.execute(one, sha256, plate)
    await desk.pool.execute(one, None, own)


def test_no_program_of_the_services_imports_what_opens_a_box() -> None:
    services = Path(__file__).parents[2] / "services"
    sources = {p: p.read_text() for p in services.rglob("*.py")}
    assert any("Sealer" in text for text in sources.values()), "the walk went nowhere"
    assert [p for p, text in sources.items() if "Opener" in text or "PrivateKey" in text] == []
