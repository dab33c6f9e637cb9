"""The routing rules once more, written from the pages on city packages and not from dispatch's code.

The rule: from the top, the first row whose class, kind of place, grid and owner all fit decides. A class pattern that ends
in `*` fits whatever begins so; a grid fits all below it; `@owner` gives the case to who owns the thing, `@area` to who
answers for its grid, and either fits only where that is a department. The fallback gets the rest, and all cases without a
class or a grid of the package.
"""

from collections.abc import Container, Sequence
from typing import NamedTuple

from gewu.city.model import Rule

_ANY, _OWNER, _AREA = "*", "@owner", "@area"


class Asked(NamedTuple):
    """What a route depends on; "" is what is not known. `path`: the grid and all above it."""

    category: str
    kind_of_place: str
    path: frozenset[str]
    owner: str
    area: str = ""


class Route(NamedTuple):
    """The department that answers, and the id of the rule that says so; "" where the fallback does."""

    department: str
    rule: str


class Wanted(NamedTuple):
    """What the package says of a case: its grid and, where one signal opened it and no department gave it back, its
    route with what that rests on."""

    grid: str
    asked: Asked | None = None
    route: Route | None = None

    @property
    def circumstances(self) -> str:
        """What decides the route, in words."""
        if self.asked is None:
            return ""
        category, kind, _, owner, area = self.asked
        owned = (f", owned by {owner}" if owner else "") + (f", ground of {area}" if area else "")
        return f"({category or 'no class'}, kind of place {kind or 'none'}, grid {self.grid or 'none'}{owned})"


class Routes:
    """A package's rules, as rows in their order."""

    def __init__(self, rules: Sequence[Rule], departments: Container[str], fallback: str) -> None:
        self._rules, self._departments, self._fallback = rules, departments, fallback
        self._known: dict[Asked, Route] = {}  # a city asks few different things, a million times

    def route(self, asked: Asked) -> Route:
        """Who answers."""
        if asked not in self._known:
            self._known[asked] = self._first(asked)
        return self._known[asked]

    def _first(self, asked: Asked) -> Route:
        if asked.category and asked.path:
            for rule in self._rules:
                department = {_OWNER: asked.owner, _AREA: asked.area}.get(rule.department, rule.department)
                if department in self._departments and _fits(rule, asked):
                    return Route(department, rule.id)
        return Route(self._fallback, "")


def _fits(rule: Rule, asked: Asked) -> bool:
    begins, star, _ = rule.category.partition(_ANY)
    return (
        (asked.category.startswith(begins) if star else asked.category == begins)
        and rule.kind_of_place in (_ANY, asked.kind_of_place)
        and (rule.grid == _ANY or rule.grid in asked.path)
        and rule.owner in (_ANY, asked.owner)
    )
