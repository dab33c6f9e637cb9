"""`gewu city`: look at a city package before it goes into service, and look its classes up."""

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gewu.cli import city_class, city_coverage

if TYPE_CHECKING:
    from gewu.city import City, Fault
    from gewu.city.check import Finding

FINE, FAULTY, USAGE = 0, 1, 2

_EXAMPLES = """\
examples:
  gewu city check cities/demo            faults on stderr, what the package holds on stdout
  gewu city check cities/demo --strict   gaps and overlaps of grids count as faults
  gewu city check cities/demo --json     one JSON object on stdout, for editors and pipelines

exit codes: 0 the package can be used, 1 it has faults, 2 the command was wrong (no such folder)
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu city` and its actions; the `run` of each takes the parsed arguments and returns the exit code."""
    city = subparsers.add_parser("city", help="city packages (城市包)", description="Look at city packages (城市包).")
    actions = city.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="check a package as a whole (检查城市包)",
        description="Read a city package, name every fault with file and line, and say what the package holds.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("path", metavar="PATH", type=Path, help="folder of the package, the one that holds city.toml")
    check.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    check.add_argument("--strict", action="store_true", help="count warnings as faults")
    check.set_defaults(run=run_check)
    city_class.add(actions)
    city_coverage.add(actions)


def run_check(args: argparse.Namespace) -> int:
    """Check the package, print what was found, and return the exit code."""
    # Only here: `gewu --help` must also work where the city extra (numpy, shapely) is not installed.
    from gewu.city import CityFaults, load
    from gewu.city.check import survey

    if not args.path.is_dir():
        print(f"gewu city check: {args.path} is no folder", file=sys.stderr)
        return USAGE
    city, faults, warnings = None, [], []
    try:
        city = load(args.path)
        warnings = survey(city)
    except CityFaults as refused:
        faults = refused.faults
    code = FAULTY if faults or (args.strict and warnings) else FINE
    show = _print_json if args.json else _print_text
    show(code, city, faults, warnings)
    return code


def _print_json(code: int, city: "City | None", faults: "list[Fault]", warnings: "list[Finding]") -> None:
    report = {
        "ok": code == FINE,
        "faults": [asdict(fault) | {"text": str(fault)} for fault in faults],
        "warnings": [asdict(finding) | {"text": str(finding)} for finding in warnings],
        "holds": _holds(city) if city else None,
    }
    print(json.dumps(report, ensure_ascii=False, indent=2))


def _print_text(code: int, city: "City | None", faults: "list[Fault]", warnings: "list[Finding]") -> None:
    for fault in faults:
        print(fault, file=sys.stderr)
    for finding in warnings:
        print(f"{'fault' if code else 'warning'}: {finding}", file=sys.stderr)
    if city:
        for line in _lines(city):
            print(line)
    count = len(faults) + len(warnings) * (code == FAULTY)
    also = f", {len(warnings)} warnings (警告)" if warnings and code == FINE else ""
    print(f"{count} faults (错误){also}" if count or also else "no faults (无错误)")


def _holds(city: "City") -> dict[str, Any]:
    return {
        "id": city.id,
        "name": dict(city.name),
        "version": city.version,
        "timezone": city.timezone.key,
        "departments": len(city.departments),
        "categories": len(city.categories),
        "older_codes": len(city.codes),
        "lanes": dict(sorted(Counter(category.lane for category in city.categories.values()).items())),
        "grids": {str(level): n for level, n in sorted(Counter(grid.level for grid in city.grids).items())},
        "places": dict(sorted(Counter(place.kind for place in city.places).items())),
        "objects": len(city.objects),
        "sensors": len(city.sensors),
        "cameras": len(city.cameras),
        "zones": len(city.scenes.zones),
        "plate_rules": {
            rule.id: {"valid_from": f"{rule.valid_from}", "valid_to": f"{rule.valid_to}"} for rule in city.scenes.plates
        },
        "rules": len(city.rules),
        "calendar": _calendar(city),
        "receivers": len(city.receivers),
        "fallback": {"id": city.fallback.id, "owner": city.fallback.owner},
    }


def _calendar(city: "City") -> dict[str, Any]:
    named = city.calendar.named
    return {
        "holidays": sum(not works for works in named.values()),
        "workdays": sum(named.values()),
        "up_to": f"{max(named)}" if named else None,
    }


def _lines(city: "City") -> list[str]:
    held = _holds(city)
    fallback, days = city.fallback, held["calendar"]
    named = f"{days['holidays']} holidays 节假日, {days['workdays']} make-up workdays 调休, up to {days['up_to']}"

    def counts(table: dict[str, int], word: str = "") -> str:
        return ", ".join(f"{word}{key} {count}" for key, count in table.items())

    return [
        f"{city.name['zh']} / {city.name['en']} ({city.id}), version {city.version}, {city.timezone.key}",
        f"  departments 部门   {held['departments']}",
        f"  categories 类别    {held['categories']}  ({counts(held['lanes'])}), older codes 旧代码 {held['older_codes']}",
        f"  grids 网格         {len(city.grids)}  ({counts(held['grids'], 'level ')})",
        f"  places 场所        {len(city.places)}" + (f"  ({counts(held['places'])})" if city.places else ""),
        f"  objects 部件       {held['objects']}",
        f"  sensors 传感器     {held['sensors']}",
        f"  cameras 摄像机     {held['cameras']}  (zones 区域 {held['zones']})",
        *(f"  plate rule 车牌    {r.id}, {r.valid_from} … {r.valid_to}" for r in city.scenes.plates),
        f"  calendar 日历      {named if days['up_to'] else 'Monday to Friday; calendar.csv names no day'}",
        f"  rules 派遣规则     {held['rules']}",
        f"  receivers 收信人   {held['receivers']}",
        f"  fallback 兜底      {fallback.label_zh} / {fallback.label_en}: {fallback.owner}",
    ]
