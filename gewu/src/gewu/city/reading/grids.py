"""grids.geojson: the tree of grids; leaves carry polygons, upper levels may be containers without one."""

from dataclasses import dataclass

import shapely

from gewu.city.faults import Notes
from gewu.city.model import Grid
from gewu.city.reading.features import Feature, read_features
from gewu.city.reading.values import name, text

MUST = ("id", "parent", "level", "label_zh", "label_en", "class")
MAY = ("department",)


@dataclass(frozen=True, slots=True)
class Tree:
    """The grids in the order of the file, and the polygon of each that has one."""

    grids: tuple[Grid, ...]
    shapes: tuple[shapely.Geometry | None, ...]

    @property
    def leaves(self) -> list[int]:
        """Give the indices of the grids that have no grid below them."""
        parents = {grid.parent for grid in self.grids}
        return [index for index, grid in enumerate(self.grids) if grid.id not in parents]


def read_grids(source: str, notes: Notes) -> Tree | None:
    """Read the tree; None when the file is unreadable."""
    features = read_features(source, MUST, MAY, notes)
    if features is None:
        return None
    if not features:
        notes.line(1, "holds no grid; a city has at least one")
    above = {feature.id: feature.cells.get("parent") for feature in features}
    own = {feature.id: _department(feature) for feature in features}
    tree = Tree(tuple(_grid(feature, above, own) for feature in features), tuple(feature.shape for feature in features))
    _check_levels(features, tree.grids)
    for index in tree.leaves:
        if not features[index].drawn:
            features[index].say("has no grid below it and no polygon, so no point can be in it")
    return tree


def _grid(feature: Feature, above: dict[str, object], own: dict[str, str]) -> Grid:
    cells = feature.cells
    level = cells.get("level")
    if type(level) is not int or not 1 <= level <= 20:
        feature.say(f"level {level!r} must be a whole number from 1 (the top) to 20")
        level = 0
    path = _path(feature, above)
    return Grid(
        id=feature.id,
        parent=path[-2] if len(path) > 1 else None,
        level=level,
        label_zh=text(cells.get("label_zh"), "label_zh", feature.say),
        label_en=text(cells.get("label_en"), "label_en", feature.say),
        klass=text(cells.get("class"), "class", feature.say),
        path=path,
        department=next((own[id_] for id_ in reversed(path) if own[id_]), ""),
    )


def _department(feature: Feature) -> str:
    said = feature.cells.get("department")
    return "" if said is None else name(said, "department", feature.say)


def _path(feature: Feature, above: dict[str, object]) -> tuple[str, ...]:
    """Climb from a grid to the top, noting a parent that does not exist and a climb that comes back."""
    path = [feature.id]
    while (parent := above[path[-1]]) is not None:
        if not isinstance(parent, str) or parent not in above:
            # Its own children would only repeat the fault.
            if len(path) == 1:
                feature.say(f"parent {parent!r} is not in grids.geojson; it must be a grid's id, or null at the top")
            break
        if parent in path:
            if parent == feature.id:
                feature.say(f"is above itself: {' -> '.join([*path, parent])}; a tree of grids has no cycle")
            break
        path.append(parent)
    return tuple(reversed(path))


def _check_levels(features: list[Feature], grids: tuple[Grid, ...]) -> None:
    level = {grid.id: grid.level for grid in grids}
    for feature, grid in zip(features, grids, strict=True):
        if grid.parent and grid.level and level[grid.parent] and grid.level != level[grid.parent] + 1:
            feature.say(f"level {grid.level} must be {level[grid.parent] + 1}, one below its parent {grid.parent!r}")
        if not grid.parent and feature.cells.get("parent") is None and grid.level > 1:
            feature.say(f"level {grid.level} must be 1, since it has no parent")
