"""Reading, moving and judging reports, on rows made up here."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.la311 import reports, tables
from tests.la311.compare import Landed, compare
from tests.la311.replay import requests
from tests.la311.reports import Report

NAMES = {"BOS": "sanitation", "LASAN": "sanitation", "OCB": "beauty"}
HEAD = "id,created_at,closed_at,category,channel,status,department,grid,grid_name,latitude,longitude"


def report(id: str, grid: str = "5", department: str = "BOS", lon: float | None = -118.0, **more: object) -> Report:
    """A report with the city's answer."""
    said = {"created_at": None, "category": "Bulky Items", "channel": "Call", "lat": None if lon is None else 34.0}
    return Report(id=id, grid=grid, department=department, lon=lon, **said | more)  # type: ignore[arg-type]


def landed(grid: str = "5", department: str = "sanitation", outcome: str = "opened", because: str = "rule") -> Landed:
    """What became of a report."""
    return Landed(outcome, grid, department, because)


def test_numbers_of_the_last_line() -> None:
    rows = [
        report("same"),
        report("joined-from-next-door", grid="6"),
        report("other-grid"),
        report("refused-outside"),
        report("refused-unplaced", lon=None),
        report("no-city-grid", grid="", department="LASAN"),
        report("other-department", department="OCB"),
    ]
    refused = {"refused-outside", "refused-unplaced"}
    made = {
        "same": landed(),
        # Joined a case opened in grid 5; its own position is in 6, and that is what counts.
        "joined-from-next-door": landed("6", outcome="joined"),
        "other-grid": landed("7"),
        "no-city-grid": landed("7"),
        "other-department": landed(because="fallback_unknown_class"),
    }
    found = compare(rows, {r.id for r in rows} - refused, refused, made, NAMES)
    assert found.numbers(lost=1, doubled=2) == {
        "reports": 7, "accepted": 5, "refused": 2, "with_position": 6, "with_city_grid": 5, "grid_agree": 3,
        "department_agree": 4, "fallback": 1, "opened": 4, "joined": 1, "lost": 1, "doubled": 2,
    }  # fmt: skip
    assert found.confusions == {("Bulky Items", "sanitation", "OCB"): 1}
    assert [(r.id, ours) for r, ours in found.other_grid] == [("other-grid", "7"), ("refused-outside", "")]


def test_accepted_and_nowhere_agrees_in_nothing() -> None:
    found = compare([report("gone")], {"gone"}, set(), {}, NAMES)
    assert (found.grids.agree, found.departments.agree, found.accepted) == (0, 0, 1)


def test_a_department_that_the_table_does_not_know_never_agrees() -> None:
    found = compare([report("a", department="LAPD")], {"a"}, set(), {"a": landed()}, NAMES)
    assert found.departments.agree == 0
    assert found.unnamed == {"LAPD": 1}


def test_two_names_of_one_department() -> None:
    assert tables.ours()["BOS"] == tables.ours()["LASAN"]


def test_reading_takes_any_file_with_the_columns(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    lines = [
        HEAD,
        "b,2020-01-02T10:00:00-08:00,,Other,Call,Open,ITA,52.0,X,34.1,-118.2",
        "a,2020-01-01T10:00:00-08:00,,Other,Call,Open,ITA,,X,,",
        "b,2020-01-03T10:00:00-08:00,,Other,Call,Open,ITA,52,X,34.1,-118.2",
        "c,,,Other,Call,Open,ITA,52,X,north,-118.2",
    ]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    found, repeated = reports.read(file)
    assert [r.id for r in found] == ["a", "b", "c"]
    assert repeated == 1
    assert found[1].grid == "52"
    assert (found[1].lon, found[1].lat) == (-118.2, 34.1)
    assert [r.lon for r in found] == [None, -118.2, None]
    assert "place" not in found[2].body
    assert not {"ITA", "52"} & set(map(str, found[1].body.values()))  # the city's answers stay out


def test_a_file_without_the_columns_is_named(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text("id,category\n1,Other\n", "utf-8")
    with pytest.raises(reports.WrongFile, match="created_at, channel"):
        reports.read(file)


def test_times_move_by_whole_days_and_none_is_in_the_future() -> None:
    now = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
    times = [datetime(2020, 1, day, 23, 30, tzinfo=reports.ZONE) for day in (1, 2, 3)]
    found = [r.created_at for r in reports.moved([report(str(t), created_at=t) for t in times], now)]
    assert [t.time() for t in found if t] == [t.time() for t in times]
    assert found == sorted(t for t in found if t)
    assert timedelta(0) <= now - max(t for t in found if t) <= timedelta(days=1, hours=1)


def test_what_would_be_too_old_for_intake_is_brought_nearer() -> None:
    now = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
    times = [datetime(year, 1, 1, 12, 0, tzinfo=reports.ZONE) for year in (2010, 2020)]
    found = reports.moved([report(str(t), created_at=t) for t in times], now)
    assert all(r.created_at and now - r.created_at < timedelta(days=395) for r in found)


def test_phones_send_alone_and_the_call_centre_sends_many() -> None:
    rows = [report(str(n), channel="Mobile App" if n % 100 == 0 else "Call") for n in range(450)]
    sizes = [len(request) for request in requests(rows)]
    assert sum(sizes) == 450
    assert sizes.count(1) == 5
    assert max(sizes) == 200
