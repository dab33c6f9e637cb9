"""What routing rules can reach: rules that nothing can match, rules that never get a turn, classes without a rule."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely

from gewu.city.faults import Notes
from gewu.city.model import ANY, AREA, OWNER, Category, CityObject, Rule
from gewu.city.reading.codebook import Codebook
from gewu.city.reading.grids import Tree
from gewu.city.reading.places import Places


@dataclass(frozen=True)
class World:
    """All that a rule's patterns can refer to, of a package whose files could all be read."""

    categories: Mapping[str, Category]
    tree: Tree
    places: Places
    objects: Mapping[str, CityObject]
    no_position: str | None = None

    @cached_property
    def owners(self) -> set[str]:
        """Give the departments that own an object."""
        return {thing.owner for thing in self.objects.values()}

    def answered(self, within: str) -> set[bool]:
        """Give whether a department answers for the ground, of every grid in which a case may lie within this one (`*`: all).

        A case lies in a leaf, or in the grid of reports without a position.
        """
        leaves = {self.tree.grids[leaf].id for leaf in self.tree.leaves}
        lie = [grid for grid in self.tree.grids if grid.id in leaves or grid.id == self.no_position]
        return {bool(grid.department) for grid in lie if within in (ANY, *grid.path)}

    @cached_property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Give each grid's path by its id."""
        return {grid.id: grid.path for grid in self.tree.grids}

    @cached_property
    def touched(self) -> dict[str, set[str]]:
        """Give for each kind of place the grids, of any level, that a place of it touches."""
        leaves = self.tree.leaves
        tree = shapely.STRtree([self.tree.shapes[leaf] for leaf in leaves])
        touched: dict[str, set[str]] = {place.kind: set() for place, _ in self.places}
        pairs = tree.query(np.array([shape for _, shape in self.places], dtype=object), predicate="intersects")
        for place, leaf in pairs.T.tolist():
            touched[self.places[place][0].kind].update(self.tree.grids[leaves[leaf]].path)
        return touched


def check_reach(rules: list[Rule], world: World, notes: Notes) -> None:
    """Note rules of which nothing can match, and rules that an earlier one always answers before."""
    taken = {rule.category: {key for key in world.categories if rule.takes_category(key)} for rule in rules}
    alive: list[Rule] = []
    for rule in rules:
        if reason := _nothing_matches(rule, taken[rule.category], world):
            notes.line(rule.line, reason)
            continue
        for earlier in alive:
            if _narrower(rule, earlier, world) and taken[rule.category] <= taken[earlier.category]:
                reason = f"is never reached: rule {earlier.id!r} on line {earlier.line} takes all that it could take"
                notes.line(rule.line, f"{reason}; move it up or remove it")
                break
        alive.append(rule)


def check_fallback(rules: list[Rule], codebook: Codebook, notes: Notes) -> None:
    """Note, where no fallback stands behind them, the categories for which no rule holds everywhere."""
    everywhere = [
        rule
        for rule in rules
        if (rule.kind_of_place, rule.grid, rule.owner) == (ANY, ANY, ANY) and rule.department not in (OWNER, AREA)
    ]
    for key, line in codebook.lines.items():
        if not any(rule.takes_category(key) for rule in everywhere):
            notes.line(line, f"category {key!r} has no rule that holds everywhere, and city.toml names no fallback")


def _nothing_matches(rule: Rule, taken: Collection[str], world: World) -> str | None:
    if not taken:
        return f"category {rule.category!r} matches nothing in codebook.csv; write a key, 'kind:*', 'kind:06*' or '*'"
    if rule.grid not in (ANY, *world.paths):
        return f"grid {rule.grid!r} is not in grids.geojson"
    if rule.kind_of_place not in (ANY, *world.touched):
        kinds = ", ".join(sorted(world.touched)) or "none"
        return f"no place in places.geojson is of kind {rule.kind_of_place!r}; its kinds are: {kinds}"
    if rule.owner != ANY and rule.owner not in world.owners:
        return f"nothing can match: {rule.owner!r} owns nothing in objects.csv"
    if rule.department == OWNER and not world.owners:
        return "nothing can match: '@owner' needs an object, and objects.csv has none"
    if rule.department == AREA and True not in world.answered(rule.grid):
        where = "grids.geojson has none" if rule.grid == ANY else f"no case in {rule.grid!r} lies in one"
        return f"nothing can match: '@area' needs a grid with a department, and {where}"
    if ANY not in (rule.grid, rule.kind_of_place) and rule.grid not in world.touched[rule.kind_of_place]:
        return f"nothing can match: no place of kind {rule.kind_of_place!r} touches grid {rule.grid!r}"
    return None


def _narrower(rule: Rule, earlier: Rule, world: World) -> bool:
    """Say whether place, grid and owner of a rule lie within those of an earlier one."""
    # '@owner' can only be resolved where an object is known, so such a rule leaves the rest to later ones; '@area' likewise
    # where a department answers for the ground.
    only_owned = earlier.department == OWNER and rule.owner == ANY and rule.department != OWNER
    only_answered = earlier.department == AREA and rule.department != AREA and False in world.answered(rule.grid)
    return (
        earlier.kind_of_place in (ANY, rule.kind_of_place)
        and earlier.owner in (ANY, rule.owner)
        and not only_owned
        and not only_answered
        and (earlier.grid == ANY or earlier.grid in world.paths.get(rule.grid, ()))
    )
