"""Draws the made-up parts of cities/demo: grids, places, objects and sensors; the tables beside them are written by hand.

    python cities/draw_demo.py [FOLDER]        the same bytes on every machine

A lattice of streets, uneven and shaken, is cut into unit grids. Neighbours share the very same border points, so there
is neither gap nor overlap.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

SEED = 20260701
WEST, SOUTH = 83.0, 39.0
COLUMNS, ROWS = 17, 12
STEP_X, STEP_Y = 0.0026, 0.0021
# Where streets between communities run: columns and rows at which a new block starts.
BLOCK_COLUMNS, BLOCK_ROWS = (0, 4, 8, 13, 17), (0, 4, 8, 12)
# (district, street) of each block, rows from the north, columns from the west.
BLOCKS = (
    (("990101", "001"), ("990101", "001"), ("990102", "001"), ("990102", "001")),
    (("990101", "002"), ("990101", "002"), ("990102", "002"), ("990102", "002")),
    (("990101", "003"), ("990101", "003"), ("990103", "001"), ("990103", "001")),
)
DISTRICTS = {
    "990101": ("海棠区", "Haitang District"),
    "990102": ("青禾区", "Qinghe District"),
    "990103": ("石桥新区", "Shiqiao New District"),
}
COMMUNITIES = (
    (("荷塘", "Hetang"), ("柳岸", "Liu'an"), ("书院", "Shuyuan"), ("北辰", "Beichen")),
    (("钟楼", "Zhonglou"), ("槐荫", "Huaiyin"), ("麦香", "Maixiang"), ("清泉", "Qingquan")),
    (("南渡", "Nandu"), ("织坊", "Zhifang"), ("石桥", "Shiqiao"), ("云帆", "Yunfan")),
)
# class, how many, owners in turn, maintainers in turn
OBJECTS = (
    ("01001", 28, ("water",), ("water",)),
    ("01002", 32, ("water",), ("water", "housing-works")),
    ("01003", 28, ("water", "housing-works"), ("water",)),
    ("01004", 24, ("housing-works",), ("water",)),
    ("01005", 18, ("power",), ("power",)),
    ("01007", 22, ("telecom",), ("telecom",)),
    ("01011", 18, ("gas",), ("gas",)),
    ("01013", 20, ("fire",), ("water", "")),
    ("01037", 42, ("housing-works", "power"), ("power",)),
    ("02014", 12, ("traffic-police",), ("traffic-police",)),
    ("02017", 12, ("traffic-police",), ("housing-works",)),
    ("03005", 26, ("sanitation-parks",), ("sanitation-parks",)),
    ("04002", 18, ("sanitation-parks",), ("sanitation-parks",)),
)
# stem, labels, how many, class, quantity and unit (UCUM), supplier, class of the object it sits on ("": none), then high, its
# clear, low, its clear, and dwell_s, silent_after_s, flaps, flap_window_s
SENSORS = (
    (
        "smoke",
        ("烟感", "Smoke detector"),
        8,
        "matter:10998",
        "obscuration",
        "%/m",
        "telecom",
        "",
        "12,6,,,0,900,0,0",
    ),
    ("gas", ("燃气探测器", "Gas detector"), 5, "matter:10999", "methane", "%", "gas", "", "1,0.5,,,5,900,6,3600"),
    (
        "level",
        ("下穿道水位计", "Underpass water level"),
        5,
        "matter:10996",
        "level",
        "cm",
        "water",
        "",
        "27,15,,,60,1800,6,7200",
    ),
    (
        "tilt",
        ("井盖倾角", "Cover tilt"),
        6,
        "component:01002",
        "tilt",
        "deg",
        "telecom",
        "component:01002",
        "30,10,,,10,3600,6,3600",
    ),
    (
        "fill",
        ("垃圾箱满溢", "Bin fill"),
        5,
        "matter:06042",
        "fill",
        "%",
        "sanitation-parks",
        "component:03005",
        "90,40,,,900,7200,4,86400",
    ),
    (
        "pressure",
        ("供水管压", "Water main pressure"),
        3,
        "matter:10994",
        "pressure",
        "kPa",
        "water",
        "",
        ",,150,200,30,1800,6,3600",
    ),
)
SENSOR_COLUMNS = (
    "id,label_zh,label_en,category,quantity,unit,lon,lat,object_id,supplier,high,high_clear,low,low_clear,"
    "dwell_s,silent_after_s,flaps,flap_window_s"
)
FIRMS = ("安居物业", "春晖物业", "松柏物业", "和风物业")

Spot = tuple[float, float]
Line = list[Spot]
Cell = tuple[int, int]
Labels = tuple[str, str]


def main() -> None:
    """Write the four drawn files into the folder given, or into cities/demo."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "demo"
    for name, text in draw().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def draw() -> dict[str, str]:
    """Give the text of every drawn file by its name."""
    town = Town(random.Random(SEED))
    drawn = {
        "grids.geojson": collection(grids(town)),
        "places.geojson": collection(places(town)),
        "objects.csv": objects(town),
    }
    # A chance of its own, so that sensors move nothing else.
    return drawn | {"sensors.csv": sensors(town, random.Random(SEED + 1), drawn["objects.csv"])}


