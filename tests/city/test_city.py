"""What a loaded city answers."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gewu.city import Limit, load
from gewu.lane import Lane

from .packages import CODEBOOK, TOML, collection, grids, place, square, write

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)


def test_a_category_is_found_by_key_code_label_and_alias_in_any_case(tmp_path: Path) -> None:
    city = load(write(tmp_path, codebook=CODEBOOK.replace("manhole", "Manhole （Cover）")))
    for said in (
        "component:01001",
        "供水井盖",
        "water COVER",
        " 井盖 ",
        "manhole (cover)",
        "Ｍａｎｈｏｌｅ （ｃｏｖｅｒ）",
    ):
        assert city.category(said) is city.categories["component:01001"], said
    assert city.category("06010") is city.categories["matter:06010"]
    assert city.category("01001") is None, "two kinds have this code"
    assert city.category("") is None and city.category("x" * 1_000_000) is None


def test_a_word_has_the_lane_of_its_category_and_an_unknown_one_is_ordinary(tmp_path: Path) -> None:
    city = load(write(tmp_path, codebook=CODEBOOK.replace(",p2,", ",p3,")))
    assert [city.lane(said) for said in ("MANHOLE", "垃圾", "nobody knows this word", "")] == [
        Lane.P1, Lane.P3, Lane.P2, Lane.P2,
    ]  # fmt: skip


def test_a_limit_without_condition_counts_and_the_others_are_kept(tmp_path: Path) -> None:
    category = load(write(tmp_path)).categories["component:01001"]
    assert category.limit == Limit(2, "uh")
    assert category.limits == (Limit(5, "wd", "路面下沉", "the paving has sunk"),)


def test_grids_know_their_path_and_points_their_grid(tmp_path: Path) -> None:
    city = load(write(tmp_path))
    index = city.locate([83.0005, 83.0005, 83.0005, 84.0], [39.0005, 39.0015, 39.001, 39.0])
    assert [city.grids[i].id if i >= 0 else None for i in index] == ["south", "north", "north", None]
    assert city.grid("north").path == ("top", "north") and city.grid("top").path == ("top",)
    assert [grid.id for grid in city.claimants(83.0005, 39.001)] == ["north", "south"]
    with pytest.raises(KeyError):
        city.grid("west")


def test_places_answer_for_their_days_in_the_city_s_own_calendar(tmp_path: Path) -> None:
    spot = square(83.0001, 39.0001, 0.0004)
    school = place("s1", "school", square(83.0006, 39.0006, 0.0001))
    old = place("old", "estate", spot, property_firm="Firm", valid_to="2025-06-30")
    new = place("new", "estate", spot, property_firm=None, valid_from="2025-07-01", valid_to=None)
    city = load(write(tmp_path, places=collection([school, old, new]), routing=_desk_gets_all()))

    def at(*when: datetime) -> list[str | None]:
        found = [city.places_at([83.0003], [39.0003], moment)[0] for moment in when]
        return [place.id if place else None for place in found]

    # 16:00 UTC is midnight in Asia/Shanghai.
    assert at(datetime(2025, 6, 30, 15, 59, 59, tzinfo=UTC), datetime(2025, 6, 30, 16, tzinfo=UTC)) == ["old", "new"]
    assert [place.property_firm for place in city.places] == [None, "Firm", None]
    assert city.places[1].valid_to == date(2025, 6, 30)
    with pytest.raises(ValueError, match="zone"):
        city.places_at([83.0], [39.0], datetime(2025, 7, 1))


def test_of_several_places_the_smallest_answers_and_outside_there_is_none(tmp_path: Path) -> None:
    park = place("park", "park", square(83.0, 39.0))
    school = place("s1", "school", square(83.0002, 39.0002, 0.0004))
    city = load(write(tmp_path, places=collection([school, park])))
    found = city.places_at([83.0004, 83.0, 84.0, float("nan")], [39.0004, 39.0, 39.0, 39.0], NOON)
    assert [place.id if place else None for place in found] == ["s1", "park", None, None]
    assert city.places_at([], [], NOON) == []


def test_a_city_without_places_or_objects_still_answers(tmp_path: Path) -> None:
    city = load(write(tmp_path, places=None, objects=None, routing=_desk_gets_all()))
    assert city.places_at([83.0004], [39.0004], NOON) == [None]


def test_the_version_follows_every_byte_of_the_package_and_nothing_else(tmp_path: Path) -> None:
    first = load(write(tmp_path)).version
    assert first.startswith("7-") and len(first) == len("7-") + 12
    (tmp_path / "README.md").write_text("not part of the package")
    assert load(tmp_path).version == first
    assert load(write(tmp_path, city=TOML + "# touched\n")).version != first


def test_names_policies_and_rules_are_read_as_written(tmp_path: Path) -> None:
    toml = TOML.replace("anonymous = true", 'anonymous = false\nno_position_grid = "top"')
    city = load(write(tmp_path, city=toml))
    assert (city.id, city.name, city.timezone.key) == ("tiny", {"zh": "小城", "en": "Tiny"}, "Asia/Shanghai")
    assert (city.anonymous_reports, city.no_position_grid) == (False, "top")
    assert (city.fallback.id, city.fallback.owner) == ("desk", "duty officer")
    assert [(rule.id, rule.line, rule.department) for rule in city.rules][:2] == [
        ("owned", 2, "@owner"),
        ("rubbish", 3, "water"),
    ]
    assert city.objects["T1"].owner == "water" and city.objects["T1"].maintainer is None


def test_a_path_that_is_no_package_is_no_fault_of_a_package(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")


def test_grids_may_lie_in_several_parts_and_keep_the_order_of_the_file(tmp_path: Path) -> None:
    features = grids()
    features[1]["geometry"] = {
        "type": "MultiPolygon",
        "coordinates": [square(83.0, 39.0)["coordinates"], square(83.5, 39.5)["coordinates"]],
    }
    city = load(write(tmp_path, grids=collection(features)))
    assert [grid.id for grid in city.grids] == ["top", "south", "north"]
    assert city.locate([83.5005], [39.5005]).tolist() == [1]


def _desk_gets_all() -> str:
    return "id,category,kind_of_place,grid,owner,department,note\nall,*,*,*,*,desk,\n"
