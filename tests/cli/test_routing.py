"""`gewu routing explain`: the rule that decides, what it shadows, and what does not hold, for a person and for a machine."""

import json
from pathlib import Path
from typing import Any

import pytest

from gewu.city import load
from tests.city import packages
from tests.cli.running import Gewu
from tests.support.building import FALLBACK, HERE

AT = f"{HERE[0]},{HERE[1]}"
COVER = "99010101001000001"  # a water cover of the water company's
MAIN_STREET = "83.012600,39.016000"
ESTATE = "83.013975,39.008682"


@pytest.fixture
def explain(gewu: Gewu, demo: Path) -> Any:
    """The command over the demo city: its exit code, and its JSON."""

    def asked(*words: str) -> tuple[int, dict[str, Any]]:
        ended = gewu("routing", "explain", *words, "--city", demo, "--json")
        return ended.code, json.loads(ended.out)

    return asked


def test_the_rule_that_decides_is_named_with_its_line(explain: Any, demo: Path) -> None:
    code, said = explain("自来水井盖", "--at", AT)
    assert code == 0 and (said["category"], said["department"], said["rule"]) == (
        "component:01001",
        "water",
        "cover-water",
    )
    assert (demo / "routing.csv").read_text().splitlines()[said["line"] - 1].startswith("cover-water,")
    assert said["grid"] == said["grid_path"][-1] and said["because"] == "rule"


def test_an_object_brings_its_place_and_its_owner_who_goes_first(explain: Any) -> None:
    _, said = explain("自来水井盖", "--object", COVER)
    assert (said["owner"], said["rule"], said["because"]) == ("water", "own-thing", "owner")
    assert "cover-water" in [other["rule"] for other in said["shadowed"]]


def test_where_the_owner_is_not_known_his_rule_is_among_those_that_do_not_hold(explain: Any) -> None:
    _, said = explain("自来水井盖", "--at", AT)
    assert {"rule": "own-thing", "line": 5, "fails": ["department"]} in said["does_not_hold"]


def test_the_kind_of_place_decides_and_the_others_say_so(explain: Any) -> None:
    _, on_the_street = explain("matter:09009", "--at", MAIN_STREET)
    _, inside = explain("matter:09009", "--at", ESTATE)
    assert (on_the_street["kind_of_place"], on_the_street["rule"]) == ("street-main", "parking-main")
    assert on_the_street["department"] == "traffic-police" and inside["rule"] != "parking-main"
    assert {"rule": "parking-main", "fails": ["kind_of_place"]} in [
        {"rule": t["rule"], "fails": t["fails"]} for t in inside["does_not_hold"]
    ]


def test_what_the_fallback_must_answer_for_ends_with_1(explain: Any) -> None:
    code, said = explain("no such thing at all", "--at", AT)
    assert code == 1 and (said["department"], said["because"]) == (FALLBACK, "fallback_unknown_class")
    code, said = explain("自来水井盖", "--at", "10.0,50.0")
    assert code == 1 and said["because"] == "fallback_no_grid" and said["grid"] is None


def test_a_person_reads_it_in_both_languages(gewu: Gewu, demo: Path) -> None:
    ended = gewu("routing", "explain", "water manhole", "--object", COVER, "--city", demo)
    assert ended.code == 0
    assert "component:01001 供水井盖 / Water supply cover" in ended.out
    assert "→ water 水务集团 / Water Company: rule own-thing, routing.csv:5 (owner)" in ended.out
    assert "shadowed      cover-water" in ended.out


@pytest.mark.parametrize(
    ("words", "says"),
    [(("--at", "here"), "is not LON,LAT"), (("--at", "39.0,183.0"), "the longitude comes first"),
     (("--at", AT, "--on", "2026-12-31T23:00"), "has no zone"), (("--object", "nothing"), "say where it is with --at")],
)  # fmt: skip
def test_a_wrong_question_is_told_what_is_wrong(gewu: Gewu, demo: Path, words: tuple[str, ...], says: str) -> None:
    ended = gewu("routing", "explain", "manhole", *words, "--city", demo)
    assert ended.code == 2 and says in ended.err


def test_a_device_is_its_suppliers_and_what_nobody_registered_is_nobodys(explain: Any, demo: Path) -> None:
    sensor = load(demo).sensors
    device = next(iter(sensor.values()))
    _, said = explain("device:sensor", "--object", device.id)
    assert said["owner"] == device.supplier and said["because"] == "owner"
    _, said = explain("自来水井盖", "--object", "not-registered", "--at", AT)
    assert said["owner"] is None and said["rule"] == "cover-water"


def test_a_place_is_asked_as_of_the_day_of_the_report(gewu: Gewu, tmp_path: Path) -> None:
    place = packages.place("s1", "school", packages.square(83.0002, 39.0002, 0.0004), valid_to="2026-06-30")
    folder = packages.write(tmp_path, places=packages.collection([place]))
    found = {}
    for day in ("2026-06-30T23:59+08:00", "2026-07-01T00:00+08:00"):
        ended = gewu("routing", "explain", "litter", "--at", "83.0003,39.0003", "--on", day, "--city", folder, "--json")
        found[day[5:7]] = json.loads(ended.out)["rule"]
    assert found == {"06": "rubbish", "07": "rest"}


def test_a_longitude_in_the_west_is_given_with_an_equals_sign(gewu: Gewu, demo: Path) -> None:
    ended = gewu("routing", "explain", "manhole", "--at=-73.9,40.7", "--city", demo, "--json")
    assert ended.code == 1 and json.loads(ended.out)["because"] == "fallback_no_grid"
