"""`gewu city coverage`: gaps, overlaps, and grids in which nobody is on duty (覆盖), in words and as a picture."""

import argparse
import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gewu.cli import environment
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.city.coverage import Coverage

_EPILOG = f"""\
examples:
  gewu city coverage --city cities/demo                          today, grid workers
  gewu city coverage --city cities/demo --role chief --on 2026-11-24
  gewu city coverage --city cities/demo --picture coverage.svg   the grids, coloured by who is there

A duty holds for a grid and all below it; of somebody who is away the deputy has it, or the deputy's deputy.

{CODES.format(wrong="there is a gap, an overlap, or a grid with nobody")}
"""


def add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu city coverage`."""
    found = actions.add_parser(
        "coverage", help="gaps, overlaps, and grids with nobody on duty (查覆盖)", epilog=_EPILOG,
        description="Look whether every piece of ground has one grid, and every grid somebody on duty.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    found.add_argument("--city", metavar="PATH", type=Path, help="city package [GEWU_CITY]")
    found.add_argument("--role", metavar="ROLE", default="worker", help="as in duties.csv [%(default)s]")
    found.add_argument("--on", metavar="DAY", type=_day, help="YYYY-MM-DD [today, in the city]")
    found.add_argument("--picture", metavar="FILE", type=Path, help="draw it as SVG")
    found.add_argument("--names", action="store_true", help="name in the picture who is there")
    found.add_argument("--json", action="store_true", help="print one JSON object")
    found.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, print and draw."""
    from gewu.city.coverage import look
    from gewu.city.coverage_picture import drawn

    folder = environment.city_folder(args, environment.variables(args))
    if folder is None:
        raise Refusal("name a city package with --city, or set GEWU_CITY")
    city = environment.city(folder)
    if args.role not in city.roster.roles:
        known = ", ".join(city.roster.roles)
        raise Refusal(f"nobody has the role {args.role!r} in duties.csv; it has {known}" if known else _NO_DUTIES)
    found = look(city, args.role, args.on or datetime.now(city.timezone).date())
    if args.picture:
        args.picture.write_text(drawn(city, found, names=args.names))
    print(json.dumps(_said(found), ensure_ascii=False, indent=2) if args.json else "\n".join(_lines(found)))
    return WRONG if found.nobody or found.doubts else FINE


_NO_DUTIES = "this package has no duties.csv: who is on duty is not known; `gewu city check` tells gaps and overlaps"


def _said(found: "Coverage") -> dict[str, Any]:
    return {
        "role": found.role, "day": f"{found.day}", "grids": len(found.there), "nobody": found.nobody,
        "deputies": {grid: [there.person.id for there in found.there[grid]] for grid in found.deputies},
        "people": len(found.people), "doubts": [asdict(doubt) | {"text": str(doubt)} for doubt in found.doubts],
    }  # fmt: skip


def _lines(found: "Coverage") -> list[str]:
    lines = [
        f"{found.role} on {found.day:%A} {found.day}: {len(found.there)} grids, {len(found.people)} people",
        f"  by a deputy 替岗     {len(found.deputies)}",
        f"  nobody 无人          {len(found.nobody)}" + (f": {', '.join(found.nobody)}" if found.nobody else ""),
        f"  gaps, overlaps, bare ground 空隙、重叠 {len(found.doubts)}",
    ]
    return [*lines, *(f"    {doubt}" for doubt in found.doubts)]


def _day(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{said!r} is no day, such as 2026-11-24") from None