class Town:
    """The shaken lattice: borders shared by neighbours, and the unit grids between them."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        xs, ys = stretched(COLUMNS, STEP_X), stretched(ROWS, STEP_Y)
        self.nodes = {(i, j): self._node(i, j, xs, ys) for j in range(ROWS + 1) for i in range(COLUMNS + 1)}
        self.across = {(i, j): self._border((i, j), (i + 1, j)) for j in range(ROWS + 1) for i in range(COLUMNS)}
        self.up = {(i, j): self._border((i, j), (i, j + 1)) for j in range(ROWS) for i in range(COLUMNS + 1)}
        self.ids = unit_ids()

    def _node(self, i: int, j: int, xs: list[float], ys: list[float]) -> Spot:
        # Streets between communities run straighter than lanes inside them.
        loose_x, loose_y = (0.05 if i in BLOCK_COLUMNS else 0.2), (0.05 if j in BLOCK_ROWS else 0.2)
        return (
            WEST + xs[i] + self.chance.uniform(-loose_x, loose_x) * STEP_X,
            SOUTH + ys[j] + self.chance.uniform(-loose_y, loose_y) * STEP_Y,
        )

    def _border(self, start: Cell, end: Cell) -> Line:
        (x0, y0), (x1, y1) = self.nodes[start], self.nodes[end]
        pieces = self.chance.randint(3, 7)
        line = [(x0, y0)]
        for k in range(1, pieces):
            along, aside = k / pieces, self.chance.uniform(-0.035, 0.035)
            line.append((x0 + (x1 - x0) * along - (y1 - y0) * aside, y0 + (y1 - y0) * along + (x1 - x0) * aside))
        return [(round(x, 6), round(y, 6)) for x, y in [*line, (x1, y1)]]

    def ring(self, cell: Cell) -> Line:
        """Give the closed border of a cell, counter-clockwise."""
        i, j = cell
        south, east, north, west = self.across[i, j], self.up[i + 1, j], self.across[i, j + 1], self.up[i, j]
        return [*south[:-1], *east[:-1], *north[:0:-1], *west[::-1]]

    def middle(self, cell: Cell) -> Spot:
        """Give the middle of a cell's four corners."""
        i, j = cell
        corners = [self.nodes[i, j], self.nodes[i + 1, j], self.nodes[i + 1, j + 1], self.nodes[i, j + 1]]
        return sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4

    def inner(self, cell: Cell, share: float) -> Line:
        """Give a cell's border drawn in towards its middle."""
        x0, y0 = self.middle(cell)
        return [(round(x0 + (x - x0) * share, 6), round(y0 + (y - y0) * share, 6)) for x, y in self.ring(cell)]


def stretched(count: int, step: float) -> list[float]:
    """Give lattice positions that lie closer in the middle of the town than at its edge."""
    marks = [0.0]
    for k in range(count):
        marks.append(marks[-1] + step * (0.75 + 0.6 * abs(k + 0.5 - count / 2) / (count / 2)))
    return marks


def block_of(cell: Cell) -> Cell:
    """Give row (from the north) and column of the block, that is the community, that a cell lies in."""
    i, j = cell
    column = sum(i >= start for start in BLOCK_COLUMNS[1:])
    return len(BLOCK_ROWS) - 2 - sum(j >= start for start in BLOCK_ROWS[1:]), column


