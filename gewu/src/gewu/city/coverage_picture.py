"""Coverage as a picture: the leaf grids, coloured by who is there. SVG by hand; no library draws here."""

from collections.abc import Iterator
from math import cos, radians
from xml.sax.saxutils import escape

import shapely

from gewu.city.city import City
from gewu.city.coverage import Coverage

_WIDTH, _EDGE, _HEAD, _FOOT = 1000.0, 24.0, 56.0, 44.0
_THERE, _DEPUTY, _NOBODY, _DOUBT = "#cde7d6", "#fde9a9", "#f4a6a0", "#8250df"
_LEGEND = (
    (_THERE, "on duty 在岗"), (_DEPUTY, "by a deputy 替岗"), (_NOBODY, "nobody 无人"),
    (_DOUBT, "gap, overlap, bare ground 空隙、重叠"),
)  # fmt: skip


class _Sheet:
    """Degrees to points: north is up, and a metre is as long either way in the middle of the city."""

    def __init__(self, bounds: tuple[float, float, float, float]) -> None:
        west, south, east, north = bounds
        self._west, self._north, self._shrink = west, north, cos(radians((south + north) / 2))
        self._scale = (_WIDTH - 2 * _EDGE) / max((east - west) * self._shrink, 1e-9)
        self.height = _HEAD + (north - south) * self._scale + _FOOT

    def point(self, lon: float, lat: float) -> tuple[float, float]:
        """Where a place lies on the sheet."""
        return _EDGE + (lon - self._west) * self._shrink * self._scale, _HEAD + (self._north - lat) * self._scale

    def path(self, shape: shapely.Geometry) -> str:
        """The outlines of a polygon or several, as SVG's path data."""
        rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
        return "".join(
            f"M{'L'.join(self._spot(*spot) for spot in shapely.get_coordinates(ring)[:-1])}Z" for ring in rings
        )

    def _spot(self, lon: float, lat: float) -> str:
        x, y = self.point(lon, lat)
        return f"{x:.1f} {y:.1f}"


def drawn(city: City, found: Coverage, *, names: bool = False) -> str:
    """The picture; `names`: with who is there. A picture is passed around, and who is away is nobody else's business."""
    sheet = _Sheet(tuple(shapely.total_bounds(city.owners.shapes)))
    title = f"{city.name['zh']} {city.name['en']}: {found.role}, {found.day}"
    counts = f"{len(found.there)} grids, {len(found.deputies)} by a deputy, {len(found.nobody)} with nobody"
    parts = [
        _text(_EDGE, 24, title, 18), _text(_EDGE, 44, counts, 13),
        *_grids(city, found, sheet, names), *_above(city, sheet), *_doubts(found, sheet), *_legend(sheet.height - 16),
    ]  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {sheet.height:.0f}" font-family="sans-serif">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _grids(city: City, found: Coverage, sheet: _Sheet, names: bool) -> Iterator[str]:
    deputies = set(found.deputies)
    for index, shape in zip(city.owners.indices[:-1], city.owners.shapes, strict=True):
        grid = city.grids[index]
        there = found.there[grid.id]
        who = f": {', '.join(one.person.label_zh for one in there) or '无人 nobody'}" if names else ""
        fill = _NOBODY if not there else _DEPUTY if grid.id in deputies else _THERE
        yield (
            f'<path d="{sheet.path(shape)}" fill="{fill}" fill-rule="evenodd" stroke="#7a8a80" stroke-width="0.8">'
            f"<title>{escape(f'{grid.id} {grid.label_zh}{who}')}</title></path>"
        )


def _doubts(found: Coverage, sheet: _Sheet) -> Iterator[str]:
    for doubt in found.doubts:
        x, y = sheet.point(doubt.lon, doubt.lat)
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="none" stroke="{_DOUBT}" stroke-width="3">'
            f"<title>{escape(str(doubt))}</title></circle>"
        )


def _above(city: City, sheet: _Sheet) -> Iterator[str]:
    """The outline and the name of each grid that stands right above leaves."""
    below: dict[str, list[shapely.Geometry]] = {}
    for index, shape in zip(city.owners.indices[:-1], city.owners.shapes, strict=True):
        if parent := city.grids[index].parent:
            below.setdefault(parent, []).append(shape)
    grounds = {parent: shapely.union_all(shapes) for parent, shapes in below.items()}
    for ground in grounds.values():
        yield f'<path d="{sheet.path(ground)}" fill="none" stroke="#3f4f46" stroke-width="2"/>'
    for parent, ground in grounds.items():
        x, y = sheet.point(ground.centroid.x, ground.centroid.y)
        halo = 'paint-order="stroke" stroke="#ffffff" stroke-width="4"'
        yield _text(
            x, y, city.grid(parent).label_zh, 14, f'text-anchor="middle" fill="#1f2a24" font-weight="bold" {halo}'
        )


def _legend(y: float) -> Iterator[str]:
    for n, (colour, words) in enumerate(_LEGEND):
        x = _EDGE + n * 200
        yield f'<rect x="{x:.0f}" y="{y - 11:.0f}" width="14" height="14" fill="{colour}" stroke="#7a8a80"/>'
        yield _text(x + 20, y, words, 12)


def _text(x: float, y: float, words: str, size: int, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {more}>{escape(words)}</text>'
