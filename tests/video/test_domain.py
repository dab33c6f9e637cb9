"""Zones with a dwell, plates that are asked for, counts and silence, as pure functions of time."""

from datetime import date

import pytest

from gewu.city.scene import PlateRule, ZoneRule
from gewu.clock import SECOND
from gewu_video.domain import plates, silence, zones
from gewu_video.domain.counts import BUCKET_S, Buckets
from gewu_video.domain.plates import Asked, Standing
from gewu_video.domain.silence import Quiet, Sight
from gewu_video.domain.zones import Watch, Zone

RULE = ZoneRule("z", "c", "matter:09012", ((0, 0), (1, 0), (1, 1)), 10.0, 0.2, 83.0, 39.0)
DAY = date(2026, 11, 23)
PLATE = PlateRule(
    "r", ("c",), "matter:09009", "案件", ("皖A12345",), ("甲", "乙"), date(2026, 11, 1), date(2026, 11, 30)
)


def seen(*looks: tuple[float, float]) -> list[Zone]:
    """What looks at these seconds with these shares come to."""
    watch, found = Watch(), []
    for at, covered in looks:
        watch, zone = zones.judge(RULE, watch, int(at * SECOND), covered)
        found.append(zone)
    return found


def test_what_stands_long_enough_is_said_once() -> None:
    looks = [(n, 0.5) for n in range(14)]
    assert seen(*looks) == [Zone.DWELLING] * 10 + [Zone.DETECTED] + [Zone.STANDING] * 3


def test_what_covers_too_little_is_never_said() -> None:
    assert set(seen(*[(n, 0.19) for n in range(30)])) == {Zone.FREE}


def test_a_passer_by_does_not_end_a_dwell_and_an_empty_lane_does() -> None:
    hidden = seen(*[(n, 0.0 if n in (4, 5) else 0.5) for n in range(12)])
    assert hidden[4] is Zone.HIDDEN and hidden[10] is Zone.DETECTED
    left = seen(*[(n, 0.5 if n < 6 else 0.0) for n in range(13)])
    assert left[11] is Zone.CLEARED and Zone.DETECTED not in left


def test_what_goes_on_at_one_camera_says_nothing_of_another_and_is_forgotten_when_it_is_over() -> None:
    both = PlateRule(
        "r", ("c", "d"), "matter:09009", "案件", ("皖A12345",), ("甲", "乙"), date(2026, 11, 1), date(2026, 11, 30)
    )
    standing = Standing({"r": both})
    assert standing.judge(both, "c", "皖A12345", 5 * SECOND, DAY)[1] is Asked.DETECTED
    assert standing.judge(both, "d", "皖A12345", 6 * SECOND, DAY) == (6 * SECOND, Asked.DETECTED)
    later = int((plates.AGAIN_S + 7) * SECOND)
    standing.judge(both, "d", "皖A12345", later, DAY)
    assert "皖A12345" in str(standing._since) and not any(camera == "c" for _, camera, _ in standing._since)


def test_a_second_car_is_a_second_occurrence() -> None:
    said = seen(*[(n, 0.0 if 15 <= n < 22 else 0.5) for n in range(40)])
    assert said.count(Zone.DETECTED) == 2 and said.count(Zone.CLEARED) == 1


def test_time_without_pictures_proves_no_dwell() -> None:
    assert seen((0, 0.5), (1, 0.5), (30, 0.5), (31, 0.5), (40, 0.5)) == [
        Zone.DWELLING, Zone.DWELLING, Zone.GAP, Zone.DWELLING, Zone.DETECTED,
    ]  # fmt: skip


def test_a_child_that_is_started_again_does_not_say_the_same_car_twice() -> None:
    said = seen(*[(n, 0.5) for n in range(12)], *[(n, 0.5) for n in range(60, 70)])
    assert said.count(Zone.DETECTED) == 1 and said[-1] is Zone.STANDING


def test_an_asked_plate_is_said_once_while_it_stands_there() -> None:
    standing = Standing({"r": PLATE})
    assert standing.judge(PLATE, "c", "皖A12345", 5 * SECOND, DAY) == (5 * SECOND, Asked.DETECTED)
    assert standing.judge(PLATE, "c", "皖A12345", 65 * SECOND, DAY) == (5 * SECOND, Asked.STANDING)
    later = (65 + plates.AGAIN_S + 1) * SECOND
    assert standing.judge(PLATE, "c", "皖A12345", later, DAY) == (later, Asked.DETECTED)


@pytest.mark.parametrize(
    ("camera", "day", "asked"),
    [
        ("c", date(2026, 10, 31), Asked.NOT_IN_FORCE),
        ("c", date(2026, 12, 1), Asked.NOT_IN_FORCE),
        ("d", DAY, Asked.OTHER_CAMERA),
    ],
)
def test_a_rule_that_is_over_or_is_for_another_camera_finds_nothing(camera: str, day: date, asked: Asked) -> None:
    standing = Standing({"r": PLATE})
    assert standing.in_force(camera, day) == []
    assert standing.judge(PLATE, camera, "皖A12345", 1, day)[1] is asked


def test_a_rule_that_matches_too_large_a_share_suspends_itself() -> None:
    standing, asked = Standing({"r": PLATE}), []
    for n in range(20):
        standing.counted("c", 1, DAY)
        if n % 2 == 0:
            asked.append(standing.judge(PLATE, "c", "皖A12345", n * 2 * plates.AGAIN_S * SECOND, DAY)[1])
    standing.counted("c", 1, DAY)
    assert Asked.DETECTED in asked and standing.too_wide() == ["r"] and standing.too_wide() == []
    assert standing.in_force("c", DAY) == []
    assert standing.judge(PLATE, "c", "皖A12345", 10**12, DAY)[1] is Asked.SUSPENDED


def test_a_rule_that_matches_one_in_many_does_not() -> None:
    standing = Standing({"r": PLATE})
    standing.counted("c", 200, DAY)
    for n in range(20):
        standing.judge(PLATE, "c", "皖A12345", n * 2 * plates.AGAIN_S * SECOND, DAY)
    assert standing.too_wide() == [] and not standing.suspended


def test_a_count_is_told_when_its_quarter_of_an_hour_is_over() -> None:
    buckets, quarter = Buckets(), BUCKET_S * SECOND
    assert [buckets.add("c", n, 2) for n in (quarter, quarter + 1, 2 * quarter - 1)] == [0, 0, 0]
    assert buckets.add("c", 2 * quarter, 1) == 6
    assert buckets.add("c", 3 * quarter, 0) == 1
    assert buckets.add("c", 4 * quarter, 0) == 0


def test_a_camera_is_silent_once_until_it_is_seen_again() -> None:
    quiet, found = Quiet(0), []
    for n in (0, 5, 10, 15):
        quiet, sight = silence.judge(quiet, 10.0, n * SECOND)
        found.append(sight)
    assert found == [Sight.SEEN, Sight.WAITING, Sight.SILENT, Sight.STILL_SILENT]
    assert silence.judge(quiet.seen(20 * SECOND), 10.0, 21 * SECOND)[1] is Sight.SEEN