def community_ids() -> dict[Cell, str]:
    """Number the communities of each street: 6 digits district, 3 street, 3 community."""
    counted: Counter[tuple[str, str]] = Counter()
    ids = {}
    for row, blocks in enumerate(BLOCKS):
        for column, street in enumerate(blocks):
            counted[street] += 1
            ids[row, column] = f"{street[0]}{street[1]}{counted[street]:03d}"
    return ids


def unit_ids() -> dict[Cell, str]:
    """Number the unit grids west to east, then north to south within their community: 15 digits."""
    communities, counted, ids = community_ids(), Counter[str](), {}
    for j in reversed(range(ROWS)):
        for i in range(COLUMNS):
            community = communities[block_of((i, j))]
            counted[community] += 1
            ids[i, j] = f"{community}{counted[community]:03d}"
    return ids


def grids(town: Town) -> list[dict]:
    """Give the three levels: districts and communities as containers, unit grids with their borders."""
    drawn = [grid(id, None, 1, labels, "district") for id, labels in DISTRICTS.items()]
    names = {id: COMMUNITIES[row][column] for (row, column), id in community_ids().items()}
    for id, (zh, en) in sorted(names.items()):
        drawn.append(grid(id, id[:6], 2, (f"{zh}社区", f"{en} Community"), "community"))
    for cell, id in sorted(town.ids.items(), key=lambda item: item[1]):
        zh, en = names[id[:12]]
        labels = (f"{zh}社区第{int(id[12:])}网格", f"{en} {int(id[12:]):02d}")
        drawn.append(grid(id, id[:12], 3, labels, "unit", town.ring(cell)))
    return drawn


def grid(id: str, parent: str | None, level: int, labels: Labels, kind: str, ring: Line | None = None) -> dict:
    """Give one grid as a GeoJSON feature."""
    cells = {"id": id, "parent": parent, "level": level, "label_zh": labels[0], "label_en": labels[1], "class": kind}
    return feature(cells, ring)


def feature(cells: dict, ring: Line | None) -> dict:
    """Give a GeoJSON feature with one ring or no geometry."""
    geometry = {"type": "Polygon", "coordinates": [ring]} if ring else None
    return {"type": "Feature", "properties": cells, "geometry": geometry}


def places(town: Town) -> list[dict]:
    """Give street sides, estates with and without property firm, schools, markets and parks."""
    cells = sorted(town.ids)
    town.chance.shuffle(cells)
    free = iter(cells)
    return [
        *main_streets(town),
        *secondary_streets(town),
        *estates(town, free),
        *(inside(town, next(free), "school", n, ("小学", "Primary School"), 0.45) for n in range(1, 7)),
        *(inside(town, next(free), "market", n, ("农贸市场", "Market"), 0.35) for n in range(1, 4)),
        *(inside(town, next(free), "park", n, ("公园", "Park"), 0.6) for n in range(1, 4)),
    ]


def estates(town: Town, free: Iterator[Cell]) -> list[dict]:
    """Give ten estates with a property firm and eight without; one of them lost its firm in the middle of 2025."""
    managed, unmanaged = ("花园", "Garden Estate"), ("新村", "New Village Estate")
    drawn = []
    for n in range(1, 11):
        drawn.append(inside(town, next(free), "estate-managed", n, managed, 0.7, property_firm=FIRMS[n % len(FIRMS)]))
    for n in range(1, 9):
        drawn.append(inside(town, next(free), "estate-unmanaged", n, unmanaged, 0.65))
    before, after = json.loads(json.dumps(drawn[9])), json.loads(json.dumps(drawn[9]))
    before["properties"]["valid_to"] = "2025-06-30"
    after["properties"] |= {"id": "estate-unmanaged-09", "kind": "estate-unmanaged", "valid_from": "2025-07-01"}
    del after["properties"]["property_firm"]
    return [*drawn[:9], before, after, *drawn[10:]]


