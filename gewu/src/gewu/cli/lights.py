"""`gewu lights`: the lights (红绿灯) of the cases that there are, and what another policy would show."""

import argparse
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gewu.cli import environment, load_words, table
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.city import City

_SHOWN = 50  # cases that differ; --json has them all
_EPILOG = f"""\
examples:
  gewu lights preview                                how many cases have which light, and why
  gewu lights preview --against cities/next          which of them would have another light there
  gewu lights preview --against cities/next --json   all of them

Reads the cases that dispatch opened in the last days, drills left out, and changes nothing. A case keeps its deadline: what
other limits or another calendar would have made of it is not asked. Another light: another colour, or something else follows.

{CODES.format(wrong="with --against: some would have another light")}
"""
_HEAD = ("case", "class", "light", "why", "follows", "would be", "why", "would follow")


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu lights` and its action."""
    says = "how cases stand to their deadlines (红绿灯)"
    actions = subparsers.add_parser("lights", help=says, description=f"{says.capitalize()}.").add_subparsers(
        required=True, metavar="ACTION"
    )
    preview = actions.add_parser(
        "preview", help="the lights of past cases, under one policy or two", epilog=_EPILOG,
        description="Show the lights of past cases, and which would differ under another package.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    preview.add_argument("--city", metavar="PATH", type=Path, help="city package [GEWU_CITY]")
    preview.add_argument("--against", metavar="PATH", type=Path, help="another city package")
    preview.add_argument("--days", metavar="N", type=load_words.days, default=30, help="how far back [%(default)s]")
    preview.add_argument("--json", action="store_true", help="print one JSON object")
    preview.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at the cases and print."""
    import asyncio

    said = environment.variables(args)
    folder = environment.city_folder(args, said)
    if folder is None:
        raise Refusal("name a city package with --city, or set GEWU_CITY")
    if args.against and not args.against.is_dir():
        raise Refusal(f"{args.against} is no folder: --against names a city package")
    cities = [_lit(path) for path in (folder, args.against) if path]
    found = asyncio.run(_look(environment.postgres(said), cities, args.days))
    print(_json(found, bool(args.against)) if args.json else _text(found, bool(args.against)))
    return WRONG if found.differ else FINE


class Seen:
    """How many cases have which light, and those that would have another one."""

    def __init__(self) -> None:
        self.counts, self.differ = Counter[tuple[str, str]](), list[tuple[str, str, Any, Any]]()

    def take(self, case_id: str, category: str, light: Any, other: Any) -> None:
        """One more case, with its light under the one package and the other."""
        self.counts[light.colour, light.situation.value] += 1
        if (light.colour, light.follows) != (other.colour, other.follows):
            self.differ.append((case_id, category, light, other))


def _lit(folder: Path) -> "City":
    city = environment.city(folder)
    if city.lights is None:
        raise Refusal(f"{folder} has no lights.csv: its cases have no lights")
    return city


async def _look(postgres: Any, cities: "list[City]", days: int) -> Seen:
    import asyncpg

    from gewu.clock import from_micros, micros

    light, store = environment.dispatch("domain.light"), environment.dispatch("store.spells")
    lightings, now, found = [light.Lighting(city) for city in cities], micros(datetime.now(UTC)), Seen()
    settings = {"search_path": "dispatch", "application_name": "gewu lights", "timezone": "UTC"}
    connection = await asyncpg.connect(timeout=10.0, server_settings=settings, **postgres.connection())
    try:
        async for some in store.since(connection, from_micros(now - days * 86_400_000_000)):
            for case_id, spell in some:
                found.take(case_id, spell.category, lightings[0].of(spell, now), lightings[-1].of(spell, now))
    finally:
        await connection.close()
    return found


def _text(found: Seen, two: bool) -> str:
    rows = [(*kind, f"{count:,}") for kind, count in found.counts.most_common()]
    lines = table.lines(("light", "situation", "cases"), rows, ("cases",))
    if two:
        lines += ["", f"{len(found.differ):,} of {found.counts.total():,} cases would have another light"]
        differ = [(id_, class_, *_cells(a), *_cells(b)) for id_, class_, a, b in found.differ[:_SHOWN]]
        lines += table.lines(_HEAD, differ) if differ else []
        lines += [f"… and {more:,} more; --json has them"] if (more := len(found.differ) - _SHOWN) > 0 else []
    return "\n".join(lines)


def _json(found: Seen, two: bool) -> str:
    counts = [{"light": colour, "situation": why, "cases": n} for (colour, why), n in found.counts.most_common()]
    said: dict[str, Any] = {"cases": found.counts.total(), "lights": counts}
    if two:
        said["differ"] = [
            {"case": id_, "class": class_, "is": _words(a), "would_be": _words(b)} for id_, class_, a, b in found.differ
        ]
    return json.dumps(said, ensure_ascii=False, indent=2)


def _cells(light: Any) -> tuple[str, str, str]:
    return light.colour, light.situation.value, "|".join(light.follows)


def _words(light: Any) -> dict[str, Any]:
    return {"light": light.colour, "situation": light.situation.value, "follows": list(light.follows)}
