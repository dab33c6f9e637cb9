"""Builders: a lawful thing of each kind, so that a test writes out only what it is about."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from math import cos, radians
from typing import Any
from zoneinfo import ZoneInfo

from gewu import ids
from gewu.city import Calendar, Category, Department, Grid, Limit, Rule
from gewu.clock import from_micros, micros
from gewu.geo import METRES_PER_DEGREE
from gewu.lane import Lane
from gewu.pictures.reference import References
from gewu_dispatch.domain.action import Action, Kind
from gewu_dispatch.domain.case import Case, Signal, Source, State
from gewu_dispatch.domain.joining import near_key
from gewu_dispatch.domain.routing import Router
from gewu_dispatch.domain.triage import Located, Rules, locate
from gewu_intake.domain.report import PlaceSaid, ReportSaid

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)  # a Wednesday, 18:00 in Shanghai
NOW_US = micros(NOW)
SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar(SHANGHAI)
HERE = (83.0085, 39.0125)  # in the demo city's old town
FALLBACK = "command-centre"
INCARNATION = 3
SECRET = b"s" * 32
REFERENCES = References(SECRET)

_numbers = count(1)


def span(**words: float) -> int:
    """So much time, as timedelta has it, in microseconds."""
    return timedelta(**words) // timedelta(microseconds=1)


def moved(lon: float, lat: float, east_m: float = 0.0, north_m: float = 0.0) -> tuple[float, float]:
    """The point that lies so many metres to the east and to the north."""
    return lon + east_m / (METRES_PER_DEGREE * cos(radians(lat))), lat + north_m / METRES_PER_DEGREE


def a_category(key: str = "component:01023", **words: Any) -> Category:
    """A class whose reports join within 15 m and 72 h, due in two clock hours."""
    kind, _, code = key.partition(":")
    said: dict[str, Any] = {
        "key": key, "code": code, "kind": kind, "label_zh": key, "label_en": key, "lane": "p1", "limit": Limit(2, "uh"),
        "join_radius_m": 15.0, "join_within_h": 72.0, "aliases": (),
    }  # fmt: skip
    return Category(**{**said, **words})


def a_rule(id: str = "r", **words: Any) -> Rule:
    """A rule that takes everything for the water company."""
    said: dict[str, Any] = {
        "id": id, "line": 2, "category": "*", "kind_of_place": "*", "grid": "*", "owner": "*", "department": "water",
        "note": "",
    }  # fmt: skip
    return Rule(**{**said, **words})


def a_grid(*path: str) -> Grid:
    """A grid by its path from the top level down."""
    path = path or ("city", "street", "cell")
    above = path[-2] if len(path) > 1 else None
    return Grid(path[-1], above, len(path), path[-1], path[-1], "unit", path)


def departments(*ids: str) -> dict[str, Department]:
    """Departments by id, the fallback among them."""
    return {i: Department(i, i, i, "") for i in (*ids, FALLBACK)}


def a_router(*rules: Rule, known: tuple[str, ...] = ("water", "power", "fire")) -> Router:
    """A router with these rules; the command centre stands behind them."""
    found = departments(*known)
    return Router(rules, found[FALLBACK], found)


def the_rules(*rules: Rule) -> Rules:
    """What triage decides by: these routing rules, or one that sends everything to water."""
    return Rules(a_router(*(rules or (a_rule(),))), "7-abc", CALENDAR, INCARNATION)


def a_signal(at: tuple[float, float] | None = HERE, **words: Any) -> Signal:
    """A report of a missing manhole cover, with an id of its own."""
    client_id = words.get("client_id", f"c{next(_numbers)}")
    source = words.get("source", "key:test")
    said: dict[str, Any] = {
        "signal_id": ids.signal_id(source, client_id), "kind": Source.REPORT, "lane": Lane.P1, "source": source,
        "client_id": client_id, "observed_at": NOW_US, "received_at": NOW_US, "lon": at[0] if at else None,
        "lat": at[1] if at else None, "accuracy_m": None, "address": "", "home_area": "990101", "package_version": "7-abc",
        "exercise": False, "content": sha256(client_id.encode()).digest(), "said": "manhole", "text": "", "object_id": "",
        "sealed": None,
    }  # fmt: skip
    return Signal(**{**said, **words})


def a_report(**words: Any) -> ReportSaid:
    """A report as a client words it."""
    said: dict[str, Any] = {"category": "manhole", "place": PlaceSaid(*HERE), "text": "the cover is gone"}
    return ReportSaid(**{**said, **words})


def a_case(at: tuple[float, float] | None = HERE, **words: Any) -> Case:
    """An open case of a missing manhole cover, half an hour old, with the water company."""
    opened = words.get("opened_at", NOW_US - span(minutes=30))
    said: dict[str, Any] = {
        "case_id": ids.case_id(ids.signal_id("key:test", f"c{next(_numbers)}")), "incarnation": 1, "version": 1,
        "state": State.ASSIGNED, "lane": Lane.P1, "category": "component:01023", "lon": at[0] if at else None,
        "lat": at[1] if at else None, "grid_id": "cell", "grid_path": ("city", "street", "cell"), "home_area": "990101",
        "department": "water", "routed_because": "rule", "rule_id": "r", "object_id": "", "signals": 1, "exercise": False,
        "package_version": "7-abc", "opened_at": opened, "changed_at": opened, "last_signal_at": opened,
        "complete_by": opened + span(hours=2),
    }  # fmt: skip
    case = Case(**{**said, **words})
    case.near = near_key(case)
    return case


def located(signal: Signal, category: Category | None, **words: Any) -> Located:
    """A signal in the usual grid, with no place and no owner known."""
    said: dict[str, Any] = {"grid": a_grid(), "kind_of_place": "", "owner": ""}
    return locate(signal, category, **{**said, **words})


def an_action(case_id: str, kind: Kind | int = Kind.ACCEPT, **words: Any) -> Action:
    """The water company's move on this case, with an id of its own."""
    client_id = words.get("client_id", f"a{next(_numbers)}")
    department = words.get("department", "water")
    said: dict[str, Any] = {
        "action_id": ids.action_id(department, client_id), "client_id": client_id, "department": department,
        "case_id": case_id, "kind": kind, "note": "not our cover", "said_at": NOW_US, "said_by": "Li",
        "until": NOW_US + span(days=3) if kind is Kind.EXTEND else None,
    }  # fmt: skip
    return Action(**{**said, **words})


@dataclass
class StillClock:
    """A clock that stands until a test moves it."""

    at: int = NOW_US

    def now(self) -> datetime:
        """The time at which it stands."""
        return from_micros(self.at)
