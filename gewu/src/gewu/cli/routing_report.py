"""What `gewu routing` found, in words and as JSON."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gewu.cli import table

if TYPE_CHECKING:
    from gewu.city import City

_SHOWN = 30  # of the kinds of change; --json has each case


class DryRun:
    """Past cases as they came: how many, those that would go elsewhere, and how often each rule would decide."""

    def __init__(self, city: "City") -> None:
        self._city = city
        self.cases, self.moved = 0, list[tuple[Any, Any]]()
        self.decides = Counter[str]()

    def take(self, past: Sequence[Any], routes: Sequence[Any]) -> None:
        """Some more cases, each with its route under the package that is tried."""
        self.cases += len(past)
        self.decides.update(route.rule_id for route in routes)
        self.moved += [(p, r) for p, r in zip(past, routes, strict=True) if p.department != r.department]

    def class_of(self, past: Any) -> str:
        """The key of what a reporter said; nobody's own words go to a terminal."""
        category = self._city.category(past.said)
        return category.key if category else "unknown"


def explained(city: "City", routed: Any, tried: Sequence[Any], *, as_json: bool) -> str:
    """The decision, what it was made of, the rules it shadows and those that do not hold."""
    holding = [t for t in tried if not t.fails]
    failing = [t for t in tried if t.fails]
    if as_json:
        return json.dumps(_explained(city, routed, holding[1:], failing), ensure_ascii=False, indent=2)
    route, grid = routed.route, routed.grid
    category = (
        f"{routed.category.key} {routed.category.label_zh} / {routed.category.label_en}" if routed.category else ""
    )
    rule = f"rule {route.rule_id}, routing.csv:{_line(city, route.rule_id)}" if route.rule_id else "no rule"
    where = f"{grid.id} {grid.label_zh} / {grid.label_en}, in {' › '.join(grid.path)}" if grid else "none"
    return "\n".join([
        category or f"{routed.word!r} is no word of the code book",
        f"  grid 网格     {where}",
        f"  place 场所    {routed.kind or 'of no known kind'}",
        f"  owner 权属    {_named(city, routed.owner) if routed.owner else 'not known'}",
        *([f"  ground 属地   {_named(city, grid.department)}"] if grid and grid.department else []),
        f"→ {_named(city, route.department)}: {rule} ({route.because})",
        *(f"  shadowed      {t.rule.id} (line {t.rule.line}) would say {_named(city, t.department)}" for t in holding[1:]),
        *(f"  does not hold {t.rule.id} (line {t.rule.line}): {_failing(t)}" for t in failing),
    ])  # fmt: skip


def _failing(tried: Any) -> str:
    """What does not hold, column by column."""
    said = {"department": f"{tried.rule.department} names no department here"}
    return ", ".join(said.get(column) or f"{column} must be {getattr(tried.rule, column)}" for column in tried.fails)


def _explained(city: "City", routed: Any, shadowed: Sequence[Any], failing: Sequence[Any]) -> dict[str, Any]:
    route, grid = routed.route, routed.grid
    return {
        "category": routed.category.key if routed.category else None,
        "grid": grid.id if grid else None, "grid_path": list(grid.path) if grid else [],
        "kind_of_place": routed.kind or None, "owner": routed.owner or None, "area": (grid.department if grid else "") or None,
        "department": route.department, "because": route.because, "rule": route.rule_id or None,
        "line": _line(city, route.rule_id),
        "shadowed": [{"rule": t.rule.id, "line": t.rule.line, "department": t.department} for t in shadowed],
        "does_not_hold": [{"rule": t.rule.id, "line": t.rule.line, "fails": list(t.fails)} for t in failing],
    }  # fmt: skip


def dry_run(city: "City", found: DryRun, days: int, *, as_json: bool) -> str:
    """How many would go elsewhere, from whom to whom, and rules that decided nothing."""
    idle = [rule for rule in city.rules if not found.decides[rule.id]]
    if as_json:
        return json.dumps(_dry_run(city, found, days, [rule.id for rule in idle]), ensure_ascii=False, indent=2)
    share = f" ({len(found.moved) / found.cases:.1%})" if found.cases else ""
    lines = [
        f"{found.cases:,} cases of the last {days} days, routed again by {city.id} {city.version}",
        f"{len(found.moved):,} would go elsewhere{share}",
    ]
    ways = Counter((p.department, r.department, found.class_of(p), r.rule_id or r.because) for p, r in found.moved)
    if ways:
        rows = [(*way, f"{count:,}") for way, count in ways.most_common(_SHOWN)]
        lines += ["", *table.lines(("from", "to", "class", "by rule", "cases"), rows, right=("cases",))]
    if len(ways) > _SHOWN:
        lines.append(f"… and {len(ways) - _SHOWN} more ways; --json has every case")
    if found.cases and idle:
        lines += ["", f"{len(idle)} of {len(city.rules)} rules decide none of them: {', '.join(r.id for r in idle)}"]
    return "\n".join(lines)


def _dry_run(city: "City", found: DryRun, days: int, idle: list[str]) -> dict[str, Any]:
    return {
        "days": days, "package": city.version, "cases": found.cases, "elsewhere": len(found.moved), "idle_rules": idle,
        "moved": [
            {
                "case": p.case_id, "class": found.class_of(p),
                "was": {"department": p.department, "because": p.because, "rule": p.rule_id},
                "would": {"department": r.department, "because": r.because, "rule": r.rule_id},
            }
            for p, r in found.moved
        ],
    }  # fmt: skip


def _line(city: "City", rule_id: str) -> int | None:
    return next((rule.line for rule in city.rules if rule.id == rule_id), None)


def _named(city: "City", department: str) -> str:
    known = city.departments.get(department)
    return f"{department} {known.label_zh} / {known.label_en}" if known else department