def inside(town: Town, cell: Cell, kind: str, n: int, labels: Labels, share: float, **more: str) -> dict:
    """Give a place that fills the middle of one cell, named after its community."""
    row, column = block_of(cell)
    zh, en = COMMUNITIES[row][column]
    named = {"id": f"{kind}-{n:02d}", "kind": kind, "label_zh": f"{zh}{labels[0]}", "label_en": f"{en} {labels[1]}"}
    return feature(named | more, town.inner(cell, share))


def main_streets(town: Town) -> list[dict]:
    """Give the streets between communities, cut where they cross."""
    drawn = []
    for row, j in enumerate(BLOCK_ROWS[1:-1], 1):
        for start, end in pairwise(BLOCK_COLUMNS):
            line = [spot for i in range(start, end) for spot in town.across[i, j]]
            drawn.append(street("street-main", len(drawn) + 1, f"横{row}街", f"Cross Avenue {row}", line, 0, 1))
    for column, i in enumerate(BLOCK_COLUMNS[1:-1], 1):
        for start, end in pairwise(BLOCK_ROWS):
            line = [spot for j in range(start, end) for spot in town.up[i, j]]
            drawn.append(street("street-main", len(drawn) + 1, f"纵{column}街", f"Long Avenue {column}", line, 1, 0))
    return drawn


def secondary_streets(town: Town) -> list[dict]:
    """Give lanes inside the communities."""
    drawn = []
    for start, end in pairwise(BLOCK_COLUMNS):
        for j in (2, 6, 10):
            line = [spot for i in range(start + 1, end - 1) for spot in town.across[i, j]]
            n = len(drawn) + 1
            drawn.append(street("street-secondary", n, f"巷道{n}号", f"Lane {n}", line, 0, 0.5))
    return drawn


def street(kind: str, n: int, zh: str, en: str, line: Line, east: float, north: float) -> dict:
    """Give a strip of 0.00016 degrees (about 15 m) times `east`, `north` on both sides of a line."""
    x, y = 0.00016 * east, 0.00016 * north
    line = list(dict.fromkeys(line))
    side = [(round(a - x, 6), round(b - y, 6)) for a, b in line]
    other = [(round(a + x, 6), round(b + y, 6)) for a, b in line]
    cells = {"id": f"{kind}-{n:02d}", "kind": kind, "label_zh": zh, "label_en": en}
    return feature(cells, [*side, *other[::-1], side[0]])


def objects(town: Town) -> str:
    """Give the components near the borders of unit grids; ids have 6 digits district, 5 class, 6 serial."""
    cells, counted, rows = sorted(town.ids), Counter[str](), []
    for code, count, owners, maintainers in OBJECTS:
        for n in range(count):
            cell = town.chance.choice(cells)
            lon, lat = town.chance.choice(town.inner(cell, town.chance.uniform(0.6, 0.9)))
            stem = town.ids[cell][:6] + code
            counted[stem] += 1
            owner, maintainer = owners[n % len(owners)], maintainers[n % len(maintainers)]
            rows.append(f"{stem}{counted[stem]:06d},component:{code},{lon:.6f},{lat:.6f},{owner},{maintainer}")
    return "\n".join(["id,category,lon,lat,owner,maintainer", *sorted(rows)]) + "\n"


def sensors(town: Town, chance: random.Random, things: str) -> str:
    """Give the sensors: on an object of their class where they have one, else near the middle of a unit grid."""
    cells, rows = sorted(town.ids), []
    for stem, (zh, en), count, category, quantity, unit, supplier, on, limits in SENSORS:
        standing = [line.split(",") for line in things.splitlines() if on and line.split(",")[1] == on]
        chosen = chance.sample(standing, count) if standing else [None] * count
        for n, thing in enumerate(chosen, 1):
            x, y = town.middle(chance.choice(cells))
            lon, lat, object_id = (thing[2], thing[3], thing[0]) if thing else (f"{x:.6f}", f"{y:.6f}", "")
            labels = f"{zh}{n}号,{en} {n}"
            rows.append(
                f"{stem}-{n:03d},{labels},{category},{quantity},{unit},{lon},{lat},{object_id},{supplier},{limits}"
            )
    return "\n".join([SENSOR_COLUMNS, *sorted(rows)]) + "\n"


def collection(features: list[dict]) -> str:
    """Give a GeoJSON collection with a feature a line, so that a diff shows which one changed."""
    lines = (json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    main()
