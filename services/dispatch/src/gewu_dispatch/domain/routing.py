"""Routing: which department answers for this kind of thing at this place, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gewu.city import Category, Department, Rule

ANY, OWNER, AREA = "*", "@owner", "@area"
UNKNOWN = "unknown"  # key of a class that the code book does not have


class Because(StrEnum):
    """Closed list of reasons for a department."""

    RULE = "rule"
    OWNER = "owner"
    AREA = "area"
    FALLBACK_UNKNOWN_CLASS = "fallback_unknown_class"
    FALLBACK_NO_RULE = "fallback_no_rule"
    FALLBACK_NO_GRID = "fallback_no_grid"
    FALLBACK_RETURNED = "fallback_returned"


@dataclass(frozen=True, slots=True)
class Route:
    """A decision: the department, the reason and the rule that matched, if one did."""

    department: str
    because: Because
    rule_id: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule as it was tried: the department that it names (派遣到), "" where it means the owner or the area's and none
    is known, and what of it does not hold, as columns of routing.csv; one of which all holds would decide."""

    rule: Rule
    department: str
    fails: tuple[str, ...]


class Router:
    """A package's rules. Decisions are remembered: few differ in class, place, owner, area and the grids that rules name."""

    def __init__(self, rules: Sequence[Rule], fallback: Department, departments: Mapping[str, Department]) -> None:
        self._rules, self._fallback, self._departments = rules, fallback, departments
        self._named = {rule.grid for rule in rules}
        self._known: dict[tuple[str, str, tuple[str, ...] | None, str, str], Route] = {}
        self._seen: dict[tuple[str, ...], tuple[str, ...] | None] = {(): None}  # a path → what rules can see of it

    def route(
        self, category: Category | None, kind_of_place: str, grid_path: tuple[str, ...], owner: str, area: str = ""
    ) -> Route:
        """The first rule that matches decides; without one the fallback does, and says so. owner: of the thing, area: who answers
        for the ground (属地), both "" if not known."""
        if grid_path not in self._seen:
            self._seen[grid_path] = tuple(grid for grid in grid_path if grid in self._named)
        asked = (category.key if category else UNKNOWN, kind_of_place, self._seen[grid_path], owner, area)
        found = self._known.get(asked)
        if found is None:
            found = self._known[asked] = self._decide(category, kind_of_place, grid_path, owner, area)
        return found

    def returned(self) -> Route:
        """Where a case goes that a department gave back."""
        return Route(self._fallback.id, Because.FALLBACK_RETURNED)

    def tried(
        self, category: Category, kind_of_place: str, grid_path: tuple[str, ...], owner: str, area: str = ""
    ) -> Iterator[Tried]:
        """Each rule in order. The first without a failure decides, those behind it that have none are shadowed by it."""
        for rule in self._rules:
            named = self._named_by(rule, owner, area)
            yield Tried(rule, named, _fails(rule, category, kind_of_place, grid_path, owner, named))

    def _decide(self, category: Category | None, kind: str, grid_path: tuple[str, ...], owner: str, area: str) -> Route:
        if category is None:
            return Route(self._fallback.id, Because.FALLBACK_UNKNOWN_CLASS)
        if not grid_path:
            return Route(self._fallback.id, Because.FALLBACK_NO_GRID)
        for tried in self.tried(category, kind, grid_path, owner, area):
            if not tried.fails:
                rule = tried.rule
                return Route(tried.department, _SAID.get(rule.department, Because.RULE), rule.id)
        return Route(self._fallback.id, Because.FALLBACK_NO_RULE)

    def _named_by(self, rule: Rule, owner: str, area: str) -> str:
        meant = {OWNER: owner, AREA: area}.get(rule.department)
        if meant is None:
            return rule.department
        return meant if meant in self._departments else ""


_SAID = {OWNER: Because.OWNER, AREA: Because.AREA}


def _fails(rule: Rule, category: Category, kind: str, path: tuple[str, ...], owner: str, named: str) -> tuple[str, ...]:
    holds = {
        "category": rule.takes_category(category.key),
        "kind_of_place": rule.kind_of_place in (ANY, kind),
        "grid": rule.grid == ANY or rule.grid in path,
        "owner": rule.owner in (ANY, owner),
        "department": bool(named),
    }
    return tuple(column for column, held in holds.items() if not held)
