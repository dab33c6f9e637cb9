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

    def _decide(self, category: Category | None, kind: str, grid_path: tuple[str, ...], owner: str) -> Route:
        if category is None:
            return Route(self._fallback.id, Because.FALLBACK_UNKNOWN_CLASS)
        if not grid_path:
            return Route(self._fallback.id, Because.FALLBACK_NO_GRID)
        for rule in self._rules:
            if not self._matches(rule, category, kind, grid_path, owner):
                continue
            if rule.department != OWNER:
                return Route(rule.department, Because.RULE, rule.id)
            if owner in self._departments:
                return Route(owner, Because.OWNER, rule.id)
        return Route(self._fallback.id, Because.FALLBACK_NO_RULE)

    @staticmethod
    def _matches(rule: Rule, category: Category, kind: str, grid_path: tuple[str, ...], owner: str) -> bool:
        return (
            rule.takes_category(category.key)
            and rule.kind_of_place in (ANY, kind)
            and (rule.grid == ANY or rule.grid in grid_path)
            and rule.owner in (ANY, owner)
        )
