"""`gewu routing`: why a report goes where it goes, and what other rules would have done with the past."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gewu.cli import environment, load_words, routing_report
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.city import Category, City

_EXPLAIN = f"""\
examples:
  gewu routing explain 井盖 --at 83.0119,39.0176 --city cities/demo
  gewu routing explain matter:06036 --at 83.0164,39.0042 --on 2026-12-31T23:00+08:00
  gewu routing explain manhole --object 99010101001000001 --json
  gewu routing explain pothole --at=-73.9,40.7 --city new-york    with = where the longitude is negative

Asks the package alone, no server: the rule that decides, those behind it that would have said the same or something else
(shadowed), and those for this class that do not hold here, with the column that fails.

{CODES.format(wrong="the fallback has to answer for it")}
"""
_DRY_RUN = f"""\
examples:
  gewu routing dry-run cities/next                    what it would change of the last 30 days
  gewu routing dry-run cities/next --days 365 --json  a year, every case that would go elsewhere

Reads the cases that dispatch opened and routes each again under the package PATH, by the class, place, object and day of
the report that opened it; what a sensor or camera found, by the class and place that it had then. Drills are left out. It
changes nothing.

{CODES.format(wrong="some cases would go elsewhere")}
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu routing` and its actions."""
    says = "which department answers, and why (派遣)"
    actions = subparsers.add_parser("routing", help=says, description=f"{says.capitalize()}.").add_subparsers(
        required=True, metavar="ACTION"
    )
    explain = _action(actions, "explain", "why a report would go where it goes", _EXPLAIN)
    explain.add_argument("word", metavar="WORD", help="a class: its key, code, label or an everyday word")
    explain.add_argument("--at", metavar="LON,LAT", type=_point, help="where, in degrees (WGS 84)")
    explain.add_argument(
        "--object", metavar="ID", default="", help="an object, sensor or camera; --at may be left out then"
    )
    explain.add_argument("--on", metavar="TIME", type=_time, help="when it is received, with a zone [now]")
    explain.add_argument("--city", metavar="PATH", type=Path, help="city package [GEWU_CITY]")
    explain.set_defaults(run=run_explain)
    dry_run = _action(actions, "dry-run", "what another package would have done with past cases (试派)", _DRY_RUN)
    dry_run.add_argument("path", metavar="PATH", type=Path, help="folder of the package to try")
    dry_run.add_argument("--days", metavar="N", type=load_words.days, default=30, help="how far back [%(default)s]")
    dry_run.set_defaults(run=run_dry_run)


def _action(actions: Any, name: str, says: str, epilog: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = actions.add_parser(
        name, help=says, description=f"{says.capitalize()}.", epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    found.add_argument("--json", action="store_true", help="print one JSON object")
    return found


def run_explain(args: argparse.Namespace) -> int:
    """Print the decision with what was tried."""
    folder = environment.city_folder(args, environment.variables(args))
    if folder is None:
        raise Refusal("name a city package with --city, or set GEWU_CITY")
    city = environment.city(folder)
    category, point = city.category(args.word), args.at
    if args.object:
        things = (city.objects, city.sensors, city.cameras)
        thing = next((found for all_ in things if (found := all_.get(args.object))), None)
        if thing is None and point is None:
            raise Refusal(f"{args.object} is no object, sensor or camera of {city.id}: say where it is with --at")
        point = point or (thing and (thing.lon, thing.lat))
    routed, tried = _routed(city, category, args, point)
    print(routing_report.explained(city, routed, tried, as_json=args.json))
    return FINE if routed.route.rule_id else WRONG


def _routed(city: "City", category: "Category | None", args: argparse.Namespace, point: Any) -> tuple[Any, list[Any]]:
    """What the package says of it, with the route; and every rule that is about its class."""
    from gewu.clock import micros

    whereabouts, rerouting = environment.dispatch("domain.whereabouts"), environment.dispatch("domain.rerouting")
    lon, lat = point or (None, None)
    seen = SimpleNamespace(lon=lon, lat=lat, received_at=micros(args.on or datetime.now(UTC)))
    (grid,), (kind,) = whereabouts.whereabouts(city, [seen])
    owner, path = (city.owner(args.object) if args.object else ""), (grid.path if grid else ())
    router = rerouting.router_of(city)
    area = grid.department if grid else ""
    route = router.route(category, kind, path, owner, area)
    tried = router.tried(category, kind, path, owner, area) if category and grid else []
    routed = SimpleNamespace(word=args.word, category=category, grid=grid, kind=kind, owner=owner, route=route)
    return routed, [t for t in tried if "category" not in t.fails]


def run_dry_run(args: argparse.Namespace) -> int:
    """Print what would change."""
    import asyncio

    if not args.path.is_dir():
        raise Refusal(f"{args.path} is no folder: PATH is a city package, the folder that holds city.toml")
    city = environment.city(args.path)
    found = asyncio.run(_dry_run(environment.postgres(environment.variables(args)), city, args.days))
    print(routing_report.dry_run(city, found, args.days, as_json=args.json))
    return WRONG if found.moved else FINE


async def _dry_run(postgres: Any, city: "City", days: int) -> "routing_report.DryRun":
    import asyncpg

    from gewu.clock import from_micros, micros

    rerouting, store = environment.dispatch("domain.rerouting"), environment.dispatch("store.routed")
    since = from_micros(micros(datetime.now(UTC)) - days * 86_400_000_000)
    router, found = rerouting.router_of(city), routing_report.DryRun(city)
    settings = {"search_path": "dispatch", "application_name": "gewu routing", "timezone": "UTC"}
    connection = await asyncpg.connect(timeout=10.0, server_settings=settings, **postgres.connection())
    try:
        async for past in store.opened(connection, since):
            found.take(past, rerouting.reroute(past, city, router))
    finally:
        await connection.close()
    return found


def _point(said: str) -> tuple[float, float]:
    lon, _, lat = said.partition(",")
    try:
        point = float(lon), float(lat)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{said!r} is not LON,LAT, such as 83.0119,39.0176") from None
    if not (-180 <= point[0] <= 180 and -90 <= point[1] <= 90):
        raise argparse.ArgumentTypeError(f"{said} is not on Earth: the longitude comes first")
    return point


def _time(said: str) -> datetime:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{said!r} is no time, such as 2026-12-31T23:00+08:00") from None
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{said} has no zone: write 2026-12-31T23:00+08:00")
    return found
