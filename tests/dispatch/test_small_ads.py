"""Small ads (小广告, row 177 of the arrangements): five kinds of place in fourteen communities, each answered for by who must.

The department of urban order has the main and the secondary streets, the housing department the closed estates; an estate without
a property firm and a back street are the community's own.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gewu.audit.package import Package
from gewu.city import City, load
from gewu.clock import micros
from gewu_dispatch.domain.rerouting import Past, reroute, router_of
from gewu_dispatch.domain.routing import Because
from tests.audit.world import opened
from tests.city.packages import TOML, collection, grid, place, square, write

COMMUNITIES = [f"community-{n:02}" for n in range(1, 15)]
ADS = "小广告"
# Who answers; None: the community itself.
ANSWERS = {
    "street-main": "urban-order", "street-secondary": "urban-order", "estate-closed": "housing", "estate-open": None,
    "back-street": None,
}  # fmt: skip
KINDS = list(ANSWERS)
ROWS = [(community, kind, ANSWERS[kind] or community) for community in COMMUNITIES for kind in KINDS]
ROUTING = """\
id,category,kind_of_place,grid,owner,department,note
main,matter:07001,street-main,*,*,urban-order,
secondary,matter:07001,street-secondary,*,*,urban-order,
closed,matter:07001,estate-closed,*,*,housing,
open,matter:07001,estate-open,*,*,@area,
back,matter:07001,back-street,*,*,@area,
"""
_WIDE = 0.01
LEAVES = "community-03"  # its property firm leaves with June


def corner(community: str, kind: str) -> tuple[float, float]:
    """Where the place of this kind in that community begins, in degrees."""
    west = 83.0 + COMMUNITIES.index(community) * _WIDE
    return round(west + 0.0015 * KINDS.index(kind) + 0.0005, 6), 39.001


def within(community: str, kind: str) -> tuple[float, float]:
    """A point inside it."""
    lon, lat = corner(community, kind)
    return lon + 0.0005, lat + 0.0005


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of fourteen communities side by side, with a place of each kind in each."""
    grids = [grid("city", None, 1)]
    for n, name in enumerate(COMMUNITIES):
        grids.append(grid(f"g-{name}", "city", 2, square(round(83.0 + n * _WIDE, 6), 39.0, _WIDE), department=name))
    places = [
        place(f"{kind}-{community}", kind, square(*corner(community, kind)), **_of(community, kind))
        for community in COMMUNITIES for kind in KINDS
    ]  # fmt: skip
    places.append(
        place("without-a-firm", "estate-open", square(*corner(LEAVES, "estate-closed")), valid_from="2026-07-01")
    )
    departments = ["desk,受理台,Desk,duty officer", "urban-order,城管执法局,Urban Order,", "housing,房管局,Housing,"]
    return write(
        tmp_path_factory.mktemp("ads"), city=TOML, grids=collection(grids), places=collection(places), objects=None,
        limits=None, routing=ROUTING,
        departments="\n".join(["id,label_zh,label_en,owner", *departments, *(f"{c},社区,{c}," for c in COMMUNITIES)]) + "\n",
        codebook="kind,code,label_zh,label_en,lane,join_radius_m,join_within_h,aliases\n"
        "matter,07001,非法小广告,Small ads,p2,30,24,小广告\n",
    )  # fmt: skip


def _of(community: str, kind: str) -> dict[str, str]:
    return {"valid_to": "2026-06-30"} if (community, kind) == (LEAVES, "estate-closed") else {}


@pytest.fixture(scope="module")
def city(folder: Path) -> City:
    """It, loaded."""
    return load(folder)


def routed(city: City, point: tuple[float, float], at: datetime) -> tuple[str, str, str]:
    """Who answers for small ads there at that time, why, and by which rule."""
    past = Past("", ADS, *point, "", micros(at), "", "", "")
    (found,) = reroute([past], city, router_of(city))
    return found.department, found.because, found.rule_id


def test_there_are_seventy_rows() -> None:
    assert len(ROWS) == 70 and len({department for *_, department in ROWS}) == 16


@pytest.mark.parametrize(("community", "kind", "answers"), ROWS)
def test_small_ads_go_to_who_answers_for_the_place(city: City, community: str, kind: str, answers: str) -> None:
    department, because, _ = routed(city, within(community, kind), datetime(2026, 6, 1, tzinfo=UTC))
    assert (department, because) == (answers, Because.AREA if answers == community else Because.RULE)


def test_the_judge_reads_all_rows_the_same(city: City, folder: Path) -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    points = [within(community, kind) for community, kind, _ in ROWS]
    theirs = [wanted.route for wanted in Package(folder).wanted([opened(*point, ADS, at=at) for point in points])]
    assert theirs == [(department, rule) for department, _, rule in (routed(city, point, at) for point in points)]


def test_a_property_firm_that_leaves_changes_only_later_reports(city: City) -> None:
    point, zone = within(LEAVES, "estate-closed"), city.timezone
    last, first = datetime(2026, 6, 30, 23, 59, tzinfo=zone), datetime(2026, 7, 1, tzinfo=zone)
    assert routed(city, point, last) == ("housing", Because.RULE, "closed")
    assert routed(city, point, first) == (LEAVES, Because.AREA, "open")
    other = within("community-04", "estate-closed")
    assert routed(city, other, first) == ("housing", Because.RULE, "closed")


def test_a_place_of_no_known_kind_goes_to_the_fallback_who_has_an_owner(city: City) -> None:
    assert routed(city, (83.005, 39.008), datetime(2026, 6, 1, tzinfo=UTC)) == ("desk", Because.FALLBACK_NO_RULE, "")
    assert city.fallback.owner == "duty officer"
