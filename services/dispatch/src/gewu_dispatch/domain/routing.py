"""Routing: which department answers for this kind of thing at this place, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gewu.city import Category, Department, Rule

ANY, OWNER = "*", "@owner"
UNKNOWN = "unknown"  # key of a class that the code book does not have


class Because(StrEnum):
    """Closed list of reasons for a department."""

    RULE = "rule"
    OWNER = "owner"
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
    """A rule as it was tried: the department that it names (派遣到), "" of an owner who is not known, and what of it does not
    hold, as columns of routing.csv; one of which all holds would decide."""

    rule: Rule
    department: str
    fails: tuple[str, ...]


class Router:
    """A package's rules. Decisions are remembered: few differ in class, kind of place, owner and the grids that rules name."""

    def __init__(self, rules: Sequence[Rule], fallback: Department, departments: Mapping[str, Department]) -> None:
        self._rules, self._fallback, self._departments = rules, fallback, departments
        self._named = {rule.grid for rule in rules}
        self._known: dict[tuple[str, str, tuple[str, ...] | None, str], Route] = {}
        self._seen: dict[tuple[str, ...], tuple[str, ...] | None] = {(): None}  # a path → what rules can see of it

    def route(self, category: Category | None, kind_of_place: str, grid_path: tuple[str, ...], owner: str) -> Route:
        """The first rule that matches decides; without one the fallback does, and says so. owner: "" if not known."""
        if grid_path not in self._seen:
            self._seen[grid_path] = tuple(grid for grid in grid_path if grid in self._named)
        asked = (category.key if category else UNKNOWN, kind_of_place, self._seen[grid_path], owner)
        found = self._known.get(asked)
        if found is None:
            found = self._known[asked] = self._decide(category, kind_of_place, grid_path, owner)
        return found

    def returned(self) -> Route:
        """Where a case goes that a department gave back."""
        return Route(self._fallback.id, Because.FALLBACK_RETURNED)

    def tried(self, category: Category, kind_of_place: str, grid_path: tuple[str, ...], owner: str) -> list[Tried]:
        """Every rule in order. The first without a failure decides, those behind it that have none are shadowed by it."""
        return [
            Tried(rule, self._named_by(rule, owner), self._fails(rule, category, kind_of_place, grid_path, owner))
            for rule in self._rules
        ]

    def _decide(self, category: Category | None, kind: str, grid_path: tuple[str, ...], owner: str) -> Route:
        if category is None:
            return Route(self._fallback.id, Because.FALLBACK_UNKNOWN_CLASS)
        if not grid_path:
            return Route(self._fallback.id, Because.FALLBACK_NO_GRID)
        for rule in self._rules:
            if not self._fails(rule, category, kind, grid_path, owner):
                because = Because.OWNER if rule.department == OWNER else Because.RULE
                return Route(self._named_by(rule, owner), because, rule.id)
        return Route(self._fallback.id, Because.FALLBACK_NO_RULE)

    def _named_by(self, rule: Rule, owner: str) -> str:
        if rule.department != OWNER:
            return rule.department
        return owner if owner in self._departments else ""

    def _fails(self, rule: Rule, category: Category, kind: str, path: tuple[str, ...], owner: str) -> tuple[str, ...]:
        holds = {
            "category": rule.takes_category(category.key),
            "kind_of_place": rule.kind_of_place in (ANY, kind),
            "grid": rule.grid == ANY or rule.grid in path,
            "owner": rule.owner in (ANY, owner),
            "department": bool(self._named_by(rule, owner)),  # of the owner, who is not known
        }
        return tuple(column for column, held in holds.items() if not held)
