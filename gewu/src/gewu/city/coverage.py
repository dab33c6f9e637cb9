"""Coverage (覆盖): whether every piece of ground has one grid, and every grid somebody on duty."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from gewu.city.check import Finding, survey
from gewu.city.city import City
from gewu.city.roster import OnDuty

_OF_GROUND = ("gap", "overlap", "uncovered")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Who is there in one role on one day, by leaf grid, and what is doubtful of the ground itself."""

    role: str
    day: date
    there: Mapping[str, list[OnDuty]]
    doubts: list[Finding]

    @property
    def nobody(self) -> list[str]:
        """Give the grids in which nobody is there."""
        return [grid for grid, there in self.there.items() if not there]

    @property
    def deputies(self) -> list[str]:
        """Give the grids in which only deputies are there."""
        return [grid for grid, there in self.there.items() if there and all(one.instead_of for one in there)]

    @property
    def people(self) -> set[str]:
        """Give the ids of those who are there."""
        return {one.person.id for there in self.there.values() for one in there}


def look(city: City, role: str, day: date) -> Coverage:
    """Look at every leaf grid of a city."""
    leaves = sorted(city.grids[index].id for index in city.owners.indices[:-1])
    there = {grid: city.roster.on_duty(city.grid(grid).path, role, day) for grid in leaves}
    return Coverage(role, day, there, [doubt for doubt in survey(city) if doubt.kind in _OF_GROUND])
